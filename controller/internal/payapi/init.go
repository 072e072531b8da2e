package payapi

import (
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// Limits of an init (phonepe-api: Payment init).
const (
	maxTransactionID = 39 // "less than 40 characters"
	defaultExpiresIn = 180
	// maxAmount is the most that one request may ask for (phonepe-api: Wire rules).
	maxAmount = protocol.Paise(10_000_000_000)
)

// form is what tells the two forms of an init apart.
type form struct {
	ids  []string         // what the merchant's id is called; the first that is there counts
	only payment.Solution // the one solution that it can ask for; "" for any
}

// init answers POST /v1/payment/init.
func (a *API) init(c *gin.Context) {
	a.initAs(c, form{ids: []string{"merchantTransactionId", "transactionId"}})
}

// edcInit answers POST /v1/edc/transaction/init, the older form of an EDC sale.
func (a *API) edcInit(c *gin.Context) {
	a.initAs(c, form{ids: []string{"transactionId", "merchantTransactionId"}, only: payment.EDC})
}

func (a *API) initAs(c *gin.Context, f form) {
	by, req, ok := a.signedBody(c)
	if !ok {
		return
	}
	if f.only != "" && !req.has("solutionType") {
		req["solutionType"] = []byte(`"` + f.only + `"`)
	}
	d, err := a.readInit(c, by, req, f)
	if err != nil {
		a.fail(c, err)
		return
	}
	p, err := journal.Do(c.Request.Context(), a.Journal, d)
	if err != nil {
		a.fail(c, err)
		return
	}
	a.succeed(c, gin.H{"merchantId": p.MerchantID, "transactionId": p.TransactionID, "amount": p.Amount})
}

// signedBody reads a request with a payload and checks who signed it. Where ok
// is false, the request is answered.
func (a *API) signedBody(c *gin.Context) (by signer, req object, ok bool) {
	encoded, req, err := readBody(c)
	if err != nil {
		a.fail(c, err)
		return by, nil, false
	}
	merchantID, _ := req.text("merchantId")
	// Life of a payment, step 2: `payapi` verifies and decides.
	if by, err = a.verify(c, merchantID, encoded, route(c)); err != nil {
		a.fail(c, err)
		return by, nil, false
	}
	return by, req, true
}

// readInit makes the checks in the documented order: merchant, store,
// terminal, ids, then the rest in the order of the field list.
func (a *API) readInit(c *gin.Context, by signer, req object, f form) (decide.Init, error) {
	var none decide.Init
	terminal, err := a.readTerminal(by, req, isOpen(req))
	if err != nil {
		return none, err
	}
	p := payment.Payment{
		ID:      payment.FormatID(uuid.Must(uuid.NewV7())),
		StoreID: terminal.StoreID, TerminalID: terminal.TerminalID, Payee: by.merchant.Payee,
		Signer: by.owner, SignerIndex: by.index,
	}
	p.MerchantID = by.merchant.ID
	if p.TransactionID, err = readTransactionID(req, maxTransactionID, f.ids...); err != nil {
		return none, err
	}
	var ok bool
	if p.OrderID, ok = req.text("orderId"); !ok || !protocol.ValidID(p.OrderID, protocol.MaxIDLength) {
		return none, badRequest("orderId", "must be 1 to 64 letters, digits, _ or -")
	}
	if p.Solution, err = readSolution(by.merchant, terminal, req); err != nil {
		return none, err
	}
	if f.only != "" && p.Solution != f.only {
		return none, badRequest("solutionType", "must be "+string(f.only)+" here")
	}
	if p.Amount, err = readAmount(req); err != nil {
		return none, err
	}
	var lives, shown time.Duration // of the wait, of the link
	switch {
	case p.Solution == payment.EDC:
		lives, err = a.readEDC(req, &p)
		shown = lives + longestWindow
	case !a.payableByQR(p.Amount):
		err = refuse(CodeInvalidAmount, "")
	default:
		lives, err = readExpiresIn(req, defaultExpiresIn, a.qrLives())
		shown = lives
	}
	if err != nil {
		return none, err
	}
	if p.CallbackURL, p.CallbackMode, err = a.readCallback(c, by.merchant); err != nil {
		return none, err
	}
	if p.Solution == payment.DQRDevice || p.AllowDQR {
		if p.QR, err = a.link(by.merchant, p, shown); err != nil {
			return none, err
		}
	}
	p.Trace = a.trace(c, p)
	return decide.Init{Payment: p, ExpiresIn: lives, Actor: "pos:" + by.owner}, nil
}

// readTerminal finds the merchant's store and terminal. An OPEN order needs no
// terminal; one that is named all the same is checked, and binds nothing.
func (a *API) readTerminal(by signer, req object, open bool) (merchant.Terminal, error) {
	none := merchant.Terminal{Active: true, Integrated: true}
	dir := a.Directory()
	if !by.known || !by.merchant.Active {
		return none, refuse(CodeInvalidMerchant, "")
	}
	storeID, _ := req.text("storeId")
	if store, ok := dir.Store(by.merchant.ID, storeID); !ok || !store.Active {
		return none, refuse(CodeInvalidStore, "")
	}
	none.StoreID = storeID
	terminalID, isText := req.text("terminalId")
	if open && isText && terminalID == "" {
		return none, nil
	}
	t, ok := dir.Terminal(protocol.Identity{MerchantID: by.merchant.ID, StoreID: storeID, TerminalID: terminalID})
	if !ok || !t.Active {
		return none, refuse(CodeInvalidTerminal, "")
	}
	if open {
		t.TerminalID = ""
	}
	return t, nil
}

// readTransactionID reads the id that the merchant gives: the first of names
// that is there.
func readTransactionID(req object, most int, names ...string) (string, error) {
	name := names[0]
	for _, other := range names {
		if req.has(other) {
			name = other
			break
		}
	}
	id, ok := req.text(name)
	if !ok || !protocol.ValidID(id, most) {
		return "", refuse(CodeInvalidTransaction, "")
	}
	return id, nil
}

// readSolution accepts what this merchant may ask of this terminal. A missing
// solutionType with an integrationMappingType means EDC.
func readSolution(m merchant.Merchant, t merchant.Terminal, req object) (payment.Solution, error) {
	solution, enabled := solutionOf(req), m.DQR
	switch solution {
	case payment.DQRDevice:
	case payment.EDC:
		enabled = m.EDC
	default:
		return "", badRequest("solutionType", "must be EDC or DQR_DEVICE")
	}
	switch {
	case !enabled:
		return "", refuse(CodeSolutionNotEnabled, "")
	case !t.Integrated:
		return "", refuse(CodeTerminalStandalone, "")
	}
	return solution, nil
}

func solutionOf(req object) payment.Solution {
	solution, ok := req.text("solutionType")
	if ok && solution == "" && req.has("integrationMappingType") {
		return payment.EDC
	}
	switch {
	case ok && (solution == "DQR_DEVICE" || solution == "DQR"):
		return payment.DQRDevice
	case ok && solution == "EDC":
		return payment.EDC
	}
	return ""
}

// readAmount reads whole paise, 1 .. 10^10.
func readAmount(req object) (protocol.Paise, error) {
	amount, set, ok := req.whole("amount")
	if !ok {
		return 0, badRequest("amount", "must be a whole number of paise")
	}
	if paise := protocol.Paise(amount); set && paise >= 1 && paise <= maxAmount {
		return paise, nil
	}
	return 0, refuse(CodeInvalidAmount, "")
}

// payableByQR reports whether UPI takes an amount by dynamic QR (PRD 4.2).
func (a *API) payableByQR(amount protocol.Paise) bool {
	return amount >= quote.MinPaise && amount <= a.Settings.Limit
}

// qrLives is how long a QR may live at most, in seconds; what asks for more is
// held to it (PRD 7.1, DYNAMIC_QR_EXPIRY_MINUTES).
func (a *API) qrLives() int64 { return int64(a.Settings.Validity / time.Second) }

// readExpiresIn reads a time in seconds; more than most is held to it.
func readExpiresIn(req object, usual, most int64) (time.Duration, error) {
	seconds, set, ok := req.whole("expiresIn")
	switch {
	case !ok || set && seconds < 1:
		return 0, badRequest("expiresIn", "must be a whole number of seconds, at least 1")
	case !set:
		seconds = usual
	}
	return time.Duration(min(seconds, most)) * time.Second, nil
}
