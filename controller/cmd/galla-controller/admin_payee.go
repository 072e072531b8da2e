package main

import (
	"context"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/admin"
)

type payeeVerbs struct {
	Create  payeeCreate  `cmd:"" help:"Create a payee of a merchant."`
	List    payeeList    `cmd:"" help:"List payees."`
	Show    payeeShow    `cmd:"" help:"Show a payee."`
	Update  payeeUpdate  `cmd:"" help:"Change what the flags name."`
	Disable payeeDisable `cmd:"" help:"Disable a payee: it is paid nothing."`
	Enable  payeeEnable  `cmd:"" help:"Enable a payee."`
}

type payeeVPA struct {
	VPA string `arg:"" placeholder:"VPA" help:"The payee, such as shop1@upi."`
}

func (p payeeVPA) at(ctx context.Context, k *kong.Context, f adminFlags, do func(*desk) (admin.Payee, error)) error {
	return f.work(ctx, k, "payee", p.VPA, func(d *desk) error {
		v, err := do(d)
		return show(d, v, err)
	})
}

type payeeCreate struct {
	payeeVPA
	Merchant       string `required:"" env:"-" help:"Whose it is."`
	FeeBasisPoints int64  `env:"-" help:"The fee, in hundredths of a per cent."`
	AcquirerCode   string `env:"-" help:"How the acquirer always answers, in a sandbox: YH, IP05, IP08 or IP10."`
	adminFlags
}

func (c payeeCreate) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Payee, error) {
		return d.CreatePayee(ctx, d.by, admin.NewPayee{
			VPA: c.VPA, MerchantID: c.Merchant, FeeBasisPoints: c.FeeBasisPoints, AcquirerCode: c.AcquirerCode,
		})
	})
}

type payeeList struct {
	Merchant string `arg:"" optional:"" help:"Of this merchant alone."`
	adminFlags
}

func (c payeeList) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "payee", "", func(d *desk) error {
		return showAll(d, func(after string) (admin.Page[admin.Payee], error) {
			return d.Payees(ctx, c.Merchant, after, admin.MaxLimit)
		})
	})
}

type payeeShow struct {
	payeeVPA
	adminFlags
}

func (c payeeShow) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Payee, error) { return d.Payee(ctx, c.VPA) })
}

type payeeUpdate struct {
	payeeVPA
	FeeBasisPoints *int64  `env:"-" help:"The fee, in hundredths of a per cent."`
	AcquirerCode   *string `env:"-" help:"How the acquirer always answers, in a sandbox; an empty one takes it away."`
	adminFlags
}

func (c payeeUpdate) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Payee, error) {
		return d.UpdatePayee(ctx, d.by, c.VPA, admin.PayeeUpdate{FeeBasisPoints: c.FeeBasisPoints, AcquirerCode: c.AcquirerCode})
	})
}

type payeeDisable struct {
	payeeVPA
	adminFlags
}

func (c payeeDisable) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Payee, error) { return d.SetPayeeActive(ctx, d.by, c.VPA, false) })
}

type payeeEnable struct {
	payeeVPA
	adminFlags
}

func (c payeeEnable) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Payee, error) { return d.SetPayeeActive(ctx, d.by, c.VPA, true) })
}
