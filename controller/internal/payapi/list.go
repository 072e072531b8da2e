package payapi

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

const (
	maxList    = 10
	listWindow = 5 * time.Minute
	maxRecon   = 50
)

// list answers POST /v3/qr/transaction/list: the latest payments, newest first.
func (a *API) list(c *gin.Context) {
	by, req, ok := a.signedBody(c)
	if !ok {
		return
	}
	q, err := a.readFilter(by, req, maxList)
	if err == nil {
		q.Newest = true
		q.Since, _, err = readPeriod(req, "startTimestamp", "", listWindow)
	}
	if _, given := req["amount"]; err == nil && given {
		q.Amount, err = readAmount(req)
	}
	var found []payment.Payment
	if err == nil {
		found, err = a.Reader.Payments(c.Request.Context(), q)
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	data := []any{}
	for _, p := range found {
		data = append(data, status3Envelope(p).Data)
	}
	a.succeed(c, gin.H{
		"resultCount": len(data), "startTimestamp": q.Since.UnixMilli(), "endTimestamp": time.Now().UnixMilli(), "transactions": data,
	})
}

// readFilter reads store, terminal and size of a list.
func (a *API) readFilter(by signer, req object, most int64) (journal.PaymentQuery, error) {
	q := journal.PaymentQuery{MerchantID: by.merchant.ID}
	if !by.known || !by.merchant.Active {
		return q, refuse(CodeInvalidMerchant, "")
	}
	var ok bool
	if q.StoreID, ok = req.text("storeId"); !ok {
		return q, refuse(CodeInvalidStore, "")
	}
	if _, known := a.Directory().Store(q.MerchantID, q.StoreID); q.StoreID != "" && !known {
		return q, refuse(CodeInvalidStore, "")
	}
	if q.TerminalID, ok = req.text("terminalId"); !ok || q.TerminalID != "" && !protocol.ValidID(q.TerminalID, protocol.MaxIDLength) {
		return q, refuse(CodeInvalidTerminal, "")
	}
	size, set, ok := req.whole("size")
	switch {
	case !ok || set && (size < 1 || size > most):
		return q, badRequest("size", "is out of range")
	case !set:
		size = most
	}
	q.Limit = int(size)
	return q, nil
}

// reconRow is a payment as the accounts want it.
type reconRow struct {
	status
	SettlementAmount *protocol.Paise `json:"settlementAmount,omitempty"`
	Fee              *protocol.Paise `json:"fee,omitempty"`
	Refunds          []refundRow     `json:"refunds,omitempty"`
}

type refundRow struct {
	TransactionID        string         `json:"transactionId"`
	PhonepeTransactionID string         `json:"phonepeTransactionId"`
	Amount               protocol.Paise `json:"amount"`
	Status               string         `json:"status"`
	ReferenceNumber      string         `json:"referenceNumber,omitempty"`
	Timestamp            int64          `json:"timestamp"`
}

// recon answers POST /v1/transactions/details: payments oldest first, page by
// page; searchAfter of one answer asks for the next page.
func (a *API) recon(c *gin.Context) {
	by, req, ok := a.signedBody(c)
	if !ok {
		return
	}
	q, err := a.readFilter(by, req, maxRecon)
	if err == nil {
		q.Since, q.Until, err = readPeriod(req, "startTimestamp", "endTimestamp", searchWindow)
	}
	if err == nil {
		err = readCursor(req, &q)
	}
	var rows []reconRow
	var next any
	if err == nil {
		rows, next, err = a.reconRows(c, q)
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	a.succeed(c, gin.H{"transactionDetails": rows, "totalResult": len(rows), "searchAfter": next})
}

// readCursor reads searchAfter {timestamp, transactionId}: the last row's
// creation in microseconds and our id of it, as the answer before gave them.
func readCursor(req object, q *journal.PaymentQuery) error {
	raw, given := req["searchAfter"]
	if !given || string(raw) == "null" {
		return nil
	}
	after, err := parseObject(raw)
	if err != nil {
		return badRequest("searchAfter", err.Error())
	}
	micros, set, ok := after.whole("timestamp")
	id, isText := after.text("transactionId")
	if !set || !ok || micros < 0 || !isText || !protocol.ValidID(id, protocol.MaxIDLength) {
		return badRequest("searchAfter", "must be that of an answer")
	}
	q.AfterTime, q.AfterID = time.UnixMicro(micros).UTC(), id
	return nil
}

func (a *API) reconRows(c *gin.Context, q journal.PaymentQuery) ([]reconRow, any, error) {
	found, err := a.Reader.Payments(c.Request.Context(), q)
	if err != nil {
		return nil, nil, err
	}
	rows := []reconRow{}
	var next any
	if len(found) == q.Limit {
		last := found[len(found)-1]
		next = gin.H{"timestamp": last.CreatedAt.UnixMicro(), "transactionId": last.ID}
	}
	for _, p := range found {
		if p.Solution == payment.Refund {
			continue // in its payment's row
		}
		row := reconRow{status: statusData(p)}
		if p.State == payment.Succeeded {
			fee := p.Amount - p.Settlement
			row.SettlementAmount, row.Fee = &p.Settlement, &fee
			refunds, err := a.Reader.Payments(c.Request.Context(), journal.PaymentQuery{MerchantID: p.MerchantID, Original: p.ID})
			if err != nil {
				return nil, nil, err
			}
			for _, r := range refunds {
				at := statusData(r)
				row.Refunds = append(row.Refunds, refundRow{
					r.TransactionID, r.ID, r.Amount, at.Status, at.ReferenceNumber, at.Timestamp,
				})
			}
		}
		rows = append(rows, row)
	}
	return rows, next, nil
}
