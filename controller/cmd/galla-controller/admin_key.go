package main

import (
	"context"
	"fmt"
	"time"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/merchant"
)

type keyVerbs struct {
	Create  keyCreate  `cmd:"" help:"Create a salt key of a merchant or provider, and print its secret, once."`
	List    keyList    `cmd:"" help:"List salt keys, without their secrets."`
	Show    keyShow    `cmd:"" help:"Show a salt key, without its secret."`
	Rotate  keyRotate  `cmd:"" help:"Create the next salt key, live at once, give the live ones an end, and print the secret, once."`
	Disable keyDisable `cmd:"" help:"End a salt key at once, for ever."`
	Rewrap  keyRewrap  `cmd:"" help:"Seal every secret in the database anew, by another sealing key."`
}

// secretFile is where the owner's own secret stands.
type secretFile struct {
	FromFile string `env:"-" placeholder:"FILE" help:"The secret, where the owner has one already; else one is drawn."`
}

func (f secretFile) read() (merchant.Secret, error) {
	if f.FromFile == "" {
		return "", nil
	}
	text, err := readPassword(f.FromFile)
	if err != nil {
		return "", &CodedError{Code: exitUsage, Err: fmt.Errorf("--from-file: %w", err)}
	}
	if text == "" {
		return "", &CodedError{Code: exitUsage, Err: fmt.Errorf("--from-file: %s is empty", f.FromFile)}
	}
	return merchant.Secret(text), nil
}

// made prints a key with its secret.
func made(d *desk, k admin.MadeKey, err error) error {
	if err != nil {
		return err
	}
	fmt.Fprintln(d.talk, "Keep the secret now: it is not shown again.")
	return d.out.one(k)
}

type keyCreate struct {
	Owner     string `arg:"" help:"The merchant or provider."`
	Index     int64  `env:"-" help:"Its index, 1 to 999999; the one after the highest unless it is given."`
	NotBefore string `env:"-" placeholder:"TIME" help:"When it begins, such as 2027-01-31T18:30:00Z."`
	NotAfter  string `env:"-" placeholder:"TIME" help:"When it ends."`
	secretFile
	adminFlags
}

func (c keyCreate) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "key", c.Owner, func(d *desk) error {
		secret, err := c.read()
		if err == nil {
			err = d.opensSecrets()
		}
		if err != nil {
			return err
		}
		in := admin.NewKey{Owner: c.Owner, Index: c.Index, NotBefore: c.NotBefore, NotAfter: c.NotAfter, Secret: secret}
		key, err := d.CreateKey(ctx, d.by, in)
		return made(d, key, err)
	})
}

type keyRotate struct {
	Owner   string        `arg:"" help:"The merchant or provider."`
	Overlap time.Duration `default:"24h" env:"-" help:"How long the old keys still sign, 0 to 2160h."`
	secretFile
	adminFlags
}

func (c keyRotate) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "key", c.Owner, func(d *desk) error {
		secret, err := c.read()
		if err == nil {
			err = d.opensSecrets()
		}
		if err != nil {
			return err
		}
		seconds := int64(c.Overlap / time.Second)
		if c.Overlap%time.Second != 0 {
			return &CodedError{Code: exitUsage, Err: fmt.Errorf("--overlap %s: want whole seconds", c.Overlap)}
		}
		key, err := d.RotateKey(ctx, d.by, c.Owner, admin.Rotation{OverlapSeconds: &seconds, Secret: secret})
		return made(d, key, err)
	})
}

type keyList struct {
	Owner string `arg:"" optional:"" help:"Of this merchant or provider alone."`
	adminFlags
}

func (c keyList) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "key", "", func(d *desk) error {
		return showAll(d, func(after string) (admin.Page[admin.SaltKey], error) {
			return d.Keys(ctx, c.Owner, after, admin.MaxLimit)
		})
	})
}

type keyPath struct {
	Path string `arg:"" placeholder:"OWNER/INDEX" help:"The key, such as SHOP1/2."`
}

func (p keyPath) at(ctx context.Context, k *kong.Context, f adminFlags, do func(d *desk, owner, index string) (admin.SaltKey, error)) error {
	return f.work(ctx, k, "key", p.Path, func(d *desk) error {
		ids, err := split(p.Path, 2, "OWNER/INDEX")
		if err != nil {
			return err
		}
		v, err := do(d, ids[0], ids[1])
		return show(d, v, err)
	})
}

type keyShow struct {
	keyPath
	adminFlags
}

func (c keyShow) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk, owner, index string) (admin.SaltKey, error) { return d.Key(ctx, owner, index) })
}

type keyDisable struct {
	keyPath
	adminFlags
}

func (c keyDisable) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk, owner, index string) (admin.SaltKey, error) {
		return d.DisableKey(ctx, d.by, owner, index)
	})
}
