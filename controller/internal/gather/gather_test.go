package gather_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/galla-pay/galla/controller/internal/gather"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slow answers n with "n" after a millisecond, and remembers its rounds.
type slow struct {
	mu     sync.Mutex
	rounds [][]int
	under  atomic.Int32
	widest int32
	err    func(round []int) error
}

func (s *slow) ask(_ context.Context, round []int) ([]string, error) {
	under := s.under.Add(1)
	defer s.under.Add(-1)
	s.mu.Lock()
	s.rounds = append(s.rounds, slices.Clone(round))
	s.widest = max(s.widest, under)
	s.mu.Unlock()
	time.Sleep(time.Millisecond)
	var answers []string
	for _, n := range round {
		answers = append(answers, fmt.Sprint(n))
	}
	if s.err != nil {
		return answers, s.err(round)
	}
	return answers, nil
}

// sizes are the rounds' sizes.
func (s *slow) sizes() (all []int) {
	for _, r := range s.rounds {
		all = append(all, len(r))
	}
	return all
}

// Who finds nobody at work is served at once and alone; who comes meanwhile goes
// with the others, in the order in which they came.
func TestGoTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		g := gather.New(s.ask)
		began := time.Now()
		if got, err := g.Ask(t.Context(), 7); got != "7" || err != nil || time.Since(began) != time.Millisecond {
			t.Fatalf("alone: %q %v after %v", got, err, time.Since(began))
		}
		s.rounds = nil
		var all sync.WaitGroup
		for n := range 600 {
			all.Go(func() {
				if got, err := g.Ask(t.Context(), n); got != fmt.Sprint(n) || err != nil {
					t.Errorf("%d: %q %v", n, got, err)
				}
			})
			synctest.Wait() // they come one after another
		}
		all.Wait()
		// Two alone, of whom each finds a place; 598 behind them, 256 at a time.
		if got := s.sizes(); !slices.Equal(got, []int{1, 1, 256, 256, 86}) {
			t.Errorf("rounds of %v", got)
		}
		if s.widest != 2 {
			t.Errorf("%d rounds at once, want 2", s.widest)
		}
		var order []int
		for _, r := range s.rounds {
			order = append(order, r...)
		}
		if !slices.IsSorted(order) {
			t.Errorf("the order is lost: %v", order)
		}
	})
}

// Nobody waits for more than the rounds before him, however many keep coming.
func TestNobodyStarves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gather.New((&slow{}).ask)
		var callers sync.WaitGroup
		var mu sync.Mutex
		var longest time.Duration
		for n := range 400 { // each comes again as soon as it is answered
			callers.Go(func() {
				for range 50 {
					began := time.Now()
					if _, err := g.Ask(t.Context(), n); err != nil {
						t.Error(err)
					}
					mu.Lock()
					longest = max(longest, time.Since(began))
					mu.Unlock()
				}
			})
		}
		callers.Wait()
		if longest > 3*time.Millisecond {
			t.Errorf("somebody waited %v behind rounds of 1ms", longest)
		}
	})
}

// An error is that of its round and of no other.
func TestErrorOfARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("away")
		s := &slow{err: func(round []int) error {
			if slices.Contains(round, 2) {
				return away
			}
			return nil
		}}
		g := gather.New(s.ask)
		errs := make([]error, 4)
		var all sync.WaitGroup
		for n := range errs { // 0 and 1 alone, 2 and 3 together
			all.Go(func() { _, errs[n] = g.Ask(t.Context(), n) })
			synctest.Wait()
		}
		all.Wait()
		if want := []error{nil, nil, away, away}; !slices.Equal(errs, want) {
			t.Errorf("%v, want %v", errs, want)
		}
		if got, err := g.Ask(t.Context(), 5); got != "5" || err != nil {
			t.Errorf("afterwards: %q %v", got, err)
		}
	})
}

// Who gives up is left out if nobody asked for him yet, and takes nobody's answer
// along. A round outlives the callers that it began with.
func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		g := gather.New(s.ask)
		errs := make([]error, 5)
		var all sync.WaitGroup
		for n := range errs {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			all.Go(func() { _, errs[n] = g.Ask(ctx, n) })
			synctest.Wait()
			if n == 0 || n == 3 { // one whose round is under way, one who waits
				cancel()
				synctest.Wait()
				if !errors.Is(errs[n], context.Canceled) {
					t.Errorf("%d: %v, want at once that it was given up", n, errs[n])
				}
			}
		}
		all.Wait()
		for n, err := range errs {
			if n != 0 && n != 3 && err != nil {
				t.Errorf("%d: %v", n, err)
			}
		}
		if want := "[[0] [1] [2 4]]"; fmt.Sprint(s.rounds) != want {
			t.Errorf("rounds %v, want %s", s.rounds, want)
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.Ask(over, 9); !errors.Is(err, context.Canceled) || len(s.rounds) != 3 {
			t.Errorf("asked with a context that is over: %v, %v", err, s.rounds)
		}
	})
}

// A round gets what its first caller's context says of it, and 5 s, whatever time
// that caller has.
func TestContextOfARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		g := gather.New(func(ctx context.Context, _ []int) ([]string, error) {
			if ctx.Value(key{}) != "first" {
				t.Error("the value is lost")
			}
			<-ctx.Done()
			return nil, ctx.Err()
		})
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "first"), time.Hour)
		defer cancel()
		began := time.Now()
		if _, err := g.Ask(ctx, 1); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// What is wrong with the program is an error of the round: nobody waits for ever,
// and what a panic says is told to nobody.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(context.Context, []int) ([]string, error){
		"too few": func(context.Context, []int) ([]string, error) { return nil, nil },
		"panics":  func(context.Context, []int) ([]string, error) { panic("secret") },
	} {
		g := gather.New(ask)
		for range 2 {
			if _, err := g.Ask(t.Context(), 1); !errors.Is(err, gather.ErrAnswers) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
