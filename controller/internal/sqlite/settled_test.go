package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/storagetest"
)

func TestSettledContract(t *testing.T) {
	t.Parallel()
	storagetest.RunSettled(t, func(t *testing.T) storagetest.Settling { return open(t) })
}

// The settlement of a day reads that day alone.
func TestSettledGoesByIndex(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "galla.db")
	openAt(t, path)
	raw, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	for _, of := range []string{"", " AND +merchant_id = 'M'"} {
		var plan []string
		rows, err := raw.QueryContext(t.Context(), "EXPLAIN QUERY PLAN SELECT id FROM transactions "+
			"WHERE state = 'succeeded' AND ended_at >= 1 AND ended_at < 2"+of+" ORDER BY merchant_id, ended_at, id")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, detail)
		}
		text := strings.Join(plan, "; ")
		if rows.Err() != nil || !strings.Contains(text, "USING INDEX transactions_ended (ended_at>? AND ended_at<?)") {
			t.Errorf("it goes by %s, %v", text, rows.Err())
		}
	}
}
