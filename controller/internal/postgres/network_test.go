package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/storagetest"
)

func TestNetworkContract(t *testing.T) {
	t.Parallel()
	storagetest.RunNetwork(t, func(t *testing.T) storagetest.NetworkStorage { return open(t) })
}

// Two controllers that lease at once do so one after the other: the second sees
// what the first has leased, and so takes no other row of its payment.
func TestNetworkLeasersTakeTurns(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	db, outsider := openAt(t, dsn), raw(t, dsn)
	if _, err := outsider.Exec(t.Context(), `INSERT INTO network_requests (id, kind, transaction_id, org_id, txn_id, amount, created_at, due_at)
		VALUES ('a', 'REFUND', 'p', '', '', 0, now() - interval '2 s', now() - interval '1 s'),
			('b', 'ASK', 'p', '', '', 0, now() - interval '1 s', now() - interval '1 s')`); err != nil {
		t.Fatal(err)
	}
	// The first controller found b due, and a not yet.
	first, err := outsider.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		postgres.NetworkLeaserSQL,
		"UPDATE network_requests SET attempts = 1, leased_until = clock_timestamp() + interval '1 min' WHERE id = 'b'",
	} {
		if _, err := first.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	type answer struct {
		rows []journal.NetworkDelivery
		err  error
	}
	second := make(chan answer, 1)
	go func() {
		rows, err := db.LeaseNetwork(t.Context(), 8, time.Minute)
		second <- answer{rows, err}
	}()
	for waits := 0; waits == 0; {
		if err := outsider.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-second:
			t.Fatalf("it did not wait for its turn: %+v, %v", got.rows, got.err)
		default:
		}
	}
	if err := first.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-second; got.err != nil || len(got.rows) != 0 {
		t.Errorf("leased %+v, %v beside b", got.rows, got.err)
	}
}

// However many rows wait, what is leased is found by its index, and so are the
// other rows of its payment.
func TestNetworkLeaseGoesByIndex(t *testing.T) {
	t.Parallel()
	dsn := migrated(t)
	openAt(t, dsn)
	outsider := raw(t, dsn)
	if _, err := outsider.Exec(t.Context(), `INSERT INTO network_requests (id, kind, transaction_id, org_id, txn_id, amount, created_at, due_at, state)
		SELECT 'r' || n, 'ASK', 'p' || n / 3, '', '', 0, now(), now() + n * interval '1 s' - interval '1 h', CASE WHEN n % 5 = 0 THEN 'pending' ELSE 'done' END
		FROM generate_series(1, 20000) AS n; ANALYZE network_requests`); err != nil {
		t.Fatal(err)
	}
	conn, err := outsider.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(t.Context(), "SET enable_seqscan = off"); err != nil {
		t.Fatal(err)
	}
	query := "EXPLAIN " + strings.NewReplacer("$1", "8", "$2", "1000").Replace(postgres.LeaseNetworkSQL)
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(line + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, index := range []string{"network_requests_free", "network_requests_of_payment"} {
		if !strings.Contains(plan.String(), index) {
			t.Errorf("the plan does without %s:\n%s", index, plan.String())
		}
	}
	if strings.Contains(plan.String(), "Seq Scan") {
		t.Errorf("the plan reads the whole table:\n%s", plan.String())
	}
}
