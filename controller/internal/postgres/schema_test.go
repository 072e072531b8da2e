package postgres_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/hack/testservers"
)

func TestSettingsOfAWriter(t *testing.T) {
	t.Parallel()
	db := open(t)
	for name, want := range map[string]string{
		"synchronous_commit": "on", "lock_timeout": "50ms", "plan_cache_mode": "force_generic_plan",
		"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
		"idle_in_transaction_session_timeout": "2s", "TimeZone": "UTC",
	} {
		var got string
		if err := db.Writers().QueryRow(t.Context(), "SHOW "+name).Scan(&got); err != nil || got != want {
			t.Errorf("writer: %s is %s, %v; want %s", name, got, err, want)
		}
	}
	for name, want := range map[string]string{"enable_seqscan": "off", "plan_cache_mode": "auto", "lock_timeout": "0"} {
		var got string
		if err := db.Readers().QueryRow(t.Context(), "SHOW "+name).Scan(&got); err != nil || got != want {
			t.Errorf("reader: %s is %s, %v; want %s", name, got, err, want)
		}
	}
}

// Many controllers may start at once on an empty database.
func TestControllersMigrateAtOnce(t *testing.T) {
	t.Parallel()
	dsn := testservers.SharedPostgres(t).NewDatabase(t)
	var starts sync.WaitGroup
	for range 4 {
		db := openAt(t, dsn)
		starts.Go(func() {
			if err := db.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	starts.Wait()
	db := openAt(t, dsn)
	if err := db.Migrate(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := db.Directory(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestAMigrationThatPauses: a machine that stands still for three seconds, with the
// sessions' idle limit of two, goes on where it was.
func TestAMigrationThatPauses(t *testing.T) {
	t.Parallel()
	server, err := url.Parse(testservers.SharedPostgres(t).NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	upstream := server.Host
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var once sync.Once
	paused := make(chan struct{})
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				there, err := net.Dial("tcp", upstream)
				if err != nil {
					return
				}
				defer there.Close()
				go func() { _, _ = io.Copy(client, there) }()
				buf := make([]byte, 64<<10)
				for {
					n, err := client.Read(buf)
					if err != nil {
						return
					}
					if bytes.Contains(buf[:n], []byte("CREATE TABLE terminals")) {
						once.Do(func() {
							<-time.After(3 * time.Second)
							close(paused)
						})
					}
					if _, err := there.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	server.Host = l.Addr().String()
	db := openAt(t, server.String())
	if err := db.Migrate(t.Context()); err != nil {
		t.Error(err)
	}
	select {
	case <-paused:
	default:
		t.Error("nothing paused")
	}
}

// What is unique for ever is in one piece; events, the outbox and its log are
// kept by month, with room for the months to come.
func TestTablesByMonth(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	db, outsider := openAt(t, dsn), raw(t, dsn)
	parts := func(table string) []string {
		rows, err := outsider.Query(t.Context(), "SELECT relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = $1::text::regclass ORDER BY 1", table)
		if err != nil {
			t.Fatal(err)
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	now, err := db.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	for _, table := range []string{"transactions", "upi_messages", "req_pays", "credits", "qr_validations", "terminals"} {
		if p := parts(table); len(p) != 0 {
			t.Errorf("%s is in parts %v", table, p)
		}
	}
	for _, table := range []string{"transaction_events", "qr_validation_events", "callbacks", "callback_attempts"} {
		var want []string
		for i := range 3 {
			want = append(want, table+month.AddDate(0, i, 0).Format("_2006_01"))
		}
		want = append(want, table+"_default")
		if got := parts(table); !slices.Equal(got, want) {
			t.Errorf("%s is in parts %v, want %v", table, got, want)
		}
	}
	// A month that nobody has made room for goes to the default part; each row
	// is found again wherever it is.
	events := []payment.Record{
		{PaymentID: "p", Seq: 1, At: month}, {PaymentID: "p", Seq: 2, At: month.AddDate(0, 1, 0).Add(-time.Microsecond)},
		{PaymentID: "p", Seq: 3, At: month.AddDate(0, 1, 0)}, {PaymentID: "p", Seq: 4, At: month.AddDate(0, 3, 0)},
	}
	err = db.Apply(t.Context(), journal.NewBatchID(), decide.Needs{}, func(decide.Snapshot) (decide.Changes, error) {
		return decide.Changes{Events: events}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := db.Events(t.Context(), "p"); err != nil || !slices.Equal(got, events) {
		t.Errorf("events are %v, %v", got, err)
	}
	for i, part := range []string{month.Format("_2006_01"), month.Format("_2006_01"), month.AddDate(0, 1, 0).Format("_2006_01"), "_default"} {
		var n int
		err := outsider.QueryRow(t.Context(), "SELECT count(*) FROM transaction_events"+part+" WHERE seq = $1", i+1).Scan(&n)
		if err != nil || n != 1 {
			t.Errorf("event %d is %d times in %s, %v", i+1, n, part, err)
		}
	}
	// Tidy makes what is missing again, beside writers.
	if _, err := outsider.Exec(t.Context(), "DROP TABLE callbacks"+month.AddDate(0, 2, 0).Format("_2006_01")); err != nil {
		t.Fatal(err)
	}
	release := lock(t, outsider, "INSERT INTO callbacks (event_id, transaction_id, merchant_id, lane, url, method, created_at, due_at) VALUES ('e','','','','','',now(),now())")
	if err := db.Tidy(t.Context()); err != nil {
		t.Error(err)
	}
	release()
	if got := parts("callbacks"); len(got) != 4 {
		t.Errorf("after Tidy callbacks is in parts %v", got)
	}
	// Rows that came before their month's part move into it.
	last := month.AddDate(0, 2, 0).Format("_2006_01")
	for _, sql := range []string{
		"DROP TABLE callbacks" + last, "DROP TABLE callback_attempts" + last,
		"INSERT INTO callbacks SELECT 'late', '', '', '', '', '', now() + interval '2 months', 'pending', 0, NULL, now(), NULL",
	} {
		if _, err := outsider.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Tidy(t.Context()); err != nil {
		t.Error(err)
	}
	if a, b := parts("callbacks"), parts("callback_attempts"); len(a) != 4 || len(b) != 4 {
		t.Errorf("after Tidy the parts are %v and %v", a, b)
	}
	var n int
	if err := outsider.QueryRow(t.Context(), "SELECT count(*) FROM callbacks"+last+" WHERE event_id = 'late'").Scan(&n); err != nil || n != 1 {
		t.Errorf("the row that was early is %d times in its month's part, %v", n, err)
	}
}

func TestTidyForgetsOldBatches(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	db, outsider := openAt(t, dsn), raw(t, dsn)
	_, err := outsider.Exec(t.Context(), `INSERT INTO batches (id, at) SELECT gen_random_uuid(), now() - i * interval '1 minute'
		FROM unnest(ARRAY[59, 61, 1000]) AS i UNION ALL SELECT gen_random_uuid(), now() - interval '2 hours' FROM generate_series(1, 10000)`)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := outsider.QueryRow(t.Context(), "SELECT count(*) FROM batches").Scan(&left); err != nil || left != 1 {
		t.Errorf("%d are left, %v; want the one of 59 minutes ago", left, err)
	}
}

// The plans of a batch's statements go by index, on empty tables of which
// nothing is known.
func TestPlansOfABatch(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	db := openAt(t, dsn)
	for name, query := range postgres.BatchStatements {
		for _, line := range plan(t, db, true, query) {
			if bad(line) {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
	locks := plan(t, db, true, postgres.BatchStatements["lock payments"])
	if len(locks) < 2 || !strings.Contains(locks[0], "LockRows") || !strings.Contains(locks[1], "Sort") && !strings.Contains(locks[1], "Index Scan") {
		t.Errorf("payments are not locked above a sort:\n%s", strings.Join(locks, "\n"))
	}
}

// The plans of the readers go by index in tables of a few thousand rows.
func TestPlansOfReaders(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	db, outsider := openAt(t, dsn), raw(t, dsn)
	for _, fill := range []string{
		`INSERT INTO terminals (merchant_id, store_id, terminal_id, label, active, integrated, public_key, token_hash, seq, acked_seq, waiting)
			SELECT 'M' || i % 50, 's', 't' || i, '', true, true, '\x01', '\x01', 1, CASE i % 100 WHEN 0 THEN 0 ELSE 1 END,
				CASE i % 100 WHEN 0 THEN '["p1"]'::jsonb ELSE '[]'::jsonb END
			FROM generate_series(1, 5000) AS i`,
		`INSERT INTO transactions (id, org_id, merchant_id, merchant_transaction_id, store_id, terminal_id, order_id, amount, solution, open_order,
				state, reason, cancel_asked, attempted, payee_addr, qr, created_at, expires_at, payer_addr, reference, upi_txn_id,
				settlement_amount, callback_url, callback_mode, signer, signer_index, seq, hash)
			SELECT 'p' || i, 'O', 'M' || i % 50, 'k' || i, 's', 't' || i % 5000, '', 1, 'EDC', false, CASE i % 100 WHEN 0 THEN 'created' ELSE 'succeeded' END,
				'', false, false, '', '', now(), now() + (i % 1000 - 50) * interval '1 second', '', '', '', 0, '', '', '', '', 1, '\x01'
			FROM generate_series(1, 20000) AS i`,
		`INSERT INTO transaction_events SELECT 'p' || i, 1, 'O', 'init', '', 'created', now(), '', '', '\x01', '\x01' FROM generate_series(1, 20000) AS i`,
		`INSERT INTO callbacks (event_id, transaction_id, merchant_id, lane, url, method, created_at, due_at, state)
			SELECT 'e' || i, 'p' || i, 'M' || i % 50, 'M' || i % 50 || ' x:443', '', '', now(), now(), CASE i % 10 WHEN 0 THEN 'pending' ELSE 'delivered' END
			FROM generate_series(1, 20000) AS i`,
		`INSERT INTO callback_attempts (event_id, attempt, started_at) SELECT 'e' || i, 1, now() FROM generate_series(1, 20000) AS i`,
		`INSERT INTO qr_validations (ver_token, org_id, msg_id, initiation_mode, qr_medium, validation_type, transaction_id, payee_addr, base_amount,
				base_curr, inr_amount_calc, mcc, created_at, qr_expires_at, used_by, request_hash, response_hash, processed_at)
			SELECT 'v' || i, 'O', 'm' || i, '16', 'DYNAMIC', 'DOMESTIC', 'p' || i, 'a' || i % 50, 1, 'INR', 1, '', now() + i * interval '1 millisecond', now(), '',
				'\x01', '\x01', CASE i % 100 WHEN 0 THEN NULL ELSE now() END
			FROM generate_series(1, 20000) AS i`,
		`INSERT INTO req_pays (org_id, txn_id, msg_id, ver_token, transaction_id, amount, payer_addr, payee_addr, status, code, settlement_amount, at,
				request_hash, response_hash, due_at)
			SELECT 'O', 'x' || i, 'm' || i, 'v' || i, 'p' || i, 1, 'a', 'a', 'SUCCESS', '00', 1, now(), '\x01', '\x01',
				CASE i % 100 WHEN 0 THEN now() + (i % 1000 - 50) * interval '1 second' END
			FROM generate_series(1, 20000) AS i`,
		"ANALYZE",
	} {
		if _, err := outsider.Exec(t.Context(), fill); err != nil {
			t.Fatal(err)
		}
	}
	for name, query := range postgres.ReadStatements {
		lines := plan(t, db, false, query)
		for _, line := range lines {
			if strings.Contains(line, "Seq Scan on") && !empty.MatchString(line) {
				t.Errorf("%s: %s", name, line)
			}
		}
		index := map[string]string{
			"unacked": "terminals_unacked", "due payments": "transactions_due", "due terminals": "terminals_waiting",
			"next due": "transactions_due", "due holds": "req_pays_due", "unprocessed": "qr_validations_unprocessed",
			"latest quote": "qr_validations_of_payment", "ReqPay": "req_pays_pkey", "lease callbacks": "lane_due_at_event_id_idx", "next callback": "lane_greatest_idx",
		}[name]
		if !strings.Contains(strings.Join(lines, "\n"), index) {
			t.Errorf("%s does not go by %s:\n%s", name, index, strings.Join(lines, "\n"))
		}
	}
}

// empty are the parts of months that have no rows.
var empty = regexp.MustCompile(`(_20\d\d_\d\d|_default|_long_ago) +(\w+ +)?\(cost=0\.00\.\.0\.0\d rows=1 `)

func bad(line string) bool {
	for _, s := range []string{"Seq Scan", "Hash Join", "Hash Semi Join", "Hash Anti Join", "Merge Join", "Merge Semi Join"} {
		if strings.Contains(line, s) {
			return true
		}
	}
	return false
}

// plan is the plan that a statement gets when nothing is known of its
// parameters: all are NULL but times, which are yesterday.
func plan(t *testing.T, db *postgres.DB, writer bool, query string) []string {
	t.Helper()
	pool := db.Readers()
	if writer {
		pool = db.Writers()
	}
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	run := func(sql string) []string {
		results, err := conn.Conn().PgConn().Exec(t.Context(), sql).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		var lines []string
		for _, row := range results[0].Rows {
			lines = append(lines, string(row[0]))
		}
		return lines
	}
	run("SET plan_cache_mode = force_generic_plan")
	if !writer { // would the planner take the indexes if it were free?
		run("SET enable_seqscan = on")
	}
	run("PREPARE it AS " + query)
	values := strings.Join(run(`SELECT CASE type WHEN 'timestamp with time zone'::regtype THEN quote_literal(now() - interval '1 day') ELSE 'NULL' END
		FROM pg_prepared_statements, unnest(parameter_types) WITH ORDINALITY AS p (type, n) WHERE name = 'it' ORDER BY n`), ", ")
	if values != "" {
		values = "(" + values + ")"
	}
	lines := run("EXPLAIN EXECUTE it" + values)
	run("DEALLOCATE it")
	run("RESET plan_cache_mode")
	run("RESET enable_seqscan")
	if len(lines) == 0 {
		t.Fatalf("no plan for %s", query)
	}
	return lines
}
