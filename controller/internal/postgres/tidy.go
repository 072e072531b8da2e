package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// batchesKept is how long the ids of batches are kept. Whoever lost a commit's
	// answer asks for 15 s (package journal); the rest is for a machine that stood
	// still meanwhile.
	batchesKept = time.Hour
	// networkKept is how long rows stay that the network outbox is done with. What
	// they did is in the events; a dead row stays until it is done.
	networkKept = 35 * 24 * time.Hour
	// tidyChunk is how many rows go at once: no lock is held for long, and nobody
	// waits behind a commit of minutes.
	tidyChunk = 5000
)

// The oldest of what can go, from a time on: a chunk does not walk again over what
// the chunks before it have deleted. Two controllers that tidy at once take
// different rows. statement_timestamp() can be looked up in an index;
// clock_timestamp(), which moves while the statement runs, cannot.
const (
	deleteBatches = `WITH old AS (
			SELECT id, at FROM batches WHERE at >= $1 AND at < statement_timestamp() - $2::bigint * interval '1 microsecond'
			ORDER BY at LIMIT $3 FOR UPDATE SKIP LOCKED
		), gone AS (DELETE FROM batches USING old WHERE batches.id = old.id RETURNING old.at)
		SELECT count(*), coalesce(max(at), $1) FROM gone`
	deleteNetwork = `WITH old AS (
			SELECT id, created_at FROM network_requests WHERE state = 'done' AND created_at >= $1
				AND created_at < statement_timestamp() - $2::bigint * interval '1 microsecond'
			ORDER BY created_at LIMIT $3 FOR UPDATE SKIP LOCKED
		), gone AS (DELETE FROM network_requests AS r USING old WHERE r.id = old.id RETURNING old.created_at)
		SELECT count(*), coalesce(max(created_at), $1) FROM gone`
)

// Tidy is journal.Storage's: it forgets ids of old batches and rows that the
// network outbox is done with, makes room for the months to come, and detaches
// those that the retention lets go (SetRetention). What fails keeps nothing else
// from being done, and is tried again the next time.
func (db *DB) Tidy(ctx context.Context) error {
	err := errors.Join(
		db.deleteOld(ctx, "batches", deleteBatches, batchesKept),
		db.deleteOld(ctx, "network requests", deleteNetwork, networkKept),
		db.addMonths(ctx),
		db.detachMonths(ctx),
		db.advanceOpen(ctx),
	)
	if err != nil {
		return fmt.Errorf("postgres: tidy: %w", err)
	}
	return nil
}

func (db *DB) deleteOld(ctx context.Context, what, query string, kept time.Duration) error {
	from := time.Unix(0, 0)
	for {
		var n int
		err := db.ask(ctx, "delete old "+what, func(c *pgxpool.Conn) error {
			return c.QueryRow(ctx, query, from, kept.Microseconds(), tidyChunk).Scan(&n, &from)
		})
		if err != nil || n < tidyChunk {
			return err
		}
	}
}
