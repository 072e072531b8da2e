package upiapi

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/controller/internal/upixml"
	"github.com/galla-pay/galla/protocol"
)

// DeclinedPayer is the sandbox's payer whom the acquirer always declines, with
// IP08 (upi-switch: Sandbox data).
const DeclinedPayer protocol.VPA = "decline@upi"

// pay answers ReqPay (PRD 5.2).
func (a *API) pay(c *gin.Context) {
	// Life of a payment, step 8: It pays (ReqPay); the token is spent, the payment moves, once.

	// PRD 5.2 step 1: Receive the HTTP POST from NPCI.
	began := time.Now()
	req, d, err := a.readPay(c)
	var answer decide.PayAnswer
	if err == nil {
		answer, err = journal.Do(c.Request.Context(), a.Journal, d)
	}
	if err != nil {
		f := a.failed(c, err, req.MsgID, req.TxnID, req.Dialect)
		a.answer(c, began, "ReqPay", f.code, f.status, upixml.RespPay{
			MsgID: f.msgID, Status: string(f.code), Message: f.message, TxnID: f.txnID, Timestamp: time.Now(),
			Dialect: f.dialect, AnswerID: answerID(f.dialect), OrgID: a.OrgID, PayeeAddr: req.PayeeAddr,
		}.XML())
		return
	}
	if !answer.HeldUntil.IsZero() {
		a.hold(c, began, req, d, answer)
		return
	}
	switch {
	case answer.Code == decide.CodeOK:
		a.Metrics.UPIResult(decide.StatusSuccess)
	case answer.Code == d.Declined:
		a.Metrics.UPIResult(decide.StatusFailed)
	}
	// PRD 5.2 step 19: Send RespPay with its status to NPCI.
	a.answer(c, began, "ReqPay", answer.Code, answer.Code.HTTPStatus(), answer.Body)
	a.traced("ReqPay", answer.Code, answer.PaymentID, began)
}

func (a *API) readPay(c *gin.Context) (req upixml.ReqPay, d decide.Pay, err error) {
	doc, err := read(c)
	if err != nil {
		return req, d, err
	}
	// PRD 5.2 step 2: Parse the XML payload.
	if req, err = upixml.ParseReqPay(doc); err != nil {
		return req, d, err
	}
	ctx := c.Request.Context()
	q, err := a.promised(ctx, req.VerToken)
	if err != nil {
		return req, d, err
	}
	// NPCI's dialect says who sends: only who got the token may spend it.
	if req.OrgID != "" && req.OrgID != q.OrgID {
		return req, d, badSignature("the organisation is not the one that got the token")
	}
	if req, err = verified(a, c, doc, q.OrgID, req, upixml.ParseReqPay); err != nil {
		return req, d, err
	}
	payer, payee := protocol.VPA(req.PayerAddr), a.payee(protocol.VPA(req.PayeeAddr))
	// PRD 5.2 step 3: Extract the message ID (msg_id) and txn_id.
	// PRD 5.2 step 9: Extract the payer's and the payee's addresses.
	d = decide.Pay{
		OrgID: q.OrgID, MsgID: req.MsgID, TxnID: req.TxnID, Token: req.VerToken,
		Base: int64(req.Amount), Currency: req.Curr, Payer: payer, Payee: protocol.VPA(req.PayeeAddr),
		PayeeFacts: payee, Settings: a.Settings, Declined: a.acquirer(payee, payer),
		NewPaymentID: payment.FormatID(uuid.Must(uuid.NewV7())), RequestHash: sha256.Sum256(doc),
	}
	blank := a.blankPay(req)
	d.Render = func(p decide.PayAnswer) []byte { return renderPay(blank, d.Reference, p) }
	if payee.Found {
		d.Payee = payee.Payee.VPA // as we write it
	}
	// PRD 5.3 step 1: Check if payee_addr == gourmet@mercury.
	if a.Timeout.Payee != "" && strings.EqualFold(string(d.Payee), string(a.Timeout.Payee)) {
		if d.Hold = a.Timeout.After; !a.holder.room() {
			return req, d, fmt.Errorf("%d messages are held: %w", maxHeld, journal.ErrBusy)
		}
	}
	if a.Judge != nil && payee.Found && q.Token != "" {
		if d.Risk, err = a.Judge(ctx, risk.Payment, Subject{Payer: payer, Payee: payee, Amount: q.Amount}); err != nil {
			return req, d, err
		}
	}
	d.Reference = newReference(time.Now())
	return req, d, nil
}

// promised is what was promised by a token. The organisation that got it is who may
// spend it; of a token that we do not know, DYNAMIC_ORG_ID.
func (a *API) promised(ctx context.Context, token string) (quote.Promise, error) {
	if q, known := a.known.Get(token); known {
		return q, nil
	}
	q, err := a.promises.Ask(ctx, token)
	if err == nil && q.Token == "" {
		q.OrgID = a.OrgID
	}
	return q, err
}

// acquirer is how the acquirer answers, or "" where it approves. YH is not the
// acquirer's: the merchant's own check fails before it is asked.
func (a *API) acquirer(payee decide.PayeeFacts, payer protocol.VPA) decide.Code {
	if code := decide.Code(payee.Payee.AcquirerCode); code != "" && code != decide.CodeMerchant {
		return code
	}
	if a.Sandbox && payer == DeclinedPayer {
		return decide.CodeAcquirer08
	}
	return ""
}

// blankPay is what an answer says whatever comes of the message.
func (a *API) blankPay(req upixml.ReqPay) upixml.RespPay {
	return upixml.RespPay{
		MsgID: req.MsgID, TxnID: req.TxnID, Dialect: req.Dialect, AnswerID: answerID(req.Dialect), OrgID: a.OrgID, PayeeAddr: req.PayeeAddr,
	}
}

// renderPay fills the answer's blank.
func renderPay(r upixml.RespPay, reference string, p decide.PayAnswer) []byte {
	r.Status, r.Result, r.SettlementAmount, r.Timestamp = string(p.Code), p.Result, p.Settlement, p.Now
	switch {
	case p.Code != decide.CodeOK:
		r.Message = explain(p.Code, p.Message)
	case p.Result == "":
		r.ApprovalNum = reference
	}
	return r.XML()
}

// newReference makes a UTR in the form of an RRN, 12 digits: the year's last
// digit, the day of the year, the hour, and six random digits.
func newReference(at time.Time) string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	at = at.UTC()
	n := int64(at.Year()%10*100_000 + at.YearDay()*100 + at.Hour())
	// Of 2^64 the last million is not whole, which favours nobody that could be seen.
	n = n*1_000_000 + int64(binary.BigEndian.Uint64(random[:])%1_000_000)
	text := strconv.AppendInt(make([]byte, 0, 13), 1_000_000_000_000+n, 10)
	return string(text[1:]) // a year's digit 0 is written, too
}
