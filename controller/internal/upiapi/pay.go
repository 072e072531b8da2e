package upiapi

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/upixml"
	"github.com/galla-pay/galla/protocol"
)

// DeclinedPayer is the sandbox's payer whom the acquirer always declines, with
// IP08 (upi-switch: Sandbox data).
const DeclinedPayer protocol.VPA = "decline@upi"

// pay answers ReqPay (PRD 5.2).
func (a *API) pay(c *gin.Context) {
	// Life of a payment, step 8: It pays (ReqPay); the token is spent, the payment moves, once.
	req, d, err := a.readPay(c)
	var answer decide.PayAnswer
	if err == nil {
		answer, err = journal.Do(c.Request.Context(), a.Journal, d)
	}
	if err != nil {
		code, status, message, msgID, txnID := a.failure(c, err)
		if msgID == "" {
			msgID, txnID = req.MsgID, req.TxnID
		}
		a.Answered("ReqPay", code)
		write(c, status, upixml.RespPay{
			MsgID: msgID, Status: string(code), Message: message, TxnID: txnID, Timestamp: time.Now(),
		}.XML())
		return
	}
	a.Answered("ReqPay", answer.Code)
	write(c, answer.Code.HTTPStatus(), answer.Body)
}

func (a *API) readPay(c *gin.Context) (req upixml.ReqPay, d decide.Pay, err error) {
	doc, err := read(c)
	if err != nil {
		return req, d, err
	}
	if req, err = upixml.ParseReqPay(doc); err != nil {
		return req, d, err
	}
	orgID, err := a.organisationOf(c.Request.Context(), req.VerToken)
	if err != nil {
		return req, d, err
	}
	signed, err := a.verify(doc, orgID)
	if err != nil {
		return req, d, err
	}
	// Only what was signed is read from here on.
	if req, err = upixml.ParseReqPay(signed); err != nil {
		return req, d, err
	}
	payee := a.payee(protocol.VPA(req.PayeeAddr))
	d = decide.Pay{
		OrgID: orgID, MsgID: req.MsgID, TxnID: req.TxnID, Token: req.VerToken,
		Amount: req.Amount, Currency: req.Curr, Payer: protocol.VPA(req.PayerAddr), Payee: protocol.VPA(req.PayeeAddr),
		PayeeFacts: payee, Declined: a.acquirer(payee, protocol.VPA(req.PayerAddr)),
		NewPaymentID: payment.FormatID(uuid.Must(uuid.NewV7())), RequestHash: sha256.Sum256(doc),
		Render: func(p decide.PayAnswer) []byte { return renderPay(req, p) },
	}
	if payee.Found {
		d.Payee = payee.Payee.VPA // as we write it
	}
	d.Reference, err = newReference(time.Now())
	return req, d, err
}

// organisationOf is the organisation that got the token, which is who may
// spend it; DYNAMIC_ORG_ID for a token that we do not know.
func (a *API) organisationOf(ctx context.Context, token string) (string, error) {
	q, err := a.Reader.Quote(ctx, token)
	switch {
	case err == nil:
		return q.OrgID, nil
	case errors.Is(err, journal.ErrNotFound):
		return a.OrgID, nil
	}
	return "", err
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

func renderPay(req upixml.ReqPay, p decide.PayAnswer) []byte {
	r := upixml.RespPay{
		MsgID: req.MsgID, Status: string(p.Code), TxnID: req.TxnID, SettlementAmount: p.Settlement, Timestamp: p.Now,
	}
	if p.Code != decide.CodeOK {
		if r.Message = p.Message; r.Message == "" {
			r.Message = p.Code.Meaning()
		}
	}
	return r.XML()
}

// newReference makes a UTR in the form of an RRN, 12 digits: the year's last
// digit, the day of the year, the hour, and six random digits.
func newReference(at time.Time) (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", err
	}
	at = at.UTC()
	return fmt.Sprintf("%d%03d%02d%06d", at.Year()%10, at.YearDay(), at.Hour(), n.Int64()), nil
}
