package payapi

import (
	"encoding/json"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

const (
	maxTransactionID3 = 37 // v3 paths: "less than 38 characters"
	// collectExpiresIn is a collect request's life where it names none, and the
	// longest: 30 days (phonepe-api: Collect).
	collectExpiresIn = 30 * 24 * 3600
	maxText          = 256 // characters of a message or name
)

// qrInit answers POST /v3/qr/init: a QR that the POS draws itself.
func (a *API) qrInit(c *gin.Context) {
	by, req, ok := a.signedBody(c)
	if !ok {
		return
	}
	p, err := a.read3(c, by, req, false)
	if err == nil {
		p.Solution = payment.QRString
		if !by.merchant.DQR {
			err = refuse(CodeSolutionNotEnabled, "")
		} else if !a.payableByQR(p.Amount) {
			err = refuse(CodeInvalidAmount, "")
		}
	}
	for _, name := range []string{"gstBreakup", "invoiceDetails"} {
		if raw, given := req[name]; err == nil && given && !isObject(raw) {
			err = badRequest(name, "must be an object")
		}
	}
	var lives time.Duration
	if err == nil {
		lives, err = readExpiresIn(req, defaultExpiresIn, a.qrLives())
	}
	if err == nil {
		p.QR, err = a.link(by.merchant, p, lives)
	}
	a.init3(c, by, p, lives, err, func(p payment.Payment) gin.H { return gin.H{"qrString": p.QR} })
}

// charge answers POST /v3/charge: a collect request to the customer's UPI app.
func (a *API) charge(c *gin.Context) {
	by, req, ok := a.signedBody(c)
	if !ok {
		return
	}
	p, err := a.read3(c, by, req, true)
	if err == nil {
		p.Solution = payment.Collect
		err = readInstrument(req, &p)
	}
	for _, name := range []string{"email", "shortName"} {
		if _, ok := req.text(name); err == nil && !ok {
			err = badRequest(name, "must be a text")
		}
	}
	var lives time.Duration
	if err == nil {
		lives, err = readExpiresIn(req, collectExpiresIn, collectExpiresIn)
	}
	a.init3(c, by, p, lives, err, func(payment.Payment) gin.H { return nil })
}

// init3 submits an init of a v3 route and answers it.
func (a *API) init3(c *gin.Context, by signer, p payment.Payment, lives time.Duration, err error, more func(payment.Payment) gin.H) {
	if err == nil {
		p.Trace = a.trace(c, p)
		p, err = journal.Do(c.Request.Context(), a.Journal, decide.Init{Payment: p, ExpiresIn: lives, Actor: "pos:" + by.owner})
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	data := gin.H{
		"merchantId": p.MerchantID, "transactionId": p.TransactionID, "amount": p.Amount, "providerReferenceId": p.ID,
	}
	for name, value := range more(p) {
		data[name] = value
	}
	a.succeed(c, data)
}

// read3 reads what the v3 inits have in common, in the order merchant, store,
// ids, the rest. Store and terminal are optional: no terminal is asked to do
// anything. Where merchantOrderId is not needed, it is by default the transaction
// id.
func (a *API) read3(c *gin.Context, by signer, req object, orderNeeded bool) (payment.Payment, error) {
	p := payment.Payment{
		ID: payment.FormatID(uuid.Must(uuid.NewV7())), Payee: by.merchant.Payee, Signer: by.owner, SignerIndex: by.index,
	}
	p.MerchantID = by.merchant.ID
	if !by.known || !by.merchant.Active {
		return p, refuse(CodeInvalidMerchant, "")
	}
	var ok bool
	if p.StoreID, ok = req.text("storeId"); !ok {
		return p, refuse(CodeInvalidStore, "")
	}
	if store, known := a.Directory().Store(p.MerchantID, p.StoreID); p.StoreID != "" && (!known || !store.Active) {
		return p, refuse(CodeInvalidStore, "")
	}
	if p.ContextTerminal, ok = req.text("terminalId"); !ok || p.ContextTerminal != "" && !protocol.ValidID(p.ContextTerminal, protocol.MaxIDLength) {
		return p, refuse(CodeInvalidTerminal, "")
	}
	var err error
	if p.TransactionID, err = readTransactionID(req, maxTransactionID3, "transactionId"); err != nil {
		return p, err
	}
	if p.OrderID, ok = req.text("merchantOrderId"); ok && p.OrderID == "" && !orderNeeded {
		p.OrderID = p.TransactionID
	}
	if !ok || !protocol.ValidID(p.OrderID, protocol.MaxIDLength) {
		return p, badRequest("merchantOrderId", "must be 1 to 64 letters, digits, _ or -")
	}
	if p.Amount, err = readAmount(req); err != nil {
		return p, err
	}
	if p.SubMerchantID, ok = req.text("subMerchantId"); !ok || p.SubMerchantID != "" && !protocol.ValidID(p.SubMerchantID, protocol.MaxIDLength) {
		return p, badRequest("subMerchantId", "must be of letters, digits, _ or -")
	}
	if p.Message, ok = req.text("message"); !ok || len(p.Message) > maxText || hasControl(p.Message) {
		return p, badRequest("message", "must be a text of at most 256 bytes")
	}
	p.CallbackURL, p.CallbackMode, err = a.readCallback(c, by.merchant)
	return p, err
}

// readInstrument reads whom a collect request goes to.
func readInstrument(req object, p *payment.Payment) error {
	by, ok := req.text("instrumentType")
	if !ok || by != "VPA" && by != "MOBILE" {
		return badRequest("instrumentType", "must be VPA or MOBILE")
	}
	to, ok := req.text("instrumentReference")
	switch {
	case !ok:
		return badRequest("instrumentReference", "must be a text")
	case by == "VPA" && !protocol.VPA(to).Valid():
		return badRequest("instrumentReference", "must be a VPA, like name@bank")
	case by == "MOBILE" && !isMobile(to):
		return badRequest("instrumentReference", "must be a mobile number of 10 digits")
	}
	p.CollectBy, p.CollectFrom = by, protocol.VPA(to)
	return nil
}

func isMobile(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) == 10
}

func isObject(raw json.RawMessage) bool {
	return len(raw) > 0 && raw[0] == '{' || string(raw) == "null"
}

func hasControl(s string) bool {
	for _, c := range s {
		if c < ' ' || c == 0x7f {
			return true
		}
	}
	return false
}

// remind answers POST /v3/charge/{merchantId}/{id}/remind.
func (a *API) remind(c *gin.Context) {
	merchantID, id := c.Param("merchantId"), c.Param("id")
	_, err := a.verify(c, merchantID, "", route(c))
	if err == nil && !protocol.ValidID(id, protocol.MaxIDLength) {
		err = refuse(CodeInvalidTransaction, "")
	}
	var p payment.Payment
	if err == nil {
		p, err = journal.Do(c.Request.Context(), a.Journal, decide.Remind{
			Key: payment.Key{MerchantID: merchantID, TransactionID: id}, ID: uuid.NewString(),
		})
	}
	if err == nil && p.State.Final() {
		err = cancelRefusal(decide.Cancelled{Payment: p})
	}
	if err != nil {
		a.fail(c, err)
		return
	}
	a.succeed(c, gin.H{
		"merchantId": p.MerchantID, "transactionId": p.TransactionID, "amount": p.Amount, "providerReferenceId": p.ID,
	})
}
