package npci_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/galla-pay/galla/firmware-sim/npci"
)

// app is a customer's app: what it sends goes to the network.
type app struct{ *strict }

func (a app) RoundTrip(r *http.Request) (*http.Response, error) {
	inner := r.Clone(r.Context())
	inner.Host, inner.RequestURI = "127.0.0.1:8075", r.URL.Path
	w := httptest.NewRecorder()
	a.network.Handler().ServeHTTP(w, inner)
	return w.Result(), nil
}

// TestPass: what an app pays through the network is answered as by the
// controller, and when an answer is lost between the two the network finds out
// before it answers. The app's books and the network's agree.
func TestPass(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		payee  string
		curr   string
		faults map[string][]fault
		status string
		result string
		state  npci.State // at once, in the network's books
	}{
		{"paid", "merchant@upi", "INR", nil, "00", "", npci.Paid},
		{"paid in dollars", "merchant@upi", "USD", nil, "00", "", npci.Paid},
		{"declined", "ip08@mercury", "INR", nil, "IP08", "", npci.Returned},
		{"held", "gourmet@mercury", "INR", nil, "00", "TIMEOUT", npci.Unknown},
		{"the answer is lost", "merchant@upi", "INR", map[string][]fault{npci.PathPay: {cutOff}}, "00", "", npci.Paid},
		{"the refusal is lost", "ip08@mercury", "INR", map[string][]fault{npci.PathPay: {garbage}}, "00", "FAILED", npci.Returned},
		{"the timeout is lost", "gourmet@mercury", "INR", map[string][]fault{npci.PathPay: {cutOff}}, "00", "REVERSED", npci.Returned},
		{"the ReqPay is lost", "merchant@upi", "INR", map[string][]fault{npci.PathPay: {neverSent}}, "00", "FAILED", npci.Returned},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStrict(t, true)
				defer s.end()
				s.faults = tt.faults
				c := &npci.Client{BaseURL: "http://127.0.0.1:8075", HTTP: &http.Client{Transport: app{s}}, Patience: npci.Patience{Answer: 1 << 40}}
				p := buy(tt.payee, 1050)
				quote, err := c.ValidateQR(t.Context(), npci.ReqValQr{Amount: 1050, Curr: tt.curr, RefURL: p.QR.RefURL, PayeeAddr: tt.payee})
				if err != nil || quote.Status != "00" || (quote.InrAmount == 87268) != (tt.curr == "USD") {
					t.Fatalf("%+v, %v", quote, err)
				}
				resp, err := c.Pay(t.Context(), npci.ReqPay{
					TxnID: "T1", VerToken: quote.VerToken, Amount: 1050, Curr: tt.curr, PayerAddr: "customer@upi", PayeeAddr: tt.payee,
				})
				if err != nil || resp.Status != tt.status || resp.Result != tt.result {
					t.Fatalf("%+v, %v", resp, err)
				}
				e, ok := s.client().Ledger().Entry("T1")
				if !ok || e.State != tt.state {
					t.Errorf("the network's books say %+v", e)
				}
				s.jobs.Wait()
				for _, side := range []*npci.Client{c, s.client()} {
					if r, err := side.Reconcile(t.Context()); err != nil || !r.Agrees() || r.Entries != 1 {
						t.Errorf("%v\n%s", err, r)
					}
				}
				synctest.Wait()
				if e, _ := s.client().Ledger().Entry("T1"); e.State != npci.Paid && e.State != npci.Returned {
					t.Errorf("in the end the network's books say %+v", e)
				}
			})
		})
	}
}

// What an app sends wrong is BR and goes no further; a controller that is away is
// 96.
func TestPassRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStrict(t, true)
		defer s.end()
		post := func(path, doc string) (int, string) {
			r := httptest.NewRequest("POST", path, strings.NewReader(doc))
			r.Host = "127.0.0.1:8075"
			w := httptest.NewRecorder()
			s.network.Handler().ServeHTTP(w, r)
			body, _ := io.ReadAll(w.Body)
			return w.Code, string(body)
		}
		for path, root := range map[string]string{npci.PathValidate: "ReqValQr", npci.PathPay: "ReqPay", npci.PathCheck: "ReqChkTxn"} {
			for _, doc := range []string{"", "hello", "<ReqOther/>", "<" + root + "><MsgID>M1</MsgID></" + root + ">"} {
				status, answer := post(path, doc)
				if status != 400 || fields(answer)["Status"] != "BR" || fields(answer)["Message"] == "" {
					t.Errorf("%s %q: %d %s", path, doc, status, answer)
				}
			}
		}
		if len(s.sent) != 0 || len(s.client().Ledger().Entries) != 0 {
			t.Errorf("sent on: %v", s.sent)
		}
		s.faults[npci.PathValidate] = []fault{neverSent}
		if status, answer := post(npci.PathValidate, prdReqValQr); status != 500 || fields(answer)["Status"] != "96" {
			t.Errorf("the controller is away: %d %s", status, answer)
		}
		if status, answer := post("/reconcile", ""); status != 200 || !strings.Contains(answer, `"disagreements":[]`) {
			t.Errorf("/reconcile: %d %s", status, answer)
		}
	})
}
