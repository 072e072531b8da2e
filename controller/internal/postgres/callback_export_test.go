package postgres

import (
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
)

// CallbackStatements are the statements that look into the outbox, by name, for
// the tests of their plans.
var CallbackStatements = map[string]string{
	"the feed": callbackFeed, "attempts": callbackAttempts, "the queue": callbackQueue,
	"everybody's":            listed(journal.CallbackQuery{}),
	"everybody's since":      listed(journal.CallbackQuery{Since: time.Unix(1, 0)}),
	"a page of everybody's":  listed(journal.CallbackQuery{After: "x"}),
	"a merchant's":           listed(journal.CallbackQuery{MerchantID: "M"}),
	"a page of a merchant's": listed(journal.CallbackQuery{MerchantID: "M", After: "x"}),
	"an event":               listed(journal.CallbackQuery{EventID: "e"}),
	"several events":         listed(journal.CallbackQuery{EventIDs: []string{"e"}}),
	"a payment's":            listed(journal.CallbackQuery{PaymentID: "p"}),
	"the dead":               listed(journal.CallbackQuery{State: journal.CallbackDead}),
	"the pending":            listed(journal.CallbackQuery{State: journal.CallbackPending}),
	"a merchant's pending":   listed(journal.CallbackQuery{MerchantID: "M", State: journal.CallbackPending}),
}

func listed(q journal.CallbackQuery) string {
	var made time.Time
	if q.EventID != "" || q.EventIDs != nil || q.PaymentID != "" {
		made = time.Unix(1, 0)
	}
	return selectCallbacks + callbackConditions(q, journal.CallbackCursor{}, made).where() + " ORDER BY " + callbackOrder(q) + " LIMIT 100"
}
