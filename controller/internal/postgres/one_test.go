package postgres

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/hack/testservers"
	"github.com/galla-pay/galla/protocol"
)

// BenchmarkBatchOfOne measures whether the statements for one row pay: an init
// by them, and by the statements for many rows.
//
//	go test -run '^$' -bench BatchOfOne ./internal/postgres
func BenchmarkBatchOfOne(b *testing.B) {
	box, err := seal.FromKey(make([]byte, seal.KeySize))
	if err != nil {
		b.Fatal(err)
	}
	db, err := Open(b.Context(), Config{DSN: testservers.SharedPostgres(b).NewDatabase(b), Box: box, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	id := protocol.Identity{MerchantID: "M", StoreID: "s", TerminalID: "t"}
	if err := db.Seed(b.Context(), merchant.Data{Terminals: []merchant.Terminal{{Identity: id}}}); err != nil {
		b.Fatal(err)
	}
	n := 0
	for range 2 { // in turn: A B A B
		for _, many := range []bool{false, true} {
			b.Run(fmt.Sprintf("many=%v", many), func(b *testing.B) {
				for b.Loop() {
					n++
					if err := initOne(b, db, id, fmt.Sprint("p", n), many); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func initOne(t testing.TB, db *DB, id protocol.Identity, name string, many bool) error {
	ctx := t.Context()
	pooled, err := db.write.Acquire(ctx)
	if err != nil {
		return err
	}
	defer pooled.Release()
	conn := pooled.Conn()
	key := payment.Key{MerchantID: "M", TransactionID: name}
	l, err := load(ctx, conn, decide.Needs{})
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	m, s, x := identities([]protocol.Identity{id})
	if many {
		b.Queue(lockTerminals, m, s, x).Query(l.readTerminals)
		b.Queue(lockPayments, []string{}, []string{key.MerchantID}, []string{name}, m, s, x).Query(l.readPayments)
	} else {
		l.queue(b, decide.Needs{Terminals: []protocol.Identity{id}, Keys: []payment.Key{key}})
	}
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	terminal := l.snap.Terminals[id]
	terminal.Offer(name)
	p := payment.Payment{ID: name, Key: key, Amount: 1, Solution: payment.EDC, State: payment.Created, CreatedAt: time.Now(), ExpiresAt: time.Now()}
	event := payment.Record{PaymentID: name, Seq: 1, At: time.Now()}
	b = &pgx.Batch{}
	if many {
		manyRows(b, savePayments.insertMany, savePayments.table.Columns, []payment.Payment{p})
		manyRows(b, saveEvents.insertMany, saveEvents.table.Columns, []payment.Record{event})
		manyRows(b, saveTerminals.updateMany, saveTerminals.updated, []fleet.Terminal{terminal}, []int64{l.terminals[id].version}, int64(1))
	} else if err := save(b, l, decide.Changes{NewPayments: []payment.Payment{p}, Events: []payment.Record{event}, Terminals: []fleet.Terminal{terminal}}); err != nil {
		return err
	}
	b.Queue(insertBatch, uuid(journal.NewBatchID()))
	b.Queue("COMMIT")
	return finish(ctx, conn, b)
}

func manyRows[T any](b *pgx.Batch, query string, columns []table.Column[T], rows []T, more ...any) {
	var args []any
	for _, c := range columns {
		args = append(args, values(c, rows))
	}
	b.Queue(query, append(args, more...)...)
}
