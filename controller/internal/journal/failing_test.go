package journal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/storagetest"
)

// TestBatchThatFails is what becomes of three decisions in one batch whose Apply
// fails: how often it is tried, after how long which answer comes.
func TestBatchThatFails(t *testing.T) {
	t.Parallel()
	names := func(needs decide.Needs) string {
		var s []string
		for _, id := range needs.Terminals {
			s = append(s, id.TerminalID)
		}
		return strings.Join(s, " ")
	}
	always := func(err error) func(int, decide.Needs) error {
		return func(int, decide.Needs) error { return err }
	}
	other := errors.New("something else")
	for _, c := range []struct {
		name   string
		before func(try int, needs decide.Needs) error
		want   [3]error // of the decisions on t1, t2, t3
		within time.Duration
		counts string
	}{
		{"once, for another's sake: again", func(try int, _ decide.Needs) error {
			if try == 1 {
				return fmt.Errorf("wrapped: %w", journal.ErrAgain)
			}
			return nil
		}, [3]error{}, 0, "again 1"},
		{"always, for another's sake: given up one by one", always(journal.ErrAgain),
			[3]error{journal.ErrBusy, journal.ErrBusy, journal.ErrBusy}, 0, "again 20 halved 2"},
		{"for one key: that decision alone", func(_ int, needs decide.Needs) error {
			if strings.Contains(names(needs), "t2") {
				return journal.ErrAgain
			}
			return nil
		}, [3]error{nil, journal.ErrBusy, nil}, 0, "again 12 halved 2"},
		{"for any other reason: halved at once", func(_ int, needs decide.Needs) error {
			if strings.Contains(names(needs), "t3") {
				return other
			}
			return nil
		}, [3]error{nil, nil, other}, 0, "halved 2"},
		{"away, then back: nobody notices", func(try int, _ decide.Needs) error {
			if try < 5 {
				return journal.ErrAway
			}
			return nil
		}, [3]error{}, 200 * time.Millisecond, "away 4"},
		{"away: unavailable within a second", always(journal.ErrAway),
			[3]error{journal.ErrUnavailable, journal.ErrUnavailable, journal.ErrUnavailable}, time.Second, "away 10"},
		{"a row is locked: its decision is busy after three seconds", func(_ int, needs decide.Needs) error {
			if strings.Contains(names(needs), "t1") {
				time.Sleep(50 * time.Millisecond) // lock_timeout
				return journal.ErrLocked
			}
			return nil
		}, [3]error{journal.ErrBusy, nil, nil}, 4 * time.Second, "halved 1 locked 10"},
		{"a row is locked for a while: its decision is late", func(try int, needs decide.Needs) error {
			if strings.Contains(names(needs), "t1") && try < 6 {
				time.Sleep(50 * time.Millisecond)
				return journal.ErrLocked
			}
			return nil
		}, [3]error{}, time.Second, "halved 1 locked 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := &scripted{Memory: storagetest.NewMemory(), before: c.before}
				seedTerminals(t, memory, "t1", "t2", "t3")
				m := &counter{}
				j, run := unstarted(t, journal.Config{Storage: memory, Metrics: m})
				began := time.Now()
				var errs [3]error
				done := make(chan int, 3)
				for i := range errs {
					go func() {
						_, errs[i] = journal.Do(t.Context(), j, count(fmt.Sprint("t", i+1)))
						done <- i
					}()
					synctest.Wait()
				}
				run()
				for range errs {
					<-done
				}
				if took := time.Since(began); took > c.within {
					t.Errorf("took %v, want %v at most", took, c.within)
				}
				for i, want := range c.want {
					if !errors.Is(errs[i], want) || (want == nil) != (errs[i] == nil) {
						t.Errorf("decision %d = %v, want %v", i+1, errs[i], want)
					}
					x, err := memory.Terminal(t.Context(), terminal(fmt.Sprint("t", i+1)))
					if err != nil || (x.Seq == 1) != (want == nil) || x.Seq > 1 {
						t.Errorf("decision %d was carried out %d times, %v", i+1, x.Seq, err)
					}
				}
				if got := m.String(); got != c.counts {
					t.Errorf("tried again: %s, want %s", got, c.counts)
				}
			})
		})
	}
}

// TestLockedRowStopsNobodyElse floods a writer with decisions of which every
// second needs a row that somebody else keeps locked for good.
func TestLockedRowStopsNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &scripted{Memory: storagetest.NewMemory(), before: func(_ int, needs decide.Needs) error {
			for _, id := range needs.Terminals {
				if id.TerminalID == "locked" {
					time.Sleep(50 * time.Millisecond) // lock_timeout
					return journal.ErrLocked
				}
			}
			time.Sleep(time.Millisecond)
			return nil
		}}
		var free []string
		for i := range 50 {
			free = append(free, fmt.Sprint("t", i))
		}
		seedTerminals(t, memory, append(free, "locked")...)
		j := start(t, journal.Config{Storage: memory})
		type answer struct {
			locked bool
			took   time.Duration
			err    error
		}
		answers := make(chan answer)
		n := 0
		ask := func(name string) {
			n++
			go func() {
				began := time.Now()
				_, err := journal.Do(t.Context(), j, count(name))
				answers <- answer{name == "locked", time.Since(began), err}
			}()
		}
		go func() {
			for i := range 500 { // ten seconds
				ask(free[i%len(free)])
				ask("locked")
				time.Sleep(20 * time.Millisecond)
			}
		}()
		var worst, all time.Duration
		for range 1000 {
			a := <-answers
			switch {
			case a.locked && (!errors.Is(a.err, journal.ErrBusy) || a.took > 4*time.Second):
				t.Fatalf("a decision on the locked row = %v after %v, want ErrBusy within 4 s", a.err, a.took)
			case !a.locked && a.err != nil:
				t.Fatal(a.err)
			case !a.locked:
				worst, all = max(worst, a.took), all+a.took
			}
		}
		// One lock_timeout for each time that the batch is halved, once; then now
		// and then one.
		if mean := all / 500; worst > 400*time.Millisecond || mean > 20*time.Millisecond {
			t.Errorf("the others took %v on average and %v at worst", mean, worst)
		}
	})
}

// TestCommitUnknown is what becomes of a decision whose commit was not answered.
func TestCommitUnknown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		committed bool
		settle    func(try int) (bool, error)
		want      error
		times     uint64
		within    time.Duration
	}{
		{"it had committed", true, func(int) (bool, error) { return true, nil }, nil, 1, 0},
		{"it had not: it runs again", false, func(int) (bool, error) { return false, nil }, nil, 1, 0},
		{"found out when the database is back", true, func(try int) (bool, error) {
			if try < 20 {
				return false, journal.ErrAway
			}
			return true, nil
		}, nil, 1, 15 * time.Second},
		{"not to be found out", true, func(int) (bool, error) { return false, journal.ErrAway }, journal.ErrUnknown, 1, 15 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := &unanswered{Memory: storagetest.NewMemory(), committed: c.committed, settle: c.settle}
				seedTerminals(t, memory, "t1")
				told := make(chan decide.Changes, 10)
				j := start(t, journal.Config{Storage: memory, OnCommit: func(c decide.Changes) { told <- c }})
				began := time.Now()
				n, err := journal.Do(t.Context(), j, count("t1"))
				if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) || c.want == nil && n != 1 {
					t.Fatalf("Do = %d, %v; want %v", n, err, c.want)
				}
				if took := time.Since(began); took > c.within {
					t.Errorf("took %v", took)
				}
				synctest.Wait()
				if want := map[bool]int{true: 1, false: 0}[c.want == nil]; len(told) != want {
					t.Errorf("told %d times, want %d", len(told), want)
				}
				if x, err := memory.Terminal(t.Context(), terminal("t1")); err != nil || x.Seq != c.times {
					t.Errorf("carried out %d times, %v; want %d", x.Seq, err, c.times)
				}
			})
		})
	}
}
