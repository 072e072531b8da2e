package npci

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/galla-pay/galla/firmware-sim/terminal/web"
	"github.com/galla-pay/galla/protocol"
)

// Handler serves the controller, on the paths of package network; the customers'
// apps, whose ReqValQr, ReqPay and ReqChkTxn it passes on to the controller by
// its Client; and whoever looks at the books and plays the payers: GET /ledger,
// POST /reconcile, GET /behaviours, PUT /behaviours/{payer}, POST
// /collects/{txn}/{accept|decline}.
func (n *Network) Handler() http.Handler {
	return web.Guard(web.Routes([]web.Route{
		{Method: http.MethodPost, Pattern: PathCollect, Serve: n.serveCollect},
		{Method: http.MethodPost, Pattern: PathRefund, Serve: n.serveRefund},
		{Method: http.MethodPost, Pattern: PathChkTxn, Serve: n.serveChkTxn},
		{Method: http.MethodPost, Pattern: PathValidate, Serve: n.passValQr},
		{Method: http.MethodPost, Pattern: PathPay, Serve: n.passPay},
		{Method: http.MethodPost, Pattern: PathCheck, Serve: n.passChkTxn},
		{Method: http.MethodGet, Pattern: "/ledger", Serve: n.serveLedger},
		{Method: http.MethodPost, Pattern: "/reconcile", Serve: n.serveReconcile},
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
	m, doc := readRequest(r, root)
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
	signed, err := n.certificate.verify(r.Context(), n.cfg.HTTP, n.cfg.Controller, doc)
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
	if err := n.accounts.file.append(record{Message: m.id}); err != nil {
		return m, "96", err.Error()
	}
	n.messages[m.id] = true
	return m, "", ""
}

// readRequest reads a message and its MsgID; what is wrong with it is in it.
func readRequest(r *http.Request, root string) (m *request, doc []byte) {
	m = &request{}
	doc, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer+1))
	if err != nil || len(doc) > maxAnswer {
		m.fail("the message is longer than 64 KiB or was cut off")
		return m, nil
	}
	if err := xml.Unmarshal(doc, &m.xml); err != nil || m.xml.XMLName.Local != root || m.xml.XMLName.Space != "" {
		m.fail("the message is no " + root)
		return m, nil
	}
	m.id = m.need("MsgID")
	return m, doc
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
