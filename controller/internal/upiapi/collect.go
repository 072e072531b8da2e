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
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/upixml"
	"github.com/galla-pay/galla/protocol"
)

// collectResult answers ReqCollectResult: how a collect request of ours ended.
// The order of checks is ReqPay's: BR, ZF, ZD (MsgID, TxnID), ZQ (no collect
// request of ours).
func (a *API) collectResult(c *gin.Context) {
	began := time.Now()
	req, d, err := a.readCollectResult(c)
	c.Set(unsignedKey, false)
	var answer decide.CollectAnswer
	if err == nil {
		answer, err = journal.Do(c.Request.Context(), a.Journal, d)
	}
	if err != nil {
		f := a.failed(c, err, req.MsgID, req.TxnID, upixml.DialectPRD)
		a.answer(c, began, "ReqCollectResult", f.code, f.status, upixml.RespCollectResult{
			MsgID: f.msgID, Status: string(f.code), Message: f.message, TxnID: f.txnID, Ts: time.Now(),
		}.XML())
		return
	}
	a.answer(c, began, "ReqCollectResult", answer.Code, answer.Code.HTTPStatus(), answer.Body)
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
	if req, err = verified(a, c, doc, req.OrgID, req, upixml.ParseReqCollectResult); err != nil {
		return req, d, err
	}
	fee, err := a.feeOf(c.Request.Context(), req.OrgTxnID)
	d = decide.CollectResult{
		OrgID: req.OrgID, MsgID: req.MsgID, TxnID: req.TxnID, PaymentID: req.OrgTxnID,
		Status: decide.CollectStatus(req.Status), Amount: req.Amount, Payer: protocol.VPA(req.PayerAddr),
		Reference: req.Rrn, Fee: fee, RequestHash: sha256.Sum256(doc),
		Render: func(r decide.CollectAnswer) []byte { return renderCollectResult(req, r) },
	}
	return req, d, err
}

// feeOf is the fee of a payment's payee; none where there is no
// such payment, which the decision then says.
func (a *API) feeOf(ctx context.Context, paymentID string) (fee quote.Fee, err error) {
	p, err := a.Reader.PaymentByID(ctx, paymentID)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return fee, nil
	case err != nil:
		return fee, err
	}
	return a.payee(p.Payee).Fee, nil
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

// certificate answers with the certificate of our signing key, which is public.
func (a *API) certificate(c *gin.Context) {
	c.Data(http.StatusOK, "application/x-pem-file", a.Certificate)
}
