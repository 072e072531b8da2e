package settlement

import (
	"strings"
	"time"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// Kind is what a line is of.
type Kind string

// The kinds. Values are in files that merchants keep: never change one.
const (
	Sale   Kind = "SALE"
	Refund Kind = "REFUND"
)

// Header are the columns, in their order. Merchants' programs read them by name:
// new ones go to the end.
func Header() []string {
	return []string{
		"merchantId", "storeId", "terminalId", "type", "merchantTransactionId", "transactionId", "orderId", "upiTxnId", "rrn",
		"instrument", "payee", "mcc", "amount", "fee", "settlement", "endedAt",
	}
}

// Line is a line of a file.
type Line struct {
	Kind    Kind
	Payment payment.Payment // its columns of table transactions that the file shows
	MCC     string          // the merchant's
	// Amount, Fee and Settlement are in paise, less than 0 where money goes back.
	// Settlement is always Amount less Fee.
	Amount, Fee, Settlement protocol.Paise
}

// LineOf makes the line of a payment that succeeded. A refund gives all of its
// amount back and no fee.
func LineOf(p payment.Payment, mcc string) Line {
	if p.Solution == payment.Refund {
		return Line{Kind: Refund, Payment: p, MCC: mcc, Amount: -p.Amount, Settlement: -p.Amount}
	}
	return Line{Kind: Sale, Payment: p, MCC: mcc, Amount: p.Amount, Fee: p.Amount - p.Settlement, Settlement: p.Settlement}
}

// Fields are the fields, in the order of Header. Amounts are rupees with two
// decimals, the time is India's.
func (l Line) Fields() []string {
	p := l.Payment
	terminal := p.TerminalID
	if terminal == "" {
		terminal = p.ContextTerminal
	}
	// Everything but a card is paid by UPI. What a card settles its acquirer pays.
	instrument := protocol.PayDQR
	if p.Instrument == protocol.PayCard {
		instrument = protocol.PayCard
	}
	fields := []string{
		p.MerchantID, p.StoreID, terminal, string(l.Kind), p.TransactionID, p.ID, p.OrderID, p.UPITxnID, p.Reference,
		string(instrument), string(p.Payee), l.MCC,
	}
	for i := range fields {
		fields[i] = safe(fields[i])
	}
	return append(fields, l.Amount.Rupees(), l.Fee.Rupees(), l.Settlement.Rupees(), p.EndedAt.In(india).Format(time.RFC3339))
}

// safe makes a text that a spreadsheet would calculate one that it shows: an
// apostrophe goes before it. So that it can be taken away again, one goes before
// an apostrophe too: a field that begins with one always has one too many.
func safe(text string) string {
	if strings.IndexAny(text, "=+-@'\t\r\n＝＋－＠") == 0 {
		return "'" + text
	}
	return text
}
