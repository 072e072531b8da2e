package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/galla-pay/galla/controller/internal/retention"
)

const (
	// batchesKept is how long the ids of batches are kept. Whoever lost a commit's
	// answer asks for 15 s (package journal).
	batchesKept = time.Hour
	// networkKept is how long rows stay that the network outbox is done with. What
	// they did is in the events; a dead row stays until it is done.
	networkKept = 35 * 24 * time.Hour
	// tidyChunk is how many rows go at once: the journal's next batch waits for it.
	tidyChunk = 2000
)

const (
	deleteBatches = "DELETE FROM batches WHERE id IN (SELECT id FROM batches WHERE at < ? ORDER BY at LIMIT ?)"
	deleteNetwork = `DELETE FROM network_requests WHERE id IN (SELECT id FROM network_requests
		WHERE state = 'done' AND created_at < ? ORDER BY created_at LIMIT ?)`
)

// Tidy is journal.Storage's. Nothing is kept by month here: events and callbacks
// stay for ever.
func (db *DB) Tidy(ctx context.Context) error {
	if err := db.deleteOld(ctx, deleteBatches, batchesKept); err != nil {
		return err
	}
	return db.deleteOld(ctx, deleteNetwork, networkKept)
}

func (db *DB) deleteOld(ctx context.Context, query string, kept time.Duration) error {
	before := now().Add(-kept).UnixMicro()
	for {
		var n int64
		err := db.writer.transact(ctx, func() (err error) {
			if n, err = db.writer.changed(ctx, query, before, tidyChunk); err != nil {
				return failed(err)
			}
			return nil
		})
		if err != nil || n < tidyChunk {
			return err
		}
	}
}

// SetRetention refuses every policy but the one that keeps everything, with
// retention.ErrUnsupported.
func (db *DB) SetRetention(p retention.Policy) error {
	if !p.Keeps() {
		return fmt.Errorf("sqlite: %w", retention.ErrUnsupported)
	}
	return nil
}

// Archived is the zero time: nothing is ever detached.
func (db *DB) Archived(context.Context, string) (time.Time, error) { return time.Time{}, nil }

// TableSizes is how large every table is, the largest first. Rows are counted by
// the largest rowid that there ever was, so they are an estimate, or unknown (-1)
// for a table without one.
func (db *DB) TableSizes(ctx context.Context) ([]retention.Table, error) {
	rows, err := db.read.QueryContext(ctx, `SELECT t.name, coalesce((SELECT sum(pgsize) FROM dbstat WHERE name = t.name), 0) AS bytes,
			coalesce((SELECT sum(s.pgsize) FROM dbstat AS s JOIN sqlite_schema AS i ON i.name = s.name WHERE i.type = 'index' AND i.tbl_name = t.name), 0)
		FROM sqlite_schema AS t WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY bytes DESC, t.name`)
	if err != nil {
		return nil, fmt.Errorf("sqlite: table sizes: %w", err)
	}
	defer rows.Close()
	var all []retention.Table
	for rows.Next() {
		var t retention.Table
		if err := rows.Scan(&t.Name, &t.Bytes, &t.IndexBytes); err != nil {
			return nil, fmt.Errorf("sqlite: table sizes: %w", err)
		}
		all = append(all, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("sqlite: table sizes: %w", err)
	}
	for i := range all {
		// The last rowid is found at once; a count reads all there is.
		err := db.read.QueryRowContext(ctx, `SELECT coalesce(max(rowid), 0) FROM "`+all[i].Name+`"`).Scan(&all[i].Rows)
		if err != nil { // WITHOUT ROWID
			all[i].Rows = -1
		}
	}
	return all, nil
}
