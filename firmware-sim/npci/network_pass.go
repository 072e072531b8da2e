package npci

import (
	"cmp"
	"context"
	"encoding/xml"
	"net/http"
	"time"
)

// passed is an answer to a customer's app; the order is the PRD's.
type passed struct {
	XMLName          xml.Name
	MsgID            string `xml:",omitempty"`
	Status           string
	Message          string `xml:",omitempty"`
	Result           string `xml:",omitempty"`
	TxnID            string `xml:",omitempty"`
	TxnStatus        string `xml:",omitempty"`
	VerToken         string `xml:",omitempty"`
	ExpiresAt        string `xml:",omitempty"`
	BaseAmount       string `xml:",omitempty"`
	BaseCurr         string `xml:",omitempty"`
	FxRate           string `xml:",omitempty"`
	InrAmount        string `xml:",omitempty"`
	Amount           string `xml:",omitempty"`
	SettlementAmount string `xml:",omitempty"`
	Rrn              string `xml:",omitempty"`
	Ts               string `xml:",omitempty"`
	Timestamp        string `xml:",omitempty"`
}

func (n *Network) pass(w http.ResponseWriter, a passed) {
	doc, err := xml.MarshalIndent(a, "", "  ")
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	w.WriteHeader(codes[a.Status])
	_, _ = w.Write(doc)
}

// noAnswer is what an app is told when the controller said nothing of use.
func (n *Network) noAnswer(a passed, err error) passed {
	n.cfg.Log.Warn("the controller gives no answer", "message", a.MsgID, "error", err)
	a.Status, a.Message = "96", "the controller gives no answer"
	return a
}

// passValQr asks the controller what an app asks.
func (n *Network) passValQr(w http.ResponseWriter, r *http.Request) {
	m, _ := readRequest(r, "ReqValQr")
	req := ReqValQr{
		MsgID: m.id, OrgID: m.one("OrgID"), Curr: m.need("Curr"), Amount: m.rupees("Amount"), MCC: m.one("Mcc"), RefURL: m.need("RefUrl"),
		PayeeAddr: m.one("PayeeAddr"), TxnRef: m.one("TxnRef"),
	}
	a := passed{XMLName: xml.Name{Local: "RespValQr"}, MsgID: m.id, Ts: stamp(time.Time{})}
	if m.err != nil {
		a.Status, a.Message = "BR", m.err.Error()
		n.pass(w, a)
		return
	}
	resp, err := n.client.ValidateQR(r.Context(), req)
	if err != nil {
		n.pass(w, n.noAnswer(a, err))
		return
	}
	a.Status, a.Message, a.VerToken, a.Ts = resp.Status, resp.Message, resp.VerToken, stamp(resp.Ts)
	if !resp.ExpiresAt.IsZero() {
		a.ExpiresAt = stamp(resp.ExpiresAt)
	}
	if resp.BaseCurr != "" {
		a.BaseAmount, a.BaseCurr = resp.BaseAmount.Rupees(), resp.BaseCurr
		a.FxRate, a.InrAmount = resp.FxRate, resp.InrAmount.Rupees()
	}
	n.pass(w, a)
}

// passPay pays for an app. When the controller's answer is lost, or is no answer,
// the network asks until it knows and then answers; a TIMEOUT is passed on, and
// asked about afterwards. The app going away changes nothing.
func (n *Network) passPay(w http.ResponseWriter, r *http.Request) {
	m, _ := readRequest(r, "ReqPay")
	req := ReqPay{
		MsgID: m.id, TxnID: m.need("TxnID"), VerToken: m.need("VerToken"), Amount: m.rupees("Amount"), Curr: m.need("Curr"),
		PayerAddr: m.need("PayerAddr"), PayeeAddr: m.need("PayeeAddr"),
	}
	a := passed{
		XMLName: xml.Name{Local: "RespPay"}, MsgID: m.id, TxnID: m.txnID(), SettlementAmount: "0.00", Timestamp: stamp(time.Time{}),
	}
	if m.err != nil {
		a.Status, a.Message = "BR", m.err.Error()
		n.pass(w, a)
		return
	}
	resp, err := n.client.Pay(n.work, req)
	switch {
	case err == nil && resp.Result == "TIMEOUT":
		n.settleLater(req.TxnID)
	case err != nil || resp.Status == "96":
		resp, err = n.settled(req)
	}
	if err != nil {
		n.pass(w, n.noAnswer(a, err))
		return
	}
	a.Status, a.Message, a.Result = resp.Status, resp.Message, resp.Result
	a.SettlementAmount, a.Timestamp = resp.SettlementAmount.Rupees(), stamp(resp.Timestamp)
	n.pass(w, a)
}

// settled asks how a payment ended, and answers for the controller.
func (n *Network) settled(req ReqPay) (RespPay, error) {
	e, _, err := n.client.Settle(n.work, req.TxnID)
	if err != nil {
		return RespPay{}, err
	}
	resp := RespPay{Status: "00", SettlementAmount: e.Settled}
	if e.State == Returned {
		resp.Result = map[Back]string{BackReversed: "REVERSED"}[e.Back]
		resp.Result = cmp.Or(resp.Result, "FAILED")
	}
	return resp, nil
}

// settleLater asks how a payment ended, after its answer was passed on.
func (n *Network) settleLater(txnID string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.later(0, func(ctx context.Context) {
		if _, _, err := n.client.Settle(ctx, txnID); err != nil {
			n.cfg.Log.Warn("a payment is in doubt", "transaction", txnID, "error", err)
		}
	})
}

// passChkTxn asks for an app; the books learn of it, too.
func (n *Network) passChkTxn(w http.ResponseWriter, r *http.Request) {
	m, _ := readRequest(r, "ReqChkTxn")
	req := ReqChkTxn{MsgID: m.id, OrgID: m.one("OrgID"), OrgTxnID: m.need("OrgTxnID")}
	a := passed{XMLName: xml.Name{Local: "RespChkTxn"}, MsgID: m.id, Ts: stamp(time.Time{})}
	if m.err != nil {
		a.Status, a.Message = "BR", m.err.Error()
		n.pass(w, a)
		return
	}
	resp, err := n.client.Check(r.Context(), req)
	if err != nil {
		n.pass(w, n.noAnswer(a, err))
		return
	}
	a.Status, a.Message, a.TxnID, a.TxnStatus, a.Rrn, a.Ts = resp.Status, resp.Message, resp.TxnID, resp.TxnStatus, resp.Rrn, stamp(resp.Ts)
	if resp.TxnStatus != "" {
		a.Amount, a.SettlementAmount = resp.Amount.Rupees(), resp.SettlementAmount.Rupees()
	}
	n.pass(w, a)
}
