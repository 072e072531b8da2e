package main

import (
	"context"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/admin"
)

type merchantVerbs struct {
	Create  merchantCreate  `cmd:"" help:"Create a merchant, and its payee where that is not there."`
	List    merchantList    `cmd:"" help:"List merchants."`
	Show    merchantShow    `cmd:"" help:"Show a merchant."`
	Update  merchantUpdate  `cmd:"" help:"Change what the flags name."`
	Disable merchantDisable `cmd:"" help:"Disable a merchant: every door refuses it."`
	Enable  merchantEnable  `cmd:"" help:"Enable a merchant."`
}

type merchantID struct {
	ID string `arg:"" placeholder:"MERCHANT" help:"The merchant's id, such as SHOP1."`
}

type merchantCreate struct {
	merchantID
	Name           string   `required:"" env:"-" help:"What people call it; terminals show it."`
	MCC            string   `required:"" name:"mcc" env:"-" help:"Merchant category code, 4 digits."`
	Payee          string   `required:"" env:"-" placeholder:"VPA" help:"The VPA that its QRs name."`
	FeeBasisPoints int64    `env:"-" help:"The fee of that payee, where it is made with the merchant."`
	DQR            bool     `name:"dqr" env:"-" help:"Let it use DQR displays."`
	EDC            bool     `name:"edc" env:"-" help:"Let it use EDC terminals."`
	CallbackURL    string   `name:"callback-url" env:"-" placeholder:"URL" help:"Where notices go that have no other address."`
	CallbackHost   []string `name:"callback-host" env:"-" placeholder:"HOST" help:"A host that a request may name for its notices; may be given again."`
	adminFlags
}

func (c merchantCreate) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "merchant", c.ID, func(d *desk) error {
		m, err := d.CreateMerchant(ctx, d.by, admin.NewMerchant{
			MerchantID: c.ID, Name: c.Name, MCC: c.MCC, DQR: c.DQR, EDC: c.EDC, Payee: c.Payee, FeeBasisPoints: c.FeeBasisPoints,
			CallbackURL: c.CallbackURL, CallbackHosts: c.CallbackHost,
		})
		return show(d, m, err)
	})
}

type merchantList struct{ adminFlags }

func (c merchantList) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "merchant", "", func(d *desk) error {
		return showAll(d, func(after string) (admin.Page[admin.Merchant], error) { return d.Merchants(ctx, after, admin.MaxLimit) })
	})
}

type merchantShow struct {
	merchantID
	adminFlags
}

func (c merchantShow) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "merchant", c.ID, func(d *desk) error {
		m, err := d.Merchant(ctx, c.ID)
		return show(d, m, err)
	})
}

type merchantUpdate struct {
	merchantID
	Name         *string  `env:"-" help:"What people call it."`
	MCC          *string  `name:"mcc" env:"-" help:"Merchant category code, 4 digits."`
	Payee        *string  `env:"-" placeholder:"VPA" help:"The VPA that its QRs name from now on."`
	DQR          *bool    `name:"dqr" env:"-" negatable:"" help:"Whether it may use DQR displays."`
	EDC          *bool    `name:"edc" env:"-" negatable:"" help:"Whether it may use EDC terminals."`
	CallbackURL  *string  `name:"callback-url" env:"-" placeholder:"URL" help:"Where notices go that have no other address; an empty one takes it away."`
	CallbackHost []string `name:"callback-host" env:"-" placeholder:"HOST" xor:"hosts" help:"The hosts that a request may name for its notices, instead of those that were; may be given again."`
	NoHosts      bool     `name:"no-callback-hosts" env:"-" xor:"hosts" help:"Take all of them away."`
	adminFlags
}

func (c merchantUpdate) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "merchant", c.ID, func(d *desk) error {
		u := admin.MerchantUpdate{Name: c.Name, MCC: c.MCC, Payee: c.Payee, DQR: c.DQR, EDC: c.EDC, CallbackURL: c.CallbackURL}
		if len(c.CallbackHost) > 0 || c.NoHosts {
			u.CallbackHosts = &c.CallbackHost
		}
		m, err := d.UpdateMerchant(ctx, d.by, c.ID, u)
		return show(d, m, err)
	})
}

type merchantDisable struct {
	merchantID
	adminFlags
}

func (c merchantDisable) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "merchant", c.ID, func(d *desk) error {
		m, err := d.SetMerchantActive(ctx, d.by, c.ID, false)
		return show(d, m, err)
	})
}

type merchantEnable struct {
	merchantID
	adminFlags
}

func (c merchantEnable) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "merchant", c.ID, func(d *desk) error {
		m, err := d.SetMerchantActive(ctx, d.by, c.ID, true)
		return show(d, m, err)
	})
}
