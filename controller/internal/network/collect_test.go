package network_test

import (
	"crypto/x509"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/payment"
)

func certs(s signer) []*x509.Certificate { return []*x509.Certificate{s.cert} }

// A collect request over a real socket: what is sent, and that it is signed.
func TestCollectIsSent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(r.overSockets())
	r.collect("1")
	r.idle()
	got := r.bank.received()
	if len(got) != 1 || got[0].path != "/upi/api/v1/collect" || !got[0].signedBy(ours()) || got[0].signedBy(stranger()) {
		t.Fatalf("sent %v", got)
	}
	unsigned := got[0].raw[:strings.Index(got[0].raw, "<ds:Signature")]
	if !regexp.MustCompile(`^<ReqCollect>
  <MsgID>GP1-collect-1</MsgID>
  <Ts>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ</Ts>
  <OrgID>MER101</OrgID>
  <TxnID>GP1</TxnID>
  <Kind>NEW</Kind>
  <PayerAddr>canary\.payer@ybl</PayerAddr>
  <PayeeAddr>merchant@upi</PayeeAddr>
  <Amount>1\.00</Amount>
  <Curr>INR</Curr>
  <Note>Collect for order 4821</Note>
  <ExpireAfter>180</ExpireAfter>
$`).MatchString(unsigned) {
		t.Errorf("sent\n%s", got[0].raw)
	}
	if p := r.payment("1"); p.State != payment.Created {
		t.Errorf("the payment is %s", p.State)
	}
	r.collect("2", func(p *payment.Payment) { p.CollectBy, p.CollectFrom, p.Message = "MOBILE", "9999999999", "" })
	r.idle()
	if f := r.bank.received()[1].fields; f["PayerMobile"] != "9999999999" || f["PayerAddr"] != "" || f["Note"] != "" {
		t.Errorf("to a mobile number: %v", f)
	}
	if strings.Contains(r.log.String(), "canary") || strings.Contains(r.log.String(), "9999999999") {
		t.Errorf("the log names the customer:\n%s", r.log.String())
	}
}

// Reminders and cancels go out as what they are, each once; what has been
// overtaken is not sent.
func TestRemindAndCancel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p := r.collect("1")
		r.start(r.worker())
		r.idle()
		do(r, decide.Remind{Key: p.Key, ID: "remind-me"})
		r.idle()
		do(r, decide.Cancel{Key: p.Key, Actor: "pos:MERCHANTUAT"})
		r.idle()
		do(r, decide.Remind{Key: p.Key, ID: "too-late"})
		r.idle()
		var kinds []string
		for _, s := range r.bank.received() {
			kinds = append(kinds, s.fields["Kind"]+" "+s.fields["MsgID"]+" "+s.fields["TxnID"]+" "+s.fields["ExpireAfter"])
		}
		want := []string{"NEW GP1-collect-1 GP1 180", "REMIND remind-me-1 GP1 180", "CANCEL GP1-cancel-1 GP1 "}
		if len(kinds) != len(want) {
			t.Fatalf("sent %q", kinds)
		}
		for i := range want {
			if got := regexp.MustCompile(` 1[78]\d$`).ReplaceAllString(kinds[i], " 180"); got != want[i] {
				t.Errorf("sent %q, want %q", kinds[i], want[i])
			}
		}
		// A request that was cancelled before it could be sent is not sent, and what
		// the network does not know of cannot be cancelled there: that is the end.
		r.bank.set(func(b *bank) {
			b.away = true
			b.answer = func(s sent) string { return say(s, "Status", "ZQ") }
		})
		before := len(r.bank.received())
		p = r.collect("2")
		r.until("a first try", func() bool { return r.meter.count("COLLECT no_answer") == 1 })
		do(r, decide.Cancel{Key: p.Key, Actor: "pos:MERCHANTUAT"})
		r.bank.set(func(b *bank) { b.away = false })
		r.idle()
		if got := r.bank.received()[before:]; len(got) != 1 || got[0].fields["Kind"] != "CANCEL" {
			t.Errorf("sent %v", got)
		}
		// What has run out need not be taken back: it has run out at the bank too.
		r.lives = 5 * time.Second
		r.bank.set(func(b *bank) { b.away = true })
		before = len(r.bank.received())
		p = r.collect("3")
		do(r, decide.Cancel{Key: p.Key, Actor: "pos:MERCHANTUAT"})
		<-time.After(r.lives)
		r.bank.set(func(b *bank) { b.away = false })
		r.idle()
		if got := r.bank.received()[before:]; len(got) != 0 {
			t.Errorf("sent %v", got)
		}
		if q := r.queue(); q.Dead != 0 {
			t.Errorf("%d rows were given up", q.Dead)
		}
	})
}

// At a collect request's end the network is asked once more, and its answer is
// the end: paid, or COLLECT_EXPIRED (phonepe-api: Collect).
func TestCollectAtItsEnd(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer func(sent) string
		slow   bool
		within time.Duration // after its time
		state  payment.State
		reason string
		credit decide.CreditState
	}{
		{name: "not paid", within: time.Second, state: payment.Expired, reason: payment.ReasonCollectExpired, answer: func(s sent) string {
			return say(s, "Status", "00", "TxnID", "GP1", "TxnStatus", "FAILED", "Amount", "1.00")
		}},
		{name: "not known yet", within: time.Second, state: payment.Expired, reason: payment.ReasonCollectExpired, answer: func(s sent) string {
			return say(s, "Status", "00", "TxnID", "GP1", "TxnStatus", "PENDING", "Amount", "1.00")
		}},
		{name: "never heard of", within: time.Second, state: payment.Expired, reason: payment.ReasonCollectExpired},
		{name: "paid, the result was lost", within: time.Second, state: payment.Succeeded, credit: decide.CreditApplied, answer: func(s sent) string {
			return say(s, "Status", "00", "TxnID", "GP1", "TxnStatus", "SUCCESS", "CreditTxnID", "BANK1", "Amount", "1.00", "Rrn", "632600000001")
		}},
		{name: "paid, but nobody says as what", within: payment.AskGrace + time.Second, state: payment.Expired, reason: payment.ReasonCollectExpired, answer: func(s sent) string {
			return say(s, "Status", "00", "TxnID", "GP1", "TxnStatus", "SUCCESS", "Amount", "1.00", "Rrn", "632600000001")
		}},
		{name: "no answer", slow: true, within: payment.AskGrace + time.Second, state: payment.Expired, reason: payment.ReasonCollectExpired},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.lives = 20 * time.Second
				p := r.collect("1")
				r.sweeps()
				r.start(r.worker())
				r.idle()
				ask := func(s sent) bool { return s.root == "ReqChkTxn" }
				r.bank.set(func(b *bank) {
					b.answer = func(s sent) string {
						if tt.answer == nil || !ask(s) {
							return ""
						}
						return tt.answer(s)
					}
					if tt.slow {
						b.do = hangFor(time.Hour, ask)
					}
				})
				<-time.After(time.Until(p.ExpiresAt))
				r.until("its end", func() bool { return r.payment("1").State.Final() })
				if late := time.Since(p.ExpiresAt); late > tt.within {
					t.Errorf("it ended %v after its time", late)
				}
				got := r.payment("1")
				if got.State != tt.state || got.Reason != tt.reason {
					t.Errorf("it is %s %q, want %s %q", got.State, got.Reason, tt.state, tt.reason)
				}
				if c := r.credit(decide.TxnKey{OrgID: "MER101", TxnID: "BANK1"}); c.State != tt.credit {
					t.Errorf("the credit is %s, want %s", c.State, tt.credit)
				}
				if tt.credit != "" && (got.Settlement != 99 || got.Reference != "632600000001") {
					t.Errorf("settled %d by %s", got.Settlement, got.Reference)
				}
				asks := r.bank.of("ReqChkTxn")
				if len(asks) == 0 || asks[0].fields["OrgTxnID"] != "GP1" || asks[0].path != "/upi/api/v1/check" || !asks[0].signedBy(ours()) {
					t.Errorf("asked %v", asks)
				}
				r.idle()
			})
		})
	}
}

// Money that comes when the request is over goes back, once, and ends reversed.
func TestLateCreditGoesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p := r.collect("1")
		r.start(r.worker())
		do(r, decide.Cancel{Key: p.Key, Actor: "pos:MERCHANTUAT"})
		r.idle()
		pending := 2
		r.bank.set(func(b *bank) {
			b.answer = func(s sent) string {
				if s.root == "ReqRefund" && pending > 0 {
					pending--
					return say(s, "Status", "PENDING", "TxnID", s.fields["TxnID"])
				}
				return ""
			}
		})
		if a := r.result("1", "1", 100); a.Result != decide.ResultReversed {
			t.Fatalf("answered %s %s", a.Code, a.Result)
		}
		r.idle()
		got := r.bank.of("ReqRefund")
		if len(got) != 3 || len(r.bank.moved) != 1 {
			t.Fatalf("sent %v, moved %v", got, r.bank.moved)
		}
		for i, s := range got {
			f := s.fields
			if s.path != "/upi/api/v1/refund" || f["Type"] != "REVERSAL" || f["OrgTxnID"] != "BANK1" || f["Amount"] != "1.00" ||
				f["PayeeAddr"] != "merchant@upi" || f["TxnID"] != got[0].fields["TxnID"] || i > 0 && f["MsgID"] == got[i-1].fields["MsgID"] {
				t.Errorf("sent %v", f)
			}
		}
		if c := r.credit(decide.TxnKey{OrgID: "MER101", TxnID: "BANK1"}); c.State != decide.CreditReversed {
			t.Errorf("the credit is %s", c.State)
		}
		if p := r.payment("1"); p.State != payment.Cancelled {
			t.Errorf("the payment is %s", p.State)
		}
	})
}
