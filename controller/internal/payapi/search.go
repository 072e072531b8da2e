package payapi

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol"
)

// searchWindow is how far back a search looks that names no time.
const searchWindow = 24 * time.Hour

// search answers POST /v1/edc/transaction/status: the payments of a terminal by
// the merchant's id or by RRN; the id wins.
func (a *API) search(c *gin.Context) {
	by, req, ok := a.signedBody(c)
	if !ok {
		return
	}
	q, err := a.readSearch(by, req)
	if err != nil {
		a.fail(c, err)
		return
	}
	found, err := a.Reader.Payments(c.Request.Context(), q)
	if err != nil {
		a.fail(c, err)
		return
	}
	data := []status{}
	for _, p := range found {
		data = append(data, statusData(p))
	}
	a.succeed(c, data)
}

func (a *API) readSearch(by signer, req object) (journal.PaymentQuery, error) {
	q := journal.PaymentQuery{MerchantID: by.merchant.ID, Newest: true, Limit: 100}
	if !by.known || !by.merchant.Active {
		return q, refuse(CodeInvalidMerchant, "")
	}
	var ok bool
	q.TerminalID, ok = req.text("terminalId")
	if !ok || !a.Directory().HasTerminal(func(t merchant.Terminal) bool {
		return t.MerchantID == by.merchant.ID && t.TerminalID == q.TerminalID
	}) {
		return q, refuse(CodeInvalidTerminal, "")
	}
	q.TransactionID, ok = req.text("merchantTransactionId")
	rrn, isText := req.text("rrn")
	switch {
	case !ok || q.TransactionID != "" && !protocol.ValidID(q.TransactionID, protocol.MaxIDLength):
		return q, refuse(CodeInvalidTransaction, "")
	case q.TransactionID != "":
	case !isText || !protocol.ValidID(rrn, protocol.MaxIDLength):
		return q, badRequest("rrn", "or merchantTransactionId must be given")
	default:
		q.Reference = rrn
	}
	if req.has("amount") {
		var err error
		if q.Amount, err = readAmount(req); err != nil {
			return q, err
		}
	}
	var err error
	q.Since, q.Until, err = readPeriod(req, "startTimestamp", "endTimestamp", searchWindow)
	return q, err
}

// inSeconds is below what a time in milliseconds can be, and above any time in
// seconds.
const inSeconds = 100_000_000_000

// readPeriod reads a period in epoch milliseconds; without a start, it is the
// usual time until its end. The public samples of recon write seconds, which
// cannot be taken for milliseconds: these began in 1973.
func readPeriod(req object, from, to string, usual time.Duration) (since, until time.Time, err error) {
	for _, field := range []struct {
		name string
		at   *time.Time
	}{{from, &since}, {to, &until}} {
		if field.name == "" {
			continue
		}
		millis, set, ok := req.whole(field.name)
		switch {
		case !ok || set && (millis < 0 || millis > 1<<45):
			return since, until, badRequest(field.name, "must be a time in epoch milliseconds")
		case set && millis < inSeconds:
			millis *= 1000
			fallthrough
		case set:
			*field.at = time.UnixMilli(millis).UTC()
		}
	}
	switch {
	case !since.IsZero() && !until.IsZero() && until.Before(since):
		return since, until, badRequest(to, "must not be before "+from)
	case since.IsZero() && until.IsZero():
		since = time.Now().Add(-usual)
	case since.IsZero():
		since = until.Add(-usual)
	}
	return since, until, nil
}
