package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/journal"
)

// paymentVerbs look into payments, and settle those whose end nobody could say
// (DESIGN section 3.2, Resolved). No verb marks a payment paid without the
// network's evidence.
type paymentVerbs struct {
	List    paymentList    `cmd:"" help:"List payments, oldest first."`
	Show    paymentShow    `cmd:"" help:"Show a payment with all that happened to it."`
	Resolve paymentResolve `cmd:"" help:"Settle a payment that a customer began and nobody ended, by the network's evidence."`
}

type paymentList struct {
	Merchant string `env:"-" placeholder:"ID" help:"Of this merchant alone."`
	State    string `env:"-" placeholder:"STATE" help:"In this state alone, such as parked or in_progress."`
	adminFlags
}

func (c paymentList) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "payment", "", func(d *desk) error {
		return showAll(d, func(after string) (admin.Page[admin.Payment], error) {
			items, err := payments{rows: d.db}.List(ctx, admin.PaymentQuery{
				MerchantID: c.Merchant, State: c.State, After: after, Limit: admin.MaxLimit,
			})
			page := admin.Page[admin.Payment]{Items: items}
			if len(items) == admin.MaxLimit {
				page.Next = items[len(items)-1].ID
			}
			return page, err
		})
	})
}

var errOutcome = errors.New("say --paid or --unpaid, as the evidence does")

// notFound says it in the administration's words.
func notFound(err error, id string) error {
	if errors.Is(err, journal.ErrNotFound) {
		return admin.NotFound("payment " + id)
	}
	return err
}

type paymentID struct {
	ID string `arg:"" help:"Our id of the payment: the API's phonepeTransactionId."`
}

type paymentShow struct {
	paymentID
	adminFlags
}

func (c paymentShow) Run(ctx context.Context, k *kong.Context) error {
	return c.work(ctx, k, "payment", c.ID, func(d *desk) error {
		p, err := payments{rows: d.db}.Show(ctx, c.ID)
		return show(d, p, notFound(err, c.ID))
	})
}

type paymentResolve struct {
	paymentID
	Paid      bool   `xor:"outcome" env:"-" help:"The network's evidence says that the money arrived."`
	Unpaid    bool   `xor:"outcome" env:"-" help:"The network's evidence says that it never will."`
	Reference string `env:"-" placeholder:"UTR|RRN" help:"The network's reference of the payment; needed with --paid."`
	Source    string `required:"" env:"-" help:"Who gave the evidence, such as \"settlement file of 21 November\"."`
	Note      string `env:"-" help:"Anything else worth keeping."`
	adminFlags
}

func (c paymentResolve) Run(ctx context.Context, k *kong.Context) error {
	if c.Paid == c.Unpaid {
		return &CodedError{Code: exitUsage, Err: errOutcome}
	}
	evidence := admin.Evidence{Paid: c.Paid, Reference: c.Reference, Source: c.Source, Note: c.Note}
	if err := evidence.Check(); err != nil {
		return explain(err, "payment", c.ID)
	}
	return c.work(ctx, k, "payment", c.ID, func(d *desk) error {
		j, err := journal.New(journal.Config{Storage: d.db, Writers: 1, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		done := make(chan error, 1)
		go func() { done <- j.Run(context.WithoutCancel(ctx)) }()
		defer func() {
			_ = j.Close(context.WithoutCancel(ctx))
			<-done
		}()
		if err := d.Note(ctx, d.by, "payment.resolve", c.ID, evidence); err != nil {
			return err
		}
		p, err := payments{rows: d.db, journal: j}.Resolve(ctx, c.ID, evidence, d.by.Actor)
		return show(d, p, notFound(err, c.ID))
	})
}
