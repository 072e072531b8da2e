package payapi

import (
	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// status answers GET /v1/payment/{merchantId}/{id}/status and, by GET and POST,
// /v1/edc/transaction/{merchantId}/{id}/status. Any known payment,
// pending or ended in whatever way, is a SUCCESS of the question: the truth is
// data.status (phonepe-api: Status data).
func (a *API) status(c *gin.Context) {
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
	if err == nil && p.Solution == payment.Refund {
		// Whoever reads SUCCESS here hands the goods over: a refund is no payment,
		// and its end is told by v3 alone.
		err = journal.ErrNotFound
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	a.succeed(c, statusData(p))
}

// StatusAnswer is the whole answer for p, as the status route gives it and as a
// callback carries it: v3's for what was asked for there.
func StatusAnswer(p payment.Payment) ([]byte, error) {
	switch p.Solution {
	case payment.QRString, payment.Collect, payment.Refund:
		return encode(status3Envelope(p))
	}
	return encode(envelope{
		Success: true, Code: CodeSuccess, Message: CodeSuccess.Message(), Data: statusData(p), hasData: true,
	})
}

// status is the data of a v1 status answer.
type status struct {
	MerchantID            string         `json:"merchantId"`
	StoreID               string         `json:"storeId,omitempty"`
	TerminalID            string         `json:"terminalId,omitempty"`
	OrderID               string         `json:"orderId"`
	MerchantOrderID       string         `json:"merchantOrderId"`
	TransactionID         string         `json:"transactionId"`
	MerchantTransactionID string         `json:"merchantTransactionId"`
	PhonepeTransactionID  string         `json:"phonepeTransactionId"`
	ReferenceNumber       string         `json:"referenceNumber,omitempty"`
	PaymentMode           string         `json:"paymentMode,omitempty"`
	Amount                protocol.Paise `json:"amount"`
	Status                string         `json:"status"`
	ResponseCode          string         `json:"responseCode,omitempty"`
	PaymentInstruments    []instrument   `json:"paymentInstruments,omitempty"`
	Timestamp             int64          `json:"timestamp"`
}

// instrument is what the customer paid with.
type instrument struct {
	Type             string         `json:"type"`
	Amount           protocol.Paise `json:"amount"`
	UPITransactionID string         `json:"upiTransactionId,omitempty"`
	Last4Digits      string         `json:"last4Digits,omitempty"`
	CardNetwork      string         `json:"cardNetwork,omitempty"`
	CardType         string         `json:"cardType,omitempty"`
}

func instrumentOf(p payment.Payment) instrument {
	if paidBy(p) == protocol.PayCard {
		return instrument{
			Type: "CARD", Amount: p.Amount, Last4Digits: p.CardLast4, CardNetwork: p.CardNetwork, CardType: p.CardType,
		}
	}
	return instrument{Type: "ACCOUNT", Amount: p.Amount, UPITransactionID: p.UPITxnID}
}

// paidBy is CARD or DQR: everything but a card is paid by UPI.
func paidBy(p payment.Payment) protocol.PayMode {
	if p.Instrument == protocol.PayCard {
		return protocol.PayCard
	}
	return protocol.PayDQR
}

func statusData(p payment.Payment) status {
	s := status{
		MerchantID: p.MerchantID, StoreID: p.StoreID, TerminalID: p.TerminalID,
		OrderID: p.OrderID, MerchantOrderID: p.OrderID,
		TransactionID: p.TransactionID, MerchantTransactionID: p.TransactionID, PhonepeTransactionID: p.ID,
		Amount: p.Amount, Status: p.State.External(), ResponseCode: p.Reason, Timestamp: p.CreatedAt.UnixMilli(),
	}
	if p.Attempted {
		s.PaymentMode = string(paidBy(p))
	}
	if p.State == payment.Succeeded {
		s.ResponseCode = "null" // the string, as documented
		s.ReferenceNumber = p.Reference
		s.PaymentInstruments = []instrument{instrumentOf(p)}
	}
	if !p.EndedAt.IsZero() {
		s.Timestamp = p.EndedAt.UnixMilli()
	}
	return s
}
