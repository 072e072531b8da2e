package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/retention"
)

// Whoever looks for pending callbacks looks into every month that may have some.
// The row of callbacks_open says since when: all months that have ever been are
// too many. Only a resend makes an old callback pending, and moves it back
// (ResendCallbacks); Tidy moves it on.

const selectOpenSince = "SELECT greatest(since, 'epoch') FROM callbacks_open WHERE one"

// pendingSince runs do, which queues statements over callbacks that were made
// since a time, with the time that was read last, and reads the time beside it, in
// one round trip. Where that is earlier by now it does it again. found says
// whether do has found something that must not be lost: then it is not done again,
// and the next one begins earlier.
func (db *DB) pendingSince(ctx context.Context, c *pgxpool.Conn, do func(b *pgx.Batch, since time.Time), found func() bool) error {
	for {
		known := db.openSince.Load()
		b := &pgx.Batch{} // one batch is one transaction
		var since time.Time
		b.Queue(selectOpenSince).QueryRow(func(row pgx.Row) error { return row.Scan(&since) })
		do(b, time.UnixMicro(known).UTC())
		if err := c.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		db.openSince.Store(since.UnixMicro())
		if since.UnixMicro() >= known || found() {
			return nil
		}
	}
}

// madeSince is a time before which the callback of an id that is being sent was
// not made.
func (db *DB) madeSince(eventID string) time.Time {
	made, open := table.MadeSince(eventID), time.UnixMicro(db.openSince.Load())
	if open.Before(made) { // the clock that drew the id may have been wrong
		return open
	}
	return made
}

// advanceOpen moves callbacks_open on to the oldest month with a pending callback,
// and never into the month before this one, so that no batch under way can make a
// callback before it.
func (db *DB) advanceOpen(ctx context.Context) error {
	t, _ := tableOf("callbacks")
	return pgx.BeginFunc(ctx, db.read, func(tx pgx.Tx) error {
		var since, now time.Time
		// A resend that is under way has the lock until its rows can be seen.
		err := tx.QueryRow(ctx, "SELECT greatest(since, 'epoch'), clock_timestamp() FROM callbacks_open WHERE one FOR UPDATE SKIP LOCKED").Scan(&since, &now)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // another time
		}
		if err != nil {
			return err
		}
		to := retention.Month(now).AddDate(0, -1, 0)
		if !since.Before(to) {
			return nil
		}
		months, err := t.months(ctx, tx)
		if err != nil {
			return err
		}
		for _, month := range months {
			if !month.Before(to) {
				break
			}
			var waits bool
			if err := tx.QueryRow(ctx, fmt.Sprintf("SELECT EXISTS (SELECT FROM %s WHERE state = 'pending')", t.part(month))).Scan(&waits); err != nil {
				return err
			}
			if waits {
				to = month
				break
			}
		}
		var stray *time.Time
		if err := tx.QueryRow(ctx, "SELECT min(created_at) FROM callbacks_default WHERE state = 'pending'").Scan(&stray); err != nil {
			return err
		}
		if stray != nil && stray.Before(to) {
			to = *stray
		}
		_, err = tx.Exec(ctx, "UPDATE callbacks_open SET since = $1 WHERE one", to)
		return err
	})
}
