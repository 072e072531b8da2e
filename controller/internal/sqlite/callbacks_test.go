package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/callback"
	"github.com/galla-pay/galla/controller/internal/callback/callbacktest"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/sqlite"
	"github.com/galla-pay/galla/controller/internal/storagetest"
)

func TestCallbackContract(t *testing.T) {
	t.Parallel()
	callbacktest.Contract(t, func(t *testing.T) callbacktest.Store {
		path := filepath.Join(t.TempDir(), "galla.db")
		return outbox{storagetest.Outbox{Storage: openAt(t, path)}, raw(t, path)}
	})
}

// raw opens the file by the driver alone.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// outbox is the table that the tests of callbacks look into.
type outbox struct {
	storagetest.Outbox
	raw *sql.DB
}

func (o outbox) Add(ctx context.Context, r callbacktest.Row) error {
	_, err := o.raw.ExecContext(ctx, `INSERT INTO callbacks (event_id, transaction_id, merchant_id, lane, url, method, created_at, due_at, state)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, CASE ?5 WHEN '' THEN 'none' ELSE 'pending' END)`, r.EventID, r.PaymentID, r.MerchantID, r.Lane, r.URL, r.Method,
		time.Now().UnixMicro(), time.Now().Add(r.DueIn).UnixMicro())
	return err
}

func (o outbox) Resend(ctx context.Context, eventID string) (bool, error) {
	n, err := o.Storage.(storagetest.CallbackLog).ResendCallbacks(ctx, journal.CallbackQuery{EventID: eventID})
	return n == 1, err
}

func (o outbox) Row(ctx context.Context, eventID string) (callbacktest.Row, error) {
	var r callbacktest.Row
	var due int64
	err := o.raw.QueryRowContext(ctx, `SELECT event_id, transaction_id, merchant_id, lane, url, method, state, attempts, due_at
		FROM callbacks WHERE event_id = ?`, eventID).
		Scan(&r.EventID, &r.PaymentID, &r.MerchantID, &r.Lane, &r.URL, &r.Method, &r.State, &r.Attempts, &due)
	r.DueIn = time.Until(time.UnixMicro(due))
	return r, err
}

func (o outbox) Attempts(ctx context.Context, eventID string) ([]callbacktest.Attempt, error) {
	rows, err := o.raw.QueryContext(ctx, `SELECT attempt, started_at, finished_at, result, http_status, error, took
		FROM callback_attempts WHERE event_id = ? ORDER BY attempt`, eventID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []callbacktest.Attempt
	for rows.Next() {
		var a callbacktest.Attempt
		var started, took int64
		var finished sql.NullInt64
		var c callback.Outcome
		if err := rows.Scan(&a.N, &started, &finished, &c.Result, &c.HTTPStatus, &c.Error, &took); err != nil {
			return nil, err
		}
		c.Took = time.Duration(took)
		a.StartedAt, a.Finished, a.Outcome = time.UnixMicro(started), finished.Valid, c
		all = append(all, a)
	}
	return all, errors.Join(rows.Err())
}

func TestCallbackLog(t *testing.T) {
	t.Parallel()
	storagetest.RunCallbackLog(t, func(t *testing.T) storagetest.CallbackStore {
		path := filepath.Join(t.TempDir(), "galla.db")
		return filled{openAt(t, path), raw(t, path)}
	})
}

// filled is a storage whose outbox an outsider fills.
type filled struct {
	*sqlite.DB
	raw *sql.DB
}

func (f filled) AddCallback(ctx context.Context, r callbacktest.Row) error {
	return outbox{raw: f.raw}.Add(ctx, r)
}
