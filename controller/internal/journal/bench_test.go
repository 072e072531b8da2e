package journal_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/protocol"
)

// BenchmarkMixed is the mix that performance.md judges by: half of the decisions
// insert (an init), half check and update (a report that presents it), many
// callers at once. "alone" runs each decision in a transaction of its own on
// the same number of connections, which the others are to be compared with:
//
//	go test -run '^$' -bench Mixed -benchtime 3s ./internal/journal
func BenchmarkMixed(b *testing.B) { compare(b, mixed) }

// BenchmarkInsert is the half that inserts: inits of payments that no terminal
// takes part in. Besides "alone" it is compared with programs that know nothing of
// the journal: see bench_raw_test.go.
func BenchmarkInsert(b *testing.B) {
	compare(b, inserts)
	b.Run("postgres/raw", insertRaw)
	b.Run("postgres/pgbench", insertPgbench)
}

// work is what the callers of a benchmark ask of a journal: so many decisions for
// each try, the nth of one caller.
type work struct {
	each int64
	do   func(ctx context.Context, j *journal.Journal, caller, n int) error
	// prepare, where it is set, makes the rows that do works on; nobody measures it.
	prepare func(ctx context.Context, j *journal.Journal, caller int) error
}

// compare measures the journal on both storages, and what it is compared with.
func compare(b *testing.B, w work) {
	for _, writers := range []int{1, 2} {
		for _, wait := range []time.Duration{-1, 2 * time.Millisecond} {
			b.Run(fmt.Sprintf("postgres/writers=%d/wait=%v", writers, wait), func(b *testing.B) {
				db := openPostgres(b)
				run(b, db, w, journal.Config{Storage: db, Writers: writers, MaxWait: wait})
			})
		}
	}
	b.Run("postgres/alone", func(b *testing.B) {
		dsn := newDatabase(b)
		db, err := postgres.Open(b.Context(), postgres.Config{DSN: dsn, Writers: 32, Box: box(b), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = db.Close() })
		run(b, db, w, journal.Config{Storage: db, Writers: 32, MaxBatch: 1, MaxWait: -1})
	})
	for _, batch := range []int{512, 1} {
		b.Run(fmt.Sprintf("sqlite/batch=%d", batch), func(b *testing.B) {
			db := openSQLite(b)
			run(b, db, w, journal.Config{Storage: db, MaxBatch: batch, MaxWait: -1})
		})
	}
}

type seedable interface {
	journal.Storage
	Seed(context.Context, merchant.Data) error
}

// mixed is an init and the report that its QR is on the glass.
var mixed = work{each: 2, do: func(ctx context.Context, j *journal.Journal, caller, n int) error {
	p, t := benchPayment(caller, n), benchTerminal(caller)
	p.StoreID, p.TerminalID, p.Solution = t.StoreID, t.TerminalID, payment.DQRDevice
	if _, err := journal.Do(ctx, j, decide.Init{Payment: p, ExpiresIn: time.Minute, Actor: "pos"}); err != nil {
		return err
	}
	r := protocol.Report{Header: protocol.Header{Identity: t, Type: protocol.TypeReport}, Epoch: "e", Session: "s",
		Facts: []protocol.Fact{{N: uint64(n + 1), Kind: protocol.FactPresented, PaymentID: p.ID}}}
	_, err := journal.Do(ctx, j, decide.Report{Report: r})
	return err
}}

var inserts = work{each: 1, do: func(ctx context.Context, j *journal.Journal, caller, n int) error {
	p := benchPayment(caller, n)
	p.Solution = payment.QRString
	_, err := journal.Do(ctx, j, decide.Init{Payment: p, ExpiresIn: time.Minute, Actor: "pos"})
	return err
}}

// benchCallers is how many ask at once.
const benchCallers = 256

func run(b *testing.B, db seedable, w work, cfg journal.Config) {
	var d merchant.Data
	for i := range benchCallers {
		d.Terminals = append(d.Terminals, merchant.Terminal{Identity: benchTerminal(i), Active: true, Integrated: true})
	}
	if err := db.Seed(b.Context(), d); err != nil {
		b.Fatal(err)
	}
	m := &counter{}
	cfg.Log, cfg.Metrics = slog.New(slog.DiscardHandler), m
	j, err := journal.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = j.Run(context.Background()) })
	if w.prepare != nil {
		everyCaller(func(i int) {
			if err := w.prepare(b.Context(), j, i); err != nil {
				b.Error(err)
			}
		})
	}
	batches, decisions := m.batches.Load(), m.decisions.Load()
	var done atomic.Int64
	b.ResetTimer()
	everyCaller(func(i int) {
		for n := 0; done.Add(w.each) <= int64(b.N)+w.each-1; n++ {
			if err := w.do(b.Context(), j, i, n); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
	if err := j.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	running.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
	b.ReportMetric(float64(m.decisions.Load()-decisions)/float64(max(m.batches.Load()-batches, 1)), "decisions/batch")
}

// everyCaller has all callers do something at once.
func everyCaller(do func(caller int)) {
	var all sync.WaitGroup
	for i := range benchCallers {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

func benchPayment(caller, n int) payment.Payment {
	id := fmt.Sprintf("b%d-%d", caller, n)
	return payment.Payment{ID: id, Key: payment.Key{MerchantID: "BENCH", TransactionID: id}, StoreID: "store", Amount: 100,
		CallbackURL: "https://pos.example.in/x", QR: strings.Repeat("upi://pay?pa=merchant@upi&", 8) + id}
}

func benchTerminal(i int) protocol.Identity {
	return protocol.Identity{MerchantID: "BENCH", StoreID: "store", TerminalID: fmt.Sprint("t", i)}
}
