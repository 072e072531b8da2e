package sqlite

import (
	"context"
	"fmt"
	"strings"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/seal"
)

// Rewrap seals every secret of the database anew, by the key of to, in one
// transaction. Whatever happens, one key opens all: the old one where it fails,
// the new one where it does not; called again after that, it finds nothing to do.
// Whoever still has the old key can add no secret once it is done.
//
// db itself goes on with the old key: it is of use for nothing but Close.
func (db *DB) Rewrap(ctx context.Context, to *seal.Box) (record.Rewrapped, error) {
	all := table.Rewrap{From: db.box, To: to}
	err := db.writer.transact(ctx, func() error {
		if err := db.rewrap(ctx, &all); err != nil {
			return err
		}
		if all.Already() {
			return errNothing
		}
		return nil
	})
	if err != nil {
		return record.Rewrapped{}, fmt.Errorf("rewrap: %w", err)
	}
	return all.Done(), nil
}

func (db *DB) rewrap(ctx context.Context, all *table.Rewrap) error {
	w := db.writer
	for _, column := range table.Sealed() {
		rows, err := w.query(ctx, "SELECT "+strings.Join(column.Key, ", ")+", sealed FROM "+column.Table)
		if err != nil {
			return failed(err)
		}
		for rows.Next() {
			key := make([]string, len(column.Key))
			var sealed []byte
			var holders []any
			for i := range key {
				holders = append(holders, &key[i])
			}
			if err = rows.Scan(append(holders, &sealed)...); err == nil {
				err = all.Add(column, key, sealed)
			}
			if err != nil {
				_ = rows.Close()
				return err
			}
		}
		_ = rows.Close()
		if err := rows.Err(); err != nil {
			return failed(err)
		}
	}
	if all.Already() {
		return nil
	}
	// The id first: the triggers hold every row against it.
	if err := w.exec(ctx, "UPDATE seal_key SET key_id = ?", table.SealKeyID(all.To)); err != nil {
		return failed(err)
	}
	for _, r := range all.Rows {
		where, args := equal(r.Column.Key, r.Key)
		if err := w.exec(ctx, "UPDATE "+r.Column.Table+" SET sealed = ? WHERE "+where, append([]any{r.Sealed}, args...)...); err != nil {
			return failed(err)
		}
	}
	return nil
}
