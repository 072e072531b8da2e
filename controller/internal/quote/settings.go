package quote

import (
	"time"

	"github.com/galla-pay/galla/protocol"
)

// Settings are what an operator may set of Dynamic QRs (PRD 7.1). The other
// names of that table are read by the program and are not rules of a quote.
type Settings struct {
	Limit     protocol.Paise // DYNAMIC_QR_LIMIT_INR
	Validity  time.Duration  // DYNAMIC_QR_EXPIRY_MINUTES
	NetInstID string         // DYNAMIC_NET_INST_ID
}

// Default is PRD 7.1 as it is printed.
func Default() Settings {
	return Settings{Limit: LimitPaise, Validity: Validity, NetInstID: "MER1010001"}
}
