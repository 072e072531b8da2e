package journal_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/journal"
)

// BenchmarkIdle is what one caller waits for on an idle system: through the
// journal, and in a plain transaction that does the same (performance.md: at
// most 1.5 times as long).
//
//	go test -run '^$' -bench Idle ./internal/journal
func BenchmarkIdle(b *testing.B) {
	dsn := newDatabase(b)
	db := openDSN(b, dsn)
	seedTerminals(b, db, "t1", "t2")
	j := start(b, journal.Config{Storage: db, Writers: 2})
	conn := connect(b, dsn)
	for range 2 { // in turn: A B A B
		b.Run("journal", func(b *testing.B) {
			for b.Loop() {
				if _, err := journal.Do(b.Context(), j, count("t1")); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("transaction", func(b *testing.B) {
			for b.Loop() {
				err := pgx.BeginFunc(b.Context(), conn, func(tx pgx.Tx) error {
					const row = "merchant_id = $1 AND store_id = $2 AND terminal_id = $3"
					var seq int64
					err := tx.QueryRow(b.Context(), "SELECT seq FROM terminals WHERE "+row+" FOR UPDATE", shop, "store1", "t2").Scan(&seq)
					if err == nil {
						_, err = tx.Exec(b.Context(), "UPDATE terminals SET seq = $4 WHERE "+row, shop, "store1", "t2", seq+1)
					}
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
