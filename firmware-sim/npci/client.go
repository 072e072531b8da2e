package npci

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// DefaultOrgID is the organisation that the network speaks for unless told
// otherwise (PRD 7.1).
const DefaultOrgID = "MER101"

// The routes (PRD 3.6).
const (
	PathValidate = "/api/v1/dynamic-qr/validate"
	PathPay      = "/api/v1/dynamic-qr/pay"
	PathCheck    = "/api/v1/dynamic-qr/check"
)

// maxAnswer is the longest answer that is read, in bytes.
const maxAnswer = 64 << 10

// ErrNoAnswer is what an error wraps when nobody can say whether the controller
// has the message: it could not be sent, or its answer was lost.
var ErrNoAnswer = errors.New("no answer")

// Client is the network towards one controller. Its fields are set before it is
// used; its methods may be called by several goroutines.
type Client struct {
	BaseURL string       // like http://127.0.0.1:8080, with or without a slash at the end
	OrgID   string       // "" means DefaultOrgID
	HTTP    *http.Client // nil means http.DefaultClient; Patience bounds it

	Dialect Dialect // of ReqValQr, ReqPay and ReqChkTxn and their answers

	// Patience is how long it waits and asks; the zero value is good.
	Patience Patience

	// Key and Cert sign the requests when both are there (XML-DSig, RSA-SHA256).
	Key  crypto.Signer
	Cert *x509.Certificate

	// Trust, when it is there, is whose signature every answer must have. With
	// FetchTrust it is the one whose certificate the controller serves, which is
	// fetched when it is needed, and again when a signature is not good.
	Trust      *x509.Certificate
	FetchTrust bool

	// Books are where debits are entered; nil means books of the client's own.
	Books *Books

	own         Books
	certificate certificate
}

func (c *Client) books() *Books {
	if c.Books != nil {
		return c.Books
	}
	return &c.own
}

// ValidateQR sends a ReqValQr. The error wraps ErrNoAnswer or ErrAnswer; a
// refusal is no error but a Status.
func (c *Client) ValidateQR(ctx context.Context, req ReqValQr) (RespValQr, error) {
	msgID := cmp.Or(req.MsgID, NewID("MSG"))
	prd := valQrXML{
		MsgID: msgID, Ts: stamp(req.Ts), OrgID: cmp.Or(req.OrgID, c.orgID()), Curr: cmp.Or(req.Curr, "INR"),
		Amount: req.Amount.Rupees(), Mcc: cmp.Or(req.MCC, "5411"), RefUrl: req.RefURL,
		PayeeAddr: req.PayeeAddr, TxnRef: req.TxnRef,
	}
	var message any = prd
	var err error
	if c.Dialect == DialectNPCI {
		if message, err = c.npciValQr(prd); err != nil {
			return RespValQr{}, err
		}
	}
	httpStatus, body, err := c.send(ctx, PathValidate, message)
	if err != nil {
		return RespValQr{}, err
	}
	a := readAnswer(c.Dialect, body, httpStatus, "RespValQr", msgID)
	resp := RespValQr{
		MsgID: one(a, "MsgID", a.xml.MsgID), Status: one(a, "Status", a.xml.Status), Message: one(a, "Message", a.xml.Message),
		VerToken: one(a, "VerToken", a.xml.VerToken), ExpiresAt: a.time("ExpiresAt", a.xml.ExpiresAt), Ts: a.time("Ts", a.xml.Ts),
		BaseAmount: a.rupees("BaseAmount", a.xml.BaseAmount), BaseCurr: one(a, "BaseCurr", a.xml.BaseCurr),
		FxRate: one(a, "FxRate", a.xml.FxRate), InrAmount: a.rupees("InrAmount", a.xml.InrAmount),
	}
	switch {
	case resp.Status == "00" && (resp.VerToken == "" || resp.ExpiresAt.IsZero()):
		a.fail("it promises nothing: VerToken or ExpiresAt is missing")
	case resp.Status != "00" && resp.VerToken != "":
		a.fail("it refuses and yet gives a token")
	case resp.Ts.IsZero():
		a.fail("Ts is missing")
	default:
		a.quote(req, resp)
	}
	if a.err != nil {
		return RespValQr{}, a.err
	}
	c.books().quoted(resp)
	return resp, nil
}

// Pay debits the payer in the books and sends a ReqPay. What the answer does in
// the books is said at Ledger. The error wraps ErrNoAnswer or ErrAnswer, and
// then the books say that the outcome is unknown. Nothing is sent when the debit
// cannot be entered.
func (c *Client) Pay(ctx context.Context, req ReqPay) (RespPay, error) {
	req.MsgID = cmp.Or(req.MsgID, NewID("PAY"))
	req.TxnID = cmp.Or(req.TxnID, NewID("TXN"))
	req.Curr = cmp.Or(req.Curr, "INR")
	entry, first, err := c.books().debit(req)
	if err != nil {
		return RespPay{}, err
	}
	resp, err := c.pay(ctx, req, entry.Debited)
	c.books().answered(req.TxnID, first, resp, err)
	return resp, err
}

// pay sends a ReqPay by which the customer is debited so many paise.
func (c *Client) pay(ctx context.Context, req ReqPay, debited protocol.Paise) (RespPay, error) {
	prd := payXML{
		MsgID: req.MsgID, TxnID: req.TxnID, VerToken: req.VerToken, Amount: req.Amount.Rupees(), Curr: req.Curr,
		PayerAddr: req.PayerAddr, PayeeAddr: req.PayeeAddr, Timestamp: stamp(req.Timestamp),
	}
	var message any = prd
	if c.Dialect == DialectNPCI {
		message = c.npciPay(prd, c.orgID())
	}
	httpStatus, body, err := c.send(ctx, PathPay, message)
	if err != nil {
		return RespPay{}, err
	}
	a := readAnswer(c.Dialect, body, httpStatus, "RespPay", req.MsgID)
	resp := RespPay{
		MsgID: one(a, "MsgID", a.xml.MsgID), Status: one(a, "Status", a.xml.Status), Message: one(a, "Message", a.xml.Message),
		Result: one(a, "Result", a.xml.Result), TxnID: one(a, "TxnID", a.xml.TxnID),
		SettlementAmount: a.rupees("SettlementAmount", a.xml.SettlementAmount), Timestamp: a.time("Timestamp", a.xml.Timestamp),
	}
	a.oneOf("Result", resp.Result, "", "TIMEOUT", "REVERSED", "FAILED")
	switch {
	case resp.TxnID != req.TxnID && (resp.TxnID != "" || resp.Status != "BR"):
		a.fail(fmt.Sprintf("it answers transaction %q, not %q", resp.TxnID, req.TxnID))
	case one(a, "SettlementAmount", a.xml.SettlementAmount) == "" || resp.Timestamp.IsZero():
		a.fail("SettlementAmount or Timestamp is missing")
	case !resp.Paid() && resp.SettlementAmount != 0:
		a.fail("it settles what is not paid")
	case resp.SettlementAmount > debited && debited != 0:
		a.fail("it settles more than was paid")
	}
	if a.err != nil {
		return RespPay{}, a.err
	}
	return resp, nil
}

// Check sends a ReqChkTxn and settles in the books what was unknown. The error
// wraps ErrNoAnswer or ErrAnswer.
func (c *Client) Check(ctx context.Context, req ReqChkTxn) (RespChkTxn, error) {
	msgID := cmp.Or(req.MsgID, NewID("CHK"))
	prd := chkTxnXML{MsgID: msgID, Ts: stamp(req.Ts), OrgID: cmp.Or(req.OrgID, c.orgID()), OrgTxnID: req.OrgTxnID}
	var message any = prd
	if c.Dialect == DialectNPCI {
		message = c.npciChkTxn(prd)
	}
	httpStatus, body, err := c.send(ctx, PathCheck, message)
	if err != nil {
		return RespChkTxn{}, err
	}
	a := readAnswer(c.Dialect, body, httpStatus, "RespChkTxn", msgID)
	resp := RespChkTxn{
		MsgID: one(a, "MsgID", a.xml.MsgID), Status: one(a, "Status", a.xml.Status), Message: one(a, "Message", a.xml.Message),
		TxnID: one(a, "TxnID", a.xml.TxnID), TxnStatus: one(a, "TxnStatus", a.xml.TxnStatus),
		Amount: a.rupees("Amount", a.xml.Amount), SettlementAmount: a.rupees("SettlementAmount", a.xml.SettlementAmount),
		Rrn: one(a, "Rrn", a.xml.Rrn), Ts: a.time("Ts", a.xml.Ts),
	}
	if resp.Status == "00" {
		a.oneOf("TxnStatus", resp.TxnStatus, "SUCCESS", "FAILED", "PENDING", "REVERSED")
		if resp.TxnID != req.OrgTxnID {
			a.fail(fmt.Sprintf("it answers transaction %q, not %q", resp.TxnID, req.OrgTxnID))
		}
	}
	if a.err != nil {
		return RespChkTxn{}, a.err
	}
	c.books().checked(resp)
	return resp, nil
}

// send writes a message, signs it when the client has a key, posts it, and
// returns the answer, of which only the signed part when it must be signed.
func (c *Client) send(ctx context.Context, path string, message any) (httpStatus int, body []byte, err error) {
	doc, err := xml.MarshalIndent(message, "", "  ")
	if err != nil {
		return 0, nil, fmt.Errorf("write message: %w", err)
	}
	if c.Key != nil && c.Cert != nil {
		if doc, err = sign(doc, c.Key, c.Cert); err != nil {
			return 0, nil, fmt.Errorf("sign message: %w", err)
		}
	}
	httpStatus, body, err = c.Post(ctx, path, doc)
	switch {
	case err != nil:
		return httpStatus, body, err
	case c.FetchTrust:
		body, err = c.certificate.verify(ctx, c.HTTP, c.BaseURL, body)
	case c.Trust != nil:
		body, err = verify(body, c.Trust)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return httpStatus, body, nil
}

// Post sends a document as it is, for tests of what the controller makes of it,
// and returns the answer unread. It touches no books.
func (c *Client) Post(ctx context.Context, path string, doc []byte) (httpStatus int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(c.Patience.Answer, DefaultAnswer))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(c.BaseURL, "/")+path, bytes.NewReader(doc))
	if err != nil {
		return 0, nil, fmt.Errorf("post %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/xml; charset=utf-8")
	resp, err := cmp.Or(c.HTTP, http.DefaultClient).Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("%w from %s: %w", ErrNoAnswer, path, err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return 0, nil, fmt.Errorf("%w from %s: %w", ErrNoAnswer, path, err)
	}
	if len(body) > maxAnswer {
		return 0, nil, fmt.Errorf("%w: it is longer than 64 KiB", ErrAnswer)
	}
	return resp.StatusCode, body, nil
}

// NewID returns an id that no other message has: the prefix and 26 random
// letters and digits.
func NewID(prefix string) string { return prefix + rand.Text() }

func (c *Client) orgID() string { return cmp.Or(c.OrgID, DefaultOrgID) }

func stamp(t time.Time) string {
	if t.IsZero() {
		t = time.Now()
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}
