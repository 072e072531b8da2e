package storagetest

import (
	"errors"
	"testing"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

var readCases = []testCase{
	{"a payment is found by either id, by its own merchant alone", findPayment},
	{"what is not there is not found", notFound},
	{"references are followed", resolves},
	{"a storage answers and has a clock", alive},
}

func findPayment(t *testing.T, b bench) {
	p1, p2, twin, theirs := newPayment("p1"), newPayment("p2"), newPayment("p3"), newPayment("p4")
	twin.TransactionID = "p1" // what the merchant calls this is our id of another
	theirs.MerchantID = merchantB
	b.add(t, created(p1, p2, twin, theirs))
	for _, c := range []struct{ merchant, id, want string }{
		{merchantA, "merchants-p1", "p1"},
		{merchantA, "p2", "p2"},
		{merchantA, "p1", "p3"},
		{merchantB, "merchants-p4", "p4"},
		{merchantB, "p4", "p4"},
		{merchantB, "merchants-p1", ""},
		{merchantB, "p2", ""},
		{merchantA, "p4", ""},
		{merchantA, "merchants-p4", ""},
		{merchantA, "", ""},
		{"", "p1", ""},
	} {
		p, err := b.Payment(t.Context(), c.merchant, c.id)
		if p.ID != c.want || (c.want == "") != errors.Is(err, journal.ErrNotFound) || c.want != "" && err != nil {
			t.Errorf("Payment(%q, %q) = %q, %v; want %q", c.merchant, c.id, p.ID, err, c.want)
		}
	}
}

func notFound(t *testing.T, b bench) {
	_, byID := b.PaymentByID(t.Context(), "nobody")
	_, unkept := b.Payment(t.Context(), merchantA, "a\x00b")
	_, byToken := b.Quote(t.Context(), "nobody")
	_, terminal := b.Terminal(t.Context(), terminalID("nobody"))
	_, secret := b.Secret(t.Context(), "nothing")
	for what, err := range map[string]error{"payment": byID, "unkeepable payment": unkept, "quote": byToken, "terminal": terminal, "secret": secret} {
		if !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", what, err)
		}
	}
}

func resolves(t *testing.T, b bench) {
	onTerminal, open := newPayment("p1"), newPayment("p2")
	onTerminal.TerminalID = "t1"
	b.add(t, decide.Changes{
		NewPayments: []payment.Payment{onTerminal, open},
		NewQuotes: []quote.Quote{
			{Token: "q1", PaymentID: "p1", CreatedAt: day, ExpiresAt: day},
			{Token: "q2", PaymentID: "p2", CreatedAt: day, ExpiresAt: day},
			{Token: "foreign", CreatedAt: day, ExpiresAt: day},
		},
	})
	free := payment.Key{MerchantID: merchantB, TransactionID: open.TransactionID}
	for _, c := range []struct {
		name  string
		needs decide.Needs
		want  func(*journal.Resolved)
	}{
		{"nothing", decide.Needs{}, func(*journal.Resolved) {}},
		{"a token", decide.Needs{Tokens: []string{"q1"}}, func(r *journal.Resolved) {
			r.Tokens["q1"], r.Terminals["p1"] = "p1", terminalID("t1")
		}},
		{"tokens of all kinds", decide.Needs{Tokens: []string{"foreign", "nobody", "q2"}}, func(r *journal.Resolved) {
			r.Tokens["foreign"], r.Tokens["q2"] = "", "p2"
		}},
		{"keys", decide.Needs{Keys: []payment.Key{onTerminal.Key, free}}, func(r *journal.Resolved) {
			r.Keys[onTerminal.Key], r.Terminals["p1"] = "p1", terminalID("t1")
		}},
		{"payments", decide.Needs{Payments: []string{"nobody", "p1", "p2"}}, func(r *journal.Resolved) {
			r.Terminals["p1"] = terminalID("t1")
		}},
	} {
		want := journal.NewResolved()
		c.want(&want)
		got, err := b.Resolve(t.Context(), c.needs)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		same(t, c.name, got, want)
	}
}

func alive(t *testing.T, b bench) {
	if err := b.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := b.now(t)
	if after := b.now(t); before.IsZero() || after.Before(before) || after.Location() != day.Location() {
		t.Fatalf("Now is %v, then %v", before, after)
	}
	if err := b.Migrate(t.Context()); err != nil {
		t.Fatalf("a schema that is up to date cannot be migrated: %v", err)
	}
}

var wantedCases = []testCase{
	{"a terminal with its sale and its result", wanted},
	{"who needs telling", unacked},
}

func wanted(t *testing.T, b bench) {
	b.shop(t, "t1", "t2", "t3")
	sale, result := newPayment("sale"), newPayment("result")
	result.State, result.EndedAt = payment.Succeeded, day
	b.add(t, created(sale, result))
	b.change(t, "t1", func(x *fleet.Terminal) { x.Sale, x.Result, x.Seq = "sale", "result", 7 })
	b.change(t, "t2", func(x *fleet.Terminal) { x.Result = "sale" })
	before := b.now(t)
	got, err := b.Wanted(t.Context(), []protocol.Identity{terminalID("t3"), terminalID("t1"), terminalID("nobody"), terminalID("t2")})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 {
		t.Fatalf("%d terminals, want 3", len(got))
	}
	idle, busy, shown := got[0], got[1], got[2]
	if idle.Terminal.TerminalID != "t3" || idle.Sale != nil || idle.Result != nil {
		t.Fatalf("first is %+v, want t3 with nothing", idle)
	}
	if busy.Terminal.Seq != 7 || busy.MerchantName != "Shop A" || busy.Sale == nil || busy.Result == nil {
		t.Fatalf("second is %+v, want t1 with both", busy)
	}
	same(t, "its sale", *busy.Sale, sale)
	same(t, "its result", *busy.Result, result)
	if shown.Sale != nil || shown.Result == nil || shown.Result.ID != "sale" {
		t.Fatalf("third is %+v, want t2 with a result", shown)
	}
	for _, w := range got {
		if w.Now.Before(before) || w.Now.After(b.now(t)) {
			t.Fatalf("Now is %v, want it between %v and now", w.Now, before)
		}
	}
	if none, err := b.Wanted(t.Context(), nil); err != nil || len(none) > 0 {
		t.Fatalf("nobody wants %v, %v", none, err)
	}
}

func unacked(t *testing.T, b bench) {
	now := b.now(t)
	enrolled := func(x *fleet.Terminal) {
		x.PublicKey, x.TokenHash, x.Seq, x.LastSeen = []byte{1}, []byte{2}, 1, now
	}
	for name, do := range map[string]func(*fleet.Terminal){
		"a-needs":    func(*fleet.Terminal) {},
		"b-acked":    func(x *fleet.Terminal) { x.AckedSeq = 1 },
		"c-behind":   func(x *fleet.Terminal) { x.Seq, x.AckedSeq = 9, 8 },
		"d-gone":     func(x *fleet.Terminal) { x.GoneAt = day },
		"e-no-key":   func(x *fleet.Terminal) { x.PublicKey = nil },
		"f-no-token": func(x *fleet.Terminal) { x.TokenHash = nil },
		"g-nothing":  func(x *fleet.Terminal) { x.Seq = 0 },
		"h-needs":    func(x *fleet.Terminal) { x.LastSeen = now.Add(-fleet.Silence / 2) },
		"i-silent":   func(x *fleet.Terminal) { x.LastSeen = now.Add(-fleet.Silence) },
		"j-never":    func(x *fleet.Terminal) { x.LastSeen = x.GoneAt },
	} {
		b.shop(t, name)
		b.change(t, name, func(x *fleet.Terminal) {
			enrolled(x)
			do(x)
		})
	}
	for limit, want := range map[int][]string{
		1: {"a-needs"}, 2: {"a-needs", "c-behind"}, 100: {"a-needs", "c-behind", "h-needs"},
	} {
		got, err := b.Unacked(t.Context(), limit)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, id := range got {
			names = append(names, id.TerminalID)
		}
		same(t, "who needs telling", names, want)
	}
}
