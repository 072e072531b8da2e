package main

import (
	"context"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/admin"
)

type feeVerbs struct {
	List   feeList   `cmd:"" help:"List the fee schedules; the most specific that fits a payment counts."`
	Set    feeSet    `cmd:"" help:"Set the fee of a merchant, of a category, of both, or of all."`
	Remove feeRemove `cmd:"" help:"Take a fee away: the next best counts, in the end the payee's own."`
}

// feePlace says whom a fee is for.
type feePlace struct {
	Merchant string `default:"*" env:"-" placeholder:"ID" help:"Of this merchant; * is any."`
	MCC      string `name:"mcc" default:"*" env:"-" placeholder:"MCC" help:"Of merchants of this category, such as 5411; * is any."`
}

func (p feePlace) at(ctx context.Context, k *kong.Context, f adminFlags, do func(*desk) (admin.Fee, error)) error {
	return f.work(ctx, k, "fee", p.Merchant+"/"+p.MCC, func(d *desk) error {
		v, err := do(d)
		return show(d, v, err)
	})
}

type feeList struct {
	Merchant string `arg:"" optional:"" help:"Of this merchant alone."`
	adminFlags
}

func (c feeList) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "fee", "", func(d *desk) error {
		return showAll(d, func(after string) (admin.Page[admin.Fee], error) {
			return d.Fees(ctx, c.Merchant, after, admin.MaxLimit)
		})
	})
}

type feeSet struct {
	feePlace
	BasisPoints int64  `required:"" env:"-" placeholder:"BP" help:"The fee, in hundredths of a per cent: 0 to 10000."`
	MinPaise    int64  `env:"-" placeholder:"PAISE" help:"It is this at least; 0 is no bound."`
	CapPaise    int64  `env:"-" placeholder:"PAISE" help:"It is this at most; 0 is no bound."`
	Rounding    string `default:"half_up" env:"-" placeholder:"HOW" help:"To the paisa: half_up, half_even, up or down."`
	adminFlags
}

func (c feeSet) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Fee, error) {
		return d.SetFee(ctx, d.by, c.Merchant, c.MCC, admin.FeeTerms{
			BasisPoints: &c.BasisPoints, MinPaise: c.MinPaise, CapPaise: c.CapPaise, Rounding: c.Rounding,
		})
	})
}

type feeRemove struct {
	feePlace
	adminFlags
}

func (c feeRemove) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Fee, error) { return d.RemoveFee(ctx, d.by, c.Merchant, c.MCC) })
}
