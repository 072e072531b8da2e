package main

import (
	"context"
	"errors"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
)

// paymentRows is what the administration reads of payments.
type paymentRows interface {
	PaymentByID(ctx context.Context, id string) (payment.Payment, error)
	Payments(ctx context.Context, q journal.PaymentQuery) ([]payment.Payment, error)
	Events(ctx context.Context, paymentID string) ([]payment.Record, error)
	Directory(ctx context.Context) (*merchant.Directory, error)
	retained
}

// payments shows payments to the administration, and settles those whose end
// nobody could say. It is admin.Payments.
type payments struct {
	rows    paymentRows
	journal *journal.Journal
}

// Show is a payment with its events. The chain of events is checked first: what
// is shown is what happened.
func (p payments) Show(ctx context.Context, id string) (admin.Payment, error) {
	row, err := p.rows.PaymentByID(ctx, id)
	if err != nil {
		return admin.Payment{}, err
	}
	events, err := p.rows.Events(ctx, id)
	if err != nil {
		return admin.Payment{}, err
	}
	archived, err := verifyEvents(ctx, p.rows, row, events)
	if err != nil {
		return admin.Payment{}, err
	}
	shown := shownPayment(row)
	if !archived.IsZero() {
		shown.ArchivedBefore = &archived
	}
	for _, e := range events {
		shown.Events = append(shown.Events, admin.PaymentEvent{
			Seq: e.Seq, At: e.At, Event: string(e.Event), From: string(e.From), To: string(e.To), Actor: e.Actor, Reason: e.Reason,
		})
	}
	return shown, nil
}

// List is payments oldest first; After is the id of the last one of a page.
func (p payments) List(ctx context.Context, q admin.PaymentQuery) ([]admin.Payment, error) {
	query := journal.PaymentQuery{MerchantID: q.MerchantID, State: payment.State(q.State), Limit: q.Limit}
	if q.After != "" {
		last, err := p.rows.PaymentByID(ctx, q.After)
		if err != nil {
			return nil, err
		}
		query.AfterTime, query.AfterID = last.CreatedAt, last.ID
	}
	found, err := p.rows.Payments(ctx, query)
	var shown []admin.Payment
	for _, row := range found {
		shown = append(shown, shownPayment(row))
	}
	return shown, err
}

// Resolve settles a payment by evidence of the network.
func (p payments) Resolve(ctx context.Context, id string, e admin.Evidence, actor string) (admin.Payment, error) {
	row, err := p.rows.PaymentByID(ctx, id)
	if err != nil {
		return admin.Payment{}, err
	}
	people, err := p.rows.Directory(ctx)
	if err != nil {
		return admin.Payment{}, err
	}
	row, err = journal.Do(ctx, p.journal, decide.Resolve{
		PaymentID: id, Original: row.Original, Paid: e.Paid, Reference: e.Reference, Actor: "operator:" + actor,
		Fee: decide.FactsOf(people, row.Payee).Fee,
	})
	var refused *payment.RefusedError
	switch {
	case errors.Is(err, decide.ErrNoPayment):
		return admin.Payment{}, journal.ErrNotFound
	case errors.As(err, &refused):
		return admin.Payment{}, admin.Conflict("The payment is " + string(refused.State) + ": only one that a customer began and nobody ended can be settled by evidence.")
	case err != nil:
		return admin.Payment{}, err
	}
	return shownPayment(row), nil
}

func shownPayment(p payment.Payment) admin.Payment {
	terminal := p.TerminalID
	if terminal == "" {
		terminal = p.ContextTerminal
	}
	return admin.Payment{
		ID: p.ID, MerchantID: p.MerchantID, MerchantTransactionID: p.TransactionID, StoreID: p.StoreID, TerminalID: terminal,
		OrderID: p.OrderID, AmountPaise: int64(p.Amount), Solution: string(p.Solution), State: string(p.State), Reason: p.Reason,
		Payer: p.Payer.Masked(), Reference: p.Reference, CreatedAt: p.CreatedAt, ExpiresAt: p.ExpiresAt, EndedAt: p.EndedAt,
	}
}
