package agent_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/protocol"
	bolt "go.etcd.io/bbolt"
)

// onWith is on, with hardware that change has changed.
func (r *rig) onWith(change func(*agent.Hardware)) {
	r.t.Helper()
	kind, err := panel.Lookup("st7789")
	if err != nil {
		r.t.Fatal(err)
	}
	driver, err := kind.Open(r.chip, r.chip.Pins(), panel.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	hw := agent.Hardware{Panel: driver, Kind: kind, Card: r.card}
	if r.keys != nil {
		hw.Keys = r.keys
	}
	change(&hw)
	ctx, cancel := context.WithCancel(context.Background())
	r.stop, r.done = cancel, make(chan error, 1)
	done := r.done
	go func() { done <- agent.Run(ctx, r.cfg, hw) }()
	synctest.Wait()
}

// unseen is on, with nobody who looks at the glass: its pictures count as drawn.
func (r *rig) unseen() {
	r.t.Helper()
	r.onWith(func(hw *agent.Hardware) { hw.Hidden = func() bool { return true } })
}

// usage is what a process of many sales uses.
type usage struct {
	Heap, Objects, Goroutines, Files int
	Spool                            int64 // size of the file, bytes
}

func (r *rig) usage() usage {
	r.t.Helper()
	synctest.Wait()
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	info, err := os.Stat(filepath.Join(r.cfg.DataDir, "spool.db"))
	if err != nil {
		r.t.Fatal(err)
	}
	return usage{int(m.HeapAlloc), int(m.HeapObjects), runtime.NumGoroutine(), openFiles(r.t), info.Size()}
}

// TestTenThousandSales in a row, paid, failed, expired and cancelled: each is
// shown and told once, and after all of them the terminal uses no more memory,
// goroutines, files and disk than after the first tenth. The wire is in memory; of
// every hundredth sale the pictures are drawn, and read by a phone.
func TestTenThousandSales(t *testing.T) {
	var measured struct{ Early, Late usage }
	if child(t, "TestTenThousandSales", &measured) {
		early, late := measured.Early, measured.Late
		t.Logf("after %d sales %+v, after %d %+v", sales/10, early, sales, late)
		if late.Heap > early.Heap+early.Heap/20+256<<10 {
			t.Errorf("the heap grows from %d to %d bytes", early.Heap, late.Heap)
		}
		if late.Objects > early.Objects+early.Objects/20+500 {
			t.Errorf("it grows from %d to %d objects", early.Objects, late.Objects)
		}
		if late.Goroutines > early.Goroutines || late.Files > early.Files || late.Spool > early.Spool {
			t.Errorf("goroutines, files or spool grow: %+v, then %+v", early, late)
		}
		return
	}
	bubble(t, func(t *testing.T, r *rig) {
		r.cfg.DataDir = fastDir(t)
		if _, err := r.ctrl.Enrol(r.cfg.DataDir); err != nil {
			t.Fatal(err)
		}
		// The rig's own list would grow.
		results := 0
		r.cfg.Status = func(s agent.Status) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if s.Mode == protocol.ModeResult {
				results++
			}
			r.statuses = append(r.statuses[:0], s)
		}
		var hidden atomic.Bool
		r.onWith(func(hw *agent.Hardware) { hw.Hidden = hidden.Load })
		outcomes := []protocol.Outcome{
			protocol.OutcomeSucceeded, protocol.OutcomeSucceeded, protocol.OutcomeFailed,
			protocol.OutcomeSucceeded, protocol.OutcomeExpired, protocol.OutcomeCancelled,
		}
		for n := range sales {
			id, outcome := fmt.Sprintf("P%d", n), outcomes[n%len(outcomes)]
			looked := n%100 == 0
			hidden.Store(!looked)
			if looked {
				id = "A" // whose QR the decoder of these tests can read off the glass
			}
			r.offer(id, protocol.PhaseOffered)
			r.want(protocol.ModePresenting, id)
			if looked && r.scan() != qrOf(id) {
				t.Fatalf("sale %d: a phone reads %q", n, r.scan())
			}
			r.end(id, outcome)
			r.want(protocol.ModeResult, id)
			if paid(r.is()) != (outcome == protocol.OutcomeSucceeded) {
				t.Fatalf("sale %d: %+v, want %s", n, r.is(), outcome)
			}
			time.Sleep(9 * time.Second)
			r.want(protocol.ModeIdle, "")
			r.wantFacts("received "+id, "presented "+id+" DQR", "shown "+id)
			r.ctrl.Forget()
			if n+1 == sales/10 {
				measured.Early = r.usage()
			}
		}
		measured.Late = r.usage()
		if results != sales {
			t.Errorf("%d results of %d sales", results, sales)
		}
		tell(t, measured)
	})
}

// TestOneSyncedWriteAReport: SD cards wear out. A terminal that sells writes at
// most once for each report that it sends, and one that waits, however long, and
// however often its controller repeats itself, writes nothing. A write is one
// transaction of the spool, the only thing on a terminal that is synced while it
// works.
func TestOneSyncedWriteAReport(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.unseen()
		r.off()
		before := r.writes()
		r.ctrl.Forget()
		r.unseen()
		const n = 20
		for i := range n {
			id := fmt.Sprintf("P%d", i)
			r.offer(id, protocol.PhaseOffered)
			time.Sleep(3 * time.Second)
			r.offer(id, protocol.PhasePaying)
			time.Sleep(3 * time.Second)
			r.end(id, protocol.OutcomeSucceeded)
			time.Sleep(5 * time.Second)
		}
		r.want(protocol.ModeIdle, "")
		reports := 0
		for _, up := range r.ctrl.Ups() {
			if up.Report != nil {
				reports++
			}
		}
		r.off()
		sold := r.writes()
		t.Logf("%d sales: %d writes, %d reports", n, sold-before, reports)
		if sold-before > reports || sold == before {
			t.Errorf("%d writes for %d reports", sold-before, reports)
		}
		r.unseen()
		r.off()
		booted := r.writes() // that there is no sale any more
		r.unseen()
		for range 200 {
			r.ctrl.Repeat()
			time.Sleep(time.Minute)
		}
		r.ctrl.Broker.Cut()
		time.Sleep(time.Minute)
		r.want(protocol.ModeIdle, "")
		r.off()
		if now := r.writes(); now != booted {
			t.Errorf("a terminal that waits writes %d times", now-booted)
		}
	})
}

// writes is how often the spool was written; the terminal is off.
func (r *rig) writes() int {
	r.t.Helper()
	db, err := bolt.Open(filepath.Join(r.cfg.DataDir, "spool.db"), 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		r.t.Fatal(err)
	}
	defer db.Close()
	n := 0
	if err := db.View(func(tx *bolt.Tx) error { n = tx.ID(); return nil }); err != nil {
		r.t.Fatal(err)
	}
	return n
}
