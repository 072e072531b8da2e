package upiapi

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/controller/internal/upixml"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/upiuri"
)

// validate answers ReqValQr (PRD 5.1).
func (a *API) validate(c *gin.Context) {
	// Life of a payment, step 7: The customer's bank asks (ReqValQr) and gets a token.

	// PRD 5.1 step 1: Receive the HTTP POST from NPCI.
	began := time.Now()
	req, d, err := a.readValidate(c)
	var answer decide.ValidateAnswer
	if err == nil {
		answer, err = journal.Do(c.Request.Context(), a.Journal, d)
	}
	if err != nil {
		f := a.failed(c, err, req.MsgID, req.QueryID, req.Dialect)
		a.answer(c, began, "ReqValQr", f.code, f.status, upixml.RespValQr{
			MsgID: f.msgID, Status: string(f.code), Message: f.message, Ts: time.Now(),
			Dialect: f.dialect, QueryID: f.txnID, AnswerID: answerID(f.dialect), OrgID: a.OrgID,
		}.XML())
		return
	}
	if answer.Code == decide.CodeOK {
		a.known.Put(answer.Token, quote.Promise{Token: answer.Token, OrgID: d.OrgID, Amount: d.Amount})
	}
	// PRD 5.1 step 20: Send the ACK response immediately: status 00 is in it.
	// PRD 5.1 step 22: Return RespValQr to NPCI.
	// What step 21 does comes from the row that was committed, in package assess.
	a.answer(c, began, "ReqValQr", answer.Code, answer.Code.HTTPStatus(), answer.Body)
	a.traced("ReqValQr", answer.Code, d.QR.Tr, began)
}

// readValidate reads the message as far as that needs no locks.
func (a *API) readValidate(c *gin.Context) (req upixml.ReqValQr, d decide.Validate, err error) {
	doc, err := read(c)
	if err != nil {
		return req, d, err
	}
	// PRD 5.1 step 2: Parse the XML payload.
	// PRD 5.1 step 5: Validate the XML schema.
	if req, err = upixml.ParseReqValQr(doc); err != nil {
		return req, d, err
	}
	if req, err = verified(a, c, doc, req.OrgID, req, upixml.ParseReqValQr); err != nil {
		return req, d, err
	}
	// PRD 5.1 step 3: Extract the message ID, the merchant and the amount.
	// PRD 5.1 step 12: Generate the verification token (UUID).
	d = decide.Validate{
		OrgID: req.OrgID, MsgID: req.MsgID, Token: uuid.NewString(), Amount: req.Amount, Base: int64(req.Amount),
		Currency: req.Curr, MCC: req.MCC, Settings: a.Settings,
		// PRD 5.1 step 16: Compute the XML's hashes (SHA-256).
		RequestHash: sha256.Sum256(doc),
	}
	blank := upixml.RespValQr{
		MsgID: req.MsgID, Dialect: req.Dialect, QueryID: req.QueryID, AnswerID: answerID(req.Dialect), OrgID: a.OrgID,
	}
	d.Render = func(v decide.ValidateAnswer) []byte { return renderValidate(blank, d, v) }
	// PRD 5.1 step 7: Determine validation_type (DOMESTIC or INTERNATIONAL).
	if req.Curr != quote.INR {
		if err := a.convert(c.Request.Context(), &d); err != nil {
			return req, d, err
		}
	}
	named, err := a.readQR(req, &d)
	if err != nil {
		return req, d, err
	}
	if d.Payee, err = a.validatePayee(c.Request.Context(), req.OrgID, d.QR.Tr, named); err != nil {
		return req, d, err
	}
	if a.Judge != nil && !a.Later {
		d.Risk, err = a.Judge(c.Request.Context(), risk.Validation, Subject{Payee: d.Payee, Amount: d.Amount})
	}
	return req, d, err
}

// readQR fills d.QR and returns the payee that the message names, or "".
// PayeeAddr and TxnRef mean the same as the link's pa and tr, so they must not
// say anything else.
func (a *API) readQR(req upixml.ReqValQr, d *decide.Validate) (protocol.VPA, error) {
	ref, err := req.Ref()
	if errors.Is(err, upixml.ErrNotDynamic) {
		d.QR.NotDynamic = true
		return protocol.VPA(req.PayeeAddr), nil
	}
	if err != nil {
		return "", err
	}
	for _, pair := range [][3]string{{"PayeeAddr", req.PayeeAddr, ref.PA}, {"TxnRef", req.TxnRef, ref.TR}} {
		if pair[1] != "" && pair[2] != "" && pair[1] != pair[2] {
			return "", badRequest(req.MsgID, pair[0]+" is not what RefUrl says")
		}
	}
	d.QR = decide.QR{Tr: req.TxnRef, Amount: ref.AM, ExpiresAt: ref.QRexpire}
	if ref.TR != "" {
		d.QR.Tr = ref.TR
	}
	if ref.Sign != "" {
		_, err := upiuri.Verify(ref.Text, a.LinkKey)
		d.QR.SignBad = err != nil
	}
	if req.PayeeAddr != "" {
		return protocol.VPA(req.PayeeAddr), nil
	}
	return protocol.VPA(ref.PA), nil
}

// validatePayee is whom the QR pays: whom it names, else whom its payment
// names, else the organisation's default payee.
func (a *API) validatePayee(ctx context.Context, orgID, tr string, named protocol.VPA) (decide.PayeeFacts, error) {
	if named != "" {
		return a.payee(named), nil
	}
	if tr != "" {
		p, err := a.Reader.PaymentByID(ctx, tr)
		switch {
		case err == nil:
			return a.payee(p.Payee), nil
		case !errors.Is(err, journal.ErrNotFound):
			return decide.PayeeFacts{}, err
		}
	}
	org, _ := a.Directory().Organisation(orgID)
	return a.payee(org.DefaultPayee), nil
}

// renderValidate fills the answer's blank.
func renderValidate(r upixml.RespValQr, d decide.Validate, v decide.ValidateAnswer) []byte {
	// PRD 5.1 step 18: Build RespValQr with token and timestamp.
	// PRD 5.1 step 19: gourmet@mercury (the timeout VPA) is validated as any other;
	// its payment is what times out.
	r.Status, r.Ts = string(v.Code), v.Now
	if v.Code != decide.CodeOK {
		r.Message = explain(v.Code, v.Message)
		return r.XML()
	}
	r.VerToken, r.ExpiresAt = v.Token, v.ExpiresAt
	if d.Currency != quote.INR {
		r.BaseAmount, r.BaseCurr = protocol.Paise(d.Base), d.Currency
		r.FxRate, r.InrAmount = d.Rate.String(), d.Amount
	}
	return r.XML()
}

// explain is the message of an answer that is not 00.
func explain(code decide.Code, message string) string {
	if message != "" {
		return message
	}
	return code.Meaning()
}
