package npci_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/protocol"
)

// fault is what goes wrong with one message on its way.
type fault int

const (
	well      fault = 0 // nothing
	neverSent fault = 1 // it does not arrive
	cutOff    fault = 2 // it arrives, its answer does not
	broken    fault = 3 // the controller fails before it did anything: 96
	garbage   fault = 4 // it arrives, and the answer cannot be read
	slow      fault = 5 // it arrives after 5 s
)

// account is one transaction in a strict controller's own books.
type account struct {
	amount, settled, refunded protocol.Paise
	status                    string // as ReqChkTxn says
	payer                     string
	refunds                   int
	collected                 bool // not by a ReqPay
}

// token is one quote.
type token struct {
	amount, inr protocol.Paise
	curr        string
	used        bool
}

// strict is a controller that keeps books, takes no id twice, and holds back,
// loses and reverses as it is told. It is reached without sockets.
type strict struct {
	t    testing.TB
	key  *rsa.PrivateKey
	cert *x509.Certificate

	network *npci.Network // nil: it has none, and books reversals itself
	hold    time.Duration
	signs   bool
	silent  bool // it never sends the reversals that it says it made
	faults  map[string][]fault

	mu       sync.Mutex
	ids      map[string]bool
	tokens   map[string]*token
	accounts map[string]*account
	sent     map[string]int // messages that arrived, by path
	now      int
	held     int
	mostHeld int
	jobs     sync.WaitGroup
}

// strictKey is every strict controller's: making one is slow, and no test changes
// it. Its certificate is good at the bubbles' time, too.
var strictKey, strictCert = mustSigner()

func mustSigner() (*rsa.PrivateKey, *x509.Certificate) {
	key, cert, err := generateSigner(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		panic(err)
	}
	return key, cert
}

// newStrict makes a controller, and its one counterpart with the books.
func newStrict(t testing.TB, withNetwork bool, change ...func(*npci.NetworkConfig)) *strict {
	t.Helper()
	s := &strict{
		t: t, hold: 30 * time.Second, faults: map[string][]fault{}, ids: map[string]bool{}, tokens: map[string]*token{},
		accounts: map[string]*account{}, sent: map[string]int{}, key: strictKey, cert: strictCert,
	}
	if withNetwork {
		cfg := npci.NetworkConfig{
			Controller: "http://controller.example.in", HTTP: &http.Client{Transport: s}, Log: slog.New(slog.DiscardHandler),
		}
		for _, f := range change {
			f(&cfg)
		}
		var err error
		if s.network, err = npci.NewNetwork(cfg); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// end waits for what is under way, and closes the network.
func (s *strict) end() {
	s.jobs.Wait()
	if s.network != nil {
		s.network.Close()
	}
}

// client is the network's, or without one a client with books of its own.
func (s *strict) client() *npci.Client {
	if s.network != nil {
		return s.network.Client()
	}
	return &npci.Client{BaseURL: "http://controller.example.in", HTTP: &http.Client{Transport: s}}
}

// RoundTrip is the way to the controller.
func (s *strict) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if r.URL.Path == "/api/v1/dynamic-qr/certificate" {
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: s.cert.Raw})
		return w.Result(), nil
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	what := well
	s.mu.Lock()
	if queue := s.faults[r.URL.Path]; len(queue) > 0 {
		what, s.faults[r.URL.Path] = queue[0], queue[1:]
	}
	s.mu.Unlock()
	if what == neverSent {
		return nil, errors.New("the network is down")
	}
	doc := string(text)
	status, answer := 500, ""
	if m := fields(doc); what == broken {
		answer = fmt.Sprintf("<%s><MsgID>%s</MsgID><Status>96</Status><TxnID>%s</TxnID><SettlementAmount>0.00</SettlementAmount>"+
			"<Ts>2026-06-12T10:30:00Z</Ts><Timestamp>2026-06-12T10:30:00Z</Timestamp></%[1]s>", strings.Replace(rootOf(doc), "Req", "Resp", 1), m["MsgID"], m["TxnID"])
	} else {
		served := make(chan struct{})
		s.jobs.Go(func() { // it goes on when nobody waits for it any more
			defer close(served)
			if what == slow {
				time.Sleep(5 * time.Second)
			}
			status, answer = s.serve(r.URL.Path, m)
		})
		select {
		case <-served:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	switch {
	case what == cutOff:
		return nil, errors.New("the connection was cut")
	case what == garbage:
		answer = "<html>Bad gateway</html>"
	case s.signs:
		s.mu.Lock()
		answer = envelop(s.t, answer, s.key, s.cert)
		s.mu.Unlock()
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer)
	return w.Result(), nil
}

func rootOf(doc string) string {
	root, _, _ := strings.Cut(strings.TrimPrefix(doc, "<"), ">")
	return root
}

func (s *strict) serve(path string, m map[string]string) (status int, answer string) {
	s.mu.Lock()
	s.sent[path]++
	if s.ids[m["MsgID"]] || m["MsgID"] == "" {
		s.t.Errorf("a MsgID was sent twice to %s: %v", path, m)
	}
	s.ids[m["MsgID"]] = true
	s.mu.Unlock()
	switch path {
	case npci.PathValidate:
		return 200, s.validate(m)
	case npci.PathPay:
		return 200, s.pay(m)
	case npci.PathCheck:
		return 200, s.check(m)
	case npci.PathCollectResult:
		return 200, s.collected(m)
	}
	s.t.Errorf("there is no %s", path)
	return 404, ""
}

func paise(text string) protocol.Paise {
	p, err := protocol.ParseRupees(text)
	if err != nil {
		return -1
	}
	return p
}

// rate is rupees for a dollar.
const rate = "83.1125"

func (s *strict) validate(m map[string]string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now++
	t := &token{amount: paise(m["Amount"]), inr: paise(m["Amount"]), curr: m["Curr"]}
	fx := ""
	if t.curr != "INR" {
		t.inr = protocol.Paise((int64(t.amount)*831125 + 5000) / 10000)
		fx = fmt.Sprintf("<BaseAmount>%s</BaseAmount><BaseCurr>%s</BaseCurr><FxRate>%s</FxRate><InrAmount>%s</InrAmount>", t.amount.Rupees(), t.curr, rate, t.inr.Rupees())
	}
	if t.inr > 800000 {
		return fmt.Sprintf("<RespValQr><MsgID>%s</MsgID><Status>X7</Status><Message>too much</Message><Ts>2026-06-12T10:30:00Z</Ts></RespValQr>", m["MsgID"])
	}
	name := fmt.Sprint("token", s.now)
	s.tokens[name] = t
	return fmt.Sprintf("<RespValQr><MsgID>%s</MsgID><Status>00</Status><VerToken>%s</VerToken><ExpiresAt>2099-06-12T10:30:00Z</ExpiresAt>%s<Ts>2026-06-12T10:30:00Z</Ts></RespValQr>",
		m["MsgID"], name, fx)
}

func (s *strict) pay(m map[string]string) string {
	code, result, settled := s.decide(m)
	if result == "TIMEOUT" {
		s.mu.Lock()
		s.held++
		s.mostHeld = max(s.mostHeld, s.held)
		s.mu.Unlock()
		time.Sleep(s.hold)
		s.mu.Lock()
		s.held--
		s.mu.Unlock()
		s.jobs.Go(func() { s.reverse(m["TxnID"]) })
	}
	if result != "" {
		result = "<Result>" + result + "</Result>"
	}
	return fmt.Sprintf("<RespPay><MsgID>%s</MsgID><Status>%s</Status>%s<TxnID>%s</TxnID><SettlementAmount>%s</SettlementAmount><Timestamp>%s</Timestamp></RespPay>",
		m["MsgID"], code, result, m["TxnID"], settled.Rupees(), time.Now().UTC().Format("2006-01-02T15:04:05Z"))
}

func (s *strict) decide(m map[string]string) (code, result string, settled protocol.Paise) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tokens[m["VerToken"]]
	switch {
	case s.accounts[m["TxnID"]] != nil:
		s.t.Errorf("a ReqPay was sent twice: %v", m)
		return "ZD", "", 0
	case t == nil:
		return "ZE", "", 0
	case t.used:
		return "ZD", "", 0
	case t.amount != paise(m["Amount"]) || t.curr != m["Curr"]:
		return "ZE", "", 0
	}
	t.used = true
	a := &account{amount: t.inr, payer: m["PayerAddr"], status: "FAILED"}
	s.accounts[m["TxnID"]] = a
	switch {
	case m["PayerAddr"] == "decline@upi" || m["PayeeAddr"] == "ip08@mercury":
		return "IP08", "", 0
	case m["PayeeAddr"] == "gourmet@mercury":
		a.status = "PENDING"
		return "00", "TIMEOUT", 0
	}
	a.status, a.settled = "SUCCESS", t.inr-t.inr*50/10000
	return "00", "", a.settled
}

func (s *strict) check(m map[string]string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[m["OrgTxnID"]]
	if a == nil || a.collected {
		return fmt.Sprintf("<RespChkTxn><MsgID>%s</MsgID><Status>ZQ</Status><Message>unknown</Message><Ts>2026-06-12T10:30:00Z</Ts></RespChkTxn>", m["MsgID"])
	}
	return fmt.Sprintf("<RespChkTxn><MsgID>%s</MsgID><Status>00</Status><TxnID>%s</TxnID><TxnStatus>%s</TxnStatus><Amount>%s</Amount><SettlementAmount>%s</SettlementAmount><Ts>2026-06-12T10:30:00Z</Ts></RespChkTxn>",
		m["MsgID"], m["OrgTxnID"], a.status, a.amount.Rupees(), a.settled.Rupees())
}

// collected takes how a collect request ended. Requests of more than 5000.00 fit
// nothing, and their money is reversed.
func (s *strict) collected(m map[string]string) string {
	s.mu.Lock()
	code, result := "00", ""
	switch amount := paise(m["Amount"]); {
	case s.accounts[m["TxnID"]] != nil:
		code = "ZD"
	case m["Status"] != "SUCCESS":
	case amount > 500000:
		s.accounts[m["TxnID"]] = &account{amount: amount, status: "PENDING", payer: m["PayerAddr"], collected: true}
		result = "<Result>REVERSED</Result>"
		s.jobs.Go(func() { s.reverse(m["TxnID"]) })
	default:
		s.accounts[m["TxnID"]] = &account{amount: amount, settled: amount - amount*50/10000, status: "SUCCESS", payer: m["PayerAddr"], collected: true}
	}
	s.mu.Unlock()
	answer := fmt.Sprintf("<RespCollectResult><MsgID>%s</MsgID><Status>%s</Status>%s<TxnID>%s</TxnID><Ts>2026-06-12T10:30:00Z</Ts></RespCollectResult>", m["MsgID"], code, result, m["TxnID"])
	if s.signs { // RoundTrip does it
		return answer
	}
	return envelop(s.t, answer, s.key, s.cert)
}
