package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/hack/testservers"
)

// pair is a primary with a synchronous standby, and a migrated database on both.
type pair struct {
	t                testing.TB
	primary, standby *testservers.Postgres
	outsider         *pgx.Conn // at the primary
}

func startPair(t testing.TB, opts ...testservers.PostgresOption) *pair {
	t.Helper()
	p := &pair{t: t}
	var err error
	if p.primary, err = testservers.StartPostgres(t.Context(), "", opts...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.primary.Stop)
	if p.standby, err = p.primary.StartStandby(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.standby.Stop)
	db, err := postgres.Open(t.Context(), config(t, p.dsn()))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.outsider = p.connect(p.primary)
	return p
}

// in is the same pair in a part of its test.
func (p *pair) in(t *testing.T) *pair {
	part := *p
	part.t = t
	return &part
}

// cancelled is how many waits for a standby were cut short at the primary so far.
func (p *pair) cancelled() int {
	return strings.Count(p.primary.Log(), "canceling wait for synchronous replication")
}

// patience is for a machine that stands still while a connection is made.
const patience = "&connect_timeout=30"

// dsn names both, the primary first.
func (p *pair) dsn() string { return testservers.DSN("postgres", p.primary, p.standby) + patience }

// open opens the database by both hosts, or by one.
func (p *pair) open(servers ...*testservers.Postgres) *postgres.DB {
	p.t.Helper()
	if len(servers) == 0 {
		return openAt(p.t, p.dsn())
	}
	return openAt(p.t, testservers.DSN("postgres", servers...)+patience)
}

func (p *pair) connect(at *testservers.Postgres) *pgx.Conn {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), at.DSN("postgres"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (p *pair) detach() {
	p.t.Helper()
	if err := p.standby.Detach(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pair) attach() {
	p.t.Helper()
	if err := p.standby.Attach(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

// waiter is the session that began to wait last, for the standby (SyncRep) or for
// another's transaction (transactionid).
func (p *pair) waiter(at *pgx.Conn, event string) (pid int) {
	p.t.Helper()
	p.until("a session to wait: "+event, func() bool {
		err := at.QueryRow(p.t.Context(), `SELECT pid FROM pg_stat_activity WHERE wait_event = $1
			ORDER BY backend_start DESC, query_start DESC LIMIT 1`, event).Scan(&pid)
		return err == nil
	})
	return pid
}

// wait waits until so many sessions wait for the standby.
func (p *pair) wait(at *pgx.Conn, sessions int) {
	p.t.Helper()
	p.until("sessions to wait for the standby", func() bool {
		var n int
		err := at.QueryRow(p.t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'").Scan(&n)
		return err == nil && n == sessions
	})
}

// until asks again and again: other processes tell nobody.
func (p *pair) until(what string, holds func() bool) {
	p.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			p.t.Fatalf("waited for %s", what)
		}
	}
}

func (p *pair) exec(at *pgx.Conn, query string, args ...any) {
	p.t.Helper()
	if _, err := at.Exec(p.t.Context(), query, args...); err != nil {
		p.t.Fatal(err)
	}
}

// saved saves a payment by a batch of its own.
func saved(ctx context.Context, db *postgres.DB, batch journal.BatchID, id string) error {
	return db.Apply(ctx, batch, decide.Needs{}, func(decide.Snapshot) (decide.Changes, error) {
		return decide.Changes{NewPayments: []payment.Payment{newPayment(id)}}, nil
	})
}

// there reports whether a payment is to be read, or the error that it is not.
func there(t *testing.T, db *postgres.DB, id string) (bool, error) {
	t.Helper()
	_, err := db.PaymentByID(t.Context(), id)
	if errors.Is(err, journal.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func mustSave(t testing.TB, db *postgres.DB, batch journal.BatchID, id string) {
	t.Helper()
	if err := saved(t.Context(), db, batch, id); err != nil {
		t.Fatal(err)
	}
}

type answer struct {
	committed bool
	err       error
}

// asking asks about a batch; cancel gives up.
func asking(t *testing.T, db *postgres.DB, batch journal.BatchID) (answers <-chan answer, cancel func()) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	done := make(chan answer, 1)
	go func() {
		committed, err := db.Committed(ctx, batch)
		done <- answer{committed, err}
	}()
	return done, cancel
}

// saving saves a payment in the background.
func saving(t *testing.T, db *postgres.DB, batch journal.BatchID, id string) (done <-chan error, cancel func()) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	errs := make(chan error, 1)
	go func() { errs <- saved(ctx, db, batch, id) }()
	return errs, cancel
}
