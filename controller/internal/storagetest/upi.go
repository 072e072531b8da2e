package storagetest

import (
	"errors"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/quote"
)

// What the UPI side reads and changes beside payments (PRD 4).
var upiCases = []testCase{
	{"a ReqPay is loaded, changed and found", reqPayChanges},
	{"held messages fall due a second after their time", dueHolds},
	{"validations that were not processed, the oldest first", unprocessed},
	{"the latest quote of a payment", latestQuote},
}

func key(txn string) decide.TxnKey { return decide.TxnKey{OrgID: "O", TxnID: txn} }

func newQuote(token string) quote.Quote {
	return quote.Quote{
		Token: token, OrgID: "O", MsgID: "m" + token, Payee: "shop@upi", Amount: 100, Base: 100, Currency: quote.INR,
		CreatedAt: day, ExpiresAt: day.Add(quote.Validity), Seq: 1,
	}
}

func reqPayChanges(t *testing.T, b bench) {
	first := decide.ReqPay{TxnKey: key("x1"), PaymentID: "p", Token: "v", Base: 100, Currency: "INR", Status: "PENDING", At: day, DueAt: day.Add(time.Minute)}
	b.add(t, decide.Changes{NewReqPays: []decide.ReqPay{first}})
	changed := first
	changed.Status, changed.Result, changed.Reference, changed.DueAt = "REVERSED", "TIMEOUT", "632600000001", time.Time{}
	changed.ResponseHash[3] = 7
	b.must(t, decide.Needs{Txns: []decide.TxnKey{key("x1"), key("x2")}}, func(s decide.Snapshot) decide.Changes {
		same(t, "what is loaded", s.Txns, map[decide.TxnKey]decide.ReqPay{key("x1"): first})
		return decide.Changes{ReqPays: []decide.ReqPay{changed}}
	})
	got, err := b.ReqPay(t.Context(), key("x1"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what is found", got, changed)
	if _, err := b.ReqPay(t.Context(), key("x2")); !errors.Is(err, journal.ErrNotFound) {
		t.Fatalf("one that is not there: %v", err)
	}
	if err := b.apply(t, decide.Needs{}, func(decide.Snapshot) decide.Changes {
		return decide.Changes{ReqPays: []decide.ReqPay{changed}}
	}); err == nil {
		t.Fatal("one was changed that was not loaded")
	}
}

func dueHolds(t *testing.T, b bench) {
	now := b.now(t)
	var rows []decide.ReqPay
	for name, after := range map[string]time.Duration{"long over": -time.Hour, "over": -2 * time.Second, "to come": time.Hour} {
		rows = append(rows, decide.ReqPay{TxnKey: key(name), PaymentID: "p " + name, Token: "v " + name, Status: "PENDING", At: day, DueAt: now.Add(after)})
	}
	rows = append(rows, decide.ReqPay{TxnKey: key("not held"), Status: "SUCCESS", At: day})
	b.add(t, decide.Changes{NewReqPays: rows})
	hold := func(name string) decide.Hold {
		return decide.Hold{TxnKey: key(name), PaymentID: "p " + name, Token: "v " + name}
	}
	for limit, want := range map[int][]decide.Hold{10: {hold("long over"), hold("over")}, 1: {hold("long over")}} {
		due, err := b.Due(t.Context(), limit)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "what is due", due.Holds, want)
		if !due.HasNext || due.Next <= 59*time.Minute || due.Next > time.Hour+time.Second {
			t.Fatalf("next is in %v, %v; want in an hour", due.Next, due.HasNext)
		}
	}
}

func unprocessed(t *testing.T, b bench) {
	var rows []quote.Quote
	for i, name := range []string{"c", "a", "b", "done"} {
		q := newQuote(name)
		q.CreatedAt = day.Add(time.Duration(i) * time.Second)
		if name == "done" {
			q.ProcessedAt = day
		} else {
			q.ProcessedAt = time.Time{}
		}
		rows = append(rows, q)
	}
	b.add(t, decide.Changes{NewQuotes: rows})
	for limit, want := range map[int][]quote.Quote{10: rows[:3], 2: rows[:2]} {
		got, err := b.Unprocessed(t.Context(), limit)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "what is left", got, want)
	}
}

func latestQuote(t *testing.T, b bench) {
	var rows []quote.Quote
	for i, of := range []string{"p1", "p1", "p2", ""} {
		q := newQuote(string(rune('a' + i)))
		q.PaymentID, q.CreatedAt = of, day.Add(time.Duration(i)*time.Second)
		rows = append(rows, q)
	}
	b.add(t, decide.Changes{NewQuotes: rows})
	got, err := b.LatestQuote(t.Context(), "p1")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the latest", got, rows[1])
	for _, nobody := range []string{"p3", ""} {
		if _, err := b.LatestQuote(t.Context(), nobody); !errors.Is(err, journal.ErrNotFound) {
			t.Fatalf("of %q: %v", nobody, err)
		}
	}
}
