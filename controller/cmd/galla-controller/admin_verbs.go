package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/seal"
)

// adminVerbs change who may take payments and by which key. They work on the
// database itself; running controllers see a change within seconds.
type adminVerbs struct {
	Merchant     merchantVerbs     `cmd:"" help:"Merchants: create, list, show, update, disable, enable."`
	Store        storeVerbs        `cmd:"" help:"Stores of merchants: create, list, show, update, disable, enable."`
	Terminal     terminalVerbs     `cmd:"" help:"Terminals of stores: create, list, show, update, disable, enable."`
	Payee        payeeVerbs        `cmd:"" help:"VPAs that customers pay to: create, list, show, update, disable, enable."`
	Fee          feeVerbs          `cmd:"" help:"What merchants pay for a payment: list, set, remove."`
	Provider     providerVerbs     `cmd:"" help:"POS vendors that sign for merchants: create, list, show, map, unmap, disable, enable."`
	Organisation organisationVerbs `cmd:"" help:"Members of the UPI network: create, list, show, update, certificates, disable, enable."`
	Key          keyVerbs          `cmd:"" help:"Salt keys: create, list, show, rotate, disable, rewrap."`
	Token        tokenVerbs        `cmd:"" help:"Tokens of the admin API: create, list, show, revoke."`
	Audit        auditVerbs        `cmd:"" help:"The audit log: list."`

	Settlement settlementCommand `cmd:"" help:"Write what each merchant was paid on a day, as CSV."`
}

// administered is a storage as the administration sees it.
type administered interface {
	storage
	admin.Store
	Rewrap(ctx context.Context, to *seal.Box) (record.Rewrapped, error)
	Secret(ctx context.Context, name string) ([]byte, error)
	settledRows
}

// adminFlags are the flags of every verb of the administration.
type adminFlags struct {
	databaseFlags
	JSON bool `name:"json" env:"-" help:"Print JSON: one object a line."`
}

// desk is what a verb works at.
type desk struct {
	*admin.Service
	ctx  context.Context
	db   administered
	by   admin.By
	out  printer
	talk io.Writer // for people, beside the data
}

// work opens the database for a verb about a noun, of that name, and gives an
// error its code.
func (f adminFlags) work(ctx context.Context, k *kong.Context, noun, name string, do func(*desk) error) error {
	if path, isSQLite := strings.CutPrefix(f.Database, "sqlite:"); isSQLite && path != "" {
		// To look at what is not there must not make it.
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return &CodedError{exitNotFound, errors.New("there is no database " + path), "galla-controller migrate --database " + f.Database}
		}
	}
	opened, _, err := f.open(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		return explain(err, noun, name)
	}
	defer opened.Close()
	db, ok := opened.(administered)
	if !ok {
		return errors.New("this database cannot be administered")
	}
	return explain(do(&desk{
		Service: admin.NewService(db), ctx: ctx, db: db, by: cliActor(), out: printer{k.Stdout, f.JSON}, talk: k.Stderr,
	}), noun, name)
}

// cliActor is who runs this program, and on which machine.
func cliActor() admin.By {
	name := "uid" + strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "unknown host"
	}
	return admin.By{Actor: "cli:" + name, Source: host}
}

// opensSecrets says whether the key file is the one that the database's secrets
// are sealed by, before another is added.
func (d *desk) opensSecrets() error {
	if _, err := d.db.Directory(d.ctx); err != nil {
		return err
	}
	_, err := d.db.Secret(d.ctx, "root-key")
	if errors.Is(err, journal.ErrNotFound) {
		return nil // nobody has served from this database yet
	}
	return err
}

// show prints one thing.
func show[V any](d *desk, v V, err error) error {
	if err != nil {
		return err
	}
	return d.out.one(v)
}

// showAll prints a list, however long it is.
func showAll[V any](d *desk, ask func(after string) (admin.Page[V], error)) error {
	rows := newRows[V](d.out)
	for after := ""; ; {
		page, err := ask(after)
		if err != nil {
			return err
		}
		if err := rows.add(page.Items); err != nil {
			return err
		}
		if after = page.Next; after == "" {
			return rows.end()
		}
	}
}

// split takes the ids of an argument such as SHOP1/STORE1/T1 apart.
func split(argument string, parts int, form string) ([]string, error) {
	ids := strings.Split(argument, "/")
	if len(ids) != parts {
		return nil, &CodedError{Code: exitUsage, Err: errors.New(strconv.Quote(argument) + ": want " + form)}
	}
	return ids, nil
}
