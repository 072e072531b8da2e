package table

import "github.com/galla-pay/galla/controller/internal/payment"

// Settled is table transactions as a day's settlement reads it: without what is
// large or of no account there, since a whole day is sorted.
var Settled = Table[payment.Payment]{Name: Payments.Name, Key: Payments.Key, Columns: some(Payments.Columns,
	"id", "merchant_id", "merchant_transaction_id", "store_id", "terminal_id", "context_terminal", "order_id", "amount", "solution",
	"instrument", "state", "payee_addr", "ended_at", "reference", "upi_txn_id", "settlement_amount")}

// SettledOrder is the order in which a day is read: merchant by merchant, and
// within one as they ended.
const SettledOrder = "merchant_id, ended_at, id"

// some are the columns of these names, in their order.
func some[T any](all []Column[T], names ...string) []Column[T] {
	wanted := fixed(names...)
	var found []Column[T]
	for _, c := range all {
		if wanted[c.Name] {
			found = append(found, c)
		}
	}
	return found
}
