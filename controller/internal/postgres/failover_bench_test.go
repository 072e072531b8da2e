package postgres_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
)

// BenchmarkStandby says what it costs to wait for a synchronous standby: batches of
// one payment by one writer, which is what an idle system waits for, and batches of
// 256 by two, which is what a busy one gets done. Each round is done with and without
// the wait, in turn, on the same primary, whose standby follows it all the time; x-wait
// is the median of the rounds' ratios. Both servers are on this machine and on one disk.
func BenchmarkStandby(b *testing.B) {
	p := startPair(b)
	var name string
	if err := p.outsider.QueryRow(b.Context(), "SHOW synchronous_standby_names").Scan(&name); err != nil {
		b.Fatal(err)
	}
	wait := func(names, state string) {
		for _, q := range []string{"ALTER SYSTEM SET synchronous_standby_names = '" + names + "'", "SELECT pg_reload_conf()"} {
			if _, err := p.outsider.Exec(b.Context(), q); err != nil {
				b.Fatal(err)
			}
		}
		p.until("the standby to be "+state, func() bool {
			var now string
			err := p.outsider.QueryRow(b.Context(), "SELECT sync_state FROM pg_stat_replication").Scan(&now)
			return err == nil && now == state
		})
	}
	db, made := p.open(), 0
	for _, c := range []struct{ writers, payments, batches int }{{1, 1, 100}, {2, 256, 16}} {
		b.Run(fmt.Sprintf("%dx%d", c.writers, c.payments), func(b *testing.B) {
			round := func() time.Duration {
				began := time.Now()
				var all sync.WaitGroup
				for range c.writers {
					made++
					first := made
					all.Go(func() {
						for i := range c.batches {
							var changes decide.Changes
							for n := range c.payments {
								changes.NewPayments = append(changes.NewPayments, newPayment(fmt.Sprintf("b%d-%d-%d", first, i, n)))
							}
							err := db.Apply(b.Context(), journal.NewBatchID(), decide.Needs{}, func(decide.Snapshot) (decide.Changes, error) { return changes, nil })
							if err != nil {
								b.Error(err)
							}
						}
					})
				}
				all.Wait()
				return time.Since(began)
			}
			round() // statements get prepared
			var without, with time.Duration
			var ratios []float64
			for b.Loop() {
				wait("", "async")
				a := round()
				wait(name, "sync")
				s := round()
				without, with, ratios = without+a, with+s, append(ratios, float64(s)/float64(a))
			}
			slices.Sort(ratios)
			each := float64(c.writers * c.batches * c.payments * len(ratios))
			b.ReportMetric(ratios[len(ratios)/2], "x-wait")
			b.ReportMetric(each/without.Seconds(), "payments/s-alone")
			b.ReportMetric(each/with.Seconds(), "payments/s-waiting")
			b.ReportMetric(0, "ns/op")
		})
	}
}
