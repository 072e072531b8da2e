package payapi

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// status3 answers GET /v3/transaction/{merchantId}/{id}/status, of a payment or
// of a refund.
func (a *API) status3(c *gin.Context) {
	merchantID, id := c.Param("merchantId"), c.Param("id")
	if _, err := a.verify(c, merchantID, "", route(c)); err != nil {
		a.fail(c, err)
		return
	}
	if !protocol.ValidID(id, protocol.MaxIDLength) {
		a.fail(c, refuse(CodeInvalidTransaction, ""))
		return
	}
	p, err := a.Reader.Payment(c.Request.Context(), merchantID, id)
	if err != nil {
		a.fail(c, err)
		return
	}
	writeEnvelope(c, http.StatusOK, status3Envelope(p))
}

// state3 is how v3 says that a payment stands: code, payment state and reason.
func state3(p payment.Payment) (code Code, state, reason string) {
	switch p.State {
	case payment.Succeeded:
		return CodePaymentSuccess, "COMPLETED", string(CodeSuccess)
	case payment.Failed:
		if p.Reason == payment.ReasonCollectDeclined || p.Reason == payment.ReasonCardDeclined {
			return CodePaymentDeclined, "FAILED", p.Reason
		}
		return CodePaymentError, "FAILED", p.Reason
	case payment.Cancelled:
		return CodePaymentCancelled, "FAILED", p.Reason
	case payment.Expired:
		if p.Solution == payment.Collect { // final: the cashier may charge again
			return CodePaymentError, "FAILED", p.Reason
		}
		return CodeRequestExpired, "FAILED", p.Reason
	}
	return CodePaymentPending, "PENDING", string(CodePaymentPending)
}

// status3Envelope is the whole v3 answer for p. Only a success is one: a client
// that reads success:true with a pending payment takes it for failed
// (phonepe-api: Status data).
func status3Envelope(p payment.Payment) envelope {
	code, _, _ := state3(p)
	return envelope{
		Success: p.State == payment.Succeeded, Code: code, Message: message3(code), Data: v3Data(p), hasData: true,
	}
}

// v3Data is how a payment or refund stands, as v3 says it.
func v3Data(p payment.Payment) data3 {
	_, state, reason := state3(p)
	d := data3{
		TransactionID: p.TransactionID, MerchantID: p.MerchantID, MerchantOrderID: p.OrderID, ProviderReferenceID: p.ID,
		Amount: p.Amount, PaymentState: state, PayResponseCode: reason,
		Context: context3{StoreID: p.StoreID, TerminalID: p.TerminalID},
	}
	if p.ContextTerminal != "" {
		d.Context.TerminalID = p.ContextTerminal
	}
	if p.QR != "" {
		d.Context.QRCodeID = p.ID
	}
	if p.State == payment.Succeeded {
		d.PaymentModes = []mode3{{Mode: mode(p), Amount: p.Amount, UTR: p.Reference}}
	}
	return d
}

// mode is CARD, or ACCOUNT for everything that UPI moved.
func mode(p payment.Payment) string {
	if paidBy(p) == protocol.PayCard {
		return "CARD"
	}
	return "ACCOUNT"
}

type data3 struct {
	TransactionID       string         `json:"transactionId"`
	MerchantID          string         `json:"merchantId"`
	MerchantOrderID     string         `json:"merchantOrderId"`
	ProviderReferenceID string         `json:"providerReferenceId"`
	Amount              protocol.Paise `json:"amount"`
	PaymentState        string         `json:"paymentState"`
	PayResponseCode     string         `json:"payResponseCode"`
	PaymentModes        []mode3        `json:"paymentModes,omitempty"`
	Context             context3       `json:"transactionContext"`
}

type mode3 struct {
	Mode   string         `json:"mode"`
	Type   string         `json:"type,omitempty"` // in lists: mode again
	Amount protocol.Paise `json:"amount"`
	UTR    string         `json:"utr,omitempty"`
}

type context3 struct {
	StoreID    string `json:"storeId,omitempty"`
	TerminalID string `json:"terminalId,omitempty"`
	QRCodeID   string `json:"qrCodeId,omitempty"`
}
