package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/merchant"
)

// page reads a part of a listing; all of it with a limit of 0.
func page[T any](ctx context.Context, tx pgx.Tx, l table.Listing[T], p record.Page) ([]T, error) {
	if len(p.Within) > len(l.Within) || len(p.After) > 0 && len(p.After) != len(l.Order) {
		return nil, fmt.Errorf("%s cannot be listed so", l.Table.Name)
	}
	s := newShape(l.Table)
	where, args := equal(l.Within, p.Within)
	var marks []string
	for _, v := range p.After {
		args = append(args, v)
		marks = append(marks, fmt.Sprintf("$%d", len(args)))
	}
	order := strings.Join(l.Order, ", ")
	if len(marks) > 0 {
		where += " AND (" + order + ") > (" + strings.Join(marks, ", ") + ")"
	}
	query := "SELECT " + s.names + " FROM " + l.Table.Name + " WHERE " + where + " ORDER BY " + order
	if p.Limit > 0 {
		args = append(args, p.Limit)
		query += fmt.Sprintf(" LIMIT $%d", len(args))
	}
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return s.all(rows)
}

// list reads a page of a listing.
func list[T any](ctx context.Context, db *DB, l table.Listing[T], p record.Page) (all []T, err error) {
	err = db.reading(ctx, "list "+l.Table.Name, func(tx pgx.Tx) error {
		all, err = page(ctx, tx, l, p)
		return err
	})
	return all, err
}

// The lists of the administration, each in the order of its keys.

// MerchantPage lists merchants.
func (db *DB) MerchantPage(ctx context.Context, p record.Page) ([]merchant.Merchant, error) {
	return list(ctx, db, table.MerchantList, p)
}

// StorePage lists stores, within a merchant.
func (db *DB) StorePage(ctx context.Context, p record.Page) ([]merchant.Store, error) {
	return list(ctx, db, table.StoreList, p)
}

// TerminalPage lists terminals, within a merchant or a store.
func (db *DB) TerminalPage(ctx context.Context, p record.Page) ([]merchant.Terminal, error) {
	return list(ctx, db, table.TerminalList, p)
}

// PayeePage lists payees, within a merchant.
func (db *DB) PayeePage(ctx context.Context, p record.Page) ([]merchant.Payee, error) {
	return list(ctx, db, table.PayeeList, p)
}

// ProviderPage lists providers.
func (db *DB) ProviderPage(ctx context.Context, p record.Page) ([]record.Provider, error) {
	return list(ctx, db, table.ProviderList, p)
}

// OrganisationPage lists organisations.
func (db *DB) OrganisationPage(ctx context.Context, p record.Page) ([]record.Organisation, error) {
	return list(ctx, db, table.OrgList, p)
}

// KeyPage lists salt keys, within an owner, without their secrets. After is the
// owner and the index of a key.
func (db *DB) KeyPage(ctx context.Context, p record.Page) ([]merchant.SaltKey, error) {
	if len(p.After) == 2 {
		p.After = table.KeyPlace(p.After[0], p.After[1])
	}
	return list(ctx, db, table.KeyList, p)
}

// TokenPage lists tokens of the admin door.
func (db *DB) TokenPage(ctx context.Context, p record.Page) ([]record.Token, error) {
	return list(ctx, db, table.TokenList, p)
}

// TokenByHash finds a token of the admin door, revoked or not, or returns
// journal.ErrNotFound.
func (db *DB) TokenByHash(ctx context.Context, hash []byte) (record.Token, error) {
	var all []record.Token
	s := newShape(table.Tokens)
	err := db.reading(ctx, "token", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT "+s.names+" FROM admin_tokens WHERE hash = $1", hash)
		if err == nil {
			all, err = s.all(rows)
		}
		if err == nil && len(all) == 0 {
			err = journal.ErrNotFound
		}
		return err
	})
	if err != nil {
		return record.Token{}, err
	}
	return all[0], nil
}

// AuditPage lists lines of the audit log, oldest first.
func (db *DB) AuditPage(ctx context.Context, q record.AuditQuery) ([]record.Entry, error) {
	s := newShape(table.Audit)
	var conditions []string
	args := []any{q.After}
	for column, v := range map[string]string{"actor": q.Actor, "action": q.Action, "target": q.Target} {
		if v != "" {
			args = append(args, v)
			conditions = append(conditions, fmt.Sprintf(" AND %s = $%d", column, len(args)))
		}
	}
	for bound, at := range map[string]time.Time{">=": q.Since, "<": q.Until} {
		if !at.IsZero() {
			args = append(args, at)
			conditions = append(conditions, fmt.Sprintf(" AND at %s $%d", bound, len(args)))
		}
	}
	order := "id"
	if q.Last {
		order = "id DESC"
	}
	args = append(args, q.Limit)
	query := "SELECT " + s.names + " FROM audit_log WHERE id > $1" + strings.Join(conditions, "") +
		fmt.Sprintf(" ORDER BY %s LIMIT $%d", order, len(args))
	var all []record.Entry
	err := db.reading(ctx, "audit", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query, args...)
		if err == nil {
			all, err = s.all(rows)
		}
		return err
	})
	if q.Last {
		slices.Reverse(all)
	}
	return all, err
}
