package npci

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/galla-pay/galla/protocol"
)

// Disagreement is one thing that books and controller do not say alike.
type Disagreement struct {
	TxnID  string `json:"txnId"` // "" of what is about no transaction
	About  string `json:"about"` // what is compared, one of the constants
	Ours   string `json:"ours"`
	Theirs string `json:"theirs"`
}

// What a Disagreement may be about.
const (
	AboutOutcome       = "outcome"       // whether the merchant is paid
	AboutAmount        = "amount"        // what was paid
	AboutSettlement    = "settlement"    // what the merchant gets
	AboutFee           = "fee"           // amount less settlement
	AboutPending       = "pending"       // not decided yet
	AboutAnswer        = "answer"        // the question was not answered
	AboutContradiction = "contradiction" // the controller contradicted itself, or sent what cannot be
	AboutRow           = "row"           // of a settlement file: missing, twice, or of nobody
)

// String returns the disagreement as a line for people.
func (d Disagreement) String() string {
	id := d.TxnID
	if id == "" {
		id = "-"
	}
	return fmt.Sprintf("%s  %s: the network's books say %s, the controller %s", id, d.About, d.Ours, d.Theirs)
}

// Sums are the sums of one side, in paise.
type Sums struct {
	Paid    protocol.Paise `json:"paidPaise"`    // of payments that stand
	Settled protocol.Paise `json:"settledPaise"` // to merchants
}

// Report is what came of laying the books beside the controller's.
type Report struct {
	Entries       int            `json:"entries"`
	Ours          Sums           `json:"ours"`
	Theirs        Sums           `json:"theirs"`
	Refunded      protocol.Paise `json:"refundedPaise"`  // of payments that stand, by our books alone
	Collected     protocol.Paise `json:"collectedPaise"` // by collect requests that stand, by our books alone
	Disagreements []Disagreement `json:"disagreements"`
}

// Agrees reports whether the two say the same of every transaction.
func (r Report) Agrees() bool { return len(r.Disagreements) == 0 && r.Ours == r.Theirs }

// String returns the report as a list for people.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d transactions; paid %s, settled %s; the controller says %s, %s\n",
		r.Entries, r.Ours.Paid.Rupees(), r.Ours.Settled.Rupees(), r.Theirs.Paid.Rupees(), r.Theirs.Settled.Rupees())
	for _, d := range r.Disagreements {
		fmt.Fprintln(&b, d)
	}
	if r.Agrees() {
		b.WriteString("the books agree\n")
	} else {
		fmt.Fprintf(&b, "%d disagreements\n", len(r.Disagreements))
	}
	return b.String()
}

// reconcileAtOnce is how many questions are under way at once.
const reconcileAtOnce = 8

// Reconcile asks the controller about every ReqPay in the books and reports all
// that the two do not say alike. What is in doubt is settled first, as Settle
// does, with the client's Patience; what stays open is a disagreement. About
// money of collect requests there is no asking: how their results were answered
// is what the controller says, and one that was not is open. The error is ctx's.
func (c *Client) Reconcile(ctx context.Context) (Report, error) {
	before := c.Ledger()
	theirs := make([]RespChkTxn, len(before.Entries))
	found := make([][]Disagreement, len(before.Entries))
	eachOf(len(before.Entries), reconcileAtOnce, func(i int) {
		switch e := before.Entries[i]; {
		case ctx.Err() != nil:
		case e.Kind == KindPay:
			theirs[i], found[i] = c.compare(ctx, e.TxnID)
		case e.State == InFlight || e.State == Unknown:
			found[i] = []Disagreement{{e.TxnID, AboutPending, string(e.State), "nothing: the result of the collect request was not answered"}}
		}
	})
	r := Report{Entries: len(before.Entries), Disagreements: []Disagreement{}}
	after := c.Ledger()
	for i, e := range before.Entries {
		e = *after.at(e.TxnID)
		switch {
		case e.State != Paid:
		case e.Kind == KindCollect:
			r.Collected += e.Debited
			r.Refunded += e.Returned
		default:
			r.Ours.Paid += e.Debited
			r.Ours.Settled += e.Settled
			r.Refunded += e.Returned
		}
		if theirs[i].TxnStatus == "SUCCESS" {
			r.Theirs.Paid += theirs[i].Amount
			r.Theirs.Settled += theirs[i].SettlementAmount
		}
		r.Disagreements = append(r.Disagreements, found[i]...)
	}
	for _, said := range after.Contradictions {
		id, what, _ := strings.Cut(said, ": ")
		r.Disagreements = append(r.Disagreements, Disagreement{id, AboutContradiction, what, "otherwise before"})
	}
	return r, ctx.Err()
}

func (l Ledger) at(txnID string) *Entry {
	return &l.Entries[slices.IndexFunc(l.Entries, func(e Entry) bool { return e.TxnID == txnID })]
}

// compare asks about one transaction, and returns what the controller says of it
// and where that differs.
func (c *Client) compare(ctx context.Context, txnID string) (RespChkTxn, []Disagreement) {
	e, _, err := c.Settle(ctx, txnID)
	if err != nil {
		about := AboutAnswer
		if errors.Is(err, ErrUndecided) {
			about = AboutPending
		}
		return RespChkTxn{}, []Disagreement{{txnID, about, string(e.State), err.Error()}}
	}
	resp, err := c.Check(ctx, ReqChkTxn{OrgTxnID: txnID})
	if err != nil {
		return RespChkTxn{}, []Disagreement{{txnID, AboutAnswer, string(e.State), err.Error()}}
	}
	e, _ = c.books().entry(txnID)
	return resp, e.differs(resp)
}

// differs lays an entry that is decided beside the controller's answer.
func (e Entry) differs(resp RespChkTxn) (found []Disagreement) {
	said := resp.TxnStatus
	if resp.Status != "00" {
		said = strings.TrimSpace(resp.Status + " " + resp.Message)
	}
	add := func(about, ours, theirs string) { found = append(found, Disagreement{e.TxnID, about, ours, theirs}) }
	switch {
	case resp.TxnStatus == "PENDING":
		add(AboutPending, string(e.State), said)
	case (e.State == Paid) != (resp.TxnStatus == "SUCCESS"),
		resp.Status != "00" && resp.Status != "ZQ": // ZQ: what was refused need not be known there
		add(AboutOutcome, e.outcome(), said)
	}
	if resp.Status == "00" && resp.Amount != e.Debited {
		add(AboutAmount, e.Debited.Rupees(), resp.Amount.Rupees())
	}
	if resp.Status == "00" && resp.TxnStatus != "PENDING" && resp.SettlementAmount != e.Settled {
		add(AboutSettlement, e.Settled.Rupees(), resp.SettlementAmount.Rupees())
	}
	return found
}

// outcome is how an entry ended, for people.
func (e Entry) outcome() string {
	if e.State == Returned {
		return string(Returned) + " (" + string(e.Back) + ")"
	}
	return string(e.State)
}
