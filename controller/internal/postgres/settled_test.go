package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/storagetest"
)

func TestSettledContract(t *testing.T) {
	t.Parallel()
	storagetest.RunSettled(t, func(t *testing.T) storagetest.Settling { return open(t) })
}

// The settlement of a day reads that day alone.
func TestSettledGoesByIndex(t *testing.T) {
	t.Parallel()
	db := open(t)
	for _, of := range []string{"", " AND '' || merchant_id = 'M'"} {
		rows, err := db.Readers().Query(t.Context(), "EXPLAIN SELECT id FROM transactions WHERE state = 'succeeded' AND ended_at >= $1 AND ended_at < $2"+
			of+" ORDER BY merchant_id, ended_at, id", time.Now().Add(-24*time.Hour), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if text := strings.Join(plan, "\n"); err != nil || !strings.Contains(text, "transactions_ended") {
			t.Errorf("it goes by %s, %v", text, err)
		}
	}
}
