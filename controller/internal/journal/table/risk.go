package table

import (
	"fmt"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/protocol"
)

// RiskRows says where the messages stand that a risk rule counts: their table,
// the column of their time and of the party's address, and what else holds of
// them, in SQL that begins with AND, or nothing. All of it is fixed text.
type RiskRows struct{ Table, At, Address, Also string }

// NewRiskRows finds out where. Only counts that a rule can name have rows.
func NewRiskRows(c risk.Count) (RiskRows, error) {
	rows := RiskRows{Table: "req_pays", At: "at", Address: "payee_addr"}
	switch c.Of {
	case risk.Payer:
		rows.Address = "payer_addr"
	case risk.Payee, risk.Merchant:
	default:
		return RiskRows{}, fmt.Errorf("risk: no messages of a %.64q are counted", c.Of)
	}
	switch {
	case c.What == risk.Validations && c.Of != risk.Payer:
		rows.Table, rows.At = "qr_validations", "created_at"
	case c.What == risk.Payments:
	case c.What == risk.Declined:
		rows.Also = " AND status = 'FAILED'"
	default:
		return RiskRows{}, fmt.Errorf("risk: no %.64q of a %s are counted", c.What, c.Of)
	}
	return rows, nil
}

// RiskParties are those whose messages are counted.
type RiskParties struct {
	Payer, Payee protocol.VPA
	MerchantID   string
}

// Name is what a party is found by; "" where it is not known, which nobody is
// found by.
func (p RiskParties) Name(of risk.Party) string {
	switch of {
	case risk.Payer:
		return string(p.Payer)
	case risk.Payee:
		return string(p.Payee)
	case risk.Merchant:
		return p.MerchantID
	}
	return ""
}

// Check refuses names that no storage keeps, with journal.ErrText.
func (p RiskParties) Check() error {
	for _, of := range []risk.Party{risk.Payer, risk.Payee, risk.Merchant} {
		if !Keepable(p.Name(of)) {
			return fmt.Errorf("risk: %s: %w", of, journal.ErrText)
		}
	}
	return nil
}
