package upiapi

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/upixml"
	"github.com/galla-pay/galla/protocol"
)

// collectResult answers ReqCollectResult: how a collect request of ours ended.
// The order of checks is ReqPay's: BR, ZF, ZD (MsgID, TxnID), ZQ (no collect
// request of ours).
func (a *API) collectResult(c *gin.Context) {
	req, d, err := a.readCollectResult(c)
	var answer decide.CollectAnswer
	if err == nil {
		answer, err = journal.Do(c.Request.Context(), a.Journal, d)
	}
	if err != nil {
		code, status, message, msgID, txnID := a.failure(c, err)
		if msgID == "" {
			msgID, txnID = req.MsgID, req.TxnID
		}
		a.Answered("ReqCollectResult", code)
		a.writeSigned(c, status, upixml.RespCollectResult{
			MsgID: msgID, Status: string(code), Message: message, TxnID: txnID, Ts: time.Now(),
		}.XML())
		return
	}
	a.Answered("ReqCollectResult", answer.Code)
	a.writeSigned(c, answer.Code.HTTPStatus(), answer.Body)
}

func (a *API) readCollectResult(c *gin.Context) (req upixml.ReqCollectResult, d decide.CollectResult, err error) {
	doc, err := read(c)
	if err != nil {
		return req, d, err
	}
	if req, err = upixml.ParseReqCollectResult(doc); err != nil {
		return req, d, err
	}
	// Our collect requests go by one network. Nobody else can know their ends.
	if req.OrgID != a.OrgID {
		return req, d, badSignature("the organisation is not the one that collects for us")
	}
	signed, err := a.verify(doc, req.OrgID)
	if err != nil {
		return req, d, err
	}
	// Only what was signed is read from here on.
	if req, err = upixml.ParseReqCollectResult(signed); err != nil {
		return req, d, err
	}
	fee, err := a.feeOf(c.Request.Context(), req.OrgTxnID)
	d = decide.CollectResult{
		OrgID: req.OrgID, MsgID: req.MsgID, TxnID: req.TxnID, PaymentID: req.OrgTxnID,
		Status: decide.CollectStatus(req.Status), Amount: req.Amount, Payer: protocol.VPA(req.PayerAddr),
		Reference: req.Rrn, FeeBasisPoints: fee, RequestHash: sha256.Sum256(doc),
		Render: func(r decide.CollectAnswer) []byte { return renderCollectResult(req, r) },
	}
	return req, d, err
}

// feeOf is the fee of a payment's payee, in basis points; 0 where there is no
// such payment, which the decision then says.
func (a *API) feeOf(ctx context.Context, paymentID string) (int64, error) {
	p, err := a.Reader.PaymentByID(ctx, paymentID)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	}
	return a.payee(p.Payee).Payee.FeeBasisPoints, nil
}

func renderCollectResult(req upixml.ReqCollectResult, answer decide.CollectAnswer) []byte {
	r := upixml.RespCollectResult{
		MsgID: req.MsgID, Status: string(answer.Code), Result: answer.Result, TxnID: req.TxnID, Ts: answer.Now,
	}
	if answer.Code != decide.CodeOK {
		r.Message = answer.Code.Meaning()
	}
	return r.XML()
}

// writeSigned answers with a message that is signed where we have a key. One
// that cannot be signed is not sent: its sender asks again.
func (a *API) writeSigned(c *gin.Context, status int, body []byte) {
	if a.Sign != nil {
		signed, err := a.Sign(body)
		if err != nil {
			a.Log.Error("an answer could not be signed", "route", c.FullPath(), "requestId", c.GetString("requestId"), "error", err)
			c.Status(http.StatusInternalServerError)
			return
		}
		body = signed
	}
	write(c, status, body)
}

// certificate answers with the certificate of our signing key, which is public.
func (a *API) certificate(c *gin.Context) {
	c.Data(http.StatusOK, "application/x-pem-file", a.Certificate)
}
