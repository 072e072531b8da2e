package payapi

import (
	"encoding/json"
	"time"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// Limits of an EDC request (phonepe-api: Payment init).
const (
	defaultHandover = 60
	maxHandover     = 600
	// longestWindow is the longest that a terminal's payment window may be; a
	// QR's link lives to the end of it, since nobody knows the terminal of an
	// OPEN order yet. What counts is the payment's row.
	longestWindow = 1800 * time.Second
)

// The values of integrationMappingType.
const (
	mappingOneToOne = "ONE_TO_ONE"
	mappingOpen     = "OPEN"
)

// isOpen reports whether a request is for an OPEN order, before anything of it
// was checked.
func isOpen(req object) bool {
	mapping, _ := req.text("integrationMappingType")
	return mapping == mappingOpen && solutionOf(req) == payment.EDC
}

// readEDC reads the fields of an EDC request into p, in the order of the field
// list, and returns how long a terminal may take to take it.
func (a *API) readEDC(req object, p *payment.Payment) (handover time.Duration, err error) {
	mapping, ok := req.text("integrationMappingType")
	if !ok || mapping != mappingOneToOne && mapping != mappingOpen {
		return 0, refuse(CodeInvalidMapping, "")
	}
	p.Open = mapping == mappingOpen
	if err := a.readModes(req, p); err != nil {
		return 0, err
	}
	seconds, set, ok := req.whole("timeAllowedForHandoverToTerminalSeconds")
	if !set && ok {
		seconds = defaultHandover
	}
	if !ok || seconds < 1 || seconds > maxHandover {
		return 0, refuse(CodeInvalidHandover, "")
	}
	if p.AutoAccept, ok = req.boolean("autoAccept"); !ok {
		return 0, badRequest("autoAccept", "must be true or false")
	}
	return time.Duration(seconds) * time.Second, readShortOrder(req, p)
}

// readModes reads paymentModes. Above the limit of a dynamic QR, or below its
// least, a card is all that can be offered.
func (a *API) readModes(req object, p *payment.Payment) error {
	var modes []protocol.PayMode
	if json.Unmarshal(req["paymentModes"], &modes) != nil || len(modes) == 0 {
		return refuse(CodeInvalidModes, "")
	}
	for _, mode := range modes {
		switch mode {
		case protocol.PayCard:
			p.AllowCard = true
		case protocol.PayDQR:
			p.AllowDQR = true
		default:
			return refuse(CodeInvalidModes, "")
		}
	}
	if p.AllowDQR && !a.payableByQR(p.Amount) {
		if !p.AllowCard {
			return refuse(CodeInvalidAmount, "")
		}
		p.AllowDQR = false
	}
	return nil
}

// readShortOrder reads shortOrderId: a text of 4 to 8 digits, required for an
// OPEN order and refused for any other.
func readShortOrder(req object, p *payment.Payment) error {
	short, isText := req.text("shortOrderId")
	switch {
	case !p.Open && isText && short == "":
		return nil
	case !p.Open:
		return refuse(CodeShortCodeNotNeeded, "")
	case isText && short == "":
		return refuse(CodeShortCodeRequired, "")
	case !isText || !protocol.ValidShortOrderID(short):
		return refuse(CodeShortCodeLength, "")
	}
	p.ShortOrderID = short
	return nil
}
