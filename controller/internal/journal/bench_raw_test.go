package journal_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
)

// What the journal's inserts are measured against, besides itself: the simplest
// programs that insert the same two rows, a payment and its first event, into the
// same tables, and commit for each (performance: durable insert of payment + event,
// one commit per request).

// rawConnections is how many connections those programs have.
const rawConnections = 32

// sampleRow is a row that an init made.
type sampleRow struct {
	table   string
	columns []string
	values  []any    // as pgx reads them
	texts   []string // as SQL's literals
}

// insert is its INSERT, with the value of each column as value says.
func (r sampleRow) insert(value func(i int) string) string {
	var values []string
	for i := range r.columns {
		values = append(values, value(i))
	}
	return "INSERT INTO " + r.table + " (" + strings.Join(r.columns, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")"
}

// sampleRows makes one payment through the journal and reads what it wrote.
func sampleRows(b *testing.B, dsn string) (rows []sampleRow) {
	b.Helper()
	db := openDSN(b, dsn)
	p := benchPayment(0, 0)
	p.Solution = payment.QRString
	j := start(b, journal.Config{Storage: db})
	if _, err := journal.Do(b.Context(), j, decide.Init{Payment: p, ExpiresIn: time.Minute, Actor: "pos"}); err != nil {
		b.Fatal(err)
	}
	conn := connect(b, dsn)
	for _, s := range []sampleRow{{table: "transactions"}, {table: "transaction_events"}} {
		found, err := conn.Query(b.Context(), `SELECT column_name::text FROM information_schema.columns
			WHERE table_name = $1 AND is_generated = 'NEVER' ORDER BY ordinal_position`, s.table)
		if err != nil {
			b.Fatal(err)
		}
		if s.columns, err = pgx.CollectRows(found, pgx.RowTo[string]); err != nil {
			b.Fatal(err)
		}
		if found, err = conn.Query(b.Context(), "SELECT "+strings.Join(s.columns, ", ")+" FROM "+s.table); err != nil {
			b.Fatal(err)
		}
		if s.values, err = pgx.CollectExactlyOneRow(found, func(row pgx.CollectableRow) ([]any, error) { return row.Values() }); err != nil {
			b.Fatal(err)
		}
		literals := "quote_nullable(" + strings.Join(s.columns, "), quote_nullable(") + ")"
		if err := conn.QueryRow(b.Context(), "SELECT ARRAY["+literals+"] FROM "+s.table).Scan(&s.texts); err != nil {
			b.Fatal(err)
		}
		rows = append(rows, s)
	}
	return rows
}

// own reports whether a column holds what is each payment's own.
func own(column string) bool {
	return slices.Contains([]string{"id", "merchant_transaction_id", "transaction_id"}, column)
}

// insertRaw is pgx alone: both inserts in one round trip, prepared, and one commit.
func insertRaw(b *testing.B) {
	dsn := newDatabase(b)
	rows := sampleRows(b, dsn)
	var statements []string
	for _, r := range rows {
		statements = append(statements, r.insert(func(i int) string { return "$" + strconv.Itoa(i+1) }))
	}
	pool, err := pgxpool.New(b.Context(), fmt.Sprintf("%s&pool_max_conns=%d", dsn, rawConnections))
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	var next atomic.Int64
	insert := func(ctx context.Context, conn *pgx.Conn, id string) error {
		batch := &pgx.Batch{}
		for k, r := range rows {
			values := slices.Clone(r.values)
			for i, column := range r.columns {
				if own(column) {
					values[i] = id
				}
			}
			batch.Queue(statements[k], values...)
		}
		return conn.SendBatch(ctx, batch).Close()
	}
	all := func(n int64) {
		var callers sync.WaitGroup
		last := next.Load() + n
		for range rawConnections {
			callers.Go(func() {
				err := pool.AcquireFunc(b.Context(), func(conn *pgxpool.Conn) error {
					for id := next.Add(1); id <= last; id = next.Add(1) {
						if err := insert(b.Context(), conn.Conn(), fmt.Sprint("raw-", id)); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Error(err)
				}
			})
		}
		callers.Wait()
		next.Store(last)
	}
	all(rawConnections) // connections are made and statements prepared
	b.ResetTimer()
	all(int64(b.N))
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
}

// tps is what pgbench says of its speed.
var tps = regexp.MustCompile(`(?m)^tps = ([0-9.]+) \(without`)

// insertPgbench is PostgreSQL's own benchmark program, written in C, with both
// inserts in one pipeline, prepared, and one commit.
func insertPgbench(b *testing.B) {
	dsn := newDatabase(b)
	rows := sampleRows(b, dsn)
	script := "\\set n random(1, 9000000000000000000)\n\\startpipeline\nBEGIN;\n"
	for _, r := range rows {
		script += r.insert(func(i int) string {
			if own(r.columns[i]) {
				return "'pgbench-' || :n::text"
			}
			return r.texts[i]
		}) + ";\n"
	}
	script += "COMMIT;\n\\endpipeline\n"
	file := filepath.Join(b.TempDir(), "insert.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		b.Fatal(err)
	}
	each := max(1, b.N/rawConnections)
	b.ResetTimer()
	out, err := exec.CommandContext(b.Context(), pgbench(b), "-n", "-M", "prepared", "-c", strconv.Itoa(rawConnections), "-j", "2",
		"-t", strconv.Itoa(each), "-f", file, dsn).CombinedOutput()
	b.StopTimer()
	if err != nil {
		b.Fatalf("pgbench: %v\n%s", err, out)
	}
	found := tps.FindSubmatch(out)
	if found == nil {
		b.Fatalf("pgbench does not say how fast it was:\n%s", out)
	}
	speed, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(speed, "decisions/s")
}

// pgbench is where the program is: it comes with PostgreSQL's server.
func pgbench(b *testing.B) string {
	b.Helper()
	if path, err := exec.LookPath("pgbench"); err == nil {
		return path
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if err != nil || len(found) == 0 {
		b.Fatal("pgbench not found: apt-get install postgresql")
	}
	return found[len(found)-1]
}
