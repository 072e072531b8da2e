package network

import (
	"context"
	"errors"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/upixml"
)

// collect asks the customer to pay, reminds him, or takes the request back.
func (w *Worker) collect(ctx context.Context, row journal.NetworkDelivery, p payment.Payment) end {
	over := !row.LeasedAt.Before(p.ExpiresAt)
	if row.Kind == decide.NetworkCollectCancel {
		if over { // at the bank too
			return done(ResultUnneeded)
		}
	} else if over || !p.State.Unpaid() || !p.AskedAt.IsZero() {
		return done(ResultUnneeded)
	}
	m := w.collectMessage(row, p)
	doc, err := w.exchange(ctx, PathCollect, m.XML())
	if err != nil {
		return failedExchange(err)
	}
	answer, err := upixml.ParseRespCollect(doc)
	if err = belongs(err, answer.MsgID, m.MsgID, answer.TxnID, m.TxnID, answer.Status); err != nil {
		return failedExchange(err)
	}
	switch ClassOf(answer.Status) {
	case Accepted:
		return done(ResultDone)
	case Refused:
		if row.Kind != decide.NetworkCollect { // there is nothing there to remind of or to take back
			return done(ResultRefused)
		}
		return submit(ctx, w, decide.CollectRefused{PaymentID: p.ID, OrgID: w.cfg.OrgID, Code: answer.Status}, done(ResultRefused))
	}
	return again(ResultUnsettled, errors.New(meaning(answer.Status)))
}

// refund gives a payment back, or part of it.
func (w *Worker) refund(ctx context.Context, row journal.NetworkDelivery, p payment.Payment) end {
	if p.State.Final() {
		return done(ResultUnneeded) // an answer to a question was quicker, or an operator
	}
	original, err := w.payment(ctx, p.Original)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return dead(ResultImpossible, errors.New("there is no such original"))
	case err != nil:
		return again(ResultLocal, err)
	case originalID(original) == "":
		return dead(ResultImpossible, errors.New("the network has no name for the original"))
	}
	answer, err := w.giveBack(ctx, upixml.ReqRefund{
		MsgID: messageID(row), OrgID: w.cfg.OrgID, Ts: row.LeasedAt, TxnID: p.ID, OrgTxnID: originalID(original),
		Type: upixml.RefundPayment, Amount: p.Amount, PayeeAddr: string(original.Payee),
	})
	if err != nil {
		return failedExchange(err)
	}
	settled := decide.RefundSettled{PaymentID: p.ID, Original: p.Original, OrgID: w.cfg.OrgID}
	switch ClassOf(answer.Status) {
	case Accepted:
		settled.Reference = answer.Rrn
		return submit(ctx, w, settled, done(ResultDone))
	case Pending:
		return done(ResultPending) // it is asked on schedule how it ended
	case Refused:
		settled.Failed = answer.Status
		return submit(ctx, w, settled, done(ResultRefused))
	}
	return again(ResultUnsettled, errors.New(meaning(answer.Status)))
}

// reversal gives a credit back that fits no payment. Nobody asks how it stands
// but by sending it again.
func (w *Worker) reversal(ctx context.Context, row journal.NetworkDelivery, p payment.Payment) end {
	answer, err := w.giveBack(ctx, upixml.ReqRefund{
		MsgID: messageID(row), OrgID: w.cfg.OrgID, Ts: row.LeasedAt, TxnID: reversalID(row.TxnKey), OrgTxnID: creditID(row.TxnKey),
		Type: upixml.RefundReversal, Amount: row.Amount, PayeeAddr: string(p.Payee),
	})
	if err != nil {
		return failedExchange(err)
	}
	d := decide.ReversalDone{TxnKey: row.TxnKey}
	switch ClassOf(answer.Status) {
	case Accepted:
		return submit(ctx, w, d, done(ResultDone))
	case Pending:
		return again(ResultPending, errors.New(meaning(answer.Status)))
	case Refused:
		d.Refused = true
		return submit(ctx, w, d, dead(ResultRefused, errors.New(meaning(answer.Status))))
	}
	return again(ResultUnsettled, errors.New(meaning(answer.Status)))
}

func (w *Worker) giveBack(ctx context.Context, m upixml.ReqRefund) (upixml.RespRefund, error) {
	doc, err := w.exchange(ctx, PathRefund, m.XML())
	if err != nil {
		return upixml.RespRefund{}, err
	}
	answer, err := upixml.ParseRespRefund(doc)
	return answer, belongs(err, answer.MsgID, m.MsgID, answer.TxnID, m.TxnID, answer.Status)
}

// ask finds out how something ended.
func (w *Worker) ask(ctx context.Context, row journal.NetworkDelivery, p payment.Payment) end {
	asked := askedID(p)
	if p.State.Final() || asked == "" {
		return done(ResultUnneeded)
	}
	m := upixml.ReqChkTxn{MsgID: messageID(row), Ts: row.LeasedAt, OrgID: w.cfg.OrgID, OrgTxnID: asked}
	doc, err := w.exchange(ctx, PathCheck, m.XML())
	if err != nil {
		return failedExchange(err)
	}
	answer, err := upixml.ParseRespChkTxn(doc)
	if err = belongs(err, answer.MsgID, m.MsgID, answer.TxnID, asked, answer.Status); err != nil {
		return failedExchange(err)
	}
	d := decide.AskAnswered{
		PaymentID: p.ID, Original: p.Original, OrgID: w.cfg.OrgID, TxnID: p.UPITxnID, Status: decide.TxnStatus(answer.TxnStatus),
		Amount: answer.Amount, Reference: answer.Rrn, Fee: decide.FactsOf(w.cfg.Directory(), p.Payee).Fee,
	}
	if p.Solution == payment.Collect {
		d.TxnID = answer.CreditTxnID
		if d.Status == decide.TxnSuccess && d.TxnID == "" {
			return again(ResultBadAnswer, errors.New("a paid collect request comes without CreditTxnID"))
		}
	}
	switch {
	case ClassOf(answer.Status) == Accepted:
		if d.Status == decide.TxnPending {
			return submit(ctx, w, d, done(ResultPending))
		}
		return submit(ctx, w, d, done(ResultDone))
	case answer.Status == statusUnknown:
		return submit(ctx, w, d, done(ResultRefused))
	}
	return again(ResultUnsettled, errors.New(meaning(answer.Status)))
}
