package upiapi

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/upixml"
)

// check answers ReqChkTxn: how a ReqPay ended (upi-switch: Messages).
func (a *API) check(c *gin.Context) {
	began := time.Now()
	req, d, err := a.readCheck(c)
	var answer decide.CheckAnswer
	if err == nil {
		answer, err = journal.Do(c.Request.Context(), a.Journal, d)
	}
	if err != nil {
		f := a.failed(c, err, req.MsgID, req.QueryID, req.Dialect)
		a.answer(c, began, "ReqChkTxn", f.code, f.status, upixml.RespChkTxn{
			MsgID: f.msgID, Status: string(f.code), Message: f.message, TxnID: req.OrgTxnID, Ts: time.Now(),
			Dialect: f.dialect, QueryID: f.txnID, AnswerID: answerID(f.dialect), OrgID: a.OrgID,
		}.XML())
		return
	}
	a.answer(c, began, "ReqChkTxn", answer.Code, answer.Code.HTTPStatus(), answer.Body)
	a.traced("ReqChkTxn", answer.Code, answer.Txn.PaymentID, began)
}

func (a *API) readCheck(c *gin.Context) (req upixml.ReqChkTxn, d decide.Check, err error) {
	doc, err := read(c)
	if err != nil {
		return req, d, err
	}
	if req, err = upixml.ParseReqChkTxn(doc); err != nil {
		return req, d, err
	}
	if req, err = verified(a, c, doc, req.OrgID, req, upixml.ParseReqChkTxn); err != nil {
		return req, d, err
	}
	blank := upixml.RespChkTxn{
		MsgID: req.MsgID, TxnID: req.OrgTxnID, Dialect: req.Dialect, QueryID: req.QueryID,
		AnswerID: answerID(req.Dialect), OrgID: a.OrgID,
	}
	return req, decide.Check{
		OrgID: req.OrgID, MsgID: req.MsgID, OrgTxnID: req.OrgTxnID,
		Render: func(r decide.CheckAnswer) []byte { return renderCheck(blank, r) },
	}, nil
}

// renderCheck fills the answer's blank.
func renderCheck(r upixml.RespChkTxn, answer decide.CheckAnswer) []byte {
	r.Status, r.Ts = string(answer.Code), answer.Now
	if answer.Code != decide.CodeOK {
		r.Message = answer.Code.Meaning()
		return r.XML()
	}
	r.TxnStatus, r.Amount, r.SettlementAmount = answer.Txn.Status, answer.Txn.Amount, answer.Txn.Settlement
	r.Rrn = answer.Txn.Reference
	return r.XML()
}
