package npci

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// SettlementRow is one payment or refund of a settlement file.
type SettlementRow struct {
	Refund                bool // column type says REFUND; without the column nothing is one
	MerchantID            string
	MerchantTransactionID string
	TransactionID         string // the controller's: of a refund the TxnID of its ReqRefund
	TxnID                 string // column upiTxnId; "" of what was not paid by UPI
	Amount                protocol.Paise
	Fee                   protocol.Paise
	Settlement            protocol.Paise
}

// ReadSettlement reads a settlement file: CSV with a header row, whose columns
// are found by their names; there may be others.
func ReadSettlement(file io.Reader) ([]SettlementRow, error) {
	r := csv.NewReader(file)
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the settlement file has no header row")
	}
	if err != nil {
		return nil, fmt.Errorf("settlement file: %w", err)
	}
	column := map[string]int{}
	for i, name := range head {
		if _, twice := column[name]; twice {
			return nil, fmt.Errorf("the settlement file has two columns %s", name)
		}
		column[name] = i
	}
	for _, name := range []string{"merchantId", "merchantTransactionId", "transactionId", "upiTxnId", "amount", "fee", "settlement"} {
		if _, has := column[name]; !has {
			return nil, fmt.Errorf("the settlement file has no column %s", name)
		}
	}
	var rows []SettlementRow
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("settlement file: %w", err)
		}
		text := func(name string) string {
			at, has := column[name]
			if !has {
				return ""
			}
			// A text that a spreadsheet would calculate has an apostrophe before it.
			return strings.TrimPrefix(cells[at], "'")
		}
		row := SettlementRow{
			MerchantID: text("merchantId"), MerchantTransactionID: text("merchantTransactionId"), TransactionID: text("transactionId"),
			TxnID: text("upiTxnId"), Refund: text("type") == "REFUND",
		}
		for name, to := range map[string]*protocol.Paise{"amount": &row.Amount, "fee": &row.Fee, "settlement": &row.Settlement} {
			if *to, err = signedRupees(cells[column[name]]); err != nil {
				line, _ := r.FieldPos(column[name])
				return nil, fmt.Errorf("settlement file: line %d: %s: %w", line, name, err)
			}
		}
		rows = append(rows, row)
	}
}

// signedRupees reads rupees that may be below nothing, as money that went back.
func signedRupees(text string) (protocol.Paise, error) {
	digits, negative := strings.CutPrefix(text, "-")
	p, err := protocol.ParseRupees(digits)
	if negative {
		p = -p
	}
	return p, err
}

// CompareSettlement lays the sales of a settlement file beside the books, to the
// paisa: each row's fee is what its amount and settlement leave, each payment in
// it stands with that amount and settlement, and none that is due is missing. due
// says which of the payments that stand the file must have; nil means all. Rows
// without a upiTxnId are of other networks, and refunds are NetworkLedger's to
// compare.
func (l Ledger) CompareSettlement(rows []SettlementRow, due func(Entry) bool) []Disagreement {
	found := []Disagreement{}
	seen := map[string]bool{}
	for _, row := range rows {
		if row.TxnID == "" || row.Refund {
			continue
		}
		add := func(about, ours, theirs string) {
			found = append(found, Disagreement{row.TxnID, about, ours, theirs})
		}
		row.addsUp(add)
		e, known := l.Entry(row.TxnID)
		switch {
		case seen[row.TxnID]:
			add(AboutRow, "one payment", "two rows")
			continue
		case !known:
			add(AboutRow, "nothing", row.Amount.Rupees())
		case e.State != Paid:
			add(AboutOutcome, e.outcome(), "settled "+row.Settlement.Rupees())
		default:
			if row.Amount != e.Debited {
				add(AboutAmount, e.Debited.Rupees(), row.Amount.Rupees())
			}
			if row.Settlement != e.Settled && e.Kind != KindCollect { // of that only the file says
				add(AboutSettlement, e.Settled.Rupees(), row.Settlement.Rupees())
			}
		}
		seen[row.TxnID] = true
	}
	for _, e := range l.Entries {
		if e.State == Paid && !seen[e.TxnID] && (due == nil || due(e)) {
			found = append(found, Disagreement{e.TxnID, AboutRow, e.Debited.Rupees(), "no row"})
		}
	}
	return found
}

func (r SettlementRow) addsUp(add func(about, ours, theirs string)) {
	if r.Amount-r.Fee != r.Settlement {
		add(AboutFee, (r.Amount - r.Settlement).Rupees(), r.Fee.Rupees())
	}
}

// CompareSettlement lays a settlement file beside the books as Ledger does, and
// its refunds beside those that were moved: each gave back what its row takes
// from the merchant, and none that is due is missing. dueRefund says which the
// file must have; nil means all. Reversals are in no settlement.
func (l NetworkLedger) CompareSettlement(rows []SettlementRow, due func(Entry) bool, dueRefund func(RefundEntry) bool) []Disagreement {
	found := Ledger{Entries: l.Entries}.CompareSettlement(rows, due)
	seen := map[string]bool{}
	for _, row := range rows {
		if !row.Refund {
			continue
		}
		id := row.TransactionID
		add := func(about, ours, theirs string) { found = append(found, Disagreement{id, about, ours, theirs}) }
		row.addsUp(add)
		r, known := l.Refund(id)
		switch {
		case seen[id]:
			add(AboutRow, "one refund", "two rows")
		case !known:
			add(AboutRow, "nothing", row.Amount.Rupees())
		case r.State != RefundStateMoved || r.Type != typeRefund:
			add(AboutOutcome, r.Type+" "+r.State, "settled "+row.Settlement.Rupees())
		case row.Amount != -r.Amount:
			add(AboutAmount, (-r.Amount).Rupees(), row.Amount.Rupees())
		}
		seen[id] = true
	}
	for _, r := range l.Refunds {
		if r.State == RefundStateMoved && r.Type == typeRefund && !seen[r.TxnID] && (dueRefund == nil || dueRefund(r)) {
			found = append(found, Disagreement{r.TxnID, AboutRow, (-r.Amount).Rupees(), "no row"})
		}
	}
	return found
}

// ist is the time by which days are settled.
var ist = time.FixedZone("IST", 5*3600+30*60)

// On reports whether a payment was made on a day by IST, given as 2026-06-12.
func (e Entry) On(day string) bool {
	at := e.PaidAt
	if at.IsZero() {
		at = e.At
	}
	return at.In(ist).Format(time.DateOnly) == day
}

// On reports whether a refund was moved on a day by IST.
func (r RefundEntry) On(day string) bool { return r.MovedAt.In(ist).Format(time.DateOnly) == day }
