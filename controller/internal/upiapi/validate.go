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
	"github.com/galla-pay/galla/controller/internal/upixml"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/upiuri"
)

// validate answers ReqValQr (PRD 5.1).
func (a *API) validate(c *gin.Context) {
	// Life of a payment, step 7: The customer's bank asks (ReqValQr) and gets a token.
	req, d, err := a.readValidate(c)
	var answer decide.ValidateAnswer
	if err == nil {
		answer, err = journal.Do(c.Request.Context(), a.Journal, d)
	}
	if err != nil {
		code, status, message, msgID, _ := a.failure(c, err)
		if msgID == "" {
			msgID = req.MsgID
		}
		a.Answered("ReqValQr", code)
		write(c, status, upixml.RespValQr{MsgID: msgID, Status: string(code), Message: message, Ts: time.Now()}.XML())
		return
	}
	a.Answered("ReqValQr", answer.Code)
	write(c, answer.Code.HTTPStatus(), answer.Body)
}

// readValidate reads the message as far as that needs no locks.
func (a *API) readValidate(c *gin.Context) (req upixml.ReqValQr, d decide.Validate, err error) {
	doc, err := read(c)
	if err != nil {
		return req, d, err
	}
	if req, err = upixml.ParseReqValQr(doc); err != nil {
		return req, d, err
	}
	signed, err := a.verify(doc, req.OrgID)
	if err != nil {
		return req, d, err
	}
	// Only what was signed is read from here on.
	if req, err = upixml.ParseReqValQr(signed); err != nil {
		return req, d, err
	}
	d = decide.Validate{
		OrgID: req.OrgID, MsgID: req.MsgID, Token: uuid.NewString(), Amount: req.Amount, Currency: req.Curr,
		MCC: req.MCC, RequestHash: sha256.Sum256(doc),
		Render: func(v decide.ValidateAnswer) []byte { return renderValidate(req.MsgID, v) },
	}
	if req.Curr != "INR" {
		return req, d, &upixml.Error{
			Code: string(decide.CodeBadRequest), MsgID: req.MsgID, Message: "Curr must be INR",
		}
	}
	named, err := a.readQR(req, &d)
	if err != nil {
		return req, d, err
	}
	d.Payee, err = a.validatePayee(c.Request.Context(), req.OrgID, d.QR.Tr, named)
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
			return "", &upixml.Error{
				Code: string(decide.CodeBadRequest), MsgID: req.MsgID, Message: pair[0] + " is not what RefUrl says",
			}
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

func renderValidate(msgID string, v decide.ValidateAnswer) []byte {
	r := upixml.RespValQr{MsgID: msgID, Status: string(v.Code), Ts: v.Now}
	if v.Code == decide.CodeOK {
		r.VerToken, r.ExpiresAt = v.Token, v.ExpiresAt
	} else {
		r.Message = v.Code.Meaning()
	}
	return r.XML()
}
