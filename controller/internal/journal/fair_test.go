package journal_test

import (
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

// TestAnsweredWithinItsTurn: a decision is in the batch that its place in the queue
// gives it, however many come behind it and whatever those are about; also one that
// must be resolved first.
func TestAnsweredWithinItsTurn(t *testing.T) {
	t.Parallel()
	const batch, before, behind = 4, 10, 25
	for _, c := range []struct {
		name  string
		needs func(i int) decide.Needs
	}{
		{"by its terminal", func(i int) decide.Needs { return count(fmt.Sprint("t", i%2)).needs }},
		{"by a merchant's key, which is looked up first", func(i int) decide.Needs {
			return decide.Needs{Keys: []payment.Key{{MerchantID: shop, TransactionID: fmt.Sprint("k", i)}}}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				var j *journal.Journal
				done := make(chan error, 10_000)
				ask := func(run func()) {
					i := asked
					asked++
					go func() {
						_, err := journal.Do(t.Context(), j, decision[int]{c.needs(i), func(*decide.Tx) (int, error) {
							run()
							return 0, nil
						}})
						done <- err
					}()
					synctest.Wait()
				}
				batches, ran := 0, 0
				memory := &scripted{Memory: storagetest.NewMemory(), before: func(int, decide.Needs) error {
					if batches++; batches < 10 { // the flood goes on while it waits
						for range behind {
							ask(func() {})
						}
					}
					return nil
				}}
				seedTerminals(t, memory, "t0", "t1")
				var run func()
				j, run = unstarted(t, journal.Config{Storage: memory, MaxBatch: batch})
				for range before {
					ask(func() {})
				}
				ask(func() { ran = batches })
				run()
				for n := 0; n < before+1+9*behind; n++ {
					if err := <-done; err != nil {
						t.Fatal(err)
					}
				}
				if want := (before + 1 + batch - 1) / batch; ran != want {
					t.Errorf("the decision behind %d others ran in batch %d of %d each, want %d", before, ran, batch, want)
				}
			})
		})
	}
}

// TestGuiltyDecisionCostsItsBatchAFewTries: of a full batch only the decision fails
// that a storage refuses; the others are tried again a few times, by halves, and
// what came meanwhile is in the next batch.
func TestGuiltyDecisionCostsItsBatchAFewTries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n, guilty = 64, "t37"
		bad := errors.New("a row that no database takes")
		tries, next := 0, 0
		memory := &scripted{Memory: storagetest.NewMemory(), before: func(try int, needs decide.Needs) error {
			tries = try
			for _, id := range needs.Terminals {
				switch id.TerminalID {
				case guilty:
					return bad
				case "next":
					next = try
				}
			}
			return nil
		}}
		names := []string{"next"}
		for i := range n {
			names = append(names, fmt.Sprint("t", i))
		}
		seedTerminals(t, memory, names...)
		j, run := unstarted(t, journal.Config{Storage: memory, MaxBatch: n})
		answers := make(chan error, n+1)
		ask := func(name string) {
			go func() {
				_, err := journal.Do(t.Context(), j, count(name))
				if want := map[bool]error{true: bad}[name == guilty]; !errors.Is(err, want) || (want == nil) != (err == nil) {
					err = fmt.Errorf("%s = %w, want %w", name, err, want)
				} else {
					err = nil
				}
				answers <- err
			}()
			synctest.Wait()
		}
		for i := range n {
			ask(fmt.Sprint("t", i))
		}
		ask("next")
		run()
		for range n + 1 {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
		// The batch, then at each of six halvings the two halves.
		if want := 1 + 2*6; tries != want+1 || next != want+1 {
			t.Errorf("%d tries, the next batch was the %dth; want %d for the guilty one's batch and then the next", tries, next, want)
		}
	})
}

// TestSlowBatchDelaysNobodyElse: while one writer's batch does not come back, the
// other writers answer theirs, and on the same writer what waited is answered by
// the batch behind.
func TestSlowBatchDelaysNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const terminals = 64 // of which the slow one's writer owns about half
		gate := make(chan struct{})
		memory := &scripted{Memory: storagetest.NewMemory()}
		memory.before = func(_ int, needs decide.Needs) error {
			for _, id := range needs.Terminals {
				if id.TerminalID == "slow" {
					<-gate
				}
			}
			return nil
		}
		names := []string{"slow"}
		for i := range terminals {
			names = append(names, fmt.Sprint("t", i))
		}
		seedTerminals(t, memory, names...)
		m := &counter{}
		j := start(t, journal.Config{Storage: memory, Writers: 2, Metrics: m})
		answers := make(chan error, terminals+1)
		ask := func(name string) {
			go func() {
				_, err := journal.Do(t.Context(), j, count(name))
				answers <- err
			}()
		}
		ask("slow")
		synctest.Wait()
		for _, name := range names[1:] {
			ask(name)
		}
		time.Sleep(journal.DefaultMaxWait) // a busy writer gathers
		synctest.Wait()
		free := len(answers)
		if free < terminals/8 || free > terminals*7/8 {
			t.Errorf("while a batch is slow %d of %d others are answered, want about half", free, terminals)
		}
		before := m.batches.Load()
		began := time.Now()
		close(gate)
		synctest.Wait()
		time.Sleep(journal.DefaultMaxWait)
		synctest.Wait()
		if len(answers) != terminals+1 {
			t.Errorf("%d of %d are answered after the slow batch and %v", len(answers), terminals+1, time.Since(began))
		}
		if got := m.batches.Load() - before; got != 2 {
			t.Errorf("it took %d batches, want the slow one and the next", got)
		}
		for range len(answers) {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
	})
}
