package npci_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/protocol"
)

// TestJourney: how a purchase ends, whatever is lost on the way. A ReqPay is sent
// once, and who has not been answered asks ReqChkTxn. That no MsgID and no TxnID
// is used twice the controller sees to.
func TestJourney(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		payee   string
		faults  map[string][]fault
		state   npci.State
		back    npci.Back
		settled protocol.Paise
		asked   bool // whether it took questions
		arrived int  // ReqPays at the controller
	}{
		{"paid", "merchant@upi", nil, npci.Paid, "", 24378, false, 1},
		{"declined", "ip08@mercury", nil, npci.Returned, npci.BackRefused, 0, false, 1},
		{"held and reversed", "gourmet@mercury", nil, npci.Returned, npci.BackReversed, 0, true, 1}, // unless the reversal is the quicker
		{"the answer is lost", "merchant@upi", map[string][]fault{npci.PathPay: {cutOff}}, npci.Paid, "", 24378, true, 1},
		{"the answer is garbage", "merchant@upi", map[string][]fault{npci.PathPay: {garbage}}, npci.Paid, "", 24378, true, 1},
		{"the refusal is lost", "ip08@mercury", map[string][]fault{npci.PathPay: {cutOff}}, npci.Returned, npci.BackFailed, 0, true, 1},
		{"the timeout is lost", "gourmet@mercury", map[string][]fault{npci.PathPay: {cutOff}}, npci.Returned, npci.BackReversed, 0, true, 1},
		{"the ReqPay is lost", "merchant@upi", map[string][]fault{npci.PathPay: {neverSent}}, npci.Returned, npci.BackGivenUp, 0, true, 0},
		{"96", "merchant@upi", map[string][]fault{npci.PathPay: {broken}}, npci.Returned, npci.BackGivenUp, 0, true, 0},
		{"questions are lost, too", "merchant@upi", map[string][]fault{
			npci.PathPay: {cutOff}, npci.PathCheck: {neverSent, cutOff, broken, garbage},
		}, npci.Paid, "", 24378, true, 1},
		{"validations are lost", "merchant@upi", map[string][]fault{npci.PathValidate: {neverSent, cutOff, broken, garbage}}, npci.Paid, "", 24378, false, 1},
	} {
		for _, withNetwork := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := newStrict(t, withNetwork)
					defer s.end()
					for path, faults := range tt.faults {
						s.faults[path] = faults
					}
					got, err := s.client().Journey(t.Context(), buy(tt.payee, 24500))
					e := got.Entry
					if err != nil || e.State != tt.state || e.Back != tt.back || e.Settled != tt.settled || e.Debited != 24500 || e.Sent != 1 {
						t.Fatalf("%+v, %v", e, err)
					}
					if (e.Returned == 24500) != (tt.state == npci.Returned) || (got.Questions > 0) != tt.asked && tt.back != npci.BackReversed || s.sent[npci.PathPay] != tt.arrived {
						t.Errorf("returned %s, %d questions, %d ReqPays", e.Returned.Rupees(), got.Questions, s.sent[npci.PathPay])
					}
					if tt.back == npci.BackReversed && (e.Reversal != "") != withNetwork {
						t.Errorf("reversed by %q", e.Reversal)
					}
					if in, ok := s.client().Ledger().Entry(got.Pay.TxnID); withNetwork && (!ok || in != e) {
						t.Errorf("the books say %+v", in)
					}
					s.jobs.Wait()
					if r, err := s.client().Reconcile(t.Context()); withNetwork && (err != nil || !r.Agrees()) {
						t.Errorf("%v\n%s", err, r)
					}
				})
			})
		}
	}
}

// A QR that is refused is not paid; what nobody answers is not asked for ever.
func TestJourneyEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStrict(t, true)
		defer s.end()
		got, err := s.client().Journey(t.Context(), buy("merchant@upi", 800001))
		if err != nil || got.Quote.Status != "X7" || got.Pay.TxnID != "" || len(s.client().Ledger().Entries) != 0 {
			t.Errorf("refused: %+v, %v", got, err)
		}
		down := make([]fault, 1000)
		for i := range down {
			down[i] = neverSent
		}
		s.faults[npci.PathValidate] = down
		began := time.Now()
		if _, err := s.client().Journey(t.Context(), buy("merchant@upi", 100)); !errors.Is(err, npci.ErrNoAnswer) || time.Since(began) > 2*time.Minute || time.Since(began) < time.Minute {
			t.Errorf("nobody answers: %v after %v", err, time.Since(began))
		}
		s.faults = map[string][]fault{npci.PathPay: {cutOff}, npci.PathCheck: down}
		began = time.Now()
		got, err = s.client().Journey(t.Context(), buy("merchant@upi", 100))
		if !errors.Is(err, npci.ErrUndecided) || !strings.Contains(err.Error(), "the network is down") || got.Entry.State != npci.Unknown {
			t.Errorf("nobody answers questions: %+v, %v", got.Entry, err)
		}
		if took := time.Since(began); took > 2*time.Minute || took < time.Minute || got.Questions < 10 || got.Questions > 30 {
			t.Errorf("%d questions in %v", got.Questions, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := s.client().Settle(ctx, got.Pay.TxnID); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled: %v", err)
		}
		if _, _, err := s.client().Settle(t.Context(), "nobody's"); err == nil {
			t.Error("settled what is not in the books")
		}
		s.faults = nil
		if e, _, err := s.client().Settle(t.Context(), got.Pay.TxnID); err != nil || e.State != npci.Paid {
			t.Errorf("afterwards: %+v, %v", e, err)
		}
	})
}

// Who waits less long than a payment is held hears PENDING until it is reversed;
// a client's own patience is kept to.
func TestPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStrict(t, false)
		defer s.end()
		c := s.client()
		c.Patience = npci.Patience{Answer: 3 * time.Second, First: time.Second, Most: 2 * time.Second, Total: 10 * time.Second}
		began := time.Now()
		got, err := c.Journey(t.Context(), buy("gourmet@mercury", 24500))
		if !errors.Is(err, npci.ErrUndecided) || !strings.Contains(err.Error(), "PENDING") || got.Questions != 5 {
			t.Fatalf("%+v, %v", got, err)
		}
		c.Patience.Total = time.Minute
		if e, _, err := c.Settle(t.Context(), got.Pay.TxnID); err != nil || e.Back != npci.BackReversed {
			t.Fatalf("%+v, %v", e, err)
		}
		if took := time.Since(began); took < 30*time.Second || took > 36*time.Second {
			t.Errorf("known after %v", took)
		}
	})
}

// A ReqPay that is still on its way is not known there either: what is given back
// too soon would be paid and given back.
func TestSlowReqPay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStrict(t, true)
		defer s.end()
		c := s.client()
		c.Patience = npci.Patience{Answer: time.Second}
		s.faults[npci.PathPay] = []fault{slow}
		got, err := c.Journey(t.Context(), buy("merchant@upi", 24500))
		if err != nil || got.Entry.State != npci.Paid || got.Questions < 3 || s.sent[npci.PathPay] != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		// Who gives up after 2 s has given back what is paid, and finds out.
		c.Patience.Gone = 2 * time.Second
		s.faults[npci.PathPay] = []fault{slow}
		if got, err = c.Journey(t.Context(), buy("merchant@upi", 100)); err != nil || got.Entry.Back != npci.BackGivenUp {
			t.Fatalf("%+v, %v", got, err)
		}
		s.jobs.Wait()
		r, err := c.Reconcile(t.Context())
		if err != nil || r.Agrees() || !strings.Contains(r.String(), "books say returned (given_up), the controller SUCCESS") {
			t.Errorf("%v\n%s", err, r)
		}
	})
}

// TestInternational: the customer is debited what was quoted in INR, and pays in
// the other currency.
func TestInternational(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStrict(t, true)
		defer s.end()
		p := buy("merchant@upi", 1050)
		p.QR.Curr = "USD"
		got, err := s.client().Journey(t.Context(), p)
		if err != nil || got.Quote.InrAmount != 87268 || got.Quote.FxRate != rate || got.Quote.BaseCurr != "USD" || got.Quote.BaseAmount != 1050 {
			t.Fatalf("%+v, %v", got.Quote, err)
		}
		if e := got.Entry; e.State != npci.Paid || e.Debited != 87268 || e.Base != 1050 || e.Curr != "USD" || e.Settled != 86832 {
			t.Errorf("the books say %+v", e)
		}
		if got.Pay.Amount != 1050 || got.Pay.Curr != "USD" {
			t.Errorf("paid %+v", got.Pay)
		}
		if !s.refund(got.Pay.TxnID, 87268) {
			t.Error("it cannot be refunded")
		}
		if r, err := s.client().Reconcile(t.Context()); err != nil || !r.Agrees() || r.Refunded != 87268 {
			t.Errorf("%v\n%s", err, r)
		}
		p.QR.Amount = 9700 // 8061.91 INR
		if got, err := s.client().Journey(t.Context(), p); err != nil || got.Quote.Status != "X7" {
			t.Errorf("too much: %+v, %v", got.Quote, err)
		}
		// Nobody quoted this one, so nobody knows what it costs, and it is refused.
		if resp, err := s.client().Pay(t.Context(), npci.ReqPay{VerToken: "none", Amount: 1050, Curr: "USD"}); err != nil || resp.Status != "ZE" {
			t.Errorf("without a quote: %+v, %v", resp, err)
		}
	})
}

// TestQuotesThatAreNone: what must hold for a quote in another currency.
func TestQuotesThatAreNone(t *testing.T) {
	t.Parallel()
	const quote = "<BaseAmount>10.50</BaseAmount><BaseCurr>USD</BaseCurr><FxRate>83.1125</FxRate><InrAmount>872.68</InrAmount>"
	for _, tt := range []struct{ name, curr, quote, why string }{
		{"good", "USD", quote, ""},
		{"with a markup", "USD", strings.Replace(quote, "872.68", "898.86", 1), ""},
		{"for INR", "INR", quote, "nobody asked for"},
		{"none", "USD", "", "it quotes 0.00"},
		{"another amount", "USD", strings.Replace(quote, "10.50", "10.51", 1), "not 10.50 USD"},
		{"another currency", "EUR", quote, "not 10.50 EUR"},
		{"no INR", "USD", strings.Replace(quote, "<InrAmount>872.68</InrAmount>", "", 1), "what it costs"},
		{"a rate that is none", "USD", strings.Replace(quote, "83.1125", "1e2", 1), "no rate"},
		{"no rate", "USD", strings.Replace(quote, "83.1125", "0.00", 1), "no rate"},
		{"a paisa less", "USD", strings.Replace(quote, "872.68", "872.67", 1), "is not 872.67"},
		{"the hundredfold", "USD", strings.Replace(quote, "872.68", "87268.00", 1), "is not 87268.00"},
		{"twice", "USD", quote + "<FxRate>83.1125</FxRate>", "twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := controller(t, func(_, doc string) (int, string) {
				return http.StatusOK, strings.Replace(strings.Replace(prdRespValQr, "  <Ts>", tt.quote+"<Ts>", 1), "MSG1234567890", fields(doc)["MsgID"], 1)
			})
			_, err := c.ValidateQR(t.Context(), npci.ReqValQr{Amount: 1050, Curr: tt.curr, RefURL: "x"})
			if (err == nil) != (tt.why == "") || err != nil && (!errors.Is(err, npci.ErrAnswer) || !strings.Contains(err.Error(), tt.why)) {
				t.Errorf("%v, want %q", err, tt.why)
			}
		})
	}
}

// TestFetchTrust: a client that trusts the controller fetches its certificate,
// and again when the controller has another key.
func TestFetchTrust(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStrict(t, true, func(cfg *npci.NetworkConfig) { cfg.Verify = true })
		defer s.end()
		s.signs = true
		pay := func() npci.State {
			got, err := s.client().Journey(t.Context(), buy("merchant@upi", 100))
			if err != nil {
				t.Error(err)
			}
			return got.Entry.State
		}
		if state := pay(); state != npci.Paid {
			t.Errorf("signed: %s", state)
		}
		time.Sleep(time.Minute)
		key, cert := newSigner(t)
		s.mu.Lock()
		s.key, s.cert = key, cert
		s.mu.Unlock()
		if state := pay(); state != npci.Paid {
			t.Errorf("signed by a new key: %s", state)
		}
		if r, err := s.client().Reconcile(t.Context()); err != nil || !r.Agrees() || r.Ours.Paid != 200 {
			t.Errorf("%v\n%s", err, r)
		}
		s.signs = false
		if _, err := s.client().ValidateQR(t.Context(), buy("merchant@upi", 100).QR); !errors.Is(err, npci.ErrAnswer) {
			t.Errorf("unsigned: %v", err)
		}
	})
}
