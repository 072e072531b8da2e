package npci

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// Patience is how long a Client waits, and how it asks. A field that is zero has
// the value that is named beside it.
type Patience struct {
	Answer time.Duration // for one answer: 45 s, longer than a simulated timeout
	First  time.Duration // until the first question, or the first repetition: 500 ms
	Most   time.Duration // between two of them at most, as the time doubles: 10 s
	Gone   time.Duration // that ZQ must be heard until a ReqPay counts as lost on its way: 15 s
	Total  time.Duration // of all asking: 2 min
}

// DefaultAnswer is how long an answer is waited for unless told otherwise.
const DefaultAnswer = 45 * time.Second

func (p Patience) filled() Patience {
	return Patience{
		Answer: cmp.Or(p.Answer, DefaultAnswer), First: cmp.Or(p.First, 500*time.Millisecond), Most: cmp.Or(p.Most, 10*time.Second),
		Gone: cmp.Or(p.Gone, 15*time.Second), Total: cmp.Or(p.Total, 2*time.Minute),
	}
}

// ErrUndecided is what an error wraps when the controller still had not said how
// a payment ended when the asking was over.
var ErrUndecided = errors.New("it is not known how the payment ended")

// Purchase is what one customer wants.
type Purchase struct {
	QR        ReqValQr // MsgID is given anew for each repetition
	PayerAddr string
	PayeeAddr string // of ReqPay; "" means QR.PayeeAddr
}

// Outcome is what came of it.
type Outcome struct {
	Quote     RespValQr // the last answer to ReqValQr
	Pay       ReqPay    // as it was sent, once; its TxnID is "" when the QR was refused
	Answer    RespPay   // its answer; empty when it was lost
	Entry     Entry     // what the books say in the end
	Questions int       // ReqChkTxns that it took
}

// Journey is a customer from the scan to the end: it validates, pays, and asks
// by ReqChkTxn while it is not known how that ended. A ReqValQr without an
// answer is sent again with another MsgID, since it moves nothing; a ReqPay never
// is. A refusal is no error but an Outcome. The error wraps ErrNoAnswer or
// ErrAnswer when nothing was paid, or ErrUndecided, or is ctx's.
func (c *Client) Journey(ctx context.Context, p Purchase) (Outcome, error) {
	var out Outcome
	var err error
	if out.Quote, err = c.validate(ctx, p.QR); err != nil || out.Quote.Status != "00" {
		return out, err
	}
	out.Pay = ReqPay{
		MsgID: NewID("PAY"), TxnID: NewID("TXN"), VerToken: out.Quote.VerToken, Amount: p.QR.Amount, Curr: cmp.Or(p.QR.Curr, "INR"),
		PayerAddr: p.PayerAddr, PayeeAddr: cmp.Or(p.PayeeAddr, p.QR.PayeeAddr),
	}
	if out.Answer, err = c.Pay(ctx, out.Pay); errors.Is(err, errBooks) {
		return out, err
	}
	out.Entry, out.Questions, err = c.Settle(ctx, out.Pay.TxnID)
	return out, err
}

// validate sends a ReqValQr until it is answered.
func (c *Client) validate(ctx context.Context, req ReqValQr) (RespValQr, error) {
	p := c.Patience.filled()
	over := time.Now().Add(p.Total)
	for gap := p.First; ; gap = min(2*gap, p.Most) {
		resp, err := c.ValidateQR(ctx, req)
		if err == nil && resp.Status != "96" || !time.Now().Add(gap).Before(over) {
			return resp, err
		}
		if err := pause(ctx, gap); err != nil {
			return RespValQr{}, err
		}
		req.MsgID, req.Ts = "", time.Time{}
	}
}

// Settle asks how a payment ended until the books know: Paid or Returned. One
// that the controller never heard of, as it says for Patience.Gone, is given
// back. The error wraps ErrUndecided when the asking is over, and says what was
// answered last.
func (c *Client) Settle(ctx context.Context, txnID string) (e Entry, questions int, err error) {
	p := c.Patience.filled()
	over := time.Now().Add(p.Total)
	var gone time.Time // since when it is ZQ
	said := "nothing"
	for gap := p.First; ; gap = min(2*gap, p.Most) {
		e, known := c.books().entry(txnID)
		if !known {
			return e, questions, fmt.Errorf("transaction %s is not in the books", txnID)
		}
		if e.State == Paid || e.State == Returned {
			return e, questions, nil
		}
		if !time.Now().Add(gap).Before(over) {
			return e, questions, fmt.Errorf("%w: %s: asked %d times, answered %s", ErrUndecided, txnID, questions, said)
		}
		if err := pause(ctx, gap); err != nil {
			return e, questions, err
		}
		resp, err := c.Check(ctx, ReqChkTxn{OrgTxnID: txnID})
		questions++
		switch {
		case err != nil:
			said = err.Error()
			continue // says nothing about how long it has been gone
		case resp.Status == "00":
			said = resp.TxnStatus
		default:
			said = resp.Status + " " + resp.Message
		}
		switch {
		case resp.Status != "ZQ":
			gone = time.Time{}
		case gone.IsZero():
			gone = time.Now()
		case time.Since(gone) >= p.Gone:
			c.books().giveUp(txnID)
		}
	}
}

// pause waits, or returns why ctx ended.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
