package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/merchant"
)

// Seed inserts what is missing of d and changes nothing that is there.
func (db *DB) Seed(ctx context.Context, d merchant.Data) error {
	providers, mapped := table.SplitProviders(d.Providers)
	return db.ask(ctx, "seed", func(c *pgxpool.Conn) error {
		b := &pgx.Batch{} // one batch is one transaction
		seed(b, table.Merchants, d.Merchants)
		seed(b, table.Stores, d.Stores)
		seed(b, table.Counters, d.Terminals)
		seed(b, table.Payees, d.Payees)
		seed(b, table.Providers, providers)
		seed(b, table.ProviderMerchants, mapped)
		seed(b, table.Organisations, d.Organisations)
		seed(b, table.SaltKeys, table.SealKeys(db.box, d.SaltKeys))
		seed(b, table.FeeRules, d.FeeRules)
		return c.SendBatch(ctx, b).Close()
	})
}

func seed[T any](b *pgx.Batch, t table.Table[T], rows []T) {
	s := newSaver(t)
	for i := range rows {
		var args []any
		for _, c := range t.Columns {
			args = append(args, value(c, &rows[i]))
		}
		b.Queue(s.insertOne+" ON CONFLICT DO NOTHING", args...)
	}
}

// Directory reads everyone, all of one moment.
func (db *DB) Directory(ctx context.Context) (*merchant.Directory, error) {
	var d merchant.Data
	var providers []record.Provider
	var organisations []record.Organisation
	var mapped []table.ProviderMerchant
	var sealed []table.SealedKey
	err := db.ask(ctx, "directory", func(c *pgxpool.Conn) error {
		b := &pgx.Batch{}
		b.Queue(beginReading)
		everything(b, table.Merchants, &d.Merchants)
		everything(b, table.Stores, &d.Stores)
		everything(b, table.Counters, &d.Terminals)
		everything(b, table.Payees, &d.Payees)
		everything(b, table.AdminProviders, &providers)
		everything(b, table.ProviderMerchants, &mapped)
		everything(b, table.AdminOrganisations, &organisations)
		everything(b, table.SaltKeys, &sealed)
		everything(b, table.FeeRules, &d.FeeRules)
		b.Queue("COMMIT")
		return c.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return nil, err
	}
	d.Providers = table.JoinProviders(table.ActiveProviders(providers), mapped)
	d.Organisations = table.ActiveOrganisations(organisations)
	if d.SaltKeys, err = table.OpenKeys(db.box, sealed); err != nil {
		return nil, fmt.Errorf("postgres: directory: %w", err)
	}
	return merchant.New(d), nil
}

// DirectoryVersion rises with every change that the administration makes, and
// says nothing of rows that came otherwise (Seed, by hand). It is the last line of
// the audit log: there is one for every change, and changes are made one at a time.
func (db *DB) DirectoryVersion(ctx context.Context) (int64, error) {
	var version int64
	err := db.ask(ctx, "directory version", func(c *pgxpool.Conn) error {
		return c.QueryRow(ctx, table.DirectoryVersion).Scan(&version)
	})
	return version, err
}

func everything[T any](b *pgx.Batch, t table.Table[T], into *[]T) {
	s := newShape(t)
	b.Queue("SELECT " + s.names + " FROM " + t.Name).Query(func(rows pgx.Rows) (err error) {
		*into, err = s.all(rows)
		return err
	})
}

// Secret opens a secret of the controller, or returns journal.ErrNotFound.
func (db *DB) Secret(ctx context.Context, name string) ([]byte, error) {
	var sealed []byte
	err := db.ask(ctx, "secret", func(c *pgxpool.Conn) error {
		err := c.QueryRow(ctx, "SELECT sealed FROM secrets WHERE name = $1", name).Scan(&sealed)
		if errors.Is(err, pgx.ErrNoRows) {
			return journal.ErrNotFound
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return db.box.Open(table.SecretName(name), sealed)
}

// PutSecret keeps a secret unless one of that name is kept, and returns the one
// that is: the first writer wins, also among several controllers.
func (db *DB) PutSecret(ctx context.Context, name string, value []byte) ([]byte, error) {
	err := db.ask(ctx, "secret", func(c *pgxpool.Conn) error {
		_, err := c.Exec(ctx, "INSERT INTO secrets (name, sealed) VALUES ($1, $2) ON CONFLICT DO NOTHING",
			name, db.box.Seal(table.SecretName(name), value))
		return err
	})
	if err != nil {
		return nil, err
	}
	return db.Secret(ctx, name)
}
