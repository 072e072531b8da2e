package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/retention"
	"github.com/galla-pay/galla/controller/internal/storagetest"
)

func TestGrowthContract(t *testing.T) {
	t.Parallel()
	storagetest.RunGrowth(t, func(t *testing.T) storagetest.NetworkStorage { return open(t) })
}

var monthlyTables = []string{"transaction_events", "qr_validation_events", "callbacks", "callback_attempts"}

// years is a database that has been in use for so many months: each has its
// partitions, with one payment, its event, its callback and that one's attempt.
type years struct {
	db   *postgres.DB
	raw  *pgxpool.Pool
	now  time.Time
	then []time.Time // the months before this one, oldest first
}

func oldDatabase(t *testing.T, months int) years {
	t.Helper()
	dsn := migrated(t)
	y := years{db: openAt(t, dsn), raw: raw(t, dsn)}
	var err error
	if y.now, err = y.db.Now(t.Context()); err != nil {
		t.Fatal(err)
	}
	for back := months; back > 0; back-- {
		y.then = append(y.then, retention.Month(y.now).AddDate(0, -back, 0))
	}
	// Nobody had made room: the rows are in the default partitions, until Tidy.
	for _, month := range y.then {
		id := idOf(month)
		y.exec(t, fmt.Sprintf(`WITH args (id, at) AS (VALUES ('%s', '%s'::timestamptz + interval '3 days')), p AS (
				INSERT INTO transactions (id, org_id, merchant_id, merchant_transaction_id, store_id, terminal_id, order_id, amount, solution, open_order,
					state, reason, cancel_asked, attempted, payee_addr, qr, created_at, expires_at, ended_at, payer_addr, reference, upi_txn_id,
					settlement_amount, callback_url, callback_mode, signer, signer_index, seq, hash)
				SELECT id, 'O', 'M', id, 's', 't', '', 1, 'EDC', false, 'expired', '', false, false, '', '', at, at, at, '', '', '', 0, '', '', '', '', 1, '\x01' FROM args),
			e AS (INSERT INTO transaction_events SELECT id, 1, 'O', 'init', '', 'created', at, '', '', '\x01', '\x01' FROM args),
			q AS (INSERT INTO qr_validation_events SELECT id, 1, 'O', 'made', '', at, '\x01', '\x01' FROM args),
			c AS (INSERT INTO callbacks (event_id, transaction_id, merchant_id, lane, url, method, created_at, due_at, state)
				SELECT 'EV' || id, id, 'M', 'M x:443', 'https://x/', '', at, at, 'delivered' FROM args)
			INSERT INTO callback_attempts (event_id, attempt, started_at) SELECT 'EV' || id, 1, at FROM args`, id, month.Format(time.RFC3339)))
	}
	return y
}

// idOf is an id of ours of a payment made three days into a month.
func idOf(month time.Time) string {
	id := uuid.Must(uuid.NewV7())
	ms := month.AddDate(0, 0, 3).UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	return payment.FormatID(id)
}

func (y years) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := y.raw.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (y years) tidy(t *testing.T) {
	t.Helper()
	if err := y.db.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (y years) retain(t *testing.T, text string, drop bool) {
	t.Helper()
	p, err := retention.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	p.Drop = drop
	if err := y.db.SetRetention(p); err != nil {
		t.Fatal(err)
	}
}

func (y years) names(t *testing.T, sql string, args ...any) []string {
	t.Helper()
	rows, err := y.raw.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// months are the attached months of a table, before this one.
func (y years) months(t *testing.T, table string) []string {
	t.Helper()
	return y.names(t, `SELECT right(relname, 7) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
		WHERE inhparent = $1::text::regclass AND relname < $1 || $2 AND relname NOT LIKE '%default' ORDER BY 1`, table, y.now.Format("_2006_01"))
}

func (y years) want(t *testing.T, table string, want []time.Time) {
	t.Helper()
	var names []string
	for _, m := range want {
		names = append(names, m.Format("2006_01"))
	}
	if got := y.months(t, table); !slices.Equal(got, names) {
		t.Errorf("%s has the months %v, want %v", table, got, names)
	}
}

// Rows of months that nobody made room for move into months of their own, and every
// month stays where nothing else was said.
func TestMonthsStayWhereNothingElseIsSaid(t *testing.T) {
	t.Parallel()
	y := oldDatabase(t, 4)
	y.tidy(t)
	for _, table := range monthlyTables {
		y.want(t, table, y.then)
		if n := y.names(t, "SELECT count(*)::text FROM "+table+"_default"); n[0] != "0" {
			t.Errorf("%s: %s rows are in no month", table, n[0])
		}
	}
	y.retain(t, "keep", false)
	y.tidy(t)
	y.want(t, "transaction_events", y.then)
	if at, err := y.db.Archived(t.Context(), "transaction_events"); err != nil || !at.IsZero() {
		t.Errorf("archived before %v, %v", at, err)
	}
}

// Months that are over for long enough become tables of their own, with their rows;
// payments stay; who asks for what was detached is told so.
func TestMonthsAreDetached(t *testing.T) {
	t.Parallel()
	y := oldDatabase(t, 6)
	y.tidy(t)
	y.retain(t, "3months", false)
	y.tidy(t)
	cut := y.then[3] // the month that began three months ago stays
	for _, table := range monthlyTables {
		y.want(t, table, y.then[3:])
		for _, month := range y.then[:3] {
			if n := y.names(t, "SELECT count(*)::text FROM detached_"+table+month.Format("_2006_01")); n[0] != "1" {
				t.Errorf("%s of %s has %s rows", table, month.Format("2006-01"), n[0])
			}
		}
		if at, err := y.db.Archived(t.Context(), table); err != nil || !at.Equal(cut) {
			t.Errorf("%s is archived before %v, %v; want %v", table, at, err, cut)
		}
	}
	if n := y.names(t, "SELECT count(*)::text FROM transactions"); n[0] != "6" {
		t.Errorf("%s payments are left", n[0])
	}

	old, kept := y.names(t, "SELECT id FROM transactions ORDER BY created_at LIMIT 1")[0], y.names(t, "SELECT id FROM transactions ORDER BY created_at DESC LIMIT 1")[0]
	archived := func(what string, err error) {
		t.Helper()
		var a *retention.ArchivedError
		if !errors.As(err, &a) || !a.Before.Equal(cut) {
			t.Errorf("%s: %v; want that it is archived", what, err)
		}
	}
	ctx := t.Context()
	for what, q := range map[string]journal.CallbackQuery{
		"by payment": {PaymentID: old}, "by event": {EventID: "EV" + old}, "since": {Since: y.then[1]},
		"after": {After: journal.CallbackCursor{At: y.then[1]}.String()},
	} {
		rows, err := y.db.Callbacks(ctx, q)
		archived("list "+what, err)
		if what[:2] == "by" && len(rows) > 0 {
			t.Errorf("list %s: %v", what, rows)
		}
		_, err = y.db.ResendCallbacks(ctx, q)
		archived("resend "+what, err)
	}
	_, err := y.db.CallbackAttempts(ctx, "EV"+old)
	archived("attempts", err)
	if !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("attempts: %v", err)
	}
	_, err = y.db.CallbackFeed(ctx, "M", journal.CallbackCursor{At: y.then[1]}.String(), 10)
	archived("feed", err)
	var a *retention.ArchivedError
	errors.As(err, &a)
	for _, after := range []string{"", a.Resume} {
		if f, err := y.db.CallbackFeed(ctx, "M", after, 10); err != nil || len(f.Rows) != 3 {
			t.Errorf("the feed after %q has %d events, %v; want the three that are here", after, len(f.Rows), err)
		}
	}
	for _, q := range []journal.CallbackQuery{{PaymentID: kept}, {EventID: "EV" + kept}, {Since: cut}} {
		if rows, err := y.db.Callbacks(ctx, q); err != nil || len(rows) == 0 {
			t.Errorf("%+v: %d rows, %v", q, len(rows), err)
		}
	}
	if e, err := y.db.Events(ctx, old); err != nil || len(e) != 0 {
		t.Errorf("events that were detached: %v, %v", e, err)
	}

	// What somebody attaches again is found again, until the next Tidy.
	first := y.then[2]
	y.exec(t, fmt.Sprintf("ALTER TABLE detached_callbacks%s RENAME TO callbacks%[1]s", first.Format("_2006_01")))
	y.exec(t, fmt.Sprintf("ALTER TABLE callbacks ATTACH PARTITION callbacks%s FOR VALUES FROM ('%s') TO ('%s')",
		first.Format("_2006_01"), first.Format(time.RFC3339), cut.Format(time.RFC3339)))
	if at, err := y.db.Archived(ctx, "callbacks"); err != nil || !at.Equal(first) {
		t.Errorf("with a month back, callbacks are archived before %v, %v", at, err)
	}
	y.tidy(t)
	y.want(t, "callbacks", y.then[3:])

	sizes, err := y.db.TableSizes(ctx)
	if err != nil {
		t.Fatal(err)
	}
	detached := 0
	for _, s := range sizes {
		if s.Detached {
			detached++
		}
		if s.Name == "callbacks" && (s.Months != 6 || !s.Oldest.Equal(cut) || !s.Archived.Equal(cut) || s.IndexBytes == 0) {
			t.Errorf("callbacks: %+v", s)
		}
	}
	if detached != 12 {
		t.Errorf("%d months are told to be detached, want 12", detached)
	}

	// Dropping is another decision.
	y.retain(t, "3months", true)
	y.tidy(t)
	if left := y.names(t, `SELECT relname::text FROM pg_class WHERE relname LIKE 'detached%' AND relkind = 'r'`); len(left) > 0 {
		t.Errorf("these were not dropped: %v", left)
	}
	if at, err := y.db.Archived(ctx, "callbacks"); err != nil || !at.Equal(cut) {
		t.Errorf("after the drop callbacks are archived before %v, %v", at, err)
	}
}

// A month of which something is not finished stays, and so do those after it.
func TestMonthsThatAreNotFinishedStay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, sql string
		tables    []string // that stay whole
	}{
		{"a payment in progress", "UPDATE transactions SET state = 'in_progress' WHERE id = $1", []string{"transaction_events"}},
		{"a parked payment", "UPDATE transactions SET state = 'parked' WHERE id = $1", []string{"transaction_events"}},
		{"an unpaid payment", "UPDATE transactions SET state = 'presented' WHERE id = $1", []string{"transaction_events"}},
		{"a pending callback", "UPDATE callbacks SET state = 'pending' WHERE transaction_id = $1", []string{"callbacks", "callback_attempts"}},
		{"a quote that is not processed", `INSERT INTO qr_validations (ver_token, org_id, msg_id, initiation_mode, qr_medium, validation_type, transaction_id, payee_addr,
			base_amount, base_curr, inr_amount_calc, mcc, created_at, qr_expires_at, used_by, request_hash, response_hash)
			SELECT id, 'O', id, '16', 'DYNAMIC', 'DOMESTIC', id, '', 1, 'INR', 1, '', created_at, created_at, '', '\x01', '\x01' FROM transactions WHERE id = $1`,
			[]string{"qr_validation_events"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			y := oldDatabase(t, 4)
			y.tidy(t)
			y.exec(t, c.sql, y.names(t, "SELECT id FROM transactions ORDER BY created_at LIMIT 1")[0])
			y.retain(t, "2months", false)
			y.tidy(t)
			for _, table := range monthlyTables {
				want := y.then[2:]
				if slices.Contains(c.tables, table) {
					want = y.then
				}
				y.want(t, table, want)
			}
		})
	}
}

// Detaching stops nobody: batches, leases and resends go on beside it. Somebody who
// reads for long, such as a dump, keeps the month attached and keeps nobody else
// waiting; when it has ended, the month goes.
func TestMonthsAreDetachedBesideWriters(t *testing.T) {
	t.Parallel()
	y := oldDatabase(t, 4)
	y.tidy(t)
	reader, err := y.raw.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Exec(t.Context(), "SELECT count(*) FROM transaction_events"); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var writers sync.WaitGroup
	batches := 0
	writers.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			err := y.db.Apply(t.Context(), journal.NewBatchID(), decide.Needs{}, func(s decide.Snapshot) (decide.Changes, error) {
				id := fmt.Sprint("w", n)
				return decide.Changes{
					Events:    []payment.Record{{PaymentID: id, Seq: 1, At: s.Now}},
					Callbacks: []decide.Callback{{EventID: "e" + id, MerchantID: "M", PaymentID: id, URL: "https://x/", At: s.Now}},
				}, nil
			})
			if errors.Is(err, journal.ErrLocked) {
				continue // on a slow machine; the journal too tries again
			}
			if err != nil {
				t.Errorf("a batch beside the controller that detaches: %v", err)
				return
			}
			batches++
		}
	})
	writers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := y.db.LeaseCallbacks(t.Context(), 10, time.Minute, journal.CallbackFilter{}); err != nil {
				t.Errorf("a lease: %v", err)
				return
			}
			if _, err := y.db.ResendCallbacks(t.Context(), journal.CallbackQuery{PaymentID: "w0"}); err != nil {
				t.Errorf("a resend: %v", err)
				return
			}
		}
	})
	y.retain(t, "2months", false)
	if err := y.db.Tidy(t.Context()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("Tidy beside a reader that stays: %v", err)
	}
	y.want(t, "transaction_events", y.then)
	y.want(t, "callbacks", y.then[2:])
	if err := reader.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	y.tidy(t)
	y.want(t, "transaction_events", y.then[2:])
	close(stop)
	writers.Wait()
	if batches == 0 {
		t.Error("no batch was written meanwhile")
	}
}

// Two controllers that tidy at once detach every month once.
func TestControllersTidyAtOnce(t *testing.T) {
	t.Parallel()
	y := oldDatabase(t, 5)
	y.retain(t, "2months", false)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if err := y.db.Tidy(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	y.want(t, "callbacks", y.then[3:])
	if n := y.names(t, "SELECT count(*)::text FROM archived_months"); n[0] != "12" {
		t.Errorf("%s months are archived, want 3 of each of 4 tables", n[0])
	}
}

// An old callback that is sent again is found by whoever sends, at once, though
// nobody looks into months of which nothing was pending; also by a controller that
// did not resend it.
func TestOldCallbackIsSentAgain(t *testing.T) {
	t.Parallel()
	y := oldDatabase(t, 5)
	y.tidy(t)
	lease := func(want ...string) {
		t.Helper()
		leased, err := y.db.LeaseCallbacks(t.Context(), 10, time.Minute, journal.CallbackFilter{})
		var got []string
		for _, d := range leased {
			got = append(got, d.EventID)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("leased %v, %v; want %v", got, err, want)
		}
	}
	lease() // it knows by now since when callbacks are pending
	old := "EV" + y.names(t, "SELECT id FROM transactions ORDER BY created_at LIMIT 1")[0]
	other := openAt(t, y.raw.Config().ConnString())
	if n, err := other.ResendCallbacks(t.Context(), journal.CallbackQuery{EventID: old}); err != nil || n != 1 {
		t.Fatalf("resent %d, %v", n, err)
	}
	y.tidy(t) // it is pending, so Tidy leaves its month open
	if next, some, err := y.db.NextCallback(t.Context(), journal.CallbackFilter{}); err != nil || !some || next != 0 {
		t.Errorf("next in %v, %v, %v", next, some, err)
	}
	lease(old)
	if err := y.db.RecordCallbacks(t.Context(), []journal.CallbackOutcome{{EventID: old, Attempt: 1, State: journal.CallbackDelivered}}); err != nil {
		t.Fatal(err)
	}
	if left := y.names(t, "SELECT event_id FROM callbacks WHERE state = 'pending'"); len(left) > 0 {
		t.Errorf("pending are %v", left)
	}
	y.tidy(t)
	if since := y.names(t, "SELECT (since >= date_trunc('month', now()) - interval '1 month')::text FROM callbacks_open"); since[0] != "true" {
		t.Error("Tidy did not move on past the month that is done")
	}
}
