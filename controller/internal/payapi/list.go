package payapi

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

const (
	maxList    = 10
	listWindow = 5 * time.Minute
	// roundRows are read at a time where rows have to be sorted out; listRounds
	// is how often a list does that at most.
	roundRows  = 200
	listRounds = 10
)

// listRow is a payment in a list.
type listRow struct {
	data3
	Date int64 `json:"transactionDate"` // epoch milliseconds of the init
}

// list answers POST /v3/qr/transaction/list: the latest payments, newest first.
// Refunds are none.
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
	if err == nil && req.has("amount") {
		q.Amount, err = readAmount(req)
	}
	var wanted func(payment.Payment) bool
	if err == nil {
		wanted, err = readListed(req)
	}
	var found []payment.Payment
	if err == nil {
		found, _, err = a.payments(c.Request.Context(), q, listRounds, wanted)
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	rows := []listRow{}
	for _, p := range found {
		row := listRow{v3Data(p), p.CreatedAt.UnixMilli()}
		for i, m := range row.PaymentModes {
			row.PaymentModes[i].Type = m.Mode // as lists call it
		}
		rows = append(rows, row)
	}
	a.succeed(c, gin.H{
		"resultCount": len(rows), "startTimestamp": q.Since.UnixMilli(), "endTimestamp": time.Now().UnixMilli(), "transactions": rows,
	})
}

// readListed reads which payments a list is to show: qrCodeId is that of a
// transactionContext, last4Digits are the end of our id or of the UTR.
func readListed(req object) (func(payment.Payment) bool, error) {
	code, isText := req.text("qrCodeId")
	if !isText {
		return nil, badRequest("qrCodeId", "must be a text")
	}
	last, isText := req.text("last4Digits")
	if !isText || last != "" && (len(last) != 4 || !protocol.ValidID(last, 4)) {
		return nil, badRequest("last4Digits", "must be 4 characters")
	}
	return func(p payment.Payment) bool {
		return p.Solution != payment.Refund && (code == "" || p.ID == code && p.QR != "") &&
			(last == "" || strings.HasSuffix(p.ID, last) || strings.HasSuffix(p.Reference, last))
	}, nil
}

// payments reads the payments of q that are wanted, q.Limit at most, in so many
// rounds at most (0: as many as it takes); more says that there is another one.
func (a *API) payments(ctx context.Context, q journal.PaymentQuery, rounds int, wanted func(payment.Payment) bool) (found []payment.Payment, more bool, err error) {
	limit := q.Limit
	q.Limit++
	for round := 1; ; round++ {
		rows, err := a.Reader.Payments(ctx, q)
		if err != nil {
			return nil, false, err
		}
		for _, p := range rows {
			switch {
			case !wanted(p):
			case len(found) == limit:
				return found, true, nil
			default:
				found = append(found, p)
			}
		}
		if len(rows) < q.Limit || round == rounds {
			return found, false, nil
		}
		last := rows[len(rows)-1]
		q.AfterTime, q.AfterID, q.Limit = last.CreatedAt, last.ID, roundRows
	}
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
		return q, badRequest("size", fmt.Sprintf("must be 1 to %d", most))
	case !set:
		size = most
	}
	q.Limit = int(size)
	return q, nil
}
