package payapi_test

import (
	"math/big"
	"regexp"
	"strings"
	"time"

	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/strictjson/strictjsontest"
	"github.com/galla-pay/galla/protocol"
)

// asked is a payload as the second reader has it. Its methods read fields as
// phonepe-api's Wire rules say, and share nothing with the door.
type asked map[string]any

// text is a field that is a text; absent and null are "".
func (o asked) text(name string) (s string, ok bool) {
	if o[name] == nil {
		return "", true
	}
	s, ok = o[name].(string)
	return s, ok
}

var (
	wholeNumber = regexp.MustCompile(`^-?[0-9]+$`)
	idForm      = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	shortForm   = regexp.MustCompile(`^[0-9]{4,8}$`)
	mobileForm  = regexp.MustCompile(`^[0-9]{10}$`)
	vpaForm     = regexp.MustCompile(`^[A-Za-z0-9._-]+@[A-Za-z0-9][A-Za-z0-9.-]{1,63}$`)
	last4Form   = regexp.MustCompile(`^[A-Za-z0-9_-]{4}$`)
	controls    = regexp.MustCompile(`[\x00-\x1f\x7f]`)
)

func isID(s string, most int) bool { return idForm.MatchString(s) && len(s) <= most }

// whole is a JSON number or a text that is a whole number of 64 bits.
func (o asked) whole(name string) (n int64, given, ok bool) {
	if o[name] == nil {
		return 0, false, true
	}
	var text string
	switch v := o[name].(type) {
	case strictjsontest.Number:
		text = string(v)
	case string:
		text = v
	}
	big, isNumber := new(big.Int).SetString(text, 10)
	if !wholeNumber.MatchString(text) || !isNumber || !big.IsInt64() || big.Int64() == -1<<63 {
		return 0, true, false
	}
	return big.Int64(), true, true
}

// boolean is true or false, or either as a text in any case; absent is false.
func (o asked) boolean(name string) (yes, ok bool) {
	switch v := o[name].(type) {
	case nil:
		return false, true
	case bool:
		return v, true
	case string:
		word := strings.ToLower(v)
		return word == "true", word == "true" || word == "false" || word == ""
	}
	return false, false
}

// first is the first of names that is given, else the first.
func (o asked) first(names ...string) string {
	for _, name := range names {
		if o[name] != nil {
			return name
		}
	}
	return names[0]
}

// amount is a code, or paise from 1 to 10^10.
func (o asked) amount() (int64, string) {
	n, given, ok := o.whole("amount")
	switch {
	case !ok:
		return 0, "BAD_REQUEST"
	case !given || n < 1 || n > 10_000_000_000:
		return 0, "INVALID_AMOUNT"
	}
	return n, ""
}

// seconds is a lifetime, held to most.
func (o asked) seconds(usual, most int64) (time.Duration, string) {
	n, given, ok := o.whole("expiresIn")
	switch {
	case !ok || given && n < 1:
		return 0, "BAD_REQUEST"
	case !given:
		n = usual
	}
	return time.Duration(min(n, most)) * time.Second, ""
}

// expected is what the contract says of a request: a code, and for "SUCCESS" the
// payment that must be kept, but for what the door draws.
type expected struct {
	code  string
	p     payment.Payment
	lives time.Duration
}

func refused(code string) expected { return expected{code: code} }

// byQR are the amounts that UPI takes by a dynamic QR: 1 to 8000 rupees.
func byQR(n int64) bool { return n >= 100 && n <= 800_000 }

// expectInit is phonepe-api: Payment init, in the order of its checks. form is
// "EDC" for the older route.
func expectInit(people *merchant.Directory, o asked, form string) expected {
	if _, given := o["solutionType"].(string); form == "EDC" && !given && o["solutionType"] == nil {
		o["solutionType"] = "EDC"
	}
	merchantID, _ := o.text("merchantId")
	m, known := people.Merchant(merchantID)
	if !known {
		return refused("UNAUTHORIZED")
	}
	solution := ""
	switch s, isText := o.text("solutionType"); {
	case !isText:
	case s == "DQR" || s == "DQR_DEVICE":
		solution = "DQR_DEVICE"
	case s == "EDC", s == "" && o["integrationMappingType"] != nil:
		solution = "EDC"
	}
	mapping, _ := o["integrationMappingType"].(string)
	open := solution == "EDC" && mapping == "OPEN"
	storeID, _ := o.text("storeId")
	store, hasStore := people.Store(merchantID, storeID)
	terminalID, isText := o.text("terminalId")
	terminal, hasTerminal := people.Terminal(protocol.Identity{MerchantID: merchantID, StoreID: storeID, TerminalID: terminalID})
	names := []string{"merchantTransactionId", "transactionId"}
	if form == "EDC" {
		names = []string{"transactionId", "merchantTransactionId"}
	}
	id, idIsText := o.text(o.first(names...))
	order, orderIsText := o.text("orderId")
	amount, wrongAmount := o.amount()
	noTerminal := open && isText && terminalID == ""
	p := payment.Payment{
		Key: payment.Key{MerchantID: merchantID, TransactionID: id}, StoreID: storeID, TerminalID: terminalID, OrderID: order,
		Amount: protocol.Paise(amount), Solution: payment.Solution(solution), Payee: m.Payee, State: payment.Created,
		CallbackURL: m.CallbackURL, CallbackMode: "POST", Signer: merchantID, SignerIndex: "1", Seq: 1,
	}
	switch {
	case !m.Active:
		return refused("INVALID_MERCHANT_ID")
	case !hasStore || !store.Active:
		return refused("INVALID_STORE_ID")
	case !noTerminal && (!hasTerminal || !terminal.Active):
		return refused("INVALID_TERMINAL_ID")
	case !idIsText || !isID(id, 39):
		return refused("INVALID_TRANSACTION_ID")
	case !orderIsText || !isID(order, 64), solution == "":
		return refused("BAD_REQUEST")
	case solution == "EDC" && !m.EDC, solution == "DQR_DEVICE" && !m.DQR:
		return refused("SOLUTION_NOT_ENABLED")
	case !noTerminal && !terminal.Integrated:
		return refused("INTEGRATEDMODE_NOT_ENABLED_ON_TERMINAL")
	case form == "EDC" && solution != "EDC":
		return refused("BAD_REQUEST")
	case wrongAmount != "":
		return refused(wrongAmount)
	case solution == "EDC":
		return o.expectEDC(p)
	case !byQR(amount):
		return refused("INVALID_AMOUNT")
	}
	lives, wrong := o.seconds(180, 1800)
	if wrong != "" {
		return refused(wrong)
	}
	return expected{"SUCCESS", p, lives}
}

// expectEDC goes on with the fields of an EDC request.
func (o asked) expectEDC(p payment.Payment) expected {
	mapping, _ := o["integrationMappingType"].(string)
	if mapping != "OPEN" && mapping != "ONE_TO_ONE" {
		return refused("INVALID_INTEGRATION_MAPPING_TYPE")
	}
	modes, _ := o["paymentModes"].([]any)
	if len(modes) == 0 {
		return refused("INVALID_PAYMENT_MODES")
	}
	for _, mode := range modes {
		switch mode {
		case "CARD":
			p.AllowCard = true
		case "DQR":
			p.AllowDQR = true
		default:
			return refused("INVALID_PAYMENT_MODES")
		}
	}
	if !byQR(int64(p.Amount)) {
		if !p.AllowCard {
			return refused("INVALID_AMOUNT")
		}
		p.AllowDQR = false
	}
	handover, given, ok := o.whole("timeAllowedForHandoverToTerminalSeconds")
	if !given && ok {
		handover = 60
	}
	if !ok || handover < 1 || handover > 600 {
		return refused("INVALID_TERMINAL_HANDOVER_TIME")
	}
	if p.AutoAccept, ok = o.boolean("autoAccept"); !ok {
		return refused("BAD_REQUEST")
	}
	none := o["shortOrderId"] == nil || o["shortOrderId"] == ""
	short, _ := o["shortOrderId"].(string)
	switch {
	case mapping == "ONE_TO_ONE" && !none:
		return refused("SHORT_CODE_NOT_REQUIRED")
	case mapping == "OPEN" && none:
		return refused("SHORT_CODE_IS_REQUIRED")
	case mapping == "OPEN" && !shortForm.MatchString(short):
		return refused("INVALID_SHORTCODE_LENGTH")
	case mapping == "OPEN":
		p.Open, p.ShortOrderID, p.TerminalID = true, short, ""
	}
	return expected{"SUCCESS", p, time.Duration(handover) * time.Second}
}

// expectV3 is phonepe-api: Endpoints, QR init and charge, and Collect.
func expectV3(people *merchant.Directory, o asked, path string) expected {
	merchantID, _ := o.text("merchantId")
	m, known := people.Merchant(merchantID)
	if !known {
		return refused("AUTHORIZATION_FAILED")
	}
	storeID, storeIsText := o.text("storeId")
	store, hasStore := people.Store(merchantID, storeID)
	terminalID, terminalIsText := o.text("terminalId")
	id, idIsText := o.text("transactionId")
	order, orderIsText := o.text("merchantOrderId")
	if order == "" && orderIsText && path == qrPath {
		order = id
	}
	amount, wrongAmount := o.amount()
	sub, subIsText := o.text("subMerchantId")
	message, messageIsText := o.text("message")
	switch {
	case !m.Active, !storeIsText || storeID != "" && (!hasStore || !store.Active), !terminalIsText || terminalID != "" && !isID(terminalID, 64):
		return refused("BAD_REQUEST")
	case !idIsText || !isID(id, 37):
		return refused("INVALID_TRANSACTION_ID")
	case !orderIsText || !isID(order, 64), wrongAmount != "", !subIsText || sub != "" && !isID(sub, 64),
		!messageIsText || len(message) > 256 || controls.MatchString(message):
		return refused("BAD_REQUEST")
	}
	e := expected{"SUCCESS", payment.Payment{
		Key: payment.Key{MerchantID: merchantID, TransactionID: id}, StoreID: storeID, ContextTerminal: terminalID, OrderID: order,
		Amount: protocol.Paise(amount), SubMerchantID: sub, Message: message, Payee: m.Payee, State: payment.Created,
		CallbackURL: m.CallbackURL, CallbackMode: "POST", Signer: merchantID, SignerIndex: "1", Seq: 1,
	}, 0}
	wrong := ""
	if path == qrPath {
		e.p.Solution = payment.QRString
		for _, name := range []string{"gstBreakup", "invoiceDetails"} {
			if _, isObject := o[name].(map[string]any); o[name] != nil && !isObject {
				return refused("BAD_REQUEST")
			}
		}
		if !m.DQR || !byQR(amount) {
			return refused("BAD_REQUEST")
		}
		e.lives, wrong = o.seconds(180, 1800)
	} else {
		e.p.Solution = payment.Collect
		by, _ := o["instrumentType"].(string)
		from, _ := o["instrumentReference"].(string)
		_, emailIsText := o.text("email")
		_, nameIsText := o.text("shortName")
		good := by == "VPA" && vpaForm.MatchString(from) && len(from) <= 255 || by == "MOBILE" && mobileForm.MatchString(from)
		if !good || !emailIsText || !nameIsText {
			return refused("BAD_REQUEST")
		}
		e.p.CollectBy, e.p.CollectFrom = by, protocol.VPA(from)
		e.lives, wrong = o.seconds(30*24*3600, 30*24*3600)
	}
	if wrong != "" {
		return refused(wrong)
	}
	return e
}
