package postgres_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/retention"
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
	// Nobody else looks into the tables, or knows more of them than the test wants.
	g.exec(t, `DO $$ DECLARE c regclass; BEGIN
		FOR c IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
			EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = false)', c);
		END LOOP;
	END $$`)
	g.exec(t, fmt.Sprintf("SELECT fill(1, %d, %d)", few, months))
	// Three lanes with callbacks that wait, at every size.
	g.exec(t, `INSERT INTO callbacks (event_id, transaction_id, merchant_id, lane, url, method, created_at, due_at)
		SELECT 'w' || i, 'p', 'W' || i, 'W' || i || ' x:443', 'https://x/', '', now(), now() FROM generate_series(1, 3) AS i`)
	g.exec(t, `INSERT INTO payees (vpa, merchant_id, active, fee_basis_points, acquirer_code)
		SELECT 'Y' || i || '@upi', 'M' || i % 20, true, 0, '' FROM generate_series(0, 99) AS i`)
	// Not of payments, so as long at every size.
	g.exec(t, `INSERT INTO audit_log (id, at, actor, source, action, target, details)
		SELECT i, now() - (5000 - i) * interval '1 hour', 'u' || i % 30, '', CASE i % 500 WHEN 0 THEN 'rare' ELSE 'often' END, 'x' || i % 300, ''
		FROM generate_series(1, 5000) AS i`)
	g.exec(t, "ANALYZE")
	if err := g.db.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	small := g.costs(t)
	g.exec(t, fmt.Sprintf("SELECT fill(%d, %d, %d)", few+1, many, months))
	stale := g.costs(t)
	g.exec(t, "ANALYZE")
	large := g.costs(t)
	for _, w := range slices.Concat(work, lists) {
		t.Logf("%-28s blocks %4d, of ten times as many payments %4d, and with statistics %4d", w.name, small[w.name], stale[w.name], large[w.name])
		for what, got := range map[string]int64{"stale statistics": stale[w.name], "statistics": large[w.name]} {
			// A tree ten times as large may be one block higher, in each index that is
			// looked into. And a plan that is made anew, which is the server's choice, looks
			// at the first block of each index of the months to come, which are empty.
			most := small[w.name]*3/2 + 40
			if everyMonth[w.name] { // such a tree in each of them
				most += months
			}
			if got > most {
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
	for _, w := range slices.Concat(work, lists) {
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
// it. Forty of the first two thousand are open: how many are does not grow.
const payments = `
CREATE FUNCTION gp(at timestamptz, n bigint) RETURNS text LANGUAGE sql AS $$
	SELECT 'GP' || (SELECT string_agg(substr('0123456789ABCDEFGHIJKLMNOPQRSTUV', ((ms >> (43 - 5 * i)) & 31)::int + 1, 1), '' ORDER BY i)
			FROM generate_series(0, 8) AS i)
		|| substr('0123456789ABCDEFGHIJKLMNOPQRSTUV', (((ms & 7) << 2) | 1)::int + 1, 1) || 'O' || lpad(n::text, 14, '0') || '0'
	FROM (SELECT (extract(epoch FROM at) * 1000)::bigint AS ms) AS t
$$;
CREATE FUNCTION fill(first bigint, last bigint, months int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMP TABLE made ON COMMIT DROP AS SELECT n, gp(at, n) AS id, at, 'M' || n % 20 AS m, 't' || n % 500 AS t, n <= 2000 AND n % 50 = 0 AS open
		FROM (SELECT n, now() - interval '1 hour' - (n * 7919 % 100000) / 100000.0 * (months - 1) * interval '30 days' AS at FROM generate_series(first, last) AS n) AS s;
	INSERT INTO terminals (merchant_id, store_id, terminal_id, label, active, integrated, public_key, token_hash, last_seen)
		SELECT DISTINCT m, 's', t, '', true, true, '\x01'::bytea, '\x01'::bytea, now() FROM made ON CONFLICT DO NOTHING;
	INSERT INTO transactions (id, org_id, merchant_id, merchant_transaction_id, store_id, terminal_id, order_id, amount, solution, open_order,
			state, reason, cancel_asked, attempted, payee_addr, qr, created_at, expires_at, ended_at, payer_addr, reference, upi_txn_id,
			settlement_amount, callback_url, callback_mode, signer, signer_index, seq, hash)
		SELECT id, 'O', m, 'k' || n, 's', t, '', 1, 'EDC', false, CASE WHEN open THEN 'presented' WHEN n % 50 = 1 THEN 'failed' ELSE 'succeeded' END, '', false, false, '', '',
			at, CASE WHEN open THEN now() + interval '1 hour' ELSE at END, CASE WHEN open THEN NULL ELSE at END, '', '', '', 0, '', '', '', '', 3, '\x01' FROM made;
	INSERT INTO transaction_events SELECT id, i, 'O', 'init', '', 'created', at, '', '', '\x01', '\x01' FROM made, generate_series(1, 3) AS i;
	INSERT INTO qr_validations (ver_token, org_id, msg_id, initiation_mode, qr_medium, validation_type, transaction_id, payee_addr, base_amount,
			base_curr, inr_amount_calc, mcc, created_at, qr_expires_at, used_by, request_hash, response_hash, processed_at)
		SELECT 'v' || id, 'O', 'v' || id, '16', 'DYNAMIC', 'DOMESTIC', id, 'y' || n / 10 || '@upi', 1, 'INR', 1, '', at, at, '', '\x01', '\x01', at FROM made;
	INSERT INTO qr_validation_events SELECT 'v' || id, 1, 'O', '', '', at, '\x01', '\x01' FROM made;
	INSERT INTO upi_messages SELECT 'O', 'v' || id, 'ReqValQr', '00', at FROM made;
	INSERT INTO req_pays (org_id, txn_id, msg_id, ver_token, transaction_id, amount, payer_addr, payee_addr, status, code, settlement_amount, at, request_hash, response_hash)
		SELECT 'O', 'x' || id, 'm' || id, 'v' || id, id, 1, 'p' || n / 10 || '@upi', 'y' || n / 10 || '@upi', CASE n % 50 WHEN 1 THEN 'FAILED' ELSE 'SUCCESS' END,
			'00', 1, at, '\x01', '\x01' FROM made;
	INSERT INTO credits SELECT 'O', 'x' || id, id, 1, 'applied', at FROM made;
	INSERT INTO callbacks (event_id, transaction_id, merchant_id, lane, url, method, created_at, due_at, state)
		SELECT 'EV' || id, id, m, m || ' x:443', '', '', at, at, CASE n % 1000 WHEN 2 THEN 'dead' ELSE 'delivered' END FROM made;
	INSERT INTO callback_attempts (event_id, attempt, started_at) SELECT 'EV' || id, 1, at FROM made;
	INSERT INTO network_requests (id, kind, transaction_id, org_id, txn_id, amount, created_at, due_at, state)
		SELECT id || '-ask', 'ask', id, '', '', 0, at, at, CASE WHEN n % 1000 = 0 THEN 'dead' ELSE 'done' END FROM made
		WHERE n % 1000 = 0 OR n % 10 = 0 AND at > now() - interval '30 days'; -- what is done and older has been deleted
END $$`
