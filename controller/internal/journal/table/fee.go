package table

import (
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol"
)

// FeeRules is table fee_schedules. "" in its key is any merchant, any category.
var FeeRules = Table[merchant.FeeRule]{
	Name: "fee_schedules", Key: []string{"merchant_id", "mcc"},
	Columns: []Column[merchant.FeeRule]{
		text("merchant_id", func(f *merchant.FeeRule) *string { return &f.MerchantID }),
		text("mcc", func(f *merchant.FeeRule) *string { return &f.MCC }),
		number("basis_points", func(f *merchant.FeeRule) *int64 { return &f.BasisPoints }),
		number("min_fee", func(f *merchant.FeeRule) *protocol.Paise { return &f.Min }),
		number("max_fee", func(f *merchant.FeeRule) *protocol.Paise { return &f.Cap }),
		text("rounding", func(f *merchant.FeeRule) *string { return &f.Rounding }),
	},
}

// FeeList is how the fee schedules are listed.
var FeeList = Listing[merchant.FeeRule]{FeeRules, []string{"merchant_id"}, []string{"merchant_id", "mcc"}}
