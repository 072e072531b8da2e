package main

import (
	"context"
	"fmt"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/signing"
	"github.com/galla-pay/galla/protocol"
)

// signingKeyVerbs change the online keys, which sign what terminals and
// merchants are told. Running controllers and their terminals follow.
type signingKeyVerbs struct {
	Create signingKeyCreate `cmd:"" help:"Create the next key. Terminals learn it; it signs nothing yet."`
	List   signingKeyList   `cmd:"" help:"List all keys there ever were, without their private halves."`
	Rotate signingKeyRotate `cmd:"" help:"Have the next key sign, a minute after it was created."`
	Retire signingKeyRetire `cmd:"" help:"Take a key out of the key set, for ever: nobody believes it any more."`
}

type signingKeyList struct{ adminFlags }

// Run lists the keys; where nobody has served yet there are none.
func (c signingKeyList) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "signing-key", "", func(d *desk) error {
		all, err := signing.List(ctx, d.db)
		if err != nil {
			return err
		}
		rows := newRows[admin.SigningKey](d.out)
		if err := rows.add(onlineKeyViews(all)); err != nil {
			return err
		}
		return rows.end()
	})
}

type signingKeyCreate struct{ adminFlags }

// Run creates the next key.
func (c signingKeyCreate) Run(ctx context.Context, k *kong.Context) error {
	return changeSigningKey(ctx, k, c.adminFlags, "create", "next", nil, func(d *desk, keys onlineKeys) (admin.SigningKey, error) {
		key, err := keys.Create(ctx, d.by.Actor)
		if err == nil {
			fmt.Fprintln(d.talk, "Running controllers send it to their terminals now. Have it sign by: galla-controller signing-key rotate")
		}
		return key, err
	})
}

type signingKeyRotate struct {
	Force bool `env:"-" help:"At once, though there may be a terminal that has not heard of the key; it asks again and gets it."`
	adminFlags
}

// Run has the next key sign.
func (c signingKeyRotate) Run(ctx context.Context, k *kong.Context) error {
	return changeSigningKey(ctx, k, c.adminFlags, "rotate", "next", admin.Force{Force: c.Force}, func(d *desk, keys onlineKeys) (admin.SigningKey, error) {
		return keys.Rotate(ctx, d.by.Actor, c.Force)
	})
}

type signingKeyRetire struct {
	ID    string `arg:"" placeholder:"online-key-N" help:"The key."`
	Force bool   `env:"-" help:"Also a key that was in use less than ten minutes ago, such as one that has leaked."`
	adminFlags
}

// Run takes the key out.
func (c signingKeyRetire) Run(ctx context.Context, k *kong.Context) error {
	return changeSigningKey(ctx, k, c.adminFlags, "retire", c.ID, admin.Force{Force: c.Force}, func(d *desk, keys onlineKeys) (admin.SigningKey, error) {
		return keys.Retire(ctx, c.ID, d.by.Actor, c.Force)
	})
}

// changeSigningKey makes one change, with its line in the audit log before it,
// and prints the key.
func changeSigningKey(ctx context.Context, k *kong.Context, f adminFlags, verb, target string, details any,
	do func(*desk, onlineKeys) (admin.SigningKey, error)) error {
	return f.work(ctx, k, "signing-key", target, func(d *desk) error {
		if !protocol.ValidID(target, protocol.MaxIDLength) {
			return admin.NotFound("such signing key")
		}
		ring, err := signing.Open(ctx, d.db, signing.Config{})
		if err != nil {
			return err
		}
		if err := d.Note(ctx, d.by, "signing-key."+verb, target, details); err != nil {
			return err
		}
		key, err := do(d, onlineKeys{ring})
		return show(d, key, err)
	})
}
