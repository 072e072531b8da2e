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
	HTTP    *http.Client // nil means one that waits 45 s, longer than a simulated timeout

	// Key and Cert sign the requests when both are there (XML-DSig, RSA-SHA256).
	Key  crypto.Signer
	Cert *x509.Certificate

	// Trust, when it is there, is whose signature every answer must have.
	Trust *x509.Certificate

	books books
}

// ValidateQR sends a ReqValQr. The error wraps ErrNoAnswer or ErrAnswer; a
// refusal is no error but a Status.
func (c *Client) ValidateQR(ctx context.Context, req ReqValQr) (RespValQr, error) {
	msgID := cmp.Or(req.MsgID, NewID("MSG"))
	httpStatus, body, err := c.send(ctx, PathValidate, valQrXML{
		MsgID: msgID, Ts: stamp(req.Ts), OrgID: cmp.Or(req.OrgID, c.orgID()), Curr: cmp.Or(req.Curr, "INR"),
		Amount: req.Amount.Rupees(), Mcc: cmp.Or(req.MCC, "5411"), RefUrl: req.RefURL,
		PayeeAddr: req.PayeeAddr, TxnRef: req.TxnRef,
	})
	if err != nil {
		return RespValQr{}, err
	}
	a := readAnswer(body, httpStatus, "RespValQr", msgID)
	resp := RespValQr{
		MsgID: one(a, "MsgID", a.xml.MsgID), Status: one(a, "Status", a.xml.Status), Message: one(a, "Message", a.xml.Message),
		VerToken: one(a, "VerToken", a.xml.VerToken), ExpiresAt: a.time("ExpiresAt", a.xml.ExpiresAt), Ts: a.time("Ts", a.xml.Ts),
	}
	switch {
	case resp.Status == "00" && (resp.VerToken == "" || resp.ExpiresAt.IsZero()):
		a.fail("it promises nothing: VerToken or ExpiresAt is missing")
	case resp.Status != "00" && resp.VerToken != "":
		a.fail("it refuses and yet gives a token")
	case resp.Ts.IsZero():
		a.fail("Ts is missing")
	}
	if a.err != nil {
		return RespValQr{}, a.err
	}
	return resp, nil
}

// Pay debits the payer in the books and sends a ReqPay. What the answer does in
// the books is said at Ledger. The error wraps ErrNoAnswer or ErrAnswer, and
// then the books say that the outcome is unknown.
func (c *Client) Pay(ctx context.Context, req ReqPay) (RespPay, error) {
	req.MsgID = cmp.Or(req.MsgID, NewID("PAY"))
	req.TxnID = cmp.Or(req.TxnID, NewID("TXN"))
	req.Curr = cmp.Or(req.Curr, "INR")
	first := c.books.debit(req)
	resp, err := c.pay(ctx, req)
	c.books.answered(req.TxnID, first, resp, err)
	return resp, err
}

func (c *Client) pay(ctx context.Context, req ReqPay) (RespPay, error) {
	httpStatus, body, err := c.send(ctx, PathPay, payXML{
		MsgID: req.MsgID, TxnID: req.TxnID, VerToken: req.VerToken, Amount: req.Amount.Rupees(), Curr: req.Curr,
		PayerAddr: req.PayerAddr, PayeeAddr: req.PayeeAddr, Timestamp: stamp(req.Timestamp),
	})
	if err != nil {
		return RespPay{}, err
	}
	a := readAnswer(body, httpStatus, "RespPay", req.MsgID)
	resp := RespPay{
		MsgID: one(a, "MsgID", a.xml.MsgID), Status: one(a, "Status", a.xml.Status), Message: one(a, "Message", a.xml.Message),
		Result: one(a, "Result", a.xml.Result), TxnID: one(a, "TxnID", a.xml.TxnID),
		SettlementAmount: a.rupees("SettlementAmount", a.xml.SettlementAmount), Timestamp: a.time("Timestamp", a.xml.Timestamp),
	}
	a.oneOf("Result", resp.Result, "", "TIMEOUT", "REVERSED", "FAILED")
	switch {
	case resp.TxnID != req.TxnID && (resp.TxnID != "" || resp.Status != "BR"):
		a.fail(fmt.Sprintf("it answers transaction %q, not %q", resp.TxnID, req.TxnID))
	case len(a.xml.SettlementAmount) == 0 || resp.Timestamp.IsZero():
		a.fail("SettlementAmount or Timestamp is missing")
	case !resp.Paid() && resp.SettlementAmount != 0:
		a.fail("it settles what is not paid")
	case resp.SettlementAmount > req.Amount:
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
	httpStatus, body, err := c.send(ctx, PathCheck, chkTxnXML{
		MsgID: msgID, Ts: stamp(req.Ts), OrgID: cmp.Or(req.OrgID, c.orgID()), OrgTxnID: req.OrgTxnID,
	})
	if err != nil {
		return RespChkTxn{}, err
	}
	a := readAnswer(body, httpStatus, "RespChkTxn", msgID)
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
	c.books.checked(resp)
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
	if err != nil || c.Trust == nil {
		return httpStatus, body, err
	}
	if body, err = verify(body, c.Trust); err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return httpStatus, body, nil
}

// Post sends a document as it is, for tests of what the controller makes of it,
// and returns the answer unread. It touches no books.
func (c *Client) Post(ctx context.Context, path string, doc []byte) (httpStatus int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(c.BaseURL, "/")+path, bytes.NewReader(doc))
	if err != nil {
		return 0, nil, fmt.Errorf("post %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/xml; charset=utf-8")
	client := c.HTTP
	if client == nil {
		client = &http.Client{Timeout: 45 * time.Second}
	}
	resp, err := client.Do(req)
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
