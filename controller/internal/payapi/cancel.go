package payapi

import (
	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// cancel answers PUT /v1/payment/{merchantId}/{id}/cancel and
// POST /v3/charge/{merchantId}/{id}/cancel. A body, {} as some clients send it,
// is of no account.
func (a *API) cancel(c *gin.Context) {
	merchantID, id := c.Param("merchantId"), c.Param("id")
	by, err := a.verify(c, merchantID, "", route(c))
	if err != nil {
		a.fail(c, err)
		return
	}
	if !protocol.ValidID(id, protocol.MaxIDLength) {
		a.fail(c, refuse(CodeInvalidTransaction, ""))
		return
	}
	done, err := journal.Do(c.Request.Context(), a.Journal, decide.Cancel{
		Key: payment.Key{MerchantID: merchantID, TransactionID: id}, Actor: "pos:" + by.owner,
	})
	if err == nil {
		err = cancelRefusal(done)
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	p := done.Payment
	data := gin.H{"merchantId": p.MerchantID, "merchantTransactionId": p.TransactionID, "transactionId": p.TransactionID}
	if p.TerminalID != "" {
		data["terminalId"] = p.TerminalID
	}
	code := CodeSuccess
	if done.Asked {
		code = CodeCancelRequested
	}
	writeEnvelope(c, code.HTTPStatus(), envelope{
		Success: true, Code: code, Message: code.Message(), Data: data, hasData: true,
	})
}

// cancelRefusal says why a cancel did nothing, or nil where it did.
func cancelRefusal(done decide.Cancelled) error {
	switch {
	case done.Ended || done.Asked:
		return nil
	case done.Payment.State == payment.Succeeded:
		return refuse(CodeAlreadyCompleted, "")
	}
	return refuse(CodeAlreadyEnded, "Payment has already ended: "+done.Payment.Reason)
}
