package tracing_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/ops/tracing/tracingtest"
	"github.com/galla-pay/galla/hack/testservers"
)

// TestQueries: the queries of a request that is traced are its children, with their
// SQL and without their values, be they arguments, rows or in PostgreSQL's own words;
// those of anybody else leave nothing.
func TestQueries(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig(testservers.SharedPostgres(t).NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, 1)
	config.Tracer = r.Queries()
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	ctx, request := r.Request(t.Context(), "GET", "/x", "")
	var text string
	if err := conn.QueryRow(ctx, "SELECT 'row-' || $1::text", "canary").Scan(&text); err != nil || text != "row-canary" {
		t.Fatal(text, err)
	}
	if err := conn.QueryRow(ctx, "SELECT ($1::text)::int", "canary").Scan(new(int)); err == nil {
		t.Fatal("a text was taken for a number")
	}
	if err := conn.QueryRow(ctx, "SELECT 1 WHERE $1::text = ''", "canary").Scan(new(int)); err != pgx.ErrNoRows {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT 'nobody asked'"); err != nil {
		t.Fatal(err)
	}
	request.End(200, "SUCCESS", "R")
	spans := r.flushed()
	if got := tracingtest.Tree(spans); got != "GET /x (server)\n  SELECT (client)\n  SELECT (client)\n  SELECT (client)\n" {
		t.Error(got)
	}
	for _, s := range named(spans, "SELECT") {
		bad := s.Attributes["db.query.text"] == "SELECT ($1::text)::int"
		if s.Failed != bad || bad == (s.Events == "") {
			t.Errorf("%+v", s)
		}
		for name := range s.Attributes { // no host, no user, no database
			if !slices.Contains([]string{"db.system.name", "db.query.text", "db.operation.name", "pgx.rows_affected", "pgx.sql_state"}, name) {
				t.Errorf("%s says %s", s.Attributes["db.query.text"], name)
			}
		}
	}
	if r.Holds("canary") || !r.Holds("SQLSTATE 22P02") {
		t.Error("a value is in the trace, or not what went wrong")
	}
}
