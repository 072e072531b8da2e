package main

import (
	"context"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/admin"
)

type storeVerbs struct {
	Create  storeCreate  `cmd:"" help:"Create a store."`
	List    storeList    `cmd:"" help:"List stores."`
	Show    storeShow    `cmd:"" help:"Show a store."`
	Update  storeUpdate  `cmd:"" help:"Change what the flags name."`
	Disable storeDisable `cmd:"" help:"Disable a store: every door refuses it."`
	Enable  storeEnable  `cmd:"" help:"Enable a store."`
}

type storePath struct {
	Path string `arg:"" placeholder:"MERCHANT/STORE" help:"The store, such as SHOP1/STORE1."`
}

// at opens the database for a verb about the store that the argument names.
func (p storePath) at(ctx context.Context, k *kong.Context, f adminFlags, do func(d *desk, merchantID, id string) (admin.ShopStore, error)) error {
	return f.work(ctx, k, "store", p.Path, func(d *desk) error {
		ids, err := split(p.Path, 2, "MERCHANT/STORE")
		if err != nil {
			return err
		}
		s, err := do(d, ids[0], ids[1])
		return show(d, s, err)
	})
}

type storeCreate struct {
	storePath
	Name string `required:"" env:"-" help:"What people call it."`
	adminFlags
}

func (c storeCreate) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk, merchantID, id string) (admin.ShopStore, error) {
		return d.CreateStore(ctx, d.by, admin.NewStore{MerchantID: merchantID, StoreID: id, Name: c.Name})
	})
}

type storeList struct {
	Merchant string `arg:"" optional:"" help:"Of this merchant alone."`
	adminFlags
}

func (c storeList) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "store", "", func(d *desk) error {
		return showAll(d, func(after string) (admin.Page[admin.ShopStore], error) {
			return d.Stores(ctx, c.Merchant, after, admin.MaxLimit)
		})
	})
}

type storeShow struct {
	storePath
	adminFlags
}

func (c storeShow) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk, merchantID, id string) (admin.ShopStore, error) {
		return d.Store(ctx, merchantID, id)
	})
}

type storeUpdate struct {
	storePath
	Name *string `env:"-" help:"What people call it."`
	adminFlags
}

func (c storeUpdate) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk, merchantID, id string) (admin.ShopStore, error) {
		return d.UpdateStore(ctx, d.by, merchantID, id, admin.StoreUpdate{Name: c.Name})
	})
}

type storeDisable struct {
	storePath
	adminFlags
}

func (c storeDisable) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk, merchantID, id string) (admin.ShopStore, error) {
		return d.SetStoreActive(ctx, d.by, merchantID, id, false)
	})
}

type storeEnable struct {
	storePath
	adminFlags
}

func (c storeEnable) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk, merchantID, id string) (admin.ShopStore, error) {
		return d.SetStoreActive(ctx, d.by, merchantID, id, true)
	})
}
