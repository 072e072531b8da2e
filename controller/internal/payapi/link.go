package payapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol/upiuri"
)

// linkBytes keeps a QR at version 12 or below at level M, which is 3 whole
// pixels a module on the smallest panel (240 pixels wide).
const linkBytes = 287

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
