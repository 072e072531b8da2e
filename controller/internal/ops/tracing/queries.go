package tracing

import (
	"context"
	"errors"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Queries traces the PostgreSQL queries of requests that are traced: their SQL,
// which has no values in it, and their time. It is for the pool of reads; a batch of
// the journal serves many payments at once. nil where tracing is off.
func (t *Tracing) Queries() pgx.QueryTracer {
	if t == nil {
		return nil
	}
	return queries{otelpgx.NewTracer(otelpgx.WithTracerProvider(t.provider),
		otelpgx.WithDisableConnectionDetailsInAttributes(), otelpgx.WithDisableAcquireTracer())}
}

type queries struct{ pgx.QueryTracer }

// TraceQueryEnd keeps the texts of errors, which may quote a value, out of spans.
func (q queries) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	if data.Err != nil && !errors.Is(data.Err, pgx.ErrNoRows) {
		what := "the query failed"
		if e := (*pgconn.PgError)(nil); errors.As(data.Err, &e) {
			what += ": SQLSTATE " + e.Code
		}
		data.Err = errors.New(what)
	}
	q.QueryTracer.TraceQueryEnd(ctx, conn, data)
}
