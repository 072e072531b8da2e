package postgres_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/retention"
	"github.com/galla-pay/galla/protocol"
)

// What a payment's life costs does not grow with the payments and the months that
// there are: blocks touched, which no neighbour on the machine changes, of two
// thousand payments and of ten times as many, over three years, on the
// connections and by the plans that a controller has; with statistics, and with
// those of when there was a tenth (autovacuum comes late). Nothing reads a growing
// table whole.
func TestCostDoesNotGrow(t *testing.T) {
	t.Parallel()
	const few, many, months = 2_000, 20_000, 36
	dsn := migrated(t)
	g := growth{db: openAt(t, dsn), raw: raw(t, dsn), sequence: new(atomic.Int64)}
	g.exec(t, payments)
	for _, table := range monthlyTables {
		for back := 1; back < months; back++ {
			from := retention.Month(time.Now()).AddDate(0, -back, 0)
			g.exec(t, fmt.Sprintf("CREATE TABLE %[1]s%[2]s PARTITION OF %[1]s FOR VALUES FROM ('%[3]s') TO ('%[4]s')",
				table, from.Format("_2006_01"), from.Format(time.DateOnly), from.AddDate(0, 1, 0).Format(time.DateOnly)))
		}
	}
	g.exec(t, fmt.Sprintf("SELECT fill(1, %d, %d)", few, months))
	// Three lanes with callbacks that wait, at every size.
	g.exec(t, `INSERT INTO callbacks (event_id, transaction_id, merchant_id, lane, url, method, created_at, due_at)
		SELECT 'w' || i, 'p', 'W' || i, 'W' || i || ' x:443', 'https://x/', '', now(), now() FROM generate_series(1, 3) AS i`)
	g.exec(t, "ANALYZE")
	if err := g.db.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	small := g.costs(t)
	g.exec(t, fmt.Sprintf("SELECT fill(%d, %d, %d)", few+1, many, months))
	stale := g.costs(t)
	g.exec(t, "ANALYZE")
	large := g.costs(t)
	for _, w := range work {
		t.Logf("%-28s blocks %4d, of ten times as many payments %4d, and with statistics %4d", w.name, small[w.name], stale[w.name], large[w.name])
		for what, got := range map[string]int64{"stale statistics": stale[w.name], "statistics": large[w.name]} {
			// A tree ten times as large may be one block higher, in each index that is
			// looked into. And a plan that is made anew, which is the server's choice, looks
			// at the first block of each index of the months to come, which are empty.
			if most := small[w.name]*3/2 + 40; got > most {
				t.Errorf("%s touches %d blocks with %s, %d of a tenth as many payments", w.name, got, what, small[w.name])
			}
			if got > w.most {
				t.Errorf("%s touches %d blocks, want %d at most", w.name, got, w.most)
			}
		}
	}
}

// growth is a database that grows.
type growth struct {
	db       *postgres.DB
	raw      *pgxpool.Pool
	sequence *atomic.Int64
}

func (g growth) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := g.raw.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// known is a payment of the database.
type known struct {
	n                        int // one more for each
	id, merchant, key, token string
	terminal                 string
	made                     time.Time
	previous                 payment.Payment
}

func (k known) identity() protocol.Identity {
	return protocol.Identity{MerchantID: k.merchant, StoreID: "s", TerminalID: k.terminal}
}

// work is what is done to payments, each as often as costs says. most is the most
// blocks that one may touch.
var work = []struct {
	name string
	most int64
	do   func(ctx context.Context, db *postgres.DB, k known) error
}{
	{"init", 60, func(ctx context.Context, db *postgres.DB, k known) error {
		id := idOf(retention.Month(time.Now()))
		needs := decide.Needs{Terminals: []protocol.Identity{k.identity()}, Keys: []payment.Key{{MerchantID: k.merchant, TransactionID: "new-" + id}}}
		return db.Apply(ctx, journal.NewBatchID(), needs, func(s decide.Snapshot) (decide.Changes, error) {
			terminal := s.Terminals[k.identity()]
			p := k.previous
			p.ID, p.Key, p.State, p.CreatedAt, p.ExpiresAt = id, payment.Key{MerchantID: k.merchant, TransactionID: "new-" + id}, payment.Created, s.Now, s.Now.Add(time.Hour)
			return decide.Changes{Terminals: []fleet.Terminal{terminal}, NewPayments: []payment.Payment{p}, Events: []payment.Record{{PaymentID: id, Seq: 1, At: s.Now}}}, nil
		})
	}},
	{"two inits of one batch", 60, func(ctx context.Context, db *postgres.DB, k known) error {
		return db.Apply(ctx, journal.NewBatchID(), decide.Needs{}, func(s decide.Snapshot) (decide.Changes, error) {
			var c decide.Changes
			for range 2 {
				p := k.previous
				p.ID = idOf(retention.Month(time.Now()))
				p.Key, p.State, p.CreatedAt, p.ExpiresAt = payment.Key{MerchantID: k.merchant, TransactionID: "new-" + p.ID}, payment.Created, s.Now, s.Now.Add(time.Hour)
				c.NewPayments = append(c.NewPayments, p)
				c.Events = append(c.Events, payment.Record{PaymentID: p.ID, Seq: 1, At: s.Now})
			}
			return c, nil
		})
	}},
	{"status", 30, func(ctx context.Context, db *postgres.DB, k known) error {
		p, err := db.Payment(ctx, k.merchant, k.key)
		if err == nil && p.ID != k.id {
			err = fmt.Errorf("found %s, want %s", p.ID, k.id)
		}
		return err
	}},
	{"a payment's events", 30, func(ctx context.Context, db *postgres.DB, k known) error {
		events, err := db.Events(ctx, k.id)
		if err == nil && len(events) < 3 {
			err = fmt.Errorf("%s has %d events", k.id, len(events))
		}
		return err
	}},
	{"resolve", 60, func(ctx context.Context, db *postgres.DB, k known) error {
		r, err := db.Resolve(ctx, decide.Needs{Tokens: []string{k.token}, Keys: []payment.Key{{MerchantID: k.merchant, TransactionID: k.key}},
			Short: []decide.ShortKey{{MerchantID: k.merchant, StoreID: "s", Code: "1234"}}, Payments: []string{k.id}})
		if err == nil && r.Tokens[k.token] != k.id {
			err = fmt.Errorf("token %s leads to %q", k.token, r.Tokens[k.token])
		}
		return err
	}},
	{"claim, report or expiry", 60, func(ctx context.Context, db *postgres.DB, k known) error {
		needs := decide.Needs{Terminals: []protocol.Identity{k.identity()}, Payments: []string{k.id},
			Short: []decide.ShortKey{{MerchantID: k.merchant, StoreID: "s", Code: "1234"}}}
		return db.Apply(ctx, journal.NewBatchID(), needs, func(s decide.Snapshot) (decide.Changes, error) {
			p := s.Payments[k.id]
			p.Seq++
			return decide.Changes{Payments: []payment.Payment{p}, Events: []payment.Record{{PaymentID: k.id, Seq: 100 + int64(k.n), At: s.Now}}}, nil
		})
	}},
	{"pay", 90, func(ctx context.Context, db *postgres.DB, k known) error {
		txn := decide.TxnKey{OrgID: "O", TxnID: fmt.Sprint("new", k.n, k.id)}
		message := decide.MessageKey{OrgID: "O", MsgID: fmt.Sprint("new", k.n, k.id)}
		needs := decide.Needs{Terminals: []protocol.Identity{k.identity()}, Payments: []string{k.id}, Tokens: []string{k.token},
			Messages: []decide.MessageKey{message}, Txns: []decide.TxnKey{txn}, Credits: []decide.TxnKey{txn}}
		return db.Apply(ctx, journal.NewBatchID(), needs, func(s decide.Snapshot) (decide.Changes, error) {
			q := s.Quotes[k.token]
			return decide.Changes{Quotes: []quote.Quote{q}, Messages: []decide.Message{{MessageKey: message, At: s.Now}},
				NewReqPays: []decide.ReqPay{{TxnKey: txn, MsgID: message.MsgID, Status: "SUCCESS", Amount: 1, At: s.Now}},
				NewCredits: []decide.Credit{{TxnKey: txn, Amount: 1, State: decide.CreditApplied, At: s.Now}},
				// To nobody, and of before what the feed is asked for: where the planner knows
				// little of the last minutes it may read everybody's callbacks of these.
				Callbacks: []decide.Callback{{EventID: fmt.Sprintf("X%d-%s", k.n, k.id), MerchantID: "N", PaymentID: k.id, At: s.Now.Add(-2 * time.Hour)}}}, nil
		})
	}},
	{"due", 40, func(ctx context.Context, db *postgres.DB, _ known) error { _, err := db.Due(ctx, 10); return err }},
	{"unacked", 40, func(ctx context.Context, db *postgres.DB, _ known) error { _, err := db.Unacked(ctx, 10); return err }},
	{"wanted", 40, func(ctx context.Context, db *postgres.DB, k known) error {
		_, err := db.Wanted(ctx, []protocol.Identity{k.identity()})
		return err
	}},
	{"lease callbacks", 300, func(ctx context.Context, db *postgres.DB, _ known) error {
		_, err := db.LeaseCallbacks(ctx, 1, time.Millisecond, journal.CallbackFilter{})
		return err
	}},
	{"next callback", 150, func(ctx context.Context, db *postgres.DB, _ known) error {
		_, _, err := db.NextCallback(ctx, journal.CallbackFilter{})
		return err
	}},
	{"callback queue", 150, func(ctx context.Context, db *postgres.DB, _ known) error {
		_, err := db.CallbackQueue(ctx)
		return err
	}},
	{"record callbacks", 100, func(ctx context.Context, db *postgres.DB, k known) error {
		return db.RecordCallbacks(ctx, []journal.CallbackOutcome{{EventID: "EV" + k.id, Attempt: 1, State: journal.CallbackDelivered}})
	}},
	{"a payment's callbacks", 60, func(ctx context.Context, db *postgres.DB, k known) error {
		rows, err := db.Callbacks(ctx, journal.CallbackQuery{PaymentID: k.id})
		if err == nil && len(rows) == 0 {
			err = fmt.Errorf("%s has no callback", k.id)
		}
		return err
	}},
	{"a callback's attempts", 60, func(ctx context.Context, db *postgres.DB, k known) error {
		_, err := db.CallbackAttempts(ctx, "EV"+k.id)
		return err
	}},
	{"feed", 60, func(ctx context.Context, db *postgres.DB, k known) error {
		_, err := db.CallbackFeed(ctx, k.merchant, journal.CallbackCursor{At: time.Now().Add(-time.Minute)}.String(), 10)
		return err
	}},
	{"latest quote", 20, func(ctx context.Context, db *postgres.DB, k known) error {
		_, err := db.LatestQuote(ctx, k.id)
		return err
	}},
	{"unprocessed", 30, func(ctx context.Context, db *postgres.DB, _ known) error {
		_, err := db.Unprocessed(ctx, 10)
		return err
	}},
	{"ReqPay", 20, func(ctx context.Context, db *postgres.DB, k known) error {
		_, err := db.ReqPay(ctx, decide.TxnKey{OrgID: "O", TxnID: "x" + k.id})
		return err
	}},
	{"lease network requests", 60, func(ctx context.Context, db *postgres.DB, _ known) error {
		_, err := db.LeaseNetwork(ctx, 1, time.Millisecond)
		return err
	}},
	{"a merchant's latest payments", 80, func(ctx context.Context, db *postgres.DB, k known) error {
		_, err := db.Payments(ctx, journal.PaymentQuery{MerchantID: k.merchant, Newest: true, Limit: 10})
		return err
	}},
	{"parked payments", 60, func(ctx context.Context, db *postgres.DB, _ known) error {
		_, err := db.Payments(ctx, journal.PaymentQuery{State: payment.Parked, Limit: 10})
		return err
	}},
}

// costs are the blocks that each piece of work touches, over tables and indexes.
func (g growth) costs(t *testing.T) map[string]int64 {
	t.Helper()
	rows, err := g.raw.Query(t.Context(), `SELECT t.id, t.merchant_id, t.merchant_transaction_id, 'v' || t.id, t.terminal_id, t.created_at FROM transactions AS t
		WHERE created_at > now() - interval '20 days' AND merchant_transaction_id LIKE 'k%' ORDER BY md5(id) LIMIT 24`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k known, err error) {
		return k, row.Scan(&k.id, &k.merchant, &k.key, &k.token, &k.terminal, &k.made)
	})
	if err != nil || len(all) != 24 {
		t.Fatalf("%d payments, %v", len(all), err)
	}
	for i := range all {
		if all[i].previous, err = g.db.PaymentByID(t.Context(), all[i].id); err != nil {
			t.Fatal(err)
		}
	}
	costs := map[string]int64{}
	for _, w := range work {
		n := 0
		do := func(times int) {
			for range times {
				k := all[n%len(all)]
				k.n = int(g.sequence.Add(1))
				n++
				if err := w.do(t.Context(), g.db, k); err != nil {
					t.Fatalf("%s of %s: %v", w.name, k.id, err)
				}
			}
		}
		do(8) // the server has settled on a plan
		const times = 8
		before, whole := g.touched(t), g.whole(t)
		do(times)
		costs[w.name] = (g.touched(t) - before) / times
		for table, n := range g.whole(t) {
			if read := n - whole[table]; read > 200*times {
				t.Errorf("%s reads %d rows of %s one after another", w.name, read/times, table)
			}
		}
	}
	return costs
}

// flush has the connections hand in what they have counted.
func (g growth) flush(t *testing.T) {
	t.Helper()
	for _, pool := range []*pgxpool.Pool{g.db.Readers(), g.db.Writers(), g.raw} {
		for _, c := range pool.AcquireAllIdle(t.Context()) {
			_, err := c.Exec(t.Context(), "SELECT pg_stat_force_next_flush()")
			c.Release()
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (g growth) touched(t *testing.T) (blocks int64) {
	t.Helper()
	g.flush(t)
	err := g.raw.QueryRow(t.Context(), `SELECT sum(coalesce(heap_blks_read + heap_blks_hit, 0) + coalesce(idx_blks_read + idx_blks_hit, 0)
		+ coalesce(toast_blks_read + toast_blks_hit, 0))::bigint FROM pg_statio_user_tables`).Scan(&blocks)
	if err != nil {
		t.Fatal(err)
	}
	return blocks
}

// whole is how many rows were read of each growing table by reading it whole.
func (g growth) whole(t *testing.T) map[string]int64 {
	t.Helper()
	rows, err := g.raw.Query(t.Context(), "SELECT relname, seq_tup_read FROM pg_stat_user_tables WHERE n_live_tup > 500 OR seq_tup_read > 0")
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]int64{}
	var table string
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&table, &n}, func() error { read[table] = n; return nil }); err != nil {
		t.Fatal(err)
	}
	return read
}

// payments makes the functions that fill the database: fill(from, to, months) adds
// payments of a number on, spread evenly over the months, each with what belongs to
// it, and one in 500 open.
const payments = `
CREATE FUNCTION gp(at timestamptz, n bigint) RETURNS text LANGUAGE sql AS $$
	SELECT 'GP' || (SELECT string_agg(substr('0123456789ABCDEFGHIJKLMNOPQRSTUV', ((ms >> (43 - 5 * i)) & 31)::int + 1, 1), '' ORDER BY i)
			FROM generate_series(0, 8) AS i)
		|| substr('0123456789ABCDEFGHIJKLMNOPQRSTUV', (((ms & 7) << 2) | 1)::int + 1, 1) || 'O' || lpad(n::text, 14, '0') || '0'
	FROM (SELECT (extract(epoch FROM at) * 1000)::bigint AS ms) AS t
$$;
CREATE FUNCTION fill(first bigint, last bigint, months int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMP TABLE made ON COMMIT DROP AS SELECT n, gp(at, n) AS id, at, 'M' || n % 20 AS m, 't' || n % 500 AS t, n % 500 = 0 AS open
		FROM (SELECT n, now() - interval '1 hour' - (n * 7919 % 100000) / 100000.0 * (months - 1) * interval '30 days' AS at FROM generate_series(first, last) AS n) AS s;
	INSERT INTO terminals (merchant_id, store_id, terminal_id, label, active, integrated, public_key, token_hash, last_seen)
		SELECT DISTINCT m, 's', t, '', true, true, '\x01'::bytea, '\x01'::bytea, now() FROM made ON CONFLICT DO NOTHING;
	INSERT INTO transactions (id, org_id, merchant_id, merchant_transaction_id, store_id, terminal_id, order_id, amount, solution, open_order,
			state, reason, cancel_asked, attempted, payee_addr, qr, created_at, expires_at, ended_at, payer_addr, reference, upi_txn_id,
			settlement_amount, callback_url, callback_mode, signer, signer_index, seq, hash)
		SELECT id, 'O', m, 'k' || n, 's', t, '', 1, 'EDC', false, CASE WHEN open THEN 'presented' ELSE 'succeeded' END, '', false, false, '', '',
			at, CASE WHEN open THEN now() + interval '1 hour' ELSE at END, CASE WHEN open THEN NULL ELSE at END, '', '', '', 0, '', '', '', '', 3, '\x01' FROM made;
	INSERT INTO transaction_events SELECT id, i, 'O', 'init', '', 'created', at, '', '', '\x01', '\x01' FROM made, generate_series(1, 3) AS i;
	INSERT INTO qr_validations (ver_token, org_id, msg_id, initiation_mode, qr_medium, validation_type, transaction_id, payee_addr, base_amount,
			base_curr, inr_amount_calc, mcc, created_at, qr_expires_at, used_by, request_hash, response_hash, processed_at)
		SELECT 'v' || id, 'O', 'v' || id, '16', 'DYNAMIC', 'DOMESTIC', id, 'a', 1, 'INR', 1, '', at, at, '', '\x01', '\x01', at FROM made;
	INSERT INTO qr_validation_events SELECT 'v' || id, 1, 'O', '', '', at, '\x01', '\x01' FROM made;
	INSERT INTO upi_messages SELECT 'O', 'v' || id, 'ReqValQr', '00', at FROM made;
	INSERT INTO req_pays (org_id, txn_id, msg_id, ver_token, transaction_id, amount, payer_addr, payee_addr, status, code, settlement_amount, at, request_hash, response_hash)
		SELECT 'O', 'x' || id, 'm' || id, 'v' || id, id, 1, 'a', 'a', 'SUCCESS', '00', 1, at, '\x01', '\x01' FROM made;
	INSERT INTO credits SELECT 'O', 'x' || id, id, 1, 'applied', at FROM made;
	INSERT INTO callbacks (event_id, transaction_id, merchant_id, lane, url, method, created_at, due_at, state)
		SELECT 'EV' || id, id, m, m || ' x:443', '', '', at, at, 'delivered' FROM made;
	INSERT INTO callback_attempts (event_id, attempt, started_at) SELECT 'EV' || id, 1, at FROM made;
	INSERT INTO network_requests (id, kind, transaction_id, org_id, txn_id, amount, created_at, due_at, state)
		SELECT id || '-ask', 'ask', id, '', '', 0, at, at, CASE WHEN n % 1000 = 0 THEN 'dead' ELSE 'done' END FROM made WHERE n % 10 = 0;
END $$`
