package table

import (
	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
)

// CallbackState is the column state of table callbacks as a decision adds to it:
// pending, or none where there is no URL to send the notice to.
var CallbackState = Column[decide.Callback]{
	Name: "state", Kind: Text,
	Text: func(c *decide.Callback) string {
		if c.URL == "" {
			return journal.CallbackNone
		}
		return journal.CallbackPending
	},
}
