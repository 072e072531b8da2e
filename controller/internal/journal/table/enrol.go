package table

import (
	"time"

	"github.com/galla-pay/galla/controller/internal/enrol"
)

// EnrolCodes is table enrol_codes.
var EnrolCodes = Table[enrol.Code]{
	Name: "enrol_codes", Key: []string{"merchant_id", "store_id", "terminal_id"},
	Columns: []Column[enrol.Code]{
		text("merchant_id", func(c *enrol.Code) *string { return &c.MerchantID }),
		text("store_id", func(c *enrol.Code) *string { return &c.StoreID }),
		text("terminal_id", func(c *enrol.Code) *string { return &c.TerminalID }),
		text("handle", func(c *enrol.Code) *string { return &c.Handle }),
		blob("mac", func(c *enrol.Code) *[]byte { return &c.MAC }),
		text("actor", func(c *enrol.Code) *string { return &c.Actor }),
		instant("created_at", func(c *enrol.Code) *time.Time { return &c.CreatedAt }),
		instant("expires_at", func(c *enrol.Code) *time.Time { return &c.ExpiresAt }),
		number("wrong", func(c *enrol.Code) *int64 { return &c.Wrong }),
		blob("spent_by", func(c *enrol.Code) *[]byte { return &c.SpentBy }),
		instant("spent_at", func(c *enrol.Code) *time.Time { return &c.SpentAt }),
	},
}

// Revocations is table terminal_revocations.
var Revocations = Table[enrol.Revocation]{
	Name: "terminal_revocations", Key: []string{"merchant_id", "store_id", "terminal_id"},
	Columns: []Column[enrol.Revocation]{
		text("merchant_id", func(r *enrol.Revocation) *string { return &r.MerchantID }),
		text("store_id", func(r *enrol.Revocation) *string { return &r.StoreID }),
		text("terminal_id", func(r *enrol.Revocation) *string { return &r.TerminalID }),
		instant("at", func(r *enrol.Revocation) *time.Time { return &r.At }),
		text("actor", func(r *enrol.Revocation) *string { return &r.Actor }),
	},
}
