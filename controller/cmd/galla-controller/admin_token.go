package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/admin"
)

type tokenVerbs struct {
	Create tokenCreate `cmd:"" help:"Create a token of the admin API, and print it, once."`
	List   tokenList   `cmd:"" help:"List tokens; never their texts."`
	Show   tokenShow   `cmd:"" help:"Show a token."`
	Revoke tokenRevoke `cmd:"" help:"Make a token worth nothing, at once and for ever."`
}

type tokenName struct {
	Name string `arg:"" help:"What the audit log calls whoever uses it."`
}

type tokenCreate struct {
	tokenName
	Role string `required:"" enum:"viewer,operator,admin" env:"-" help:"viewer reads; operator works with terminals, callbacks and payments too; admin changes everything."`
	adminFlags
}

func (c tokenCreate) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "token", c.Name, func(d *desk) error {
		t, err := d.CreateToken(ctx, d.by, admin.NewToken{Name: c.Name, Role: c.Role})
		if err != nil {
			return err
		}
		fmt.Fprintln(d.talk, "Keep the token now: it is not shown again.")
		return d.out.one(t)
	})
}

type tokenList struct{ adminFlags }

func (c tokenList) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "token", "", func(d *desk) error {
		return showAll(d, func(after string) (admin.Page[admin.Token], error) { return d.Tokens(ctx, after, admin.MaxLimit) })
	})
}

type tokenShow struct {
	tokenName
	adminFlags
}

func (c tokenShow) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "token", c.Name, func(d *desk) error {
		t, err := d.Token(ctx, c.Name)
		return show(d, t, err)
	})
}

type tokenRevoke struct {
	tokenName
	adminFlags
}

func (c tokenRevoke) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "token", c.Name, func(d *desk) error {
		t, err := d.RevokeToken(ctx, d.by, c.Name)
		return show(d, t, err)
	})
}

type auditVerbs struct {
	List auditList `cmd:"" help:"List the audit log, oldest first."`
}

type auditList struct {
	Last   int       `default:"50" env:"-" help:"The newest lines, 1 to 200."`
	All    bool      `env:"-" help:"All lines instead."`
	Actor  string    `env:"-" help:"Of this token, or cli:USER."`
	Action string    `env:"-" help:"Of this action, such as merchant.create."`
	Target string    `env:"-" help:"About this, such as SHOP1/STORE1/T1."`
	Since  time.Time `env:"-" placeholder:"TIME" help:"From this time on, such as 2027-01-31T18:30:00Z."`
	Until  time.Time `env:"-" placeholder:"TIME" help:"Before this time."`
	adminFlags
}

func (c auditList) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "audit", "", func(d *desk) error {
		q := admin.AuditQuery{Actor: c.Actor, Action: c.Action, Target: c.Target, Since: c.Since, Until: c.Until, Last: !c.All, Limit: c.Last}
		if c.All {
			q.Limit = admin.MaxLimit
		} else if c.Last < 1 || c.Last > admin.MaxLimit {
			return &CodedError{Code: exitUsage, Err: errors.New("--last: want 1 to 200; --all for all")}
		}
		return showAll(d, func(after string) (admin.Page[admin.AuditEntry], error) {
			q.After = after
			return d.Audit(ctx, q)
		})
	})
}
