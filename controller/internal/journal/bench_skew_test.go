package journal_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// BenchmarkSkewed is what callers wait for when half of the load is one merchant's,
// or one terminal's, and the same load spread evenly (performance: no starvation).
// Every second caller is hot, also in the even load, so that the same callers are
// compared. A sale takes the place of the one before on its terminal, so that a hot
// terminal has more to do for each.
//
//	go test -run '^$' -bench Skewed -benchtime 1x ./internal/journal
func BenchmarkSkewed(b *testing.B) {
	for _, skew := range []struct {
		name string
		hot  func(caller int) protocol.Identity // of an odd caller
	}{
		{"even", skewTerminal},
		{"merchant", func(caller int) protocol.Identity {
			t := skewTerminal(caller)
			t.MerchantID = "HOT"
			return t
		}},
		{"terminal", func(int) protocol.Identity {
			return protocol.Identity{MerchantID: "HOT", StoreID: "store", TerminalID: "t"}
		}},
	} {
		b.Run(skew.name, func(b *testing.B) {
			terminals := make([]protocol.Identity, benchCallers)
			var d merchant.Data
			for i := range terminals {
				if terminals[i] = skewTerminal(i); i%2 == 1 {
					terminals[i] = skew.hot(i)
				}
				if t := (merchant.Terminal{Identity: terminals[i], Active: true, Integrated: true}); !slices.Contains(d.Terminals, t) {
					d.Terminals = append(d.Terminals, t)
				}
			}
			db := openPostgres(b)
			if err := db.Seed(b.Context(), d); err != nil {
				b.Fatal(err)
			}
			j := start(b, journal.Config{Storage: db, Writers: 2, Log: slog.New(slog.DiscardHandler)})
			skewed(b, j, terminals)
		})
	}
}

// skewFor is how long a load lasts that is measured, skewWarm how long before that
// nothing is: statements get prepared, and the queue fills.
const (
	skewFor  = 4 * time.Second
	skewWarm = time.Second
)

// skewed has each caller ask for sale after sale on its terminal.
func skewed(b *testing.B, j *journal.Journal, terminals []protocol.Identity) {
	for b.Loop() {
		var mu sync.Mutex
		took := map[bool][]time.Duration{}
		ctx, cancel := context.WithTimeout(b.Context(), skewWarm+skewFor)
		begin := time.Now().Add(skewWarm)
		everyCaller(func(i int) {
			var own []time.Duration
			for n := 0; ctx.Err() == nil; n++ {
				p := benchPayment(i, n)
				p.MerchantID, p.StoreID, p.TerminalID, p.Solution = terminals[i].MerchantID, terminals[i].StoreID, terminals[i].TerminalID, payment.DQRDevice
				began := time.Now()
				if _, err := journal.Do(b.Context(), j, decide.Init{Payment: p, ExpiresIn: time.Minute, Actor: "pos"}); err != nil {
					b.Error(err)
					return
				}
				if began.After(begin) {
					own = append(own, time.Since(began))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			took[i%2 == 1] = append(took[i%2 == 1], own...)
		})
		cancel()
		for hot, name := range map[bool]string{true: "hot", false: "cold"} {
			slices.Sort(took[hot])
			for _, q := range []struct {
				name string
				of   int // thousandths
			}{{"p50", 500}, {"p99", 990}, {"p99.9", 999}} {
				if n := len(took[hot]); n > 0 {
					b.ReportMetric(float64(took[hot][n*q.of/1000].Microseconds())/1000, "ms-"+q.name+"-"+name)
				}
			}
			b.ReportMetric(float64(len(took[hot]))/skewFor.Seconds(), "decisions/s-"+name)
		}
		b.ReportMetric(0, "ns/op")
	}
}

// skewTerminal is a caller's own terminal, one of sixteen merchants'.
func skewTerminal(caller int) protocol.Identity {
	return protocol.Identity{MerchantID: fmt.Sprint("M", caller/2%16), StoreID: "store", TerminalID: fmt.Sprint("t", caller)}
}
