package decide

import (
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// world is a storage with nothing behind it: rows in maps, a clock that the
// test turns. It loads whatever there is, so it does not check Needs; the
// storages do that.
type world struct {
	t           testing.TB
	snap        Snapshot
	events      map[string][]payment.Record
	reqPays     []ReqPay
	credits     []Credit
	network     []NetworkRequest
	callbacks   []Callback
	messages    []Message
	quoteEvents []QuoteEvent
}

var (
	counter  = protocol.Identity{MerchantID: "M", StoreID: "S", TerminalID: "T"}
	shop     = merchant.Merchant{ID: "M", Name: "Shop", Active: true, DQR: true, Payee: "shop@upi"}
	shopFact = PayeeFacts{Found: true, Merchant: shop, Payee: merchant.Payee{VPA: "shop@upi", MerchantID: "M", Active: true}, Fee: quote.Fee{BasisPoints: 50}}
	start    = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
)

func newWorld(t testing.TB) *world {
	w := &world{t: t, events: map[string][]payment.Record{}, snap: NewSnapshot(start)}
	w.snap.Terminals[counter] = fleet.Terminal{Identity: counter, Active: true, Integrated: true}
	return w
}

// pass turns the clock.
func (w *world) pass(d time.Duration) { w.snap.Now = w.snap.Now.Add(d) }

// do runs one decision in a batch of its own and saves what it changed.
func do[A any](w *world, d Decision[A]) (A, error) {
	b := NewBatch(w.snap)
	answer, err := Run(b, d)
	w.save(b.Changes())
	return answer, err
}

func (w *world) save(c Changes) {
	for _, t := range c.Terminals {
		w.snap.Terminals[t.Identity] = t
	}
	for _, p := range append(c.NewPayments, c.Payments...) {
		w.snap.Payments[p.ID] = p
		w.snap.Keys[p.Key] = p.ID
	}
	for _, q := range append(c.NewQuotes, c.Quotes...) {
		w.snap.Quotes[q.Token] = q
	}
	for _, m := range c.Messages {
		w.snap.Messages[m.MessageKey] = true
	}
	for _, r := range append(c.NewReqPays, c.ReqPays...) {
		w.snap.Txns[r.TxnKey] = r
	}
	for _, e := range c.Events {
		w.events[e.PaymentID] = append(w.events[e.PaymentID], e)
	}
	w.quoteEvents = append(w.quoteEvents, c.QuoteEvents...)
	w.messages = append(w.messages, c.Messages...)
	w.reqPays = append(w.reqPays, c.NewReqPays...)
	for _, x := range append(c.NewCredits, c.Credits...) {
		w.snap.Credits[x.TxnKey] = x
	}
	for _, o := range append(c.NewShort, c.Short...) {
		w.snap.Short[o.ShortKey] = o
	}
	w.credits = append(w.credits, c.NewCredits...)
	w.network = append(w.network, c.Network...)
	w.callbacks = append(w.callbacks, c.Callbacks...)
	w.check()
}

// check holds every payment against its chain (I5), and every terminal against
// the rule that an ended sale is never wanted.
func (w *world) check() {
	w.t.Helper()
	for id, p := range w.snap.Payments {
		state, err := payment.VerifyChain(w.events[id])
		if err != nil || state != p.State || p.Seq != int64(len(w.events[id])) {
			w.t.Fatalf("payment %s is %s, its events say %s: %v", id, p.State, state, err)
		}
	}
	for id, t := range w.snap.Terminals {
		for _, wanted := range append([]string{t.Sale}, t.Waiting...) {
			if p, ok := w.snap.Payments[wanted]; ok && p.State.Final() {
				w.t.Fatalf("terminal %s is still to take %s, which is %s", id, wanted, p.State)
			}
		}
	}
}

// sale is an init on the counter's display.
func (w *world) sale(id string, amount protocol.Paise) payment.Payment {
	w.t.Helper()
	p, err := do(w, newSale(id, amount))
	if err != nil {
		w.t.Fatalf("init %s: %v", id, err)
	}
	return p
}

func newSale(id string, amount protocol.Paise) Init {
	return Init{ExpiresIn: 3 * time.Minute, Actor: "pos:M", Payment: payment.Payment{
		ID: "GP" + id, Key: payment.Key{MerchantID: "M", TransactionID: id}, StoreID: "S", TerminalID: "T",
		OrderID: "O", Amount: amount, Solution: payment.DQRDevice, Payee: "shop@upi",
		CallbackURL: "https://pos.example/callback", CallbackMode: "POST",
	}}
}

func (w *world) state(id string) payment.State     { return w.snap.Payments["GP"+id].State }
func (w *world) payment(id string) payment.Payment { return w.snap.Payments["GP"+id] }
func (w *world) terminal() fleet.Terminal          { return w.snap.Terminals[counter] }
func (w *world) report(facts ...protocol.Fact) bool {
	return w.tell(protocol.TypeReport, "E1", facts...)
}

func (w *world) tell(kind protocol.Type, epoch string, facts ...protocol.Fact) bool {
	w.t.Helper()
	before := w.terminal().FactSeq
	t, err := do(w, Report{protocol.Report{
		Header: protocol.Header{V: protocol.Version, Type: kind, Identity: counter}, Session: "S1", Epoch: epoch,
		AckSeq: w.terminal().Seq, Facts: facts,
	}})
	if err != nil {
		w.t.Fatalf("report: %v", err)
	}
	return t.FactSeq > before
}

// validation is a good ReqValQr for the sale; the test spoils what it likes.
func validation(n string, sale string, amount protocol.Paise) Validate {
	return Validate{
		OrgID: "MER101", MsgID: "V" + n, Token: "token" + n, QR: QR{Tr: "GP" + sale, Amount: amount},
		Payee: shopFact, Amount: amount, Currency: "INR", Settings: quote.Default(),
		Render: func(a ValidateAnswer) []byte { return []byte(a.Code) },
	}
}

// paying is a good ReqPay with that token; the test spoils what it likes.
func paying(n string, amount protocol.Paise) Pay {
	return Pay{
		OrgID: "MER101", MsgID: "P" + n, TxnID: "X" + n, Token: "token" + n, Base: int64(amount), Currency: "INR", Settings: quote.Default(),
		Payer: "customer@upi", Payee: "shop@upi", PayeeFacts: shopFact, Reference: "632600000001",
		NewPaymentID: "GPnew" + n, Render: func(a PayAnswer) []byte { return []byte(a.Code) },
	}
}

// validate and pay return the code of the answer.
func (w *world) validate(d Validate) Code {
	w.t.Helper()
	if d.Currency == quote.INR {
		d.Base = int64(d.Amount)
	}
	a, err := do(w, d)
	if err != nil {
		w.t.Fatal(err)
	}
	return a.Code
}

func (w *world) pay(d Pay) Code {
	w.t.Helper()
	a, err := do(w, d)
	if err != nil {
		w.t.Fatal(err)
	}
	return a.Code
}
