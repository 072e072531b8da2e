package npci

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/galla-pay/galla/firmware-sim/terminal/web"
	"github.com/galla-pay/galla/protocol"
)

// Handler serves the controller, on the paths of package network, and whoever
// looks at the books and plays the payers: GET /ledger, GET /behaviours, PUT
// /behaviours/{payer}, POST /collects/{txn}/{accept|decline}.
func (n *Network) Handler() http.Handler {
	return web.Guard(web.Routes([]web.Route{
		{Method: http.MethodPost, Pattern: PathCollect, Serve: n.serveCollect},
		{Method: http.MethodPost, Pattern: PathRefund, Serve: n.serveRefund},
		{Method: http.MethodPost, Pattern: PathChkTxn, Serve: n.serveChkTxn},
		{Method: http.MethodGet, Pattern: "/ledger", Serve: n.serveLedger},
		{Method: http.MethodGet, Pattern: "/behaviours", Serve: n.serveBehaviours},
		{Method: http.MethodPut, Pattern: "/behaviours/{payer}", Serve: n.setBehaviour},
		{Method: http.MethodPost, Pattern: "/collects/{txn}/{answer}", Serve: n.serveAnswer},
	}))
}

// answerOut is every answer as it is written; the order is the PRD's.
type answerOut struct {
	XMLName     xml.Name
	MsgID       string `xml:",omitempty"`
	Status      string
	Message     string `xml:",omitempty"`
	TxnID       string `xml:",omitempty"`
	TxnStatus   string `xml:",omitempty"`
	CreditTxnID string `xml:",omitempty"`
	Amount      string `xml:",omitempty"`
	Rrn         string `xml:",omitempty"`
	Ts          string
}

func (n *Network) serveCollect(w http.ResponseWriter, r *http.Request) {
	m, code, why := n.read(r, "ReqCollect")
	if code == "" {
		code, why = n.takeCollect(m)
	}
	n.write(w, r, answerOut{XMLName: xml.Name{Local: "RespCollect"}, MsgID: m.id, Status: code, Message: why, TxnID: m.txnID()})
}

func (n *Network) serveRefund(w http.ResponseWriter, r *http.Request) {
	m, code, why := n.read(r, "ReqRefund")
	rrn, lost := "", false
	if code == "" {
		code, why, rrn, lost = n.takeRefund(m)
	}
	if lost {
		panic(http.ErrAbortHandler) // the connection ends without a word
	}
	n.write(w, r, answerOut{XMLName: xml.Name{Local: "RespRefund"}, MsgID: m.id, Status: code, Message: why, TxnID: m.txnID(), Rrn: rrn})
}

func (n *Network) serveChkTxn(w http.ResponseWriter, r *http.Request) {
	m, code, why := n.read(r, "ReqChkTxn")
	s := status{code: code, why: why}
	if code == "" {
		s = n.takeQuestion(m)
	}
	a := answerOut{
		XMLName: xml.Name{Local: "RespChkTxn"}, MsgID: m.id, Status: s.code, Message: s.why, TxnID: m.one("OrgTxnID"),
		TxnStatus: s.txnStatus, CreditTxnID: s.creditTxnID, Rrn: s.rrn,
	}
	if s.txnStatus != "" {
		a.Amount = s.amount.Rupees()
	}
	n.write(w, r, a)
}

// write signs an answer when the network has a key, and sends it with the HTTP
// status that goes with its code.
func (n *Network) write(w http.ResponseWriter, r *http.Request, a answerOut) {
	a.Ts = stamp(time.Time{})
	httpStatus := codes[a.Status]
	if httpStatus == 0 {
		httpStatus = http.StatusOK // a code of the banks
	}
	doc, err := xml.MarshalIndent(a, "", "  ")
	if err == nil && n.cfg.Key != nil && n.cfg.Cert != nil {
		doc, err = sign(doc, n.cfg.Key, n.cfg.Cert)
	}
	if err != nil {
		n.cfg.Log.Error("an answer could not be written", "path", r.URL.Path, "error", err)
		panic(http.ErrAbortHandler)
	}
	switch a.Status {
	case "00", "PENDING":
	default:
		n.mu.Lock()
		n.books.Refusals = append(n.books.Refusals, Refusal{r.URL.Path, a.Status, a.Message})
		n.mu.Unlock()
	}
	n.cfg.Log.Info("answered", "path", r.URL.Path, "transaction", a.TxnID, "status", a.Status, "why", a.Message)
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	w.WriteHeader(httpStatus)
	_, _ = w.Write(doc)
}

// requestXML is every request as it is read; what is there twice shows.
type requestXML struct {
	XMLName xml.Name
	Fields  []struct {
		XMLName xml.Name
		Text    string `xml:",chardata"`
	} `xml:",any"`
}

// request is one message and the first thing that is wrong with it.
type request struct {
	xml requestXML
	id  string // MsgID
	err error
}

// read reads a message that a controller signed. A code says why it is refused.
func (n *Network) read(r *http.Request, root string) (m *request, code, why string) {
	m = &request{}
	doc, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer+1))
	if err != nil || len(doc) > maxAnswer {
		return m, "BR", "the message is longer than 64 KiB or was cut off"
	}
	if err := xml.Unmarshal(doc, &m.xml); err != nil || m.xml.XMLName.Local != root || m.xml.XMLName.Space != "" {
		return m, "BR", "the message is no " + root
	}
	m.id = m.need("MsgID")
	if m.need("OrgID") != n.cfg.OrgID && m.err == nil {
		return m, "ZF", "the organisation is not known here"
	}
	if m.need("Ts"); m.err == nil {
		if _, err := time.Parse(time.RFC3339, m.one("Ts")); err != nil {
			m.fail("Ts is not a time")
		}
	}
	if m.err != nil {
		return m, "BR", m.err.Error()
	}
	signed, err := n.verify(r.Context(), doc)
	switch {
	case errors.Is(err, errNoCertificate):
		n.cfg.Log.Warn("the controller's certificate could not be had", "error", err)
		return m, "96", "the sender's certificate could not be had"
	case err != nil:
		return m, "ZF", "the signature is not good"
	}
	// Only what was signed is read from here on.
	m = &request{}
	if err := xml.Unmarshal(signed, &m.xml); err != nil {
		return m, "BR", "the signed part cannot be read"
	}
	m.id = m.need("MsgID")
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.messages[m.id] {
		return m, "ZD", "the MsgID was used before"
	}
	n.messages[m.id] = true
	return m, "", ""
}

func (m *request) fail(why string) {
	if m.err == nil {
		m.err = errors.New(why)
	}
}

func (m *request) texts(name string) (texts []string) {
	for _, f := range m.xml.Fields {
		if f.XMLName.Local == name && f.XMLName.Space == "" {
			texts = append(texts, f.Text)
		}
	}
	return texts
}

// one is the text of an element that may be there once, or "".
func (m *request) one(name string) string {
	texts := m.texts(name)
	if len(texts) > 1 {
		m.fail(name + " is there twice")
	}
	if len(texts) == 0 {
		return ""
	}
	return texts[0]
}

// need is the text of an element that must be there.
func (m *request) need(name string) string {
	text := m.one(name)
	if text == "" {
		m.fail(name + " is missing")
	}
	return text
}

func (m *request) rupees(name string) protocol.Paise {
	p, err := protocol.ParseRupees(m.need(name))
	if err != nil || p <= 0 {
		m.fail(name + " is no amount")
	}
	return p
}

// txnID is the TxnID as it is answered.
func (m *request) txnID() string {
	if texts := m.texts("TxnID"); len(texts) == 1 {
		return texts[0]
	}
	return ""
}

// verify returns the part of a message that the controller signed. A controller
// that was set up anew has another key, so that its certificate is fetched again
// before a signature is refused.
func (n *Network) verify(ctx context.Context, doc []byte) ([]byte, error) {
	cert, err := n.certificate.get(ctx, n.cfg)
	if err != nil {
		return nil, err
	}
	signed, err := verify(doc, cert)
	if err == nil {
		return signed, nil
	}
	again, changed := n.certificate.refresh(ctx, n.cfg, cert)
	if !changed {
		return nil, err
	}
	return verify(doc, again)
}

// PathCertificate is where a controller serves the certificate of its key.
const PathCertificate = "/api/v1/dynamic-qr/certificate"

var errNoCertificate = errors.New("no certificate")

// certificate is the controller's, as it was fetched last.
type certificate struct {
	mu      sync.Mutex
	cert    *x509.Certificate
	fetched time.Time
}

// refetchEvery is how often a bad signature makes us fetch it again at most.
const refetchEvery = time.Second

func (c *certificate) get(ctx context.Context, cfg NetworkConfig) (*x509.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cert != nil {
		return c.cert, nil
	}
	return c.fetch(ctx, cfg)
}

func (c *certificate) refresh(ctx context.Context, cfg NetworkConfig, old *x509.Certificate) (cert *x509.Certificate, changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cert != nil && c.cert.Equal(old) && time.Since(c.fetched) >= refetchEvery {
		if _, err := c.fetch(ctx, cfg); err != nil {
			return nil, false
		}
	}
	return c.cert, c.cert != nil && !c.cert.Equal(old)
}

// fetch asks the controller. The caller holds the lock.
func (c *certificate) fetch(ctx context.Context, cfg NetworkConfig) (*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(cfg.Controller, "/")+PathCertificate, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoCertificate, err)
	}
	client := cfg.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoCertificate, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	block, _ := pem.Decode(text)
	if err != nil || resp.StatusCode != http.StatusOK || block == nil {
		return nil, fmt.Errorf("%w: HTTP %d", errNoCertificate, resp.StatusCode)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoCertificate, err)
	}
	c.cert, c.fetched = cert, time.Now()
	return cert, nil
}
