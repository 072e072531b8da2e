package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/firmware-sim/card"
	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/protocol"
)

// asked is a sale that the controller has taken from the session's POS.
type asked struct {
	id     string
	amount protocol.Paise
}

// outcomes are the results on a glass that a status allows.
var outcomes = map[string][]string{
	"SUCCESS": {"succeeded"}, "FAILED": {"failed", "cancelled"}, "EXPIRED": {"expired"},
}

// closesCommand: closes SALES is the end of a day on which every sale had an amount
// of its own. All who keep books agree on every sale that was asked for: the POS by
// status and callback, the glasses of all terminals, the card readers' ledgers, and
// the network's.
func closesCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: closes SALES")
	}
	h := of(ts)
	if len(h.asked) != count(ts, args[0]) {
		ts.Fatalf("%d sales were asked for", len(h.asked))
	}
	d := day{h: h, ts: ts, cards: map[protocol.Paise]card.Entry{}, network: map[protocol.Paise]npci.Entry{}}
	d.read()
	for _, sale := range h.asked {
		d.close(sale)
	}
	d.leftOver()
}

// day is what everybody's books say.
type day struct {
	h       *house
	ts      *testscript.TestScript
	cards   map[protocol.Paise]card.Entry // every card that was read
	network map[protocol.Paise]npci.Entry // every payment through the network
	back    []npci.RefundEntry
	paid    []data
}

func (d *day) read() {
	books, body := d.h.ledger(context.Background(), d.ts)
	if len(books.Entries) == 0 {
		d.ts.Fatalf("the network has no books: %s", body)
	}
	d.back = books.Refunds
	for _, e := range books.Entries {
		if e.State == npci.InFlight || e.State == npci.Unknown {
			d.ts.Fatalf("the network does not know how a payment ended: %+v", e)
		}
		if _, twice := d.network[e.Debited]; twice {
			d.ts.Fatalf("%s was paid twice", e.Debited)
		}
		if e.State == npci.Paid {
			d.network[e.Debited] = e
		}
	}
	for name, tm := range d.h.terminals {
		status, body := get(context.Background(), tm.url+"/card")
		if status == http.StatusNotFound {
			continue
		}
		var ledger struct{ Ledger []card.Entry }
		d.ts.Check(json.Unmarshal([]byte(body), &ledger))
		for _, e := range ledger.Ledger {
			if _, twice := d.cards[e.AmountPaise]; twice {
				d.ts.Fatalf("%s was asked for twice at the card reader of %s", e.AmountPaise, name)
			}
			d.cards[e.AmountPaise] = e
		}
	}
}

// close compares what all say of one sale.
func (d *day) close(sale asked) {
	truth, body := askStatus(context.Background(), d.h, sale.id)
	if outcomes[truth.Status] == nil || truth.Amount != sale.amount {
		d.ts.Fatalf("%s of %s: %s", sale.id, sale.amount, body)
	}
	// balance: the callback says the same.
	balanceCommand(d.ts, false, []string{sale.id})
	d.glasses(sale, truth.Status)

	swiped, byCard := d.cards[sale.amount]
	debited, byQR := d.network[sale.amount]
	switch {
	case truth.Status != "SUCCESS":
		if byQR {
			d.ts.Fatalf("%s is %s, and the network says %+v", sale.id, truth.Status, debited)
		}
		if byCard && swiped.Outcome == card.Approved && !d.gaveBack("REVERSAL", sale.amount) {
			d.ts.Fatalf("%s is %s, its card was approved, and the money is not back", sale.id, truth.Status)
		}
	case truth.PaymentMode == "CARD":
		if !byCard || byQR || swiped.Outcome != card.Approved || swiped.RRN != truth.ReferenceNumber {
			d.ts.Fatalf("%s is paid by card: %s; the reader says %+v", sale.id, body, swiped)
		}
	default:
		if byCard || !byQR || debited.Accepted == 0 {
			d.ts.Fatalf("%s is paid by QR: %s; the network says %+v", sale.id, body, debited)
		}
	}
	if truth.Status == "SUCCESS" {
		d.paid = append(d.paid, truth)
	}
}

// glasses demands that what was shown of a sale is what became of it: a success at
// one terminal, once.
func (d *day) glasses(sale asked, status string) {
	var shown []string
	for name, tm := range d.h.terminals {
		all, _ := tm.watcher.from(0)
		before := ""
		for _, s := range all {
			if s.MerchantTransactionID != sale.id || s.Mode != "result" {
				before = ""
				continue
			}
			if s.AmountPaise != sale.amount || !slices.Contains(outcomes[status], s.Result) {
				d.ts.Fatalf("%s is %s, and %s shows %s", sale.id, status, name, s)
			}
			if before != s.Result {
				shown = append(shown, name)
			}
			before = s.Result
		}
	}
	if len(shown) > 1 || len(shown) == 0 && status == "SUCCESS" {
		d.ts.Fatalf("%s is %s, and its end was shown at %v", sale.id, status, shown)
	}
}

func (d *day) gaveBack(kind string, amount protocol.Paise) bool {
	return slices.ContainsFunc(d.back, func(r npci.RefundEntry) bool {
		return string(r.Type) == kind && r.Amount == amount && string(r.State) == "moved"
	})
}

// leftOver demands that nobody's books have what no sale is about.
func (d *day) leftOver() {
	amounts := map[protocol.Paise]string{}
	for _, sale := range d.h.asked {
		if other, twice := amounts[sale.amount]; twice {
			d.ts.Fatalf("%s and %s are both of %s", other, sale.id, sale.amount)
		}
		amounts[sale.amount] = sale.id
	}
	var sums strings.Builder
	for amount := range d.cards {
		if amounts[amount] == "" {
			d.ts.Fatalf("a card was read for %s, which is no sale", amount)
		}
	}
	for amount := range d.network {
		if amounts[amount] == "" {
			d.ts.Fatalf("%s was paid through the network, and is no sale", amount)
		}
	}
	byMode := map[string]protocol.Paise{}
	for _, p := range d.paid {
		byMode[p.PaymentMode] += p.Amount
	}
	for mode, sum := range byMode {
		fmt.Fprintf(&sums, " %s %s", mode, sum)
	}
	d.ts.Logf("%d of %d sales are paid:%s", len(d.paid), len(d.h.asked), sums.String())
}
