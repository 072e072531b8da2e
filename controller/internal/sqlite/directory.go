package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/merchant"
)

// Seed inserts what is missing of d and changes nothing that is there.
func (db *DB) Seed(ctx context.Context, d merchant.Data) error {
	sealed := table.SealKeys(db.box, d.SaltKeys)
	providers, mapped := table.SplitProviders(d.Providers)
	w := db.writer
	return w.transact(ctx, func() error {
		for _, err := range []error{
			seed(ctx, w, table.Merchants, d.Merchants),
			seed(ctx, w, table.Stores, d.Stores),
			seed(ctx, w, table.Counters, d.Terminals),
			seed(ctx, w, table.Payees, d.Payees),
			seed(ctx, w, table.Providers, providers),
			seed(ctx, w, table.ProviderMerchants, mapped),
			seed(ctx, w, table.Organisations, d.Organisations),
			seed(ctx, w, table.SaltKeys, sealed),
			seed(ctx, w, table.FeeRules, d.FeeRules),
		} {
			if err != nil {
				return failed(err)
			}
		}
		return nil
	})
}

func seed[T any](ctx context.Context, w *writer, t table.Table[T], rows []T) error {
	if err := t.Check(rows); err != nil {
		return err
	}
	text := "INSERT INTO " + t.Name + " (" + strings.Join(t.Names(), ", ") + ") VALUES (" + marks(len(t.Columns)) +
		") ON CONFLICT DO NOTHING"
	for i := range rows {
		var args []any
		for _, c := range t.Columns {
			args = append(args, value(c, &rows[i]))
		}
		if err := w.exec(ctx, text, args...); err != nil {
			return err
		}
	}
	return nil
}

// Directory reads everyone.
func (db *DB) Directory(ctx context.Context) (*merchant.Directory, error) {
	tx, err := db.read.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("sqlite: directory: %w", err)
	}
	defer tx.Rollback() // it has only read
	var d merchant.Data
	var providers []record.Provider
	var organisations []record.Organisation
	var mapped []table.ProviderMerchant
	var sealed []table.SealedKey
	for _, err := range []error{
		everything(ctx, tx, table.Merchants, &d.Merchants),
		everything(ctx, tx, table.Stores, &d.Stores),
		everything(ctx, tx, table.Counters, &d.Terminals),
		everything(ctx, tx, table.Payees, &d.Payees),
		everything(ctx, tx, table.AdminProviders, &providers),
		everything(ctx, tx, table.ProviderMerchants, &mapped),
		everything(ctx, tx, table.AdminOrganisations, &organisations),
		everything(ctx, tx, table.SaltKeys, &sealed),
		everything(ctx, tx, table.FeeRules, &d.FeeRules),
	} {
		if err != nil {
			return nil, fmt.Errorf("sqlite: directory: %w", err)
		}
	}
	d.Providers = table.JoinProviders(table.ActiveProviders(providers), mapped)
	d.Organisations = table.ActiveOrganisations(organisations)
	if d.SaltKeys, err = table.OpenKeys(db.box, sealed); err != nil {
		return nil, fmt.Errorf("sqlite: directory: %w", err)
	}
	return merchant.New(d), nil
}

// DirectoryVersion rises with every change that the administration makes, and
// says nothing of rows that came otherwise (Seed, by hand). It is the last line of
// the audit log: there is one for every change, and changes are made one at a time.
func (db *DB) DirectoryVersion(ctx context.Context) (int64, error) {
	var version int64
	if err := db.read.QueryRowContext(ctx, table.DirectoryVersion).Scan(&version); err != nil {
		return 0, fmt.Errorf("sqlite: directory version: %w", err)
	}
	return version, nil
}

func everything[T any](ctx context.Context, tx *sql.Tx, t table.Table[T], into *[]T) error {
	s := newShape(t)
	rows, err := tx.QueryContext(ctx, "SELECT "+s.names+" FROM "+t.Name)
	if err != nil {
		return err
	}
	*into, err = s.all(rows)
	return err
}

// Secret opens a secret of the controller, or returns journal.ErrNotFound.
func (db *DB) Secret(ctx context.Context, name string) ([]byte, error) {
	var sealed []byte
	err := db.read.QueryRowContext(ctx, "SELECT sealed FROM secrets WHERE name = ?", name).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("sqlite: secret %q: %w", name, journal.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("sqlite: secret %q: %w", name, err)
	}
	return db.box.Open(table.SecretName(name), sealed)
}

// PutSecret keeps a secret unless one of that name is kept, and returns the one
// that is: the first writer wins, also among several processes.
func (db *DB) PutSecret(ctx context.Context, name string, value []byte) ([]byte, error) {
	if !table.Keepable(name) {
		return nil, fmt.Errorf("sqlite: secret: %w", journal.ErrText)
	}
	err := db.writer.transact(ctx, func() error {
		err := db.writer.exec(ctx, "INSERT INTO secrets (name, sealed) VALUES (?, ?) ON CONFLICT DO NOTHING",
			name, db.box.Seal(table.SecretName(name), value))
		if err != nil {
			return failed(err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return db.Secret(ctx, name)
}
