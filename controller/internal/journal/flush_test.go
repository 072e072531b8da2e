package journal_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/storagetest"
)

func TestOneCallersDecisionsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	memory := storagetest.NewMemory()
	seedTerminals(t, memory, "t1")
	j, run := unstarted(t, journal.Config{Storage: memory, Writers: 3, MaxBatch: 4})
	var all []decide.Decision[uint64]
	for range 30 {
		all = append(all, count("t1"))
	}
	answers, errs := together(t, j, run, all...)
	for i, n := range answers {
		if errs[i] != nil || n != uint64(i+1) {
			t.Fatalf("decision %d counted %d, %v", i+1, n, errs[i])
		}
	}
}

func TestFloodOnOneTerminalStarvesNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &scripted{Memory: storagetest.NewMemory()}
		memory.before = func(int, decide.Needs) error {
			time.Sleep(10 * time.Millisecond) // a commit
			return nil
		}
		seedTerminals(t, memory, "hot", "quiet")
		j := start(t, journal.Config{Storage: memory, MaxBatch: 8})
		ctx, stop := context.WithCancel(t.Context())
		var flood sync.WaitGroup
		for range 40 {
			flood.Go(func() {
				for ctx.Err() == nil {
					if _, err := journal.Do(ctx, j, count("hot")); err != nil && ctx.Err() == nil {
						t.Error(err)
					}
				}
			})
		}
		time.Sleep(time.Second)
		began := time.Now()
		if _, err := journal.Do(t.Context(), j, count("quiet")); err != nil {
			t.Fatal(err)
		}
		// What was before it in the queue, and the batch under way.
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("a decision behind a flood took %v", took)
		}
		stop()
		flood.Wait()
	})
}

func TestIdleWriterFlushesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := storagetest.NewMemory()
		seedTerminals(t, memory, "t1")
		j := start(t, journal.Config{Storage: memory})
		for range 3 {
			began := time.Now()
			if _, err := journal.Do(t.Context(), j, count("t1")); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took != 0 {
				t.Fatalf("an idle journal took %v", took)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestBusyWriterGathersUpToTwoMillisecondsOrABatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		var sizes []int
		memory := &scripted{Memory: storagetest.NewMemory()}
		memory.before = func(_ int, needs decide.Needs) error {
			at, sizes = append(at, time.Now()), append(sizes, len(needs.Terminals))
			time.Sleep(5 * time.Millisecond) // a commit
			return nil
		}
		var names []string
		for i := range 600 {
			names = append(names, fmt.Sprint("t", i))
		}
		seedTerminals(t, memory, names...)
		j := start(t, journal.Config{Storage: memory})
		var callers sync.WaitGroup
		ask := func(names ...string) {
			for _, n := range names {
				callers.Go(func() {
					if _, err := journal.Do(t.Context(), j, count(n)); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
			}
		}
		began := time.Now()
		ask(names[0])     // idle: at once
		ask(names[1:]...) // while it commits: one batch of 512, then the rest
		time.Sleep(10*time.Millisecond + 100*time.Microsecond)
		ask("t0")           // comes while the writer gathers after the batch of 512
		for i := range 20 { // and so do these, until it has waited for 2 ms
			time.Sleep(200 * time.Microsecond)
			ask(names[i+1])
		}
		callers.Wait()
		want := []struct {
			after time.Duration
			size  int
		}{{0, 1}, {5 * time.Millisecond, 512}, {12 * time.Millisecond, 97}, {17*time.Millisecond + 250*time.Microsecond, 11}}
		if len(at) < 4 {
			t.Fatalf("batches of %v", sizes)
		}
		for i, w := range want {
			if after := at[i].Sub(began); after != w.after || sizes[i] != w.size {
				t.Errorf("batch %d of %d after %v, want %d after %v", i+1, sizes[i], after, w.size, w.after)
			}
		}
	})
}
