package payapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/upiuri"
)

// Limits of an init (phonepe-api: Payment init).
const (
	maxTransactionID = 39 // "less than 40 characters"
	defaultExpiresIn = 180
	maxExpiresIn     = 1800 // the PRD's 30 minutes; more is held to it
	// linkBytes keeps a QR at version 12 or below at level M, which is 3 whole
	// pixels a module on the smallest panel (240 pixels wide).
	linkBytes = 287
)

// init answers POST /v1/payment/init.
func (a *API) init(c *gin.Context) {
	encoded, req, err := readBody(c)
	if err != nil {
		a.fail(c, err)
		return
	}
	merchantID, _ := req.text("merchantId")
	// Life of a payment, step 2: `payapi` verifies and decides.
	by, err := a.verify(c, merchantID, encoded, route(c))
	if err != nil {
		a.fail(c, err)
		return
	}
	d, err := a.readInit(c, by, req)
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

// readInit makes the checks in the documented order: merchant, store,
// terminal, ids, then the rest in the order of the field list.
func (a *API) readInit(c *gin.Context, by signer, req object) (decide.Init, error) {
	var none decide.Init
	terminal, err := a.readTerminal(by, req)
	if err != nil {
		return none, err
	}
	transactionID, err := readTransactionID(req)
	if err != nil {
		return none, err
	}
	orderID, ok := req.text("orderId")
	if !ok || !protocol.ValidID(orderID, protocol.MaxIDLength) {
		return none, badRequest("orderId", "must be 1 to 64 letters, digits, _ or -")
	}
	if err := readSolution(by.merchant, terminal, req); err != nil {
		return none, err
	}
	amount, set, ok := req.whole("amount")
	paise := protocol.Paise(amount)
	if !ok {
		return none, badRequest("amount", "must be a whole number of paise")
	}
	if !set || paise < quote.MinPaise || paise > quote.LimitPaise {
		return none, refuse(CodeInvalidAmount, "")
	}
	seconds, set, ok := req.whole("expiresIn")
	switch {
	case !ok || set && seconds < 1:
		return none, badRequest("expiresIn", "must be a whole number of seconds, at least 1")
	case !set:
		seconds = defaultExpiresIn
	case seconds > maxExpiresIn:
		seconds = maxExpiresIn
	}
	callbackURL, mode, err := a.readCallback(c, by.merchant)
	if err != nil {
		return none, err
	}
	p := payment.Payment{
		ID: payment.FormatID(uuid.Must(uuid.NewV7())), Key: payment.Key{MerchantID: by.merchant.ID, TransactionID: transactionID},
		StoreID: terminal.StoreID, TerminalID: terminal.TerminalID, OrderID: orderID, Amount: paise,
		Solution: payment.DQRDevice, Payee: by.merchant.Payee,
		CallbackURL: callbackURL, CallbackMode: mode, Signer: by.owner, SignerIndex: by.index,
	}
	lives := time.Duration(seconds) * time.Second
	if p.QR, err = a.link(by.merchant, p, lives); err != nil {
		return none, err
	}
	return decide.Init{Payment: p, ExpiresIn: lives, Actor: "pos:" + by.owner}, nil
}

// readTerminal finds the merchant's terminal.
func (a *API) readTerminal(by signer, req object) (merchant.Terminal, error) {
	var none merchant.Terminal
	dir := a.Directory()
	if !by.known || !by.merchant.Active {
		return none, refuse(CodeInvalidMerchant, "")
	}
	storeID, _ := req.text("storeId")
	if store, ok := dir.Store(by.merchant.ID, storeID); !ok || !store.Active {
		return none, refuse(CodeInvalidStore, "")
	}
	terminalID, _ := req.text("terminalId")
	t, ok := dir.Terminal(protocol.Identity{MerchantID: by.merchant.ID, StoreID: storeID, TerminalID: terminalID})
	if !ok || !t.Active {
		return none, refuse(CodeInvalidTerminal, "")
	}
	return t, nil
}

// readTransactionID reads merchantTransactionId, or transactionId as some
// clients call it.
func readTransactionID(req object) (string, error) {
	name := "merchantTransactionId"
	if _, ok := req[name]; !ok {
		name = "transactionId"
	}
	id, ok := req.text(name)
	if !ok || !protocol.ValidID(id, maxTransactionID) {
		return "", refuse(CodeInvalidTransaction, "")
	}
	return id, nil
}

// readSolution accepts what this merchant may ask of this terminal. A missing
// solutionType with an integrationMappingType means EDC.
func readSolution(m merchant.Merchant, t merchant.Terminal, req object) error {
	solution, ok := req.text("solutionType")
	if _, mapping := req["integrationMappingType"]; ok && solution == "" && mapping {
		solution = "EDC"
	}
	switch {
	case ok && (solution == "DQR_DEVICE" || solution == "DQR"):
		if !m.DQR {
			return refuse(CodeSolutionNotEnabled, "")
		}
	case ok && solution == "EDC":
		// No merchant can be enabled for EDC yet.
		return refuse(CodeSolutionNotEnabled, "")
	default:
		return badRequest("solutionType", "must be EDC or DQR_DEVICE")
	}
	if !t.Integrated {
		return refuse(CodeTerminalStandalone, "")
	}
	return nil
}

// readCallback reads X-CALLBACK-URL, which wins over the registered URL, and
// X-CALL-MODE.
func (a *API) readCallback(c *gin.Context, m merchant.Merchant) (callbackURL, mode string, err error) {
	mode = strings.ToUpper(c.GetHeader("X-CALL-MODE"))
	switch mode {
	case "":
		mode = http.MethodPost
	case http.MethodPost, http.MethodPut:
	default:
		return "", "", badRequest("X-CALL-MODE", "must be POST or PUT")
	}
	callbackURL = c.GetHeader("X-CALLBACK-URL")
	if callbackURL == "" {
		return m.CallbackURL, mode, nil
	}
	if err := m.CheckCallbackURL(callbackURL, a.Sandbox); err != nil {
		return "", "", badRequest("X-CALLBACK-URL", err.Error())
	}
	return callbackURL, mode, nil
}

// link builds and signs the QR's upi://pay link (upi-switch: The QR and the
// payee). Its times are this machine's, for the customer's app to show; what
// counts is the payment's row.
func (a *API) link(m merchant.Merchant, p payment.Payment, lives time.Duration) (string, error) {
	now := time.Now().UTC().Truncate(time.Second)
	text, err := upiuri.Fit(upiuri.Link{
		Ver: "01", Mode: upiuri.ModeDynamic, PA: string(m.Payee), PN: m.Name, MC: m.MCC, TR: p.ID,
		AM: p.Amount, MAM: p.Amount, CU: "INR", MID: m.ID, MSID: p.StoreID, MTID: p.TerminalID,
		OrgID: a.OrgID, QRts: now, QRexpire: now.Add(lives),
	}, a.LinkKey, upiuri.MaxBytes(linkBytes))
	if err != nil {
		return "", err
	}
	return text, nil
}
