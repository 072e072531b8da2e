package decide

import (
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/risk"
)

// held is a sale of 1000.00 whose ReqPay waits for its merchant for 30 s.
func held(t *testing.T) (*world, TimedOut) {
	t.Helper()
	w := newWorld(t)
	w.sale("1", 100_000)
	if code := w.validate(validation("1", "1", 100_000)); code != CodeOK {
		t.Fatal(code)
	}
	d := paying("1", 100_000)
	d.Hold = 30 * time.Second
	a, err := do(w, d)
	if err != nil || a.Body != nil || !a.HeldUntil.Equal(start.Add(30*time.Second)) || a.Settlement != 0 {
		t.Fatalf("%+v %v", a, err)
	}
	return w, TimedOut{Hold: Hold{TxnKey{"MER101", "X1"}, "GP1", "token1"}, Reverse: true,
		Render: func(a PayAnswer) []byte { return []byte(a.Result) }}
}

// TestTimeout is PRD 5.3: what is held, how it ends, and where the money is.
func TestTimeout(t *testing.T) {
	for _, tt := range []struct {
		name    string
		before  func(*world)    // while it is held
		flags   func(*TimedOut) // dynamic_qr_merchant_timeout and the like
		payment payment.State
		status  string // what ReqChkTxn says
		credit  CreditState
		network int // reversals asked for
	}{
		{name: "reversal asked for", payment: payment.Failed, status: StatusPending, credit: CreditReversing, network: 1},
		{name: "no network to ask", flags: func(d *TimedOut) { d.Booked = true }, payment: payment.Failed, status: StatusReversed, credit: CreditReversed},
		{name: "no automatic reversal", flags: func(d *TimedOut) { d.Reverse = false }, payment: payment.Failed, status: StatusFailed, credit: CreditSuspense},
		{name: "a cancel was asked for", before: func(w *world) { do(w, Cancel{Key: payment.Key{MerchantID: "M", TransactionID: "1"}, Actor: "pos:M"}) },
			payment: payment.Cancelled, status: StatusPending, credit: CreditReversing, network: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, d := held(t)
			r := w.snap.Txns[d.TxnKey]
			if w.state("1") != payment.InProgress || r.Status != StatusPending || r.ResponseHash != [32]byte{} || w.snap.Credits[d.TxnKey].State != CreditReceived {
				t.Fatalf("while it is held: %s, %+v", w.state("1"), r)
			}
			if tt.before != nil {
				tt.before(w)
			}
			if tt.flags != nil {
				tt.flags(&d)
			}
			w.pass(30*time.Second - time.Microsecond)
			if a, err := do(w, d); err != nil || a.HeldUntil.IsZero() || w.state("1") != payment.InProgress {
				t.Fatalf("before its time: %+v %v", a, err)
			}
			w.pass(time.Microsecond)
			for range 2 { // the second changes nothing
				a, err := do(w, d)
				if err != nil || a.Code != CodeOK || a.Result != ResultTimeout || a.Settlement != 0 || string(a.Body) != "TIMEOUT" {
					t.Fatalf("%+v %v", a, err)
				}
				r, p := w.snap.Txns[d.TxnKey], w.payment("1")
				if p.State != tt.payment || r.Status != tt.status || r.Result != ResultTimeout || !r.DueAt.IsZero() ||
					w.snap.Credits[d.TxnKey].State != tt.credit || len(w.network) != tt.network || len(w.callbacks) != 1 {
					t.Fatalf("%s, %+v, %+v, %d messages, %d callbacks", p.State, r, w.snap.Credits[d.TxnKey], len(w.network), len(w.callbacks))
				}
				if tt.payment == payment.Failed && p.Reason != "UPI:TIMEOUT" {
					t.Errorf("the POS is told %s", p.Reason)
				}
			}
			if q := w.snap.Quotes["token1"]; q.Seq != 3 {
				t.Errorf("the quote has %d events, want validated, attempted, timed_out", q.Seq)
			}
			if code := w.validate(validation("2", "1", 100_000)); code != CodeDuplicate {
				t.Errorf("the same QR again: %s", code)
			}
		})
	}
}

// TestTimeoutNobodyWaitsFor: the sweeper renders nothing; a door that comes later
// still has its answer's hash kept.
func TestTimeoutNobodyWaitsFor(t *testing.T) {
	w, d := held(t)
	w.pass(31 * time.Second)
	sweeper := d
	sweeper.Render = nil
	if a, err := do(w, sweeper); err != nil || a.Body != nil || w.snap.Txns[d.TxnKey].ResponseHash != [32]byte{} {
		t.Fatalf("%+v %v", a, err)
	}
	if _, err := do(w, d); err != nil || w.snap.Txns[d.TxnKey].ResponseHash == [32]byte{} {
		t.Fatalf("%+v %v", w.snap.Txns[d.TxnKey], err)
	}
}

// TestReversalOfATimeout: ReqChkTxn says REVERSED once the money is back; refused for
// good, the money is in suspense and the ReqPay as it was.
func TestReversalOfATimeout(t *testing.T) {
	for refused, want := range map[bool]string{false: StatusReversed, true: StatusPending} {
		w, d := held(t)
		w.pass(30 * time.Second)
		if _, err := do(w, d); err != nil {
			t.Fatal(err)
		}
		if _, err := do(w, ReversalDone{TxnKey: d.TxnKey, Refused: refused}); err != nil {
			t.Fatal(err)
		}
		a, err := do(w, Check{OrgID: "MER101", MsgID: "C1", OrgTxnID: "X1", Render: func(CheckAnswer) []byte { return nil }})
		if err != nil || a.Code != CodeOK || a.Txn.Status != want || a.Txn.Amount != 100_000 || a.Txn.Settlement != 0 {
			t.Errorf("refused %v: %+v %v", refused, a, err)
		}
	}
}

// TestThirtyMinutes: a token lives 30:00 minutes; the boundary instant is expired.
func TestThirtyMinutes(t *testing.T) {
	for after, want := range map[time.Duration]Code{
		30*time.Minute - time.Microsecond: CodeOK, 30 * time.Minute: CodeExpired, 31 * time.Minute: CodeExpired,
	} {
		w := newWorld(t)
		v := validation("1", "", 800_000)
		v.QR = QR{}
		if code := w.validate(v); code != CodeOK {
			t.Fatal(code)
		}
		w.pass(after)
		if code := w.pay(paying("1", 800_000)); code != want {
			t.Errorf("after %v: %s, want %s", after, code, want)
		}
	}
	w := newWorld(t)
	v := validation("1", "", 100)
	v.QR, v.Settings = QR{}, quote.Settings{Limit: 100, Validity: time.Minute}
	w.validate(v)
	w.pass(time.Minute)
	if code := w.pay(paying("1", 100)); code != CodeExpired {
		t.Errorf("after a shorter life that was set: %s", code)
	}
}

// TestQuoteChain: every event of a quote's life follows from the one before.
func TestQuoteChain(t *testing.T) {
	w := newWorld(t)
	v := validation("1", "", 100)
	v.QR = QR{}
	w.validate(v)
	for n, assessed := range []bool{true, false} { // once
		did, err := do(w, Assess{Token: "token1", Verdict: risk.Verdict{Score: 30, Reasons: []risk.Reason{{Rule: "r", Text: "1 of 1"}}}})
		if err != nil || did != assessed {
			t.Errorf("assessment %d: %v %v", n, did, err)
		}
	}
	w.pay(paying("1", 100))
	if did, err := do(w, Assess{Token: "nobody's"}); did || err != nil {
		t.Errorf("an unknown token is assessed: %v %v", did, err)
	}
	q := w.snap.Quotes["token1"]
	if q.RiskScore != 30 || q.RiskReasons == "" || q.ProcessedAt.IsZero() || q.Seq != 3 {
		t.Errorf("%+v", q)
	}
	var names []string
	var before payment.Hash
	for n, e := range w.quoteEvents {
		names = append(names, e.Event)
		if e.Seq != int64(n+1) || e.PrevHash != before || e.Hash == before {
			t.Errorf("event %d: %+v", n, e)
		}
		before = e.Hash
	}
	if len(names) != 3 || names[0] != "validated" || names[1] != "processed" || names[2] != "attempted" || before != payment.Hash(q.Hash) {
		t.Errorf("events %v end in %x, the quote says %x", names, before, q.Hash)
	}
}
