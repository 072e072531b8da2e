package storagetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

var applyCases = []testCase{
	{"every field of a payment is kept", paymentFields},
	{"every field of a terminal is kept", terminalFields},
	{"every field of a quote is kept", quoteFields},
	{"every field of an event is kept", eventFields},
	{"zero values come back as zero", zeroFields},
	{"what is named is loaded and nothing else", loadsNeeds},
	{"the sale and the waiting sales of a terminal are loaded", loadsSales},
	{"a batch of many rows of every kind", manyRows},
	{"time is read after the locks and never goes back", timeRises},
	{"an error of run keeps nothing", runRefuses},
	{"a row that was not loaded is not changed", notLoaded},
	{"a text that cannot be kept fails its batch and keeps nothing", badText},
	{"state, status and amount are checked by the database too", checks},
}

func paymentFields(t *testing.T, b bench) {
	var p payment.Payment
	fill(t, &p)
	p.Solution, p.State, p.Refunded = payment.EDC, payment.Succeeded, p.Amount-1
	b.add(t, created(p))
	same(t, "the payment added", b.payment(t, p.ID), p)

	changed := p
	fill(t, &changed) // the same values
	changed.State, changed.Reason, changed.TerminalID = payment.Parked, "why", "another"
	changed.CancelAsked, changed.Attempted = false, false
	changed.ExpiresAt, changed.EndedAt, changed.HoldUntil = day, day.Add(1000), day.Add(2000)
	changed.Payer, changed.Reference, changed.UPITxnID, changed.Settlement = "p@upi", "r", "u", 7
	changed.Seq, changed.Hash = 9, payment.Hash{9}
	changed.Solution, changed.Refunded = p.Solution, p.Amount
	changed.Accepted, changed.Instrument, changed.CardLast4 = false, "DQR", "4242"
	changed.CardNetwork, changed.CardType = "VISA", "DEBIT"
	changed.HandedOverAt, changed.StartedAt, changed.AttendAt, changed.AskedAt = day, day, day, day
	b.must(t, decide.Needs{Payments: []string{p.ID}}, func(s decide.Snapshot) decide.Changes {
		same(t, "the payment loaded", s.Payments[p.ID], p)
		return decide.Changes{Payments: []payment.Payment{changed}}
	})
	changed.EndedAt, changed.HoldUntil = micro(changed.EndedAt), micro(changed.HoldUntil)
	same(t, "the payment changed", b.payment(t, p.ID), changed)
}

func terminalFields(t *testing.T, b bench) {
	b.shop(t, "t1")
	var want fleet.Terminal
	fill(t, &want)
	want.Identity = terminalID("t1")
	b.change(t, "t1", func(terminal *fleet.Terminal) { *terminal = want })
	got, err := b.Terminal(t.Context(), want.Identity)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the terminal", got, want)
	same(t, "the terminal loaded", b.load(t, decide.Needs{Terminals: []protocol.Identity{want.Identity}}).Terminals[want.Identity], want)
}

func quoteFields(t *testing.T, b bench) {
	var q quote.Quote
	fill(t, &q)
	b.add(t, decide.Changes{NewQuotes: []quote.Quote{q}})
	got, err := b.Quote(t.Context(), q.Token)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the quote added", got, q)

	q.PaymentID, q.ExpiresAt, q.UsedAt, q.UsedBy = "other", day, day.Add(5000), "TXN2"
	b.must(t, decide.Needs{Tokens: []string{q.Token}}, func(s decide.Snapshot) decide.Changes {
		same(t, "the quote loaded", s.Quotes[q.Token], got)
		return decide.Changes{Quotes: []quote.Quote{q}}
	})
	got, err = b.Quote(t.Context(), q.Token)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the quote changed", got, q)
}

func eventFields(t *testing.T, b bench) {
	var r payment.Record
	fill(t, &r)
	r.Seq = 1
	second := r
	second.Seq, second.PrevHash = 2, r.Hash
	b.add(t, decide.Changes{Events: []payment.Record{second, r}})
	got, err := b.Events(t.Context(), r.PaymentID)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the events", got, []payment.Record{r, second})
	if none, err := b.Events(t.Context(), "nobody"); err != nil || len(none) > 0 {
		t.Fatalf("events of nobody are %v, %v", none, err)
	}
}

func zeroFields(t *testing.T, b bench) {
	b.shop(t, "t1")
	p := payment.Payment{ID: "p", Solution: payment.ForeignQR, State: payment.Created, Amount: 1, CreatedAt: day, ExpiresAt: day}
	q := quote.Quote{Token: "q", CreatedAt: day, ExpiresAt: day}
	b.add(t, decide.Changes{NewPayments: []payment.Payment{p}, NewQuotes: []quote.Quote{q}})
	id := terminalID("t1")
	snap := b.load(t, decide.Needs{Payments: []string{"p"}, Tokens: []string{"q"}, Terminals: []protocol.Identity{id}})
	same(t, "the payment", snap.Payments["p"], p)
	same(t, "the quote", snap.Quotes["q"], q)
	same(t, "the terminal", snap.Terminals[id], fleet.Terminal{Identity: id, Active: true, Integrated: true})
}

func loadsNeeds(t *testing.T, b bench) {
	b.shop(t, "t1", "t2", "t3")
	p1, p2, p3, p4 := newPayment("p1"), newPayment("p2"), newPayment("p3"), newPayment("p4")
	b.add(t, decide.Changes{
		NewPayments: []payment.Payment{p1, p2, p3, p4},
		NewQuotes:   []quote.Quote{{Token: "q1", CreatedAt: day, ExpiresAt: day}, {Token: "q2", CreatedAt: day, ExpiresAt: day}},
		Messages:    []decide.Message{{MessageKey: decide.MessageKey{OrgID: "O", MsgID: "m1"}, At: day}},
		NewReqPays:  []decide.ReqPay{{TxnKey: decide.TxnKey{OrgID: "O", TxnID: "x1"}, Status: "SUCCESS", At: day}},
	})
	free := payment.Key{MerchantID: merchantA, TransactionID: "free"}
	foreign := payment.Key{MerchantID: merchantB, TransactionID: p3.TransactionID}
	snap := b.load(t, decide.Needs{
		Terminals: []protocol.Identity{terminalID("t3"), terminalID("t1"), terminalID("nobody")},
		Payments:  []string{"p2", "p1", "nobody", "p1"},
		Keys:      []payment.Key{p3.Key, free, foreign},
		Tokens:    []string{"q2", "nobody"},
		Messages:  []decide.MessageKey{{OrgID: "O", MsgID: "m1"}, {OrgID: "O", MsgID: "m2"}, {OrgID: "P", MsgID: "m1"}},
		Txns:      []decide.TxnKey{{OrgID: "O", TxnID: "x1"}, {OrgID: "O", TxnID: "m1"}, {OrgID: "P", TxnID: "x1"}},
	})
	same(t, "the payments", snap.Payments, map[string]payment.Payment{"p1": p1, "p2": p2, "p3": p3})
	if len(snap.Terminals) != 2 || snap.Terminals[terminalID("t1")].TerminalID != "t1" || snap.Terminals[terminalID("t3")].TerminalID != "t3" {
		t.Fatalf("terminals are %v, want t1 and t3", snap.Terminals)
	}
	if snap.Keys[p3.Key] != "p3" || snap.Keys[free] != "" || snap.Keys[foreign] != "" {
		t.Fatalf("keys are %v, want p3's alone of those asked for", snap.Keys)
	}
	if len(snap.Quotes) != 1 || snap.Quotes["q2"].Token != "q2" {
		t.Fatalf("quotes are %v, want q2", snap.Quotes)
	}
	same(t, "the messages", snap.Messages, map[decide.MessageKey]bool{{OrgID: "O", MsgID: "m1"}: true})
	same(t, "the transactions", snap.Txns, map[decide.TxnKey]decide.ReqPay{
		{OrgID: "O", TxnID: "x1"}: {TxnKey: decide.TxnKey{OrgID: "O", TxnID: "x1"}, Status: "SUCCESS", At: day},
	})

	none := b.load(t, decide.Needs{})
	if n := len(none.Terminals) + len(none.Payments) + len(none.Quotes) + len(none.Keys) + len(none.Messages) + len(none.Txns); n > 0 {
		t.Fatalf("nothing was named and %d rows were loaded", n)
	}
}

func loadsSales(t *testing.T, b bench) {
	b.shop(t, "t1", "t2")
	var all []payment.Payment
	for _, id := range []string{"sale", "w1", "w2", "result", "other", "keyed"} {
		all = append(all, newPayment(id))
	}
	b.add(t, created(all...))
	b.change(t, "t1", func(x *fleet.Terminal) { x.Sale, x.Waiting, x.Result = "sale", []string{"w2", "w1"}, "result" })
	for _, c := range []struct {
		name  string
		needs decide.Needs
		want  string
	}{
		{"one terminal", decide.Needs{Terminals: []protocol.Identity{terminalID("t1")}}, "sale w1 w2"},
		{"one terminal and a free key", decide.Needs{Terminals: []protocol.Identity{terminalID("t1")}, Keys: []payment.Key{{MerchantID: merchantA, TransactionID: "free"}}}, "sale w1 w2"},
		{"one terminal and a key", decide.Needs{Terminals: []protocol.Identity{terminalID("t1")}, Keys: []payment.Key{newPayment("keyed").Key}}, "keyed sale w1 w2"},
		{"two terminals and a payment", decide.Needs{Terminals: []protocol.Identity{terminalID("t1"), terminalID("t2")}, Payments: []string{"w1", "other"}}, "other sale w1 w2"},
		{"an idle terminal", decide.Needs{Terminals: []protocol.Identity{terminalID("t2")}}, ""},
	} {
		snap := b.load(t, c.needs)
		var got []string
		for _, p := range all {
			if _, ok := snap.Payments[p.ID]; ok {
				got = append(got, p.ID)
			}
		}
		if s := strings.Join(sorted(got), " "); s != c.want || len(snap.Payments) != len(got) {
			t.Errorf("%s: loaded %q, want %q", c.name, s, c.want)
		}
	}
}

func manyRows(t *testing.T, b bench) {
	const n = 150 // more than any storage writes by one statement, and no round number of them
	var names []string
	var c decide.Changes
	for i := range n {
		id := number(i)
		names = append(names, "t"+id)
		p := newPayment("p" + id)
		p.Amount += protocol.Paise(i)
		p.Reason = map[bool]string{true: "odd"}[i%2 == 1]
		c.NewPayments = append(c.NewPayments, p)
		c.Events = append(c.Events, payment.Record{PaymentID: p.ID, Seq: 1, Event: payment.EventInit, To: payment.Created, At: day})
		c.NewQuotes = append(c.NewQuotes, quote.Quote{Token: "q" + id, PaymentID: p.ID, CreatedAt: day, ExpiresAt: day})
		c.QuoteEvents = append(c.QuoteEvents, decide.QuoteEvent{Token: "q" + id, Seq: 1, At: day})
		c.Messages = append(c.Messages, decide.Message{MessageKey: decide.MessageKey{OrgID: "O", MsgID: id}, At: day})
		c.NewReqPays = append(c.NewReqPays, decide.ReqPay{TxnKey: decide.TxnKey{OrgID: "O", TxnID: id}, Status: "FAILED", At: day})
		c.NewCredits = append(c.NewCredits, decide.Credit{TxnKey: decide.TxnKey{OrgID: "O", TxnID: id}, State: decide.CreditApplied, At: day})
		c.Callbacks = append(c.Callbacks, decide.Callback{EventID: "EV" + id, PaymentID: p.ID, URL: "http://x.example/", At: day})
	}
	b.shop(t, names...)
	b.add(t, c)
	var needs decide.Needs
	for i := range n {
		id := number(i)
		needs.Terminals = append(needs.Terminals, terminalID("t"+id))
		needs.Payments = append(needs.Payments, "p"+id)
		needs.Tokens = append(needs.Tokens, "q"+id)
	}
	b.must(t, needs, func(s decide.Snapshot) decide.Changes {
		var c decide.Changes
		for i := range n {
			id := number(i)
			terminal, p, q := s.Terminals[terminalID("t"+id)], s.Payments["p"+id], s.Quotes["q"+id]
			terminal.Offer(p.ID)
			p.State, q.UsedAt = payment.Presented, day
			c.Terminals, c.Payments, c.Quotes = append(c.Terminals, terminal), append(c.Payments, p), append(c.Quotes, q)
		}
		return c
	})
	snap := b.load(t, needs)
	for i := range n {
		id := number(i)
		p, terminal := snap.Payments["p"+id], snap.Terminals[terminalID("t"+id)]
		if p.State != payment.Presented || p.Amount != 24500+protocol.Paise(i) || (p.Reason == "odd") != (i%2 == 1) {
			t.Fatalf("payment %d is %s", i, show(p))
		}
		if terminal.Sale != p.ID || terminal.Seq != 1 || !snap.Quotes["q"+id].Used() {
			t.Fatalf("terminal %d shows %q, quote used %v", i, terminal.Sale, snap.Quotes["q"+id].Used())
		}
	}
}

func timeRises(t *testing.T, b bench) {
	last := b.now(t)
	for range 20 {
		now := b.load(t, decide.Needs{}).Now
		if now.Before(last) || now.Nanosecond()%1000 != 0 || now.Location() != day.Location() {
			t.Fatalf("now is %v after %v, want it later, in UTC and in whole microseconds", now, last)
		}
		last = now
	}
}

func runRefuses(t *testing.T, b bench) {
	b.shop(t, "t1")
	refusal := errors.New("no")
	id := journal.NewBatchID()
	err := b.Apply(t.Context(), id, decide.Needs{Terminals: []protocol.Identity{terminalID("t1")}},
		func(decide.Snapshot) (decide.Changes, error) { return created(newPayment("p1")), refusal })
	if !errors.Is(err, refusal) {
		t.Fatalf("Apply = %v, want what run returned", err)
	}
	if _, err := b.PaymentByID(t.Context(), "p1"); !errors.Is(err, journal.ErrNotFound) {
		t.Fatalf("the payment is there: %v", err)
	}
	if committed, err := b.Committed(t.Context(), id); err != nil || committed {
		t.Fatalf("Committed = %v, %v", committed, err)
	}
	b.change(t, "t1", func(x *fleet.Terminal) { x.Label = "not locked any more" })
}

func notLoaded(t *testing.T, b bench) {
	b.shop(t, "t1")
	b.add(t, created(newPayment("p1")))
	ghost, p := newPayment("p1"), newPayment("p2")
	ghost.State = payment.Succeeded
	for name, c := range map[string]decide.Changes{
		"a payment":  {Payments: []payment.Payment{ghost}},
		"a terminal": {Terminals: []fleet.Terminal{{Identity: terminalID("t1"), Label: "ghost"}}},
		"a quote":    {Quotes: []quote.Quote{{Token: "nobody", CreatedAt: day, ExpiresAt: day}}},
	} {
		c.NewPayments = []payment.Payment{p}
		if err := b.apply(t, decide.Needs{}, func(decide.Snapshot) decide.Changes { return c }); err == nil || errors.Is(err, journal.ErrAgain) {
			t.Errorf("%s: Apply = %v, want an error", name, err)
		}
	}
	if _, err := b.PaymentByID(t.Context(), "p2"); !errors.Is(err, journal.ErrNotFound) || b.payment(t, "p1").State != payment.Created {
		t.Fatalf("something was kept: %v", err)
	}
}

func badText(t *testing.T, b bench) {
	b.shop(t, "t1")
	for name, bad := range map[string]string{"NUL": "a\x00b", "not UTF-8": "a\xffb"} {
		p := newPayment("bad")
		p.OrderID = bad
		many := created(newPayment("good"), p)
		err := b.apply(t, decide.Needs{}, func(decide.Snapshot) decide.Changes { return many })
		if !errors.Is(err, journal.ErrText) {
			t.Errorf("%s in a payment: Apply = %v, want ErrText", name, err)
		}
		err = b.apply(t, decide.Needs{Terminals: []protocol.Identity{terminalID("t1")}}, func(s decide.Snapshot) decide.Changes {
			terminal := s.Terminals[terminalID("t1")]
			terminal.Waiting = []string{bad}
			return decide.Changes{Terminals: []fleet.Terminal{terminal}}
		})
		if err == nil && name == "NUL" {
			t.Errorf("%s in a list: Apply = nil, want an error", name)
		}
	}
	if _, err := b.PaymentByID(t.Context(), "good"); !errors.Is(err, journal.ErrNotFound) {
		t.Fatalf("the good half was kept: %v", err)
	}
	b.add(t, created(newPayment("good")))
}

func checks(t *testing.T, b bench) {
	for name, spoil := range map[string]func(*payment.Payment){
		"state":    func(p *payment.Payment) { p.State = "paid" },
		"refunded": func(p *payment.Payment) { p.Refunded = p.Amount + 1 },
		"solution": func(p *payment.Payment) { p.Solution = "CASH" },
		"amount":   func(p *payment.Payment) { p.Amount = 0 },
	} {
		p := newPayment("p")
		spoil(&p)
		if err := b.apply(t, decide.Needs{}, func(decide.Snapshot) decide.Changes { return created(p) }); err == nil {
			t.Errorf("a payment with a wrong %s was kept", name)
		}
	}
}
