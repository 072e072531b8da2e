package main

import (
	"context"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/admin"
)

type providerVerbs struct {
	Create  providerCreate  `cmd:"" help:"Create a POS provider."`
	List    providerList    `cmd:"" help:"List providers."`
	Show    providerShow    `cmd:"" help:"Show a provider, with the merchants that it signs for."`
	Map     providerMap     `cmd:"" help:"Let a provider sign for a merchant."`
	Unmap   providerUnmap   `cmd:"" help:"Let it sign for the merchant no more."`
	Disable providerDisable `cmd:"" help:"Disable a provider: it signs for nobody."`
	Enable  providerEnable  `cmd:"" help:"Enable a provider."`
}

type providerID struct {
	ID string `arg:"" placeholder:"PROVIDER" help:"The provider's id, such as POSVENDOR."`
}

func (p providerID) at(ctx context.Context, k *kong.Context, f adminFlags, do func(*desk) (admin.Provider, error)) error {
	return f.work(ctx, k, "provider", p.ID, func(d *desk) error {
		v, err := do(d)
		return show(d, v, err)
	})
}

type providerCreate struct {
	providerID
	Merchant []string `env:"-" help:"A merchant that it signs for; may be given again."`
	adminFlags
}

func (c providerCreate) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Provider, error) {
		return d.CreateProvider(ctx, d.by, admin.NewProvider{ProviderID: c.ID, Merchants: c.Merchant})
	})
}

type providerList struct{ adminFlags }

func (c providerList) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "provider", "", func(d *desk) error {
		return showAll(d, func(after string) (admin.Page[admin.Provider], error) { return d.Providers(ctx, after, admin.MaxLimit) })
	})
}

type providerShow struct {
	providerID
	adminFlags
}

func (c providerShow) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Provider, error) { return d.Provider(ctx, c.ID) })
}

type providerMap struct {
	providerID
	Merchant string `arg:"" help:"The merchant that it signs for."`
	adminFlags
}

func (c providerMap) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Provider, error) { return d.MapProvider(ctx, d.by, c.ID, c.Merchant) })
}

type providerUnmap struct {
	providerID
	Merchant string `arg:"" help:"The merchant that it signed for."`
	adminFlags
}

func (c providerUnmap) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Provider, error) {
		return d.UnmapProvider(ctx, d.by, c.ID, c.Merchant)
	})
}

type providerDisable struct {
	providerID
	adminFlags
}

func (c providerDisable) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Provider, error) {
		return d.SetProviderActive(ctx, d.by, c.ID, false)
	})
}

type providerEnable struct {
	providerID
	adminFlags
}

func (c providerEnable) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk) (admin.Provider, error) {
		return d.SetProviderActive(ctx, d.by, c.ID, true)
	})
}
