package merchant

import "github.com/galla-pay/galla/protocol"

// FeeRule is one row of the fee schedules; table fee_schedules. Its terms are
// package quote's Fee.
type FeeRule struct {
	// MerchantID and MCC say whom it is for; "" means any. An MCC is the
	// merchant's own, not what a message says.
	MerchantID, MCC string
	BasisPoints     int64          // 0 to 10000
	Min, Cap        protocol.Paise // 0: none
	Rounding        string         // half_up, half_even, up or down; "" means half_up
}

// FeeRule finds the rule that fits a merchant of a category best: its own for the
// category, its own for any, anybody's for the category, anybody's. False where
// there is none: then the payee's FeeBasisPoints count, rounded half up.
func (d *Directory) FeeRule(merchantID, mcc string) (FeeRule, bool) {
	for _, key := range [][2]string{{merchantID, mcc}, {merchantID, ""}, {"", mcc}, {"", ""}} {
		if rule, ok := d.fees[key]; ok {
			return rule, true
		}
	}
	return FeeRule{}, false
}
