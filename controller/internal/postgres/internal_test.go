package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/controller/internal/storagetest"
	"github.com/galla-pay/galla/hack/testservers"
	"github.com/galla-pay/galla/protocol"
)

// Rows that are only added come back, by their tables, as they were; added one
// by one, and together.
func TestAddedRowsAreKept(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	want := storagetest.Added(t)
	for _, c := range []decide.Changes{
		{Messages: want.Messages, QuoteEvents: want.QuoteEvents, Callbacks: want.Callbacks, NewReqPays: want.NewReqPays[:1], NewCredits: want.NewCredits[:1]},
		{NewReqPays: want.NewReqPays[1:], NewCredits: want.NewCredits[1:]},
	} {
		err := db.Apply(t.Context(), journal.NewBatchID(), decide.Needs{}, func(decide.Snapshot) (decide.Changes, error) { return c, nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	kept(t, db, table.QuoteEvents, want.QuoteEvents)
	kept(t, db, table.Messages, want.Messages)
	kept(t, db, table.ReqPays, want.NewReqPays)
	kept(t, db, table.Credits, want.NewCredits)
	kept(t, db, table.Callbacks, want.Callbacks)
}

func fresh(t *testing.T) *DB {
	t.Helper()
	box, err := seal.FromKey(make([]byte, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), Config{DSN: testservers.SharedPostgres(t).NewDatabase(t), Box: box, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

func kept[T any](t *testing.T, db *DB, tab table.Table[T], want []T) {
	t.Helper()
	var got []T
	b := &pgx.Batch{}
	everything(b, tab, &got)
	if err := db.read.SendBatch(t.Context(), b).Close(); err != nil {
		t.Fatal(err)
	}
	storagetest.Same(t, got, want)
}

// The belt: rows whose versions are not those that were loaded fail the batch
// before its commit, alone and among others. Only a program that does not lock
// can have changed them.
func TestAnotherVersionFailsTheBatch(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	id := []protocol.Identity{{MerchantID: "M", StoreID: "s", TerminalID: "t0"}, {MerchantID: "M", StoreID: "s", TerminalID: "t1"}}
	if err := db.Seed(t.Context(), merchant.Data{Terminals: []merchant.Terminal{{Identity: id[0]}, {Identity: id[1]}}}); err != nil {
		t.Fatal(err)
	}
	pay := func(name string) payment.Payment {
		return payment.Payment{ID: name, Key: payment.Key{MerchantID: "M", TransactionID: name}, Amount: 1, Solution: payment.EDC,
			State: payment.Created, CreatedAt: time.Now(), ExpiresAt: time.Now()}
	}
	err := db.Apply(t.Context(), journal.NewBatchID(), decide.Needs{}, func(s decide.Snapshot) (decide.Changes, error) {
		return decide.Changes{
			NewPayments: []payment.Payment{pay("p0"), pay("p1")},
			NewQuotes:   []quote.Quote{{Token: "q0", CreatedAt: s.Now, ExpiresAt: s.Now}, {Token: "q1", CreatedAt: s.Now, ExpiresAt: s.Now}},
		}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for rows := 1; rows <= 2; rows++ {
		needs := decide.Needs{Terminals: id[:rows], Payments: []string{"p0", "p1"}[:rows], Tokens: []string{"q0", "q1"}[:rows]}
		for name, spoil := range map[string]func(*loaded){
			"nothing":    func(*loaded) {},
			"a terminal": func(l *loaded) { spoilt(l.terminals, id[0], 1) },
			"a payment":  func(l *loaded) { spoilt(l.payments, "p0", 1) },
			"a quote":    func(l *loaded) { spoilt(l.quotes, "q0", -1) },
		} {
			conn, err := db.write.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			l, err := load(t.Context(), conn.Conn(), needs)
			if err != nil {
				t.Fatal(err)
			}
			spoil(l)
			fresh := fmt.Sprint("new-", rows, name)
			c := decide.Changes{NewPayments: []payment.Payment{pay(fresh)}}
			for i := range rows {
				c.Terminals = append(c.Terminals, l.snap.Terminals[id[i]])
				c.Payments = append(c.Payments, l.snap.Payments[needs.Payments[i]])
				c.Quotes = append(c.Quotes, l.snap.Quotes[needs.Tokens[i]])
			}
			b := &pgx.Batch{}
			if err := save(b, l, c); err != nil {
				t.Fatal(err)
			}
			b.Queue("COMMIT")
			err = finish(t.Context(), conn.Conn(), b)
			conn.Release()
			_, gone := db.PaymentByID(t.Context(), fresh)
			switch ok := name == "nothing"; {
			case ok && (err != nil || gone != nil):
				t.Errorf("%d rows, %s spoilt: %v, %v", rows, name, err, gone)
			case !ok && (err == nil || errors.Is(err, journal.ErrAgain) || errors.Is(err, journal.ErrCommitUnknown) || !errors.Is(gone, journal.ErrNotFound)):
				t.Errorf("%d rows, %s spoilt: %v; the rest of the batch: %v", rows, name, err, gone)
			}
		}
	}
}

// What an error means for a batch.
func TestErrorsOfABatch(t *testing.T) {
	t.Parallel()
	pg := func(code string) error {
		return fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code, SeverityUnlocalized: "ERROR"})
	}
	all := []error{journal.ErrAgain, journal.ErrLocked, journal.ErrAway, journal.ErrText}
	for _, c := range []struct {
		err  error
		want error
	}{
		{pg("23505"), journal.ErrAgain}, // unique_violation
		{pg("40P01"), journal.ErrAgain}, // deadlock_detected
		{pg("40001"), journal.ErrAgain}, // serialization_failure
		{pg("55P03"), journal.ErrLocked},
		{pg("22021"), journal.ErrText},
		{pg("57P01"), journal.ErrAway}, // admin_shutdown
		{pg("57P03"), journal.ErrAway}, // cannot_connect_now
		{pg("53300"), journal.ErrAway}, // too_many_connections
		{pg("53100"), journal.ErrAway}, // disk_full
		{pg("25006"), journal.ErrAway}, // read_only_sql_transaction
		{pg("25P03"), journal.ErrAway}, // idle_in_transaction_session_timeout
		{io.ErrUnexpectedEOF, journal.ErrAway},
		{&net.OpError{Op: "read", Err: errors.New("reset")}, journal.ErrAway},
		{pg("23514"), nil}, // check_violation: that decision's fault
		{pg("22012"), nil}, // a version that is not the one loaded
		{errors.New("anything"), nil},
	} {
		got := failed(c.err)
		for _, kind := range all {
			if errors.Is(got, kind) != (kind == c.want) {
				t.Errorf("%v means %v, want %v", c.err, got, c.want)
			}
		}
		if !errors.Is(got, c.err) {
			t.Errorf("%v is lost in %v", c.err, got)
		}
	}
	if lost(context.Canceled) || lost(nil) {
		t.Error("a caller that gives up is no lost connection")
	}
}
