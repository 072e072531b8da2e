package npci_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/galla-pay/galla/firmware-sim/npci"
)

// counterpart is a controller as a Network meets it, and the Network itself,
// without sockets between them.
type counterpart struct {
	t       *testing.T
	network *npci.Network
	key     *rsa.PrivateKey
	cert    *x509.Certificate

	mu      sync.Mutex
	results []map[string]string // ReqCollectResults, as they came
	answer  func(n int, m map[string]string) (status int, code, result string)
	noCert  bool
	n       int
}

func newCounterpart(t *testing.T, change ...func(*npci.NetworkConfig)) *counterpart {
	t.Helper()
	c := &counterpart{t: t}
	c.key, c.cert = newSigner(t)
	cfg := npci.NetworkConfig{
		Controller: "http://controller.example.in/", HTTP: &http.Client{Transport: c}, Log: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	if c.network, err = npci.NewNetwork(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.network.Close)
	return c
}

var element = regexp.MustCompile(`<([A-Za-z]+)>([^<]*)</([A-Za-z]+)>`)

func fields(doc string) map[string]string {
	m := map[string]string{}
	for _, found := range element.FindAllStringSubmatch(doc, -1) {
		m[found[1]] = found[2]
	}
	return m
}

// RoundTrip is the way from the network to the controller.
func (c *counterpart) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch r.URL.Path {
	case "/api/v1/dynamic-qr/certificate":
		if c.noCert {
			w.WriteHeader(404)
			break
		}
		_ = pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw})
	case "/api/v1/collect/result":
		doc, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		m := fields(string(doc))
		m["raw"] = string(doc)
		c.results = append(c.results, m)
		status, code, result := 200, "00", ""
		if c.answer != nil {
			status, code, result = c.answer(len(c.results), m)
		}
		if code == "" {
			w.WriteHeader(status)
			break
		}
		body := fmt.Sprintf("<RespCollectResult><MsgID>%s</MsgID><Status>%s</Status><Result>%s</Result><TxnID>%s</TxnID><Ts>2026-06-12T10:30:00Z</Ts></RespCollectResult>",
			m["MsgID"], code, result, m["TxnID"])
		w.WriteHeader(status)
		_, _ = io.WriteString(w, envelop(c.t, strings.Replace(body, "<Result></Result>", "", 1), c.key, c.cert))
	default:
		c.t.Errorf("the network asks for %s", r.URL)
		w.WriteHeader(404)
	}
	return w.Result(), nil
}

func (c *counterpart) told() []map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]map[string]string(nil), c.results...)
}

// post sends a document as it is.
func (c *counterpart) post(path, doc string) (status int, answer string) {
	c.t.Helper()
	return c.call("POST", path, doc)
}

func (c *counterpart) call(method, path, body string) (status int, answer string) {
	c.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "127.0.0.1:8075"
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if cause := recover(); cause != nil {
				if cause != http.ErrAbortHandler {
					panic(cause)
				}
				w.Code = 0 // the connection ended
			}
		}()
		c.network.Handler().ServeHTTP(w, r)
	}()
	return w.Code, w.Body.String()
}

// send signs a message, made of a root and elements, with a MsgID of its own.
func (c *counterpart) send(path, root string, elements ...string) map[string]string {
	c.t.Helper()
	_, answer := c.post(path, envelop(c.t, c.message(root, elements...), c.key, c.cert))
	return fields(answer)
}

func (c *counterpart) message(root string, elements ...string) string {
	c.n++
	var b strings.Builder
	fmt.Fprintf(&b, "<%s><MsgID>M%d</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID>", root, c.n)
	for i := 0; i < len(elements); i += 2 {
		fmt.Fprintf(&b, "<%s>%s</%s>", elements[i], elements[i+1], elements[i])
	}
	fmt.Fprintf(&b, "</%s>", root)
	return b.String()
}

// collect sends a ReqCollect of 1.00 that lives three minutes.
func (c *counterpart) collect(kind, txnID, payer string) string {
	c.t.Helper()
	a := c.send("/api/v1/collect", "ReqCollect", "TxnID", txnID, "Kind", kind, "PayerAddr", payer, "PayeeAddr", "merchant@upi",
		"Amount", "1.00", "Curr", "INR", "Note", "tea", "ExpireAfter", "180")
	if a["TxnID"] != txnID {
		c.t.Errorf("answered %v", a)
	}
	return a["Status"]
}

func (c *counterpart) refund(txnID, of, kind, amount string) map[string]string {
	c.t.Helper()
	return c.send("/api/v1/refund", "ReqRefund", "TxnID", txnID, "OrgTxnID", of, "Type", kind, "Amount", amount, "PayeeAddr", "merchant@upi")
}

func (c *counterpart) ask(txnID string) map[string]string {
	c.t.Helper()
	return c.send("/api/v1/check", "ReqChkTxn", "OrgTxnID", txnID)
}

func (c *counterpart) entry(txnID string) npci.CollectEntry {
	c.t.Helper()
	e, ok := c.network.Ledger().Collect(txnID)
	if !ok {
		c.t.Fatalf("no collect request %s in the books", txnID)
	}
	return e
}

// TestPayers: what each payer that everyone knows does, when, and what his bank
// says of it.
func TestPayers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		payer  string
		code   string        // to the ReqCollect
		after  time.Duration // until the result
		status string        // of the result; "" none ever comes
		state  npci.CollectState
		asked  [2]string // answers to a question, at 3 min - 1 s and at 10 min
	}{
		{"accept@upi", "00", 0, "SUCCESS", npci.CollectPaid, [2]string{"SUCCESS", "SUCCESS"}},
		{"Accept@UPI", "00", 0, "SUCCESS", npci.CollectPaid, [2]string{"SUCCESS", "SUCCESS"}},
		{"decline@upi", "00", 0, "DECLINED", npci.CollectDeclined, [2]string{"FAILED", "FAILED"}},
		{"ignore@upi", "00", 0, "", npci.CollectExpired, [2]string{"PENDING", "FAILED"}},
		{"late@upi", "00", 195 * time.Second, "SUCCESS", npci.CollectPaid, [2]string{"PENDING", "SUCCESS"}},
		{"somebody@upi", "00", 180 * time.Second, "EXPIRED", npci.CollectExpired, [2]string{"PENDING", "FAILED"}},
		{"unknown@upi", "U17", 0, "", "", [2]string{"ZQ", "ZQ"}},
		{"soon@upi", "00", 2 * time.Second, "SUCCESS", npci.CollectPaid, [2]string{"SUCCESS", "SUCCESS"}},
	} {
		t.Run(tt.payer, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCounterpart(t, func(cfg *npci.NetworkConfig) {
					cfg.Behaviours = map[string]npci.Behaviour{"Soon@upi": {Do: npci.DoAccept, AfterMillis: 2000}}
				})
				began := time.Now()
				if code := c.collect("NEW", "GP1", tt.payer); code != tt.code {
					t.Fatalf("answered %s", code)
				}
				synctest.Wait()
				<-time.After(tt.after - time.Second)
				if n := len(c.told()); n != 0 && tt.after > 0 {
					t.Errorf("told before its time")
				}
				<-time.After(time.Until(began.Add(tt.after + time.Second)))
				synctest.Wait()
				told := c.told()
				if (len(told) == 1) != (tt.status != "") {
					t.Fatalf("told %v", told)
				}
				if tt.status != "" {
					m, e := told[0], c.entry("GP1")
					if m["Status"] != tt.status || m["OrgTxnID"] != "GP1" || m["Amount"] != "1.00" || m["PayerAddr"] != tt.payer ||
						m["TxnID"] != e.BankTxnID || m["OrgID"] != "MER101" || (len(m["Rrn"]) == 12) != (tt.status == "SUCCESS") || m["Rrn"] != e.Rrn {
						t.Errorf("told %v", m)
					}
					if e.Told != "00" || e.Tries != 1 || (e.Debited == 100) != (tt.status == "SUCCESS") {
						t.Errorf("the books say %+v", e)
					}
				}
				<-time.After(time.Until(began.Add(10 * time.Minute)))
				if a := c.ask("GP1"); a["TxnStatus"]+strings.Trim(a["Status"], "0") != tt.asked[1] {
					t.Errorf("asked at last: %v", a)
				}
				if tt.state != "" && c.entry("GP1").State != tt.state {
					t.Errorf("it is %s", c.entry("GP1").State)
				}
				if l := c.network.Ledger(); len(l.Contradictions) != 0 {
					t.Errorf("contradictions %v", l.Contradictions)
				}
			})
			synctest.Test(t, func(t *testing.T) { // the same, asked before its end
				c := newCounterpart(t, func(cfg *npci.NetworkConfig) {
					cfg.Behaviours = map[string]npci.Behaviour{"soon@upi": {Do: npci.DoAccept, AfterMillis: 2000}}
				})
				c.collect("NEW", "GP1", tt.payer)
				<-time.After(179 * time.Second)
				a := c.ask("GP1")
				if a["TxnStatus"]+strings.Trim(a["Status"], "0") != tt.asked[0] {
					t.Errorf("asked before its end: %v", a)
				}
				if paid := a["TxnStatus"] == "SUCCESS"; paid != (a["CreditTxnID"] != "" && len(a["Rrn"]) == 12 && a["Amount"] == "1.00") {
					t.Errorf("asked: %v", a)
				}
			})
		})
	}
}

// A request that is sent again is one request; a cancel ends it, also one that
// overtakes it; a reminder reminds while it is open.
func TestCollectMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCounterpart(t)
		for _, step := range []struct{ kind, txnID, want string }{
			{"REMIND", "GP1", "ZQ"}, {"NEW", "GP1", "00"}, {"NEW", "GP1", "00"}, {"REMIND", "GP1", "00"}, {"REMIND", "GP1", "00"},
			{"CANCEL", "GP1", "00"}, {"CANCEL", "GP1", "00"}, {"REMIND", "GP1", "PE"}, {"NEW", "GP1", "00"},
			{"CANCEL", "GP2", "00"}, {"NEW", "GP2", "PE"}, {"REMIND", "GP2", "ZQ"},
		} {
			if got := c.collect(step.kind, step.txnID, "somebody@upi"); got != step.want {
				t.Errorf("%s %s: %s, want %s", step.kind, step.txnID, got, step.want)
			}
		}
		if e := c.entry("GP1"); e.Sent != 3 || e.Reminders != 2 || e.State != npci.CollectCancelled || e.Note != "tea" || e.Payee != "merchant@upi" {
			t.Errorf("the books say %+v", e)
		}
		if code := c.collect("NEW", "GP3", "accept@upi"); code != "00" {
			t.Fatal(code)
		}
		synctest.Wait()
		if code := c.collect("CANCEL", "GP3", "accept@upi"); code != "PE" || c.entry("GP3").State != npci.CollectPaid {
			t.Errorf("cancel of what is paid: %s", code)
		}
		<-time.After(10 * time.Minute)
		synctest.Wait()
		if told := c.told(); len(told) != 1 {
			t.Errorf("told %v", told)
		}
		if l := c.network.Ledger(); len(l.Contradictions) != 0 {
			t.Errorf("contradictions %v", l.Contradictions)
		}
		c.send("/api/v1/collect", "ReqCollect", "TxnID", "GP3", "Kind", "NEW", "PayerAddr", "accept@upi", "PayeeAddr", "merchant@upi",
			"Amount", "2.00", "Curr", "INR", "ExpireAfter", "180")
		if l := c.network.Ledger(); len(l.Contradictions) != 1 || !strings.Contains(l.Contradictions[0], "GP3") {
			t.Errorf("another amount by the same TxnID: %v", l.Contradictions)
		}
		a := c.send("/api/v1/collect", "ReqCollect", "TxnID", "GP4", "Kind", "NEW", "PayerMobile", "9999999999", "PayeeAddr", "merchant@upi",
			"Amount", "0.01", "Curr", "INR", "ExpireAfter", "1")
		if a["Status"] != "00" || c.entry("GP4").Payer != "9999999999" {
			t.Errorf("to a mobile number: %v", a)
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		if told := c.told(); len(told) != 2 || told[1]["PayerAddr"] != "9999999999@mobile" || told[1]["Status"] != "EXPIRED" {
			t.Errorf("told %v", told)
		}
	})
}

// The payers without a behaviour are driven by hand, over HTTP.
func TestByHand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCounterpart(t)
		c.collect("NEW", "GP1", "testvpa@ybl")
		c.collect("NEW", "GP2", "testvpa@ybl")
		for _, tt := range []struct {
			method, path, body string
			status             int
		}{
			{"POST", "/collects/GP1/accept", "", 200},
			{"POST", "/collects/GP1/accept", "", 409},
			{"POST", "/collects/GP1/decline", "", 409},
			{"POST", "/collects/GP2/decline", "", 200},
			{"POST", "/collects/GP9/accept", "", 404},
			{"POST", "/collects/GP2/dance", "", 400},
			{"GET", "/collects/GP2/accept", "", 405},
			{"GET", "/nowhere", "", 404},
			{"PUT", "/behaviours/testvpa@ybl", `{"do":"decline"}`, 200},
			{"PUT", "/behaviours/testvpa@ybl", `{"do":"dance"}`, 400},
			{"PUT", "/behaviours/testvpa@ybl", `{"do":"accept","afterMillis":-1}`, 400},
			{"PUT", "/behaviours/testvpa@ybl", `{"do":"accept","refund":"never"}`, 400},
			{"PUT", "/behaviours/testvpa@ybl", `{"undo":"accept"}`, 400},
			{"PUT", "/behaviours/testvpa@ybl", `not json`, 400},
			{"GET", "/ledger", "", 200},
		} {
			if status, body := c.call(tt.method, tt.path, tt.body); status != tt.status {
				t.Errorf("%s %s: %d %s", tt.method, tt.path, status, body)
			}
		}
		c.collect("NEW", "GP3", "testvpa@ybl")
		synctest.Wait()
		var ledger npci.NetworkLedger
		if _, body := c.call("GET", "/ledger", ""); json.Unmarshal([]byte(body), &ledger) != nil || len(ledger.Collects) != 3 {
			t.Fatalf("the books: %+v", ledger)
		}
		for i, want := range []npci.CollectState{npci.CollectPaid, npci.CollectDeclined, npci.CollectDeclined} {
			if got := ledger.Collects[i]; got.State != want || got.Told != "00" {
				t.Errorf("%s is %s, told %q", got.TxnID, got.State, got.Told)
			}
		}
		var all map[string]npci.Behaviour
		if _, body := c.call("GET", "/behaviours", ""); json.Unmarshal([]byte(body), &all) != nil || all["testvpa@ybl"].Do != "decline" || all["*"].Do != "wait" {
			t.Errorf("behaviours %v", all)
		}
		c.collect("NEW", "GP4", "other@ybl")
		<-time.After(3 * time.Minute)
		synctest.Wait()
		if status, _ := c.call("POST", "/collects/GP4/accept", ""); status != 409 {
			t.Errorf("accepted past its end: %d", status)
		}
	})
}

// A result is told until the controller says that it knows, each time by another
// MsgID; what it cannot know is a contradiction.
func TestResultIsToldAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer func(n int, m map[string]string) (int, string, string)
		tries  int
		told   string
		result string
		wrong  bool
	}{
		{"at once", nil, 1, "00", "", false},
		{"known already", func(int, map[string]string) (int, string, string) { return 200, "ZD", "" }, 1, "ZD", "", false},
		{"given back", func(int, map[string]string) (int, string, string) { return 200, "00", "REVERSED" }, 1, "00", "REVERSED", false},
		{"busy, then there", func(n int, _ map[string]string) (int, string, string) {
			if n < 3 {
				return 503, "", ""
			}
			return 200, "00", ""
		}, 3, "00", "", false},
		{"failing, then there", func(n int, _ map[string]string) (int, string, string) {
			if n < 3 {
				return 500, "96", ""
			}
			return 200, "00", ""
		}, 3, "00", "", false},
		{"not its payment", func(int, map[string]string) (int, string, string) { return 200, "ZQ", "" }, 1, "ZQ", "", true},
		{"not its network", func(int, map[string]string) (int, string, string) { return 200, "ZF", "" }, 1, "ZF", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCounterpart(t)
				c.answer = tt.answer
				c.collect("NEW", "GP1", "accept@upi")
				<-time.After(time.Minute)
				e := c.entry("GP1")
				if e.Tries != tt.tries || e.Told != tt.told || e.Result != tt.result || (len(c.network.Ledger().Contradictions) > 0) != tt.wrong {
					t.Errorf("the books say %+v, %v", e, c.network.Ledger().Contradictions)
				}
				ids := map[string]bool{}
				for _, m := range c.told() {
					if ids[m["MsgID"]] || m["TxnID"] != e.BankTxnID {
						t.Errorf("told %v", m)
					}
					ids[m["MsgID"]] = true
				}
			})
		})
	}
}

// TestRefunds: what becomes of refunds, by the payer's behaviour, and that a
// TxnID moves money once.
func TestRefunds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		payer string
		first string // status; "" for no answer
		again string
		asked string
		moved bool
	}{
		{"accept@upi", "00", "00", "SUCCESS", true},
		{"silent-refund@upi", "", "00", "SUCCESS", true},
		{"pending-refund@upi", "PENDING", "PENDING", "SUCCESS", true},
		{"fail-refund@upi", "U30", "U30", "FAILED", false},
	} {
		t.Run(tt.payer, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCounterpart(t)
				c.collect("NEW", "GP1", tt.payer)
				synctest.Wait()
				paid := c.entry("GP1")
				first, again := c.refund("GPR", paid.BankTxnID, "REFUND", "0.40"), c.refund("GPR", paid.BankTxnID, "REFUND", "0.40")
				if first["Status"] != tt.first || again["Status"] != tt.again {
					t.Fatalf("answered %v, then %v", first, again)
				}
				if a := c.ask("GPR"); a["TxnStatus"] != tt.asked || a["Amount"] != "0.40" || (len(a["Rrn"]) == 12) != tt.moved {
					t.Errorf("asked: %v", a)
				}
				r, _ := c.network.Ledger().Refund("GPR")
				returned := c.entry("GP1").Returned
				if r.Sent != 2 || (returned == 40) != tt.moved || !tt.moved && returned != 0 {
					t.Errorf("the books say %+v, returned %s", r, returned.Rupees())
				}
				if tt.moved {
					if a := c.refund("GPR", paid.BankTxnID, "REFUND", "0.40"); a["Status"] != "00" || a["Rrn"] != r.Rrn {
						t.Errorf("told again: %v", a)
					}
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		c := newCounterpart(t)
		c.collect("NEW", "GP1", "accept@upi")
		synctest.Wait()
		bank := c.entry("GP1").BankTxnID
		if a := c.refund("R1", bank, "REFUND", "0.60"); a["Status"] != "00" {
			t.Fatal(a)
		}
		if a := c.refund("R2", bank, "REFUND", "0.41"); a["Status"] != "ZE" {
			t.Errorf("more than was paid: %v", a)
		}
		if a := c.refund("R1", bank, "REFUND", "0.61"); a["Status"] != "ZE" {
			t.Errorf("another amount by the same TxnID: %v", a)
		}
		if a := c.refund("R3", bank, "REVERSAL", "0.40"); a["Status"] != "00" || c.entry("GP1").Returned != 100 {
			t.Errorf("the rest: %v", a)
		}
		if a := c.ask("GP1"); a["TxnStatus"] != "REVERSED" {
			t.Errorf("asked about what has all gone back: %v", a)
		}
		if a := c.refund("R4", "TXN-of-another-door", "REVERSAL", "245.00"); a["Status"] != "00" {
			t.Errorf("money that another party knows: %v", a)
		}
		if a := c.ask("TXN-of-another-door"); a["Status"] != "ZQ" || a["TxnID"] != "TXN-of-another-door" {
			t.Errorf("asked about nothing: %v", a)
		}
		if l := c.network.Ledger(); len(l.Contradictions) != 2 {
			t.Errorf("contradictions %v", l.Contradictions)
		}
	})
}

// What a controller did not sign, or signed otherwise, is refused and changes
// nothing; a MsgID is taken once.
func TestRequestsMustBeSigned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCounterpart(t)
		strangerKey, strangerCert := newSigner(t)
		doc := func(n int) string {
			return c.message("ReqCollect", "TxnID", fmt.Sprint("GP", n), "Kind", "NEW", "PayerAddr", "accept@upi", "PayeeAddr", "merchant@upi",
				"Amount", "1.00", "Curr", "INR", "ExpireAfter", "180")
		}
		for name, bad := range map[string]string{
			"unsigned":             doc(1),
			"an empty signature":   strings.Replace(doc(2), "</ReqCollect>", "<Signature>...</Signature></ReqCollect>", 1),
			"signed by a stranger": envelop(t, doc(3), strangerKey, strangerCert),
			"altered":              strings.Replace(envelop(t, doc(4), c.key, c.cert), "1.00", "9.00", 1),
			"another organisation": envelop(t, strings.Replace(doc(5), "MER101", "OTHER", 1), c.key, c.cert),
		} {
			status, answer := c.post("/api/v1/collect", bad)
			if status != 200 || fields(answer)["Status"] != "ZF" {
				t.Errorf("%s: %d %s", name, status, answer)
			}
		}
		synctest.Wait()
		if l := c.network.Ledger(); len(l.Collects) != 0 || len(l.Refusals) != 5 || len(c.told()) != 0 {
			t.Errorf("the books say %+v", l)
		}
		good := envelop(t, doc(6), c.key, c.cert)
		if _, answer := c.post("/api/v1/collect", good); fields(answer)["Status"] != "00" {
			t.Errorf("signed: %s", answer)
		}
		if _, answer := c.post("/api/v1/collect", good); fields(answer)["Status"] != "ZD" {
			t.Errorf("the same message again: %s", answer)
		}
		// A controller that was set up anew has another key.
		c.mu.Lock()
		c.key, c.cert = strangerKey, strangerCert
		c.mu.Unlock()
		<-time.After(time.Minute)
		if code := c.collect("NEW", "GP7", "somebody@upi"); code != "00" {
			t.Errorf("by the new key: %s", code)
		}
	})
}

// While the controller's certificate cannot be had nothing is taken, and the
// controller may come again.
func TestNoCertificate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCounterpart(t)
		c.noCert = true
		if code := c.collect("NEW", "GP1", "accept@upi"); code != "96" {
			t.Errorf("answered %s", code)
		}
		c.mu.Lock()
		c.noCert = false
		c.mu.Unlock()
		if code := c.collect("NEW", "GP1", "accept@upi"); code != "00" {
			t.Errorf("answered %s", code)
		}
	})
}

// With a key of its own the network signs its answers and its results.
func TestNetworkSigns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		key, cert := newSigner(t)
		c := newCounterpart(t, func(cfg *npci.NetworkConfig) { cfg.Key, cfg.Cert = key, cert })
		doc := c.message("ReqCollect", "TxnID", "GP1", "Kind", "NEW", "PayerAddr", "accept@upi", "PayeeAddr", "merchant@upi",
			"Amount", "1.00", "Curr", "INR", "ExpireAfter", "180")
		if _, answer := c.post("/api/v1/collect", envelop(t, doc, c.key, c.cert)); !signedBy(answer, cert) || fields(answer)["Status"] != "00" {
			t.Errorf("answered %s", answer)
		}
		synctest.Wait()
		if told := c.told(); len(told) != 1 || !signedBy(told[0]["raw"], cert) || signedBy(told[0]["raw"], c.cert) {
			t.Errorf("told %v", told)
		}
	})
}

func signedBy(doc string, cert *x509.Certificate) bool {
	tree := etree.NewDocument()
	if err := tree.ReadFromString(doc); err != nil {
		return false
	}
	ctx := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{cert}})
	ctx.Clock = dsig.NewFakeClockAt(cert.NotBefore.Add(time.Minute))
	_, err := ctx.Validate(tree.Root())
	return err == nil
}

// TestMalformedRequests: what is not a message, or not a whole one, is BR.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	c := newCounterpart(t)
	for name, tt := range map[string]struct {
		path     string
		root     string
		elements []string
	}{
		"no TxnID":      {"/api/v1/collect", "ReqCollect", []string{"Kind", "NEW", "PayerAddr", "a@upi", "PayeeAddr", "b@upi", "Amount", "1.00", "Curr", "INR", "ExpireAfter", "9"}},
		"no Kind":       {"/api/v1/collect", "ReqCollect", []string{"TxnID", "GP1", "PayerAddr", "a@upi", "PayeeAddr", "b@upi", "Amount", "1.00", "Curr", "INR"}},
		"another Kind":  {"/api/v1/collect", "ReqCollect", []string{"TxnID", "GP1", "Kind", "OLD", "PayerAddr", "a@upi", "PayeeAddr", "b@upi", "Amount", "1.00", "Curr", "INR"}},
		"nobody":        {"/api/v1/collect", "ReqCollect", []string{"TxnID", "GP1", "Kind", "NEW", "PayeeAddr", "b@upi", "Amount", "1.00", "Curr", "INR", "ExpireAfter", "9"}},
		"two payers":    {"/api/v1/collect", "ReqCollect", []string{"TxnID", "GP1", "Kind", "NEW", "PayerAddr", "a@upi", "PayerMobile", "9", "PayeeAddr", "b@upi", "Amount", "1.00", "Curr", "INR", "ExpireAfter", "9"}},
		"no amount":     {"/api/v1/collect", "ReqCollect", []string{"TxnID", "GP1", "Kind", "NEW", "PayerAddr", "a@upi", "PayeeAddr", "b@upi", "Amount", "0.00", "Curr", "INR", "ExpireAfter", "9"}},
		"dollars":       {"/api/v1/collect", "ReqCollect", []string{"TxnID", "GP1", "Kind", "NEW", "PayerAddr", "a@upi", "PayeeAddr", "b@upi", "Amount", "1.00", "Curr", "USD", "ExpireAfter", "9"}},
		"no end":        {"/api/v1/collect", "ReqCollect", []string{"TxnID", "GP1", "Kind", "NEW", "PayerAddr", "a@upi", "PayeeAddr", "b@upi", "Amount", "1.00", "Curr", "INR"}},
		"an end of old": {"/api/v1/collect", "ReqCollect", []string{"TxnID", "GP1", "Kind", "NEW", "PayerAddr", "a@upi", "PayeeAddr", "b@upi", "Amount", "1.00", "Curr", "INR", "ExpireAfter", "-1"}},
		"twice":         {"/api/v1/refund", "ReqRefund", []string{"TxnID", "R", "TxnID", "S", "OrgTxnID", "B", "Type", "REFUND", "Amount", "1.00"}},
		"another Type":  {"/api/v1/refund", "ReqRefund", []string{"TxnID", "R", "OrgTxnID", "B", "Type", "GIFT", "Amount", "1.00"}},
		"of nothing":    {"/api/v1/refund", "ReqRefund", []string{"TxnID", "R", "Type", "REFUND", "Amount", "1.00"}},
		"about nothing": {"/api/v1/check", "ReqChkTxn", nil},
		"another root":  {"/api/v1/check", "ReqRefund", []string{"TxnID", "R", "OrgTxnID", "B", "Type", "REFUND", "Amount", "1.00"}},
	} {
		status, answer := c.post(tt.path, envelop(t, c.message(tt.root, tt.elements...), c.key, c.cert))
		if status != 400 || fields(answer)["Status"] != "BR" || fields(answer)["Message"] == "" {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	for name, doc := range map[string]string{"nothing": "", "not XML": "hello", "too long": strings.Repeat(" ", 65<<10) + c.message("ReqChkTxn", "OrgTxnID", "GP1")} {
		if status, answer := c.post("/api/v1/check", doc); status != 400 || fields(answer)["Status"] != "BR" {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	if l := c.network.Ledger(); len(l.Collects)+len(l.Refunds)+len(l.Questions) != 0 {
		t.Errorf("the books say %+v", l)
	}
}

func TestNewNetwork(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	for name, cfg := range map[string]npci.NetworkConfig{
		"no controller":  {Log: log},
		"no log":         {Controller: "http://127.0.0.1:8080"},
		"a bad behavior": {Controller: "http://127.0.0.1:8080", Log: log, Behaviours: map[string]npci.Behaviour{"a@upi": {Do: "dance"}}},
	} {
		if _, err := npci.NewNetwork(cfg); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
