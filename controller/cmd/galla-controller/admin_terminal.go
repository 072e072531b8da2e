package main

import (
	"context"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/protocol"
)

type terminalVerbs struct {
	Create  terminalCreate  `cmd:"" help:"Create a terminal. It has to be enrolled before it can be used."`
	List    terminalList    `cmd:"" help:"List terminals."`
	Show    terminalShow    `cmd:"" help:"Show a terminal: its settings, and whether it is there."`
	Update  terminalUpdate  `cmd:"" help:"Change what the flags name."`
	Disable terminalDisable `cmd:"" help:"Disable a terminal: it is cut off. What is known of it stays."`
	Enable  terminalEnable  `cmd:"" help:"Enable a terminal."`

	EnrolCode terminalEnrolCode `cmd:"" help:"Make a code that one device may become the terminal with, and print it, once."`
	Revoke    terminalRevoke    `cmd:"" help:"Make the terminal's credentials worth nothing: it is cut off until it enrols again."`
}

type terminalPath struct {
	Path string `arg:"" placeholder:"MERCHANT/STORE/TERMINAL" help:"The terminal, such as SHOP1/STORE1/T1."`
}

// at opens the database for a verb about the terminal that the argument names.
func (p terminalPath) at(ctx context.Context, k *kong.Context, f adminFlags, do func(*desk, protocol.Identity) (admin.Terminal, error)) error {
	return f.work(ctx, k, "terminal", p.Path, func(d *desk) error {
		ids, err := split(p.Path, 3, "MERCHANT/STORE/TERMINAL")
		if err != nil {
			return err
		}
		t, err := do(d, protocol.Identity{MerchantID: ids[0], StoreID: ids[1], TerminalID: ids[2]})
		return show(d, t, err)
	})
}

type terminalCreate struct {
	terminalPath
	Label         string `env:"-" help:"What the shop calls it, such as \"Counter 1\"."`
	Standalone    bool   `env:"-" help:"It takes no requests from a POS."`
	PaymentWindow int64  `env:"-" placeholder:"SECONDS" help:"How long a customer has from the handover on, 10 to 1800; 180 unless it is given."`
	Busy          string `env:"-" enum:",replace,queue" default:"" help:"What a new sale does to it while it has one: replace or queue; by its product unless it is given."`
	Language      string `env:"-" enum:",en,hi" default:"" help:"Language of its words: en or hi; the terminal's own setting unless it is given."`
	adminFlags
}

func (c terminalCreate) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk, id protocol.Identity) (admin.Terminal, error) {
		return d.CreateTerminal(ctx, d.by, admin.NewTerminal{
			MerchantID: id.MerchantID, StoreID: id.StoreID, TerminalID: id.TerminalID, Label: c.Label, Standalone: c.Standalone,
			PaymentWindowSeconds: c.PaymentWindow, Busy: c.Busy, Language: c.Language,
		})
	})
}

type terminalList struct {
	Of string `arg:"" optional:"" placeholder:"MERCHANT[/STORE]" help:"Of this merchant or store alone."`
	adminFlags
}

func (c terminalList) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "terminal", "", func(d *desk) error {
		merchantID, storeID, _ := strings.Cut(c.Of, "/")
		return showAll(d, func(after string) (admin.Page[admin.Terminal], error) {
			return d.Terminals(ctx, merchantID, storeID, after, admin.MaxLimit)
		})
	})
}

type terminalShow struct {
	terminalPath
	adminFlags
}

func (c terminalShow) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk, id protocol.Identity) (admin.Terminal, error) { return d.Terminal(ctx, id) })
}

type terminalUpdate struct {
	terminalPath
	Label         *string `env:"-" help:"What the shop calls it."`
	Integrated    *bool   `env:"-" negatable:"" help:"Whether it takes requests from a POS."`
	PaymentWindow *int64  `env:"-" placeholder:"SECONDS" help:"How long a customer has from the handover on, 10 to 1800; 0 for the default."`
	Busy          *string `env:"-" help:"What a new sale does to it while it has one: replace, queue, or product, to go by that."`
	Language      *string `env:"-" help:"Language of its words: en, hi, or terminal, to leave it to that."`
	adminFlags
}

func (c terminalUpdate) Run(ctx context.Context, k *kong.Context) error {
	busy := c.Busy
	if busy != nil && *busy == "product" {
		busy = new(string)
	}
	language := c.Language
	if language != nil && *language == "terminal" {
		language = new(string)
	}
	return c.at(ctx, k, c.adminFlags, func(d *desk, id protocol.Identity) (admin.Terminal, error) {
		return d.UpdateTerminal(ctx, d.by, id, admin.TerminalUpdate{
			Label: c.Label, Integrated: c.Integrated, PaymentWindowSeconds: c.PaymentWindow, Busy: busy,
			Language: language,
		})
	})
}

type terminalDisable struct {
	terminalPath
	adminFlags
}

func (c terminalDisable) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk, id protocol.Identity) (admin.Terminal, error) {
		return d.SetTerminalActive(ctx, d.by, id, false)
	})
}

type terminalEnable struct {
	terminalPath
	adminFlags
}

func (c terminalEnable) Run(ctx context.Context, k *kong.Context) error {
	return c.at(ctx, k, c.adminFlags, func(d *desk, id protocol.Identity) (admin.Terminal, error) {
		return d.SetTerminalActive(ctx, d.by, id, true)
	})
}
