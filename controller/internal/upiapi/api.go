// Package upiapi is the front door for the UPI network: ReqValQr, ReqPay and
// ReqCollectResult as XML over HTTP (upi-switch; PRD 3.6, 5, 8; package network
// says what a collect request is). It reads and verifies a message, submits one
// decision to the journal, and answers in the PRD's codes, whose one table is
// decide.Codes.
package upiapi

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/upixml"
	"github.com/galla-pay/galla/protocol"
)

// MaxBody is the largest message, in bytes (upi-switch: Messages).
const MaxBody = 64 << 10

// Reader is what this door reads: references that never change.
type Reader interface {
	// PaymentByID finds a payment by our id; journal.ErrNotFound when there is
	// none.
	PaymentByID(ctx context.Context, id string) (payment.Payment, error)
	// Quote finds a quote by its token; journal.ErrNotFound when there is none.
	Quote(ctx context.Context, token string) (quote.Quote, error)
}

// Config is what the door needs.
type Config struct {
	Journal   *journal.Journal
	Reader    Reader
	Directory func() *merchant.Directory
	// LinkKey verifies the links of our own QRs.
	LinkKey *ecdsa.PublicKey
	// OrgID is the organisation of a ReqPay whose token we do not know
	// (PRD 7.1, DYNAMIC_ORG_ID).
	OrgID string
	// Sandbox: some messages may come unsigned, and DeclinedPayer is declined.
	Sandbox bool
	Log     *slog.Logger
	// Sign signs the answers to ReqCollectResult; nil leaves them unsigned.
	Sign func(doc []byte) ([]byte, error)
	// Certificate is that of the key by which we sign, in PEM, for the network to
	// fetch; nil where there is none.
	Certificate []byte
	// Answered is told every answer's message and code; it may be nil.
	Answered func(message string, code decide.Code)
}

// API is the door. Register puts its routes on an engine.
type API struct{ Config }

// New makes the door.
func New(c Config) *API {
	if c.Answered == nil {
		c.Answered = func(string, decide.Code) {}
	}
	return &API{c}
}

// Register adds the door's routes.
func (a *API) Register(r gin.IRouter) {
	r.POST("/api/v1/dynamic-qr/validate", a.validate)
	r.POST("/api/v1/dynamic-qr/pay", a.pay)
	r.POST("/api/v1/collect/result", a.collectResult)
	if a.Certificate != nil {
		r.GET("/api/v1/dynamic-qr/certificate", a.certificate)
	}
}

// read returns the whole message, or an error that is answered BR.
func read(c *gin.Context) ([]byte, error) {
	doc, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, MaxBody))
	if err != nil {
		return nil, &upixml.Error{Code: string(decide.CodeBadRequest), Message: "the message is larger than 64 KiB or was cut off"}
	}
	return doc, nil
}

// verify returns the part of doc that may be believed: what its organisation
// signed, or all of it where an unsigned message will do. Anything else is ZF.
func (a *API) verify(doc []byte, orgID string) ([]byte, error) {
	org, known := a.Directory().Organisation(orgID)
	if !known {
		return nil, badSignature("the organisation is not known here")
	}
	if !upixml.HasSignature(doc) {
		if a.Sandbox && org.Unsigned {
			return doc, nil
		}
		return nil, badSignature("the message must be signed")
	}
	return upixml.Verify(doc, upixml.Certificates(org.Certificates), time.Now())
}

func badSignature(message string) error {
	return &upixml.Error{Code: string(decide.CodeBadSignature), Message: message}
}

// payee looks a VPA up.
func (a *API) payee(vpa protocol.VPA) decide.PayeeFacts {
	dir := a.Directory()
	p, ok := dir.Payee(vpa)
	if !ok {
		return decide.PayeeFacts{}
	}
	m, ok := dir.Merchant(p.MerchantID)
	return decide.PayeeFacts{Found: ok, Payee: p, Merchant: m}
}

// failure is how an error is answered; it is the only place that decides. An
// error that it does not know is ours and loses its text.
func (a *API) failure(c *gin.Context, err error) (code decide.Code, status int, message, msgID, txnID string) {
	var refused *upixml.Error
	if errors.As(err, &refused) {
		code = decide.Code(refused.Code)
		return code, code.HTTPStatus(), refused.Message, refused.MsgID, refused.TxnID
	}
	code = decide.CodeInternalError
	status = code.HTTPStatus()
	switch {
	case errors.Is(err, journal.ErrBusy), errors.Is(err, journal.ErrUnavailable), errors.Is(err, journal.ErrClosed):
		c.Header("Retry-After", "1")
		status = http.StatusServiceUnavailable
	default:
		a.Log.Error("message failed", "route", c.FullPath(), "requestId", c.GetString("requestId"), "error", err)
	}
	return code, status, code.Meaning(), "", ""
}

func write(c *gin.Context, status int, body []byte) {
	c.Data(status, "application/xml; charset=utf-8", body)
}
