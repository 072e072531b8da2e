package npci

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
)

// Dialect is how messages are written. They mean the same.
type Dialect string

// The dialects.
const (
	DialectPRD  Dialect = ""     // elements that hold text (PRD 8)
	DialectNPCI Dialect = "npci" // NPCI's own: elements that hold attributes, below a root in its namespace
)

const npciNamespace = "http://npci.org/upi/schema/"

// The requests in NPCI's dialect. Only the root is in the namespace, by a prefix.
type (
	npciHead struct {
		Ver      string `xml:"ver,attr"`
		Ts       string `xml:"ts,attr"`
		OrgID    string `xml:"orgId,attr"`
		MsgID    string `xml:"msgId,attr"`
		ProdType string `xml:"prodType,attr"`
	}
	npciAmount struct {
		Value string `xml:"value,attr"`
		Curr  string `xml:"curr,attr"`
	}
	npciParty struct {
		Addr   string `xml:"addr,attr,omitempty"`
		Code   string `xml:"code,attr,omitempty"`
		Amount npciAmount
	}
	npciQR struct {
		QVer     string `xml:"qVer,attr"`
		QrMedium string `xml:"qrMedium,attr,omitempty"`
		Query    string `xml:"query,attr,omitempty"`
		VerToken string `xml:"verToken,attr,omitempty"`
	}
	npciTxn struct {
		ID             string  `xml:"id,attr"`
		Note           string  `xml:"note,attr,omitempty"`
		Ts             string  `xml:"ts,attr"`
		Type           string  `xml:"type,attr"`
		InitiationMode string  `xml:"initiationMode,attr,omitempty"`
		OrgTxnID       string  `xml:"orgTxnId,attr,omitempty"`
		QR             *npciQR `xml:"QR"`
	}
	npciReqXML struct {
		XMLName xml.Name
		Space   string     `xml:"xmlns:upi,attr"`
		Head    npciHead   `xml:"Head"`
		Txn     npciTxn    `xml:"Txn"`
		Payer   *npciParty `xml:"Payer"`
		Payees  *struct {
			Payee npciParty
		} `xml:"Payees"`
	}
)

// npciRequest begins a request.
func (c *Client) npciRequest(root, ts, orgID, msgID string, txn npciTxn) npciReqXML {
	txn.Ts = ts
	return npciReqXML{
		XMLName: xml.Name{Local: "upi:" + root}, Space: npciNamespace, Txn: txn,
		Head: npciHead{Ver: "2.0", Ts: ts, OrgID: orgID, MsgID: msgID, ProdType: "UPI"},
	}
}

// between adds payer and payee, who pay and get the same.
func (m npciReqXML) between(payer, payee, code string, amount npciAmount) npciReqXML {
	m.Payer = &npciParty{Addr: payer, Amount: amount}
	m.Payees = &struct{ Payee npciParty }{npciParty{Addr: payee, Code: code, Amount: amount}}
	return m
}

// npciValQr is a ReqValQr: the QR's query is written out, and there is no TxnRef.
func (c *Client) npciValQr(m valQrXML) (npciReqXML, error) {
	query, err := decodeRefURL(m.RefUrl)
	if err != nil {
		return npciReqXML{}, fmt.Errorf("write message: RefURL: %w", err)
	}
	txn := npciTxn{ID: NewID("VAL"), Type: "ValQr", InitiationMode: modeOf(query), QR: &npciQR{QVer: "01", QrMedium: "06", Query: query}}
	return c.npciRequest("ReqValQr", m.Ts, m.OrgID, m.MsgID, txn).between("", m.PayeeAddr, m.Mcc, npciAmount{m.Amount, m.Curr}), nil
}

func (c *Client) npciPay(m payXML, orgID string) npciReqXML {
	txn := npciTxn{ID: m.TxnID, Type: "PAY", InitiationMode: "16", QR: &npciQR{QVer: "01", VerToken: m.VerToken}}
	return c.npciRequest("ReqPay", m.Timestamp, orgID, m.MsgID, txn).between(m.PayerAddr, m.PayeeAddr, "", npciAmount{m.Amount, m.Curr})
}

func (c *Client) npciChkTxn(m chkTxnXML) npciReqXML {
	return c.npciRequest("ReqChkTxn", m.Ts, m.OrgID, m.MsgID, npciTxn{ID: NewID("ASK"), Type: "ChkTxn", OrgTxnID: m.OrgTxnID})
}

// decodeRefURL returns the link, or the query of one, that a RefUrl is base64 of.
func decodeRefURL(text string) (string, error) {
	text = strings.TrimRight(text, "=")
	if decoded, err := base64.RawStdEncoding.DecodeString(text); err == nil {
		return string(decoded), nil
	}
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	return string(decoded), err
}

// modeOf is the initiation mode that a QR names, or "".
func modeOf(query string) string {
	if _, after, isLink := strings.Cut(query, "?"); isLink {
		query = after
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return ""
	}
	if mode := values.Get("mode"); mode != "" {
		return mode
	}
	return values.Get("initiation_mode")
}

// npciAnswerXML is every answer in NPCI's dialect as it is read.
type npciAnswerXML struct {
	XMLName xml.Name
	Head    []struct {
		Ts string `xml:"ts,attr"`
	}
	Txn []struct {
		ID       string `xml:"id,attr"`
		Note     string `xml:"note,attr"`
		CustRef  string `xml:"custRef,attr"`
		OrgTxnID string `xml:"orgTxnId,attr"`
		QR       []struct {
			ExpireTs string `xml:"expireTs,attr"`
			VerToken string `xml:"verToken,attr"`
		}
	}
	Resp []struct {
		ReqMsgID string `xml:"reqMsgId,attr"`
		Result   string `xml:"result,attr"`
		ErrCode  string `xml:"errCode,attr"`
		Ref      []struct {
			SettAmount   string `xml:"settAmount,attr"`
			SettCurrency string `xml:"settCurrency,attr"`
			OrgAmount    string `xml:"orgAmount,attr"`
			RespCode     string `xml:"respCode,attr"`
		}
	}
	FxList []struct {
		Fx []struct {
			BaseAmount string `xml:"baseAmount,attr"`
			BaseCurr   string `xml:"baseCurr,attr"`
			Fx         string `xml:"fx,attr"`
		}
	}
}

// read puts the answer into the form of the PRD's, where it is judged.
func (n npciAnswerXML) read(a *answer) {
	if n.XMLName.Space != npciNamespace {
		a.fail("its root is not in NPCI's namespace")
	}
	if len(n.Head) != 1 || len(n.Txn) != 1 || len(n.Resp) != 1 {
		a.fail("it has not one Head, Txn and Resp")
		return
	}
	txn, resp, x := n.Txn[0], n.Resp[0], &a.xml
	x.XMLName = xml.Name{Local: n.XMLName.Local}
	set := func(to *[]string, text string) {
		if text != "" {
			*to = []string{text}
		}
	}
	set(&x.Ts, n.Head[0].Ts)
	set(&x.Timestamp, n.Head[0].Ts)
	set(&x.MsgID, resp.ReqMsgID)
	set(&x.Message, txn.Note)
	set(&x.Rrn, txn.CustRef)
	check := n.XMLName.Local == "RespChkTxn"
	if set(&x.TxnID, txn.ID); check {
		set(&x.TxnID, txn.OrgTxnID)
	}
	outcome := npciStatus(resp.Result, resp.ErrCode, x, a)
	for _, qr := range txn.QR {
		x.VerToken, x.ExpiresAt = append(x.VerToken, qr.VerToken), append(x.ExpiresAt, qr.ExpireTs)
	}
	for _, ref := range resp.Ref {
		if ref.SettCurrency != "INR" {
			a.fail("settCurrency is not INR")
		}
		if ref.RespCode != "" && ref.RespCode != outcome {
			a.fail(fmt.Sprintf("respCode is %q, and the outcome %q", ref.RespCode, outcome))
		}
		to := &x.SettlementAmount
		if n.XMLName.Local == "RespValQr" {
			to = &x.InrAmount
		}
		*to = append(*to, ref.SettAmount)
		set(&x.Amount, ref.OrgAmount)
	}
	for _, list := range n.FxList {
		for _, fx := range list.Fx {
			x.BaseAmount, x.BaseCurr = append(x.BaseAmount, fx.BaseAmount), append(x.BaseCurr, fx.BaseCurr)
			x.FxRate = append(x.FxRate, fx.Fx)
		}
	}
}

// npciStatus reads result and errCode: the outcome of a payment that was
// processed is an errCode, too.
func npciStatus(result, errCode string, x *answerXML, a *answer) (outcome string) {
	check := x.XMLName.Local == "RespChkTxn"
	switch {
	case result == "SUCCESS" && errCode == "":
		if x.Status = []string{"00"}; check {
			x.TxnStatus = []string{"SUCCESS"}
		}
		return "00"
	case result == "PENDING" && errCode == "" && check:
		x.Status, x.TxnStatus = []string{"00"}, []string{"PENDING"}
		return ""
	case result != "FAILURE" || errCode == "":
		a.fail(fmt.Sprintf("result %q with errCode %q", result, errCode))
	case check && (errCode == "FAILED" || errCode == "REVERSED"):
		x.Status, x.TxnStatus = []string{"00"}, []string{errCode}
	case !check && (errCode == "FAILED" || errCode == "REVERSED" || errCode == "TIMEOUT"):
		x.Status, x.Result = []string{"00"}, []string{errCode}
	default:
		x.Status = []string{errCode}
	}
	return errCode
}
