package sqlite

import (
	"context"
	"fmt"
	"strings"

	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/signing"
)

// saveSigningKey adds a key, or changes what may change of one.
var saveSigningKey = func() string {
	t := table.SigningKeys
	var set []string
	for _, c := range t.Changing() {
		set = append(set, c.Name+" = excluded."+c.Name)
	}
	return "INSERT INTO " + t.Name + " (" + strings.Join(t.Names(), ", ") + ") VALUES (" + marks(len(t.Columns)) +
		") ON CONFLICT (id) DO UPDATE SET " + strings.Join(set, ", ")
}()

// SigningKeys is signing.Storage's.
func (db *DB) SigningKeys(ctx context.Context) (signing.Stored, error) {
	tx, err := db.read.BeginTx(ctx, nil)
	if err != nil {
		return signing.Stored{}, fmt.Errorf("sqlite: signing keys: %w", err)
	}
	defer tx.Rollback() // it has only read
	var s signing.Stored
	var version int64
	if err = tx.QueryRowContext(ctx, "SELECT version FROM signing_key_set").Scan(&version); err == nil {
		err = everything(ctx, tx, table.SigningKeys, &s.Keys)
	}
	if err != nil {
		return signing.Stored{}, fmt.Errorf("sqlite: signing keys: %w", err)
	}
	s.Version, s.Now = uint64(version), now()
	return s, nil
}

// SaveSigningKey is signing.Storage's.
func (db *DB) SaveSigningKey(ctx context.Context, from, to uint64, k signing.Key) error {
	if err := table.SigningKeys.Check([]signing.Key{k}); err != nil {
		return err
	}
	var args []any
	for _, c := range table.SigningKeys.Columns {
		args = append(args, value(c, &k))
	}
	w := db.writer
	return w.transact(ctx, func() error {
		raised, err := w.changed(ctx, "UPDATE signing_key_set SET version = ?2 WHERE version = ?1 AND version < ?2", int64(from), int64(to))
		switch {
		case err != nil:
			return failed(err)
		case raised == 0:
			return fmt.Errorf("sqlite: signing key: %w", signing.ErrConflict)
		}
		if err := w.exec(ctx, saveSigningKey, args...); err != nil {
			return failed(err)
		}
		return nil
	})
}
