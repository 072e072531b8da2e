package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/callback/callbacktest"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/storagetest"
)

func TestCallbackContract(t *testing.T) {
	t.Parallel()
	callbacktest.Contract(t, func(t *testing.T) callbacktest.Store {
		dsn := migrated(t)
		return outbox{storagetest.Outbox{Storage: openAt(t, dsn)}, raw(t, dsn)}
	})
}

// raw is an outsider's connection.
func raw(t testing.TB, dsn string) *pgxpool.Pool {
	t.Helper()
	db, err := pgxpool.New(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// outbox is the table that the tests of callbacks look into.
type outbox struct {
	storagetest.Outbox
	raw *pgxpool.Pool
}

func (o outbox) Add(ctx context.Context, r callbacktest.Row) error {
	_, err := o.raw.Exec(ctx, `INSERT INTO callbacks (event_id, transaction_id, merchant_id, lane, url, method, created_at, due_at, state)
		VALUES ($1, $2, $3, $4, $5, $6, now(), clock_timestamp() + $7::bigint * interval '1 microsecond',
			CASE $5 WHEN '' THEN 'none' ELSE 'pending' END)`,
		r.EventID, r.PaymentID, r.MerchantID, r.Lane, r.URL, r.Method, r.DueIn.Microseconds())
	return err
}

func (o outbox) Resend(ctx context.Context, eventID string) (bool, error) {
	n, err := o.Storage.(storagetest.CallbackLog).ResendCallbacks(ctx, journal.CallbackQuery{EventID: eventID})
	return n == 1, err
}

func (o outbox) Row(ctx context.Context, eventID string) (callbacktest.Row, error) {
	var r callbacktest.Row
	err := o.raw.QueryRow(ctx, `SELECT event_id, transaction_id, merchant_id, lane, url, method, state, attempts,
			due_at - clock_timestamp() FROM callbacks WHERE event_id = $1`, eventID).
		Scan(&r.EventID, &r.PaymentID, &r.MerchantID, &r.Lane, &r.URL, &r.Method, &r.State, &r.Attempts, &r.DueIn)
	return r, err
}

func (o outbox) Attempts(ctx context.Context, eventID string) ([]callbacktest.Attempt, error) {
	rows, err := o.raw.Query(ctx, `SELECT attempt, started_at, finished_at IS NOT NULL, result, http_status, error, took
		FROM callback_attempts WHERE event_id = $1 ORDER BY attempt`, eventID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []callbacktest.Attempt
	for rows.Next() {
		var a callbacktest.Attempt
		var took int64
		err := rows.Scan(&a.N, &a.StartedAt, &a.Finished, &a.Outcome.Result, &a.Outcome.HTTPStatus, &a.Outcome.Error, &took)
		if err != nil {
			return nil, err
		}
		a.Outcome.Took = time.Duration(took)
		all = append(all, a)
	}
	return all, rows.Err()
}

func TestCallbackLog(t *testing.T) {
	t.Parallel()
	storagetest.RunCallbackLog(t, func(t *testing.T) storagetest.CallbackStore {
		dsn := migrated(t)
		return filled{openAt(t, dsn), raw(t, dsn)}
	})
}

// filled is a storage whose outbox an outsider fills.
type filled struct {
	*postgres.DB
	raw *pgxpool.Pool
}

func (f filled) AddCallback(ctx context.Context, r callbacktest.Row) error {
	return outbox{raw: f.raw}.Add(ctx, r)
}
