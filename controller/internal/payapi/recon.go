package payapi

import (
	"context"
	"errors"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

const maxRecon = 50

// reconRow is a payment as the accounts want it (phonepe-api: Endpoints, Recon).
// Only a payment that succeeded has settlements.
type reconRow struct {
	data3
	StoreID     string                          `json:"storeId,omitempty"`
	TerminalID  string                          `json:"terminalId,omitempty"`
	Date        int64                           `json:"transactionDate"` // epoch milliseconds of the init
	Settlement  *settlement                     `json:"transactionLevelSettlement,omitempty"`
	Instruments map[string]instrumentSettlement `json:"instrumentLevelSettlementDetails,omitempty"`
	Refunds     []refundRow                     `json:"refundTransactionDetails,omitempty"`
}

// settlement says whether the payee has the money: UPI credits with the payment,
// a card's acquirer later, which nobody tells us.
type settlement struct {
	Text    string             `json:"settlementText"`
	DueDate *int64             `json:"toBeSettledDate"`
	Details []settlementDetail `json:"transactionSettlementDetails"`
	Status  string             `json:"status"`
}

// The values of a settlement's status.
const (
	settled        = "SETTLED"
	settledByOther = "PENDING"
)

type settlementDetail struct {
	UTR    string         `json:"utr"`
	Status string         `json:"status"`
	Date   int64          `json:"settlementDate"` // epoch milliseconds
	Amount protocol.Paise `json:"settlementAmount"`
}

type instrumentSettlement struct {
	TotalAmount      protocol.Paise `json:"totalAmount"`
	SettlementAmount protocol.Paise `json:"settlementAmount"` // less the fee
	UTR              string         `json:"utr,omitempty"`
}

type refundRow struct {
	data3
	MerchantTransactionID string `json:"merchantTransactionId"`
	TransactionType       string `json:"transactionType"`
	OriginalTransactionID string `json:"originalTransactionId"`
	Date                  int64  `json:"transactionDate"`
}

// recon answers POST /v1/transactions/details: payments oldest first, page by
// page; searchAfter of one answer asks for the next page. Whoever goes on until
// there is no searchAfter has seen every payment once.
func (a *API) recon(c *gin.Context) {
	by, req, ok := a.signedBody(c)
	if !ok {
		return
	}
	ctx := c.Request.Context()
	q, err := a.readFilter(by, req, maxRecon)
	if err == nil {
		q.Since, q.Until, err = readPeriod(req, "startTimestamp", "endTimestamp", searchWindow)
	}
	if err == nil {
		err = a.readCursor(ctx, req, &q)
	}
	var found []payment.Payment
	var more bool
	if err == nil {
		found, more, err = a.reconPage(ctx, q)
	}
	rows := make([]reconRow, len(found))
	for i := 0; err == nil && i < len(found); i++ {
		rows[i], err = a.reconRow(ctx, found[i])
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	var next any
	switch last := len(found) - 1; {
	case !more:
	case last >= 0:
		next = gin.H{"timestamp": found[last].CreatedAt.UnixMilli(), "transactionId": found[last].TransactionID}
	case req.has("searchAfter"): // nothing is certain yet: ask the same again
		next = req["searchAfter"]
	default:
		next = gin.H{}
	}
	a.succeed(c, gin.H{"transactionDetails": rows, "totalResult": len(rows), "searchAfter": next})
}

// reconPage reads a page, and whether there is more behind it. It ends before
// anything that is still being committed: a row with an earlier time could come
// to stand before a cursor that has gone on.
func (a *API) reconPage(ctx context.Context, q journal.PaymentQuery) (found []payment.Payment, more bool, err error) {
	horizon, err := a.Reader.CallbackHorizon(ctx)
	if err != nil {
		return nil, false, err
	}
	found, more, err = a.payments(ctx, q, 0, func(p payment.Payment) bool {
		return p.Solution != payment.Refund // in its payment's row
	})
	for i, p := range found {
		if !p.CreatedAt.Before(horizon) {
			return found[:i], true, err
		}
	}
	return found, more, err
}

// readCursor reads searchAfter {timestamp, transactionId}: the last row that the
// POS has. Its id, the merchant's or ours, says which; {} is none.
func (a *API) readCursor(ctx context.Context, req object, q *journal.PaymentQuery) error {
	if !req.has("searchAfter") {
		return nil
	}
	after, err := parseObject(req["searchAfter"])
	if err != nil {
		return badRequest("searchAfter", err.Error())
	}
	wrong := badRequest("searchAfter", "must be that of an answer")
	_, timed, ok := after.whole("timestamp")
	id, isText := after.text("transactionId")
	switch {
	case !ok || !isText:
		return wrong
	case id == "" && !timed:
		return nil
	case !protocol.ValidID(id, protocol.MaxIDLength):
		return wrong
	}
	p, err := a.Reader.Payment(ctx, q.MerchantID, id)
	if errors.Is(err, journal.ErrNotFound) {
		return wrong
	}
	q.AfterTime, q.AfterID = p.CreatedAt, p.ID
	return err
}

func (a *API) reconRow(ctx context.Context, p payment.Payment) (reconRow, error) {
	row := reconRow{data3: v3Data(p), StoreID: p.StoreID, Date: p.CreatedAt.UnixMilli()}
	row.TerminalID = row.Context.TerminalID
	if p.State != payment.Succeeded {
		return row, nil
	}
	s := &settlement{Details: []settlementDetail{}, Status: settledByOther}
	in := instrumentSettlement{TotalAmount: p.Amount, SettlementAmount: p.Settlement}
	if paidBy(p) != protocol.PayCard {
		in.UTR, s.Status = p.Reference, settled
		s.Details = []settlementDetail{{UTR: p.Reference, Status: settled, Date: p.EndedAt.UnixMilli(), Amount: p.Settlement}}
	}
	row.Settlement, row.Instruments = s, map[string]instrumentSettlement{mode(p): in}
	refunds, err := a.Reader.Payments(ctx, journal.PaymentQuery{MerchantID: p.MerchantID, Original: p.ID})
	for _, r := range refunds {
		row.Refunds = append(row.Refunds, refundRow{
			data3: v3Data(r), MerchantTransactionID: r.TransactionID, TransactionType: "REFUND",
			OriginalTransactionID: p.TransactionID, Date: r.CreatedAt.UnixMilli(),
		})
	}
	return row, err
}
