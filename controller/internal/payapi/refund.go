package payapi

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// Reasons why a refund cannot be, as its payResponseCode.
const (
	refundExcess  = "EXCESS_REFUND_AMOUNT"
	refundNotPaid = "ORIGINAL_NOT_PAID"
)

// refund answers POST /v3/credit/backToSource. A refund is pending first; its
// end is told by status and callback (phonepe-api: Refund).
func (a *API) refund(c *gin.Context) {
	by, req, ok := a.signedBody(c)
	if !ok {
		return
	}
	d, err := a.readRefund(c, by, req)
	var p payment.Payment
	if err == nil {
		p, err = journal.Do(c.Request.Context(), a.Journal, d)
	}
	switch {
	case errors.Is(err, decide.ErrExcessRefund):
		err = a.refundError(d, refundExcess)
	case errors.Is(err, decide.ErrNotRefundable):
		err = a.refundError(d, refundNotPaid)
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	writeEnvelope(c, http.StatusOK, status3Envelope(p))
}

func (a *API) refundError(d decide.Refund, reason string) error {
	return &Refusal{
		Code: CodePaymentError, HTTPStatus: http.StatusOK, Text: message3(CodePaymentError), data: gin.H{
			"merchantId": d.Payment.MerchantID, "transactionId": d.Payment.TransactionID, "amount": d.Payment.Amount,
			"paymentState": "FAILED", "payResponseCode": reason,
		},
	}
}

func (a *API) readRefund(c *gin.Context, by signer, req object) (decide.Refund, error) {
	p := payment.Payment{
		ID: payment.FormatID(uuid.Must(uuid.NewV7())), Solution: payment.Refund, Signer: by.owner, SignerIndex: by.index,
	}
	p.MerchantID = by.merchant.ID
	d := decide.Refund{Actor: "pos:" + by.owner}
	if !by.known || !by.merchant.Active {
		return d, refuse(CodeInvalidMerchant, "")
	}
	var err error
	if p.TransactionID, err = readTransactionID(req, maxTransactionID3, "transactionId"); err != nil {
		return d, err
	}
	if err = a.readOriginal(c, req, &d, p.MerchantID); err != nil {
		return d, err
	}
	if p.Amount, err = readAmount(req); err != nil {
		return d, err
	}
	var ok bool
	if p.Message, ok = req.text("message"); !ok || len(p.Message) > maxText || hasControl(p.Message) {
		return d, badRequest("message", "must be a text of at most 256 bytes")
	}
	p.CallbackURL, p.CallbackMode, err = a.readCallback(c, by.merchant)
	p.Trace = a.trace(c, p)
	d.Payment = p
	return d, err
}

// readOriginal reads which payment is given back: by the merchant's id, by ours,
// or by both, which then must be those of one payment.
func (a *API) readOriginal(c *gin.Context, req object, d *decide.Refund, merchantID string) error {
	original, isText := req.text("originalTransactionId")
	ours, oursIsText := req.text("providerReferenceId")
	switch {
	case !isText || original != "" && !protocol.ValidID(original, protocol.MaxIDLength):
		return badRequest("originalTransactionId", "is not a transaction id")
	case !oursIsText || ours != "" && !protocol.ValidID(ours, protocol.MaxIDLength):
		return badRequest("providerReferenceId", "is not a reference")
	case original == "" && ours == "":
		return badRequest("originalTransactionId", "or providerReferenceId must be given")
	case original == "":
		d.OriginalID = ours
		return nil
	}
	d.Original = payment.Key{MerchantID: merchantID, TransactionID: original}
	if ours == "" {
		return nil
	}
	p, err := a.Reader.Payment(c.Request.Context(), merchantID, original)
	if err == nil && p.ID != ours {
		err = badRequest("providerReferenceId", "is not that of originalTransactionId")
	}
	return err
}
