package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/xverify"
)

// shop is a running controller of the sandbox with all who speak to it: a POS, a
// terminal, the customer's bank, and the merchant's server.
type shop struct {
	t         *testing.T
	base      string
	canaries  []string // texts that no trace may hold
	callbacks chan http.Header

	key      protocol.SigningKey
	keys     protocol.PublicKeys
	client   paho.Client
	commands chan []byte
	session  string
	n        uint64 // facts so far
}

// openShop starts a controller whose traces go to endpoint, "" for nowhere.
func openShop(t *testing.T, endpoint string, change func(*serveCommand)) *shop {
	t.Helper()
	s := &shop{t: t, callbacks: make(chan http.Header, 10), session: rand.Text()}
	merchant := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { s.callbacks <- r.Header }))
	t.Cleanup(merchant.Close)
	r := startController(t, func(c *serveCommand) {
		c.tlsFlags, c.CallbackAllowPrivate = tlsFlags{}, true
		c.tracingFlags = tracingFlags{TraceEndpoint: endpoint, TraceRatio: 1}
		if change != nil {
			change(c)
		}
	})
	s.base = "http://" + r.http
	s.canaries = []string{merchant.URL, strings.TrimPrefix(merchant.URL, "http://")}
	s.enrol()
	return s
}

// post posts, and returns what came back.
func (s *shop) post(path, contentType, body string, header map[string]string) (http.Header, []byte) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), "POST", s.base+path, strings.NewReader(body))
	must(s.t, err)
	request.Header.Set("Content-Type", contentType)
	for name, value := range header {
		request.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(request)
	must(s.t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	must(s.t, err)
	if res.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %d %s", path, res.StatusCode, answer)
	}
	return res.Header, answer
}

// enrol connects testTerminal.
func (s *shop) enrol() {
	s.t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(s.t, err)
	body, err := json.Marshal(protocol.EnrolRequest{
		MerchantID: testTerminal.MerchantID, StoreID: testTerminal.StoreID, TerminalID: testTerminal.TerminalID, PublicKey: public,
	})
	must(s.t, err)
	_, raw := s.post(protocol.EnrolPath, "application/json", string(body), nil)
	var answer protocol.EnrolAnswer
	must(s.t, json.Unmarshal(raw, &answer))
	root, err := answer.Root()
	must(s.t, err)
	s.key = protocol.NewSigningKey(private)
	_, s.keys, err = protocol.OpenKeySet([]byte(answer.KeySet), root)
	must(s.t, err)
	s.canaries = append(s.canaries, answer.Token, testTerminal.TerminalID, s.session)

	s.commands = make(chan []byte, 100)
	s.client = paho.NewClient(paho.NewClientOptions().AddBroker(strings.Replace(answer.Brokers[0], "mqtt://", "tcp://", 1)).
		SetClientID(testTerminal.String()).SetUsername(testTerminal.String()).SetPassword(answer.Token).
		SetProtocolVersion(4).SetAutoReconnect(false).SetConnectTimeout(patience))
	s.done(s.client.Connect())
	s.t.Cleanup(func() { s.client.Disconnect(0) })
	s.done(s.client.Subscribe(protocol.CommandTopic(testTerminal), 1, func(_ paho.Client, m paho.Message) { s.commands <- m.Payload() }))
	nonce := rand.Text()
	s.say(protocol.Report{Mode: protocol.ModeIdle, Nonce: nonce}, protocol.TypeSync)
	s.state("the answer to the sync", func(w protocol.State) bool { return w.Nonce == nonce })
}

func (s *shop) done(token paho.Token) {
	s.t.Helper()
	if !token.WaitTimeout(patience) {
		s.t.Fatal("the broker does not answer")
	}
	must(s.t, token.Error())
}

func (s *shop) say(r protocol.Report, kind protocol.Type) {
	s.t.Helper()
	r.Header = protocol.Header{V: protocol.Version, Type: kind, Identity: testTerminal}
	r.Session, r.Epoch = s.session, "E1"
	message, err := s.key.Sign(protocol.PurposeUp, r)
	must(s.t, err)
	s.done(s.client.Publish(protocol.ReportTopic(testTerminal), 1, false, message))
}

// fact reports one fact and waits until it is committed.
func (s *shop) fact(kind protocol.FactKind, paymentID string, ack uint64) {
	s.t.Helper()
	s.n++
	s.say(protocol.Report{
		AckSeq: ack, Mode: protocol.ModePresenting, Facts: []protocol.Fact{{N: s.n, Kind: kind, PaymentID: paymentID}},
	}, protocol.TypeReport)
	s.state(string(kind)+" is committed", func(w protocol.State) bool { return w.AckSeq == s.n })
}

// state waits for a state of the terminal that is as wanted.
func (s *shop) state(what string, ok func(protocol.State) bool) protocol.State {
	s.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case m := <-s.commands:
			if protocol.PurposeOf(m) != protocol.PurposeDown {
				continue
			}
			w, err := protocol.OpenState(m, s.keys, testTerminal)
			must(s.t, err)
			if ok(w) {
				return w
			}
		case <-limit:
			s.t.Fatalf("the terminal is never told: %s", what)
		}
	}
}

// ask asks as the POS does.
func (s *shop) ask(path string, request map[string]any, header map[string]string) (http.Header, []byte) {
	s.t.Helper()
	raw, err := json.Marshal(request)
	must(s.t, err)
	keys := sandboxKeys()
	encoded := xverify.EncodeBody(raw)
	all := map[string]string{"X-VERIFY": xverify.Header(encoded, path, keys.SaltKey, 1)}
	for name, value := range header {
		all[name] = value
	}
	s.canaries = append(s.canaries, keys.SaltKey, encoded, all["X-VERIFY"])
	return s.post(path, "application/json", `{"request":"`+encoded+`"}`, all)
}

// strangers is the trace of whoever sends a request.
const strangers = "4bf92f3577b34da6a3ce929d0e0e4736"

// sale asks for 245.67 on the display.
func (s *shop) sale(transaction string) (answered http.Header) {
	s.t.Helper()
	s.canaries = append(s.canaries, transaction, "ORDER-canary", "245.67")
	answered, _ = s.ask("/v1/payment/init", map[string]any{
		"merchantId": testTerminal.MerchantID, "transactionId": transaction, "orderId": "ORDER-canary", "amount": 24567,
		"storeId": testTerminal.StoreID, "terminalId": testTerminal.TerminalID, "solutionType": "DQR_DEVICE", "expiresIn": 180,
	}, map[string]string{
		"Traceparent": "00-" + strangers + "-00f067aa0ba902b7-01", "Tracestate": "vendor=canary-state", "Baggage": "canary=baggage",
		"User-Agent": "canary-agent", "X-CALLBACK-URL": "http://" + s.canaries[1] + "/canary-path", "X-CALL-MODE": "POST",
	})
	s.canaries = append(s.canaries, "canary")
	return answered
}

// message asks as the customer's bank does, and returns one element of the answer.
func (s *shop) message(route, body, element string) (text string) {
	s.t.Helper()
	_, answer := s.post("/api/v1/dynamic-qr/"+route, "application/xml", body, nil)
	reader := xml.NewDecoder(bytes.NewReader(answer))
	for {
		token, err := reader.Token()
		if err != nil {
			s.t.Fatalf("%s: no %s in %s", route, element, answer)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == element {
			must(s.t, reader.DecodeElement(&text, &start))
			return text
		}
	}
}

// paid is a whole sale, from the POS's request to the callback. It returns the
// headers of the answer to the POS and of the callback.
func (s *shop) paid() (answered, called http.Header) {
	s.t.Helper()
	answered = s.sale("T-canary-1")
	offered := s.state("the sale", func(w protocol.State) bool { return w.Sale != nil })
	id := offered.Sale.PaymentID
	s.fact(protocol.FactReceived, id, offered.Seq)
	s.fact(protocol.FactPresented, id, offered.Seq)
	token := s.message("validate", `<ReqValQr><MsgID>MSG-canary-1</MsgID><Ts>2026-12-01T10:30:00Z</Ts><OrgID>MER101</OrgID><Curr>INR</Curr>`+
		`<Amount>245.67</Amount><Mcc>5411</Mcc><RefUrl>aW5pdGlhdGlvbl9tb2RlPTE2</RefUrl><TxnRef>`+id+`</TxnRef></ReqValQr>`, "VerToken")
	status := s.message("pay", `<ReqPay><MsgID>MSG-canary-2</MsgID><TxnID>TXN-canary-1</TxnID><VerToken>`+token+`</VerToken><Amount>245.67</Amount>`+
		`<Curr>INR</Curr><PayerAddr>9876543210.canary@upi</PayerAddr><PayeeAddr>merchant@upi</PayeeAddr><Timestamp>2026-12-01T10:30:01Z</Timestamp></ReqPay>`, "Status")
	if status != "00" {
		s.t.Fatalf("ReqPay is answered %s", status)
	}
	s.canaries = append(s.canaries, token, "9876543210", "merchant@upi", "@upi", "upi://")
	result := s.state("the result", func(w protocol.State) bool { return w.Result != nil })
	s.fact(protocol.FactShown, id, result.Seq)
	s.message("check", `<ReqChkTxn><MsgID>MSG-canary-3</MsgID><Ts>2026-12-01T10:31:00Z</Ts><OrgID>MER101</OrgID><OrgTxnID>TXN-canary-1</OrgTxnID></ReqChkTxn>`, "Status")
	select {
	case called = <-s.callbacks:
	case <-time.After(patience):
		s.t.Fatal("no callback")
	}
	return answered, called
}
