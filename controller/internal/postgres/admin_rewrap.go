package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/seal"
)

// rewrapLimit bounds a change of the sealing key.
const rewrapLimit = 2 * time.Minute

// Rewrap seals every secret of the database anew, by the key of to, in one
// transaction. Whatever happens, one key opens all: the old one where it fails,
// the new one where it does not; called again after that, it finds nothing to do.
// Whoever still has the old key can add no secret once it is done.
//
// db itself goes on with the old key: it is of use for nothing but Close.
func (db *DB) Rewrap(ctx context.Context, to *seal.Box) (record.Rewrapped, error) {
	ctx, cancel := context.WithTimeout(ctx, rewrapLimit)
	defer cancel()
	done, err := db.rewrap(ctx, to)
	if err != nil {
		return record.Rewrapped{}, fmt.Errorf("postgres: rewrap: %w", err)
	}
	return done, nil
}

func (db *DB) rewrap(ctx context.Context, to *seal.Box) (record.Rewrapped, error) {
	tx, release, err := db.begin(ctx)
	if err != nil {
		return record.Rewrapped{}, failed(err)
	}
	defer release()
	// Changes wait, and whoever is sealing something is waited for.
	for _, statement := range []string{
		"SELECT set_config('idle_in_transaction_session_timeout', '60s', true)", administration,
		"SELECT key_id FROM seal_key FOR UPDATE",
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return record.Rewrapped{}, failed(err)
		}
	}
	all := table.Rewrap{From: db.box, To: to}
	for _, column := range table.Sealed() {
		if err := sealedRows(ctx, tx, column, &all); err != nil {
			return record.Rewrapped{}, err
		}
	}
	if all.Already() {
		return all.Done(), nil
	}
	// The id first: the triggers hold every row against it.
	if _, err := tx.Exec(ctx, "UPDATE seal_key SET key_id = $1", table.SealKeyID(to)); err != nil {
		return record.Rewrapped{}, failed(err)
	}
	b := &pgx.Batch{}
	for _, r := range all.Rows {
		where, args := equal(r.Column.Key, r.Key)
		args = append(args, r.Sealed)
		b.Queue(fmt.Sprintf("UPDATE %s SET sealed = $%d WHERE %s", r.Column.Table, len(args), where), args...)
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return record.Rewrapped{}, failed(err)
	}
	return all.Done(), commitTx(ctx, tx)
}

// sealedRows reads a column of secrets.
func sealedRows(ctx context.Context, tx pgx.Tx, column table.SealedColumn, all *table.Rewrap) error {
	rows, err := tx.Query(ctx, "SELECT "+strings.Join(column.Key, ", ")+", sealed FROM "+column.Table)
	if err != nil {
		return failed(err)
	}
	err = each(rows, func(row pgx.Rows) error {
		key := make([]string, len(column.Key))
		var sealed []byte
		holders := []any{}
		for i := range key {
			holders = append(holders, &key[i])
		}
		if err := row.Scan(append(holders, &sealed)...); err != nil {
			return err
		}
		return all.Add(column, key, sealed)
	})
	if err != nil && !errors.Is(err, seal.ErrKey) {
		return failed(err)
	}
	return err
}
