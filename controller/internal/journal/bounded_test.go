package journal_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/storagetest"
)

// held is Memory that lets nobody through a place until its gate opens.
type held struct {
	*scripted
	resolving, committing chan struct{}
}

func (h *held) Resolve(ctx context.Context, needs decide.Needs) (journal.Resolved, error) {
	if h.resolving != nil {
		<-h.resolving
	}
	return h.scripted.Resolve(ctx, needs)
}

func (h *held) Apply(ctx context.Context, id journal.BatchID, needs decide.Needs, run func(decide.Snapshot) (decide.Changes, error)) error {
	err := h.scripted.Apply(ctx, id, needs, run)
	if err != nil || h.committing == nil {
		return err
	}
	select {
	case <-h.committing:
		return nil
	default:
		return fmt.Errorf("connection reset: %w", journal.ErrCommitUnknown)
	}
}

func (h *held) Committed(context.Context, journal.BatchID) (bool, error) {
	<-h.committing
	return true, nil
}

// TestFullQueueIsBusyWherever: what is accepted and not answered is counted wherever
// it waits, so that the journal never holds more than its queue's length; the one
// more is refused at once and leaves nothing behind.
func TestFullQueueIsBusyWherever(t *testing.T) {
	t.Parallel()
	const length, batch = 40, 8
	for _, c := range []struct {
		name string
		hold func(h *held, gate chan struct{})
		ask  func(i int) decide.Needs
	}{
		{"for a look at its references", func(h *held, gate chan struct{}) { h.resolving = gate }, func(i int) decide.Needs {
			return decide.Needs{Keys: []payment.Key{{MerchantID: shop, TransactionID: fmt.Sprint("k", i)}}}
		}},
		{"for its writer", func(h *held, gate chan struct{}) {
			h.before = func(int, decide.Needs) error { <-gate; return nil }
		}, func(int) decide.Needs { return count("t1").needs }},
		{"for a row that somebody else has locked", func(h *held, gate chan struct{}) {
			h.before = func(int, decide.Needs) error {
				select {
				case <-gate:
					return nil
				default:
					return journal.ErrLocked
				}
			}
		}, func(int) decide.Needs { return count("t1").needs }},
		{"for the truth about a commit", func(h *held, gate chan struct{}) { h.committing = gate }, func(int) decide.Needs { return count("t1").needs }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				gate := make(chan struct{})
				h := &held{scripted: &scripted{Memory: storagetest.NewMemory()}}
				c.hold(h, gate)
				seedTerminals(t, h, "t1")
				m := &counter{}
				j, run := unstarted(t, journal.Config{Storage: h, QueueLength: length, MaxBatch: batch, Metrics: m})
				answers := make(chan error, length)
				n := 0
				ask := func() {
					needs := c.ask(n)
					n++
					go func() {
						_, err := journal.Do(t.Context(), j, decision[int]{needs, func(*decide.Tx) (int, error) { return 0, nil }})
						answers <- err
					}()
				}
				for range length - 1 {
					ask()
				}
				synctest.Wait()
				run()
				ask()
				synctest.Wait()
				// Those whose batch got through before it was held up are answered;
				// others take their places.
				for len(answers) > 0 {
					<-answers
					ask()
					synctest.Wait()
				}
				if j.Pending() != length {
					t.Fatalf("%d are accepted, want %d", j.Pending(), length)
				}
				for range 1000 {
					if _, err := journal.Do(t.Context(), j, count("t1")); !errors.Is(err, journal.ErrBusy) {
						t.Fatalf("one more = %v, want ErrBusy", err)
					}
				}
				if j.Pending() != length || m.full.Load() != 1000 {
					t.Errorf("%d are accepted and %d were refused, want %d and 1000", j.Pending(), m.full.Load(), length)
				}
				close(gate)
				for range length {
					if err := <-answers; err != nil {
						t.Error(err)
					}
				}
				if _, err := journal.Do(t.Context(), j, count("t1")); err != nil || j.Pending() != 0 {
					t.Errorf("there is room again, and Do = %v with %d accepted", err, j.Pending())
				}
			})
		})
	}
}

// TestAwayIsSaidSoon: while the database is away, everybody is told so within
// seconds, also the last of a full queue, and however long each try hangs.
func TestAwayIsSaidSoon(t *testing.T) {
	t.Parallel()
	const queue = 4000
	for _, c := range []struct {
		name   string
		hangs  time.Duration // each try
		needs  func(i int) decide.Needs
		within time.Duration
	}{
		{"refused at once", 0, func(int) decide.Needs { return count("t1").needs }, time.Second},
		{"no answer at all", 3 * time.Second, func(int) decide.Needs { return count("t1").needs }, 3 * time.Second},
		{"refused, to be looked up first", 0, func(i int) decide.Needs { return decide.Needs{Payments: []string{fmt.Sprint("p", i)}} }, time.Second},
		{"no answer, to be looked up first", 3 * time.Second, func(i int) decide.Needs { return decide.Needs{Payments: []string{fmt.Sprint("p", i)}} }, 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				j, run := unstarted(t, journal.Config{Storage: &gone{Memory: storagetest.NewMemory(), hangs: c.hangs}, QueueLength: queue, MaxBatch: 8})
				answers := make(chan error, queue)
				for i := range queue {
					go func() {
						_, err := journal.Do(t.Context(), j, decision[int]{c.needs(i), func(*decide.Tx) (int, error) { return 0, nil }})
						answers <- err
					}()
				}
				synctest.Wait()
				began := time.Now()
				run()
				for range queue {
					if err := <-answers; !errors.Is(err, journal.ErrUnavailable) {
						t.Fatalf("Do = %v, want ErrUnavailable", err)
					}
				}
				if took := time.Since(began); took > c.within {
					t.Errorf("the last was told after %v, want %v at most", took, c.within)
				}
				began = time.Now() // one that comes later has a try of its own
				if _, err := journal.Do(t.Context(), j, decision[int]{c.needs(0), nil}); !errors.Is(err, journal.ErrUnavailable) || time.Since(began) > c.within+journal.DefaultMaxWait {
					t.Errorf("a later one = %v after %v", err, time.Since(began))
				}
			})
		})
	}
}

// gone is a storage whose database is away: each try hangs, or not, and fails.
type gone struct {
	*storagetest.Memory
	hangs time.Duration
}

func (g *gone) Resolve(context.Context, decide.Needs) (journal.Resolved, error) {
	time.Sleep(g.hangs)
	return journal.Resolved{}, journal.ErrAway
}

func (g *gone) Apply(context.Context, journal.BatchID, decide.Needs, func(decide.Snapshot) (decide.Changes, error)) error {
	time.Sleep(g.hangs)
	return journal.ErrAway
}

// TestCommitFoundOutLate: a standby takes over half a minute after the primary was
// lost at a commit. The callers have been told by then that nobody knows; who
// listens to commits is told when it is known that it has committed, and nothing is
// run a second time where it has not.
func TestCommitFoundOutLate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		committed bool
		back      time.Duration // after the loss
		told      int
		times     uint64
	}{
		{"it had committed", true, 30 * time.Second, 1, 1},
		{"it had not", false, 30 * time.Second, 0, 0},
		{"it had committed, and nobody came to take over in time", true, 3 * time.Minute, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				lost := time.Now()
				memory := &unanswered{Memory: storagetest.NewMemory(), committed: c.committed}
				memory.settle = func(int) (bool, error) {
					if time.Since(lost) < c.back {
						return false, journal.ErrAway
					}
					return c.committed, nil
				}
				seedTerminals(t, memory, "t1")
				told := make(chan decide.Changes, 10)
				j := start(t, journal.Config{Storage: memory, OnCommit: func(c decide.Changes) { told <- c }})
				if _, err := journal.Do(t.Context(), j, count("t1")); !errors.Is(err, journal.ErrUnknown) || time.Since(lost) > 15*time.Second {
					t.Fatalf("Do = %v after %v, want ErrUnknown", err, time.Since(lost))
				}
				if j.Pending() != 0 {
					t.Errorf("%d are counted that have been answered", j.Pending())
				}
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				if len(told) != c.told {
					t.Errorf("told %d times, want %d", len(told), c.told)
				}
				if x, err := memory.Terminal(t.Context(), terminal("t1")); err != nil || x.Seq != c.times {
					t.Errorf("carried out %d times, %v; want %d", x.Seq, err, c.times)
				}
			})
		})
	}
}

// TestCloseWaitsForNobodyWhoWasAnswered: finding out for nobody's sake ends with the
// journal.
func TestCloseWaitsForNobodyWhoWasAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &unanswered{Memory: storagetest.NewMemory(), committed: true, settle: func(int) (bool, error) { return false, journal.ErrAway }}
		seedTerminals(t, memory, "t1")
		j := start(t, journal.Config{Storage: memory})
		if _, err := journal.Do(t.Context(), j, count("t1")); !errors.Is(err, journal.ErrUnknown) {
			t.Fatal(err)
		}
		began := time.Now()
		if err := j.Close(t.Context()); err != nil || time.Since(began) > time.Second {
			t.Errorf("Close = %v after %v", err, time.Since(began))
		}
	})
}
