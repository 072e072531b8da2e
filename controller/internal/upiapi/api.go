// Package upiapi is the front door for the UPI network: ReqValQr, ReqPay,
// ReqChkTxn and ReqCollectResult as XML over HTTP (upi-switch; PRD 3.6, 5, 8;
// package network says what a collect request is), in the PRD's dialect or in
// NPCI's (package upixml). It reads and verifies a message, submits one decision
// to the journal, and answers in the PRD's codes, whose one table is
// decide.Codes.
//
// The steps of PRD 5.1, 5.2 and 5.3 are comments here and in package decide, each
// once, in the PRD's numbers: what needs no lock is done here.
package upiapi

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/gather"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/recall"
	"github.com/galla-pay/galla/controller/internal/risk"
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
	// Promises finds what was promised by quotes, each by its token. Those that do
	// not exist are left out, whatever their tokens are.
	Promises(ctx context.Context, tokens []string) (map[string]quote.Promise, error)
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
	// Settings are the operator's (PRD 7.1); zero means quote.Default.
	Settings quote.Settings
	// Timeout says who never answers in time.
	Timeout Timeout
	// Rate is what one unit of a currency costs, and Markup what is added to it in
	// basis points. nil: rupees alone are taken.
	Rate   func(ctx context.Context, currency string) (quote.Rate, error)
	Markup int64
	// Judge asks the risk rules; nil: there are none.
	Judge func(ctx context.Context, phase risk.Phase, on Subject) (*risk.Verdict, error)
	// Later: the rules are asked of a validation after its answer, unless one of
	// them can refuse it or lower its limit (PRD 7.2, dynamic_qr_async_processing).
	Later bool
	// Sandbox: some messages may come unsigned, and DeclinedPayer is declined.
	Sandbox bool
	Log     *slog.Logger
	// Sign signs every answer but those to messages that the sandbox takes
	// unsigned; nil signs none.
	Sign func(doc []byte) ([]byte, error)
	// Certificate is that of the key by which we sign, in PEM, for the network to
	// fetch; nil where there is none.
	Certificate []byte
	// Metrics may be nil.
	Metrics Metrics
	// Traced, where it is set, is told of every ReqValQr, ReqPay and ReqChkTxn that
	// was decided: what it was answered, which payment it is about, "" where there is
	// none, and when it came. It must not block.
	Traced func(message string, code decide.Code, paymentID string, began time.Time)
}

// recalled is how many promises at least a door remembers, of some 150 bytes each.
const recalled = 1 << 14

// Timeout is a payee who never answers in time (PRD 5.3).
type Timeout struct {
	Payee protocol.VPA  // TIMEOUT_VPA; "" for nobody
	After time.Duration // TIMEOUT_DURATION_SECONDS
	// End is the decision that ends the wait.
	End func(decide.Hold) decide.TimedOut
}

// Subject is whom and what the risk rules are asked about.
type Subject struct {
	Payer  protocol.VPA // "" at a validation, which names none
	Payee  decide.PayeeFacts
	Amount protocol.Paise
}

// Metrics is told what the door does.
type Metrics interface {
	// UPIAnswered: a message was answered with a code.
	UPIAnswered(message, code string, took time.Duration)
	// UPIResult: a payment that reached the acquirer ended as SUCCESS, FAILED or
	// TIMEOUT.
	UPIResult(result string)
	// UPIHeld: so many messages are held now.
	UPIHeld(n int)
}

// API is the door. Register puts its routes on an engine; Run answers the
// messages that it holds.
type API struct {
	Config
	holder *holder
	pinned upixml.Pinned
	// known is what this door promised lately; what another controller did is
	// asked for.
	known    *recall.Memory[string, quote.Promise] // by token
	promises *gather.Gather[string, quote.Promise] // by token
}

// New makes the door.
func New(c Config) *API {
	if c.Settings == (quote.Settings{}) {
		c.Settings = quote.Default()
	}
	if c.Metrics == nil {
		c.Metrics = unmeasured{}
	}
	return &API{Config: c, holder: newHolder(c), known: recall.New[string, quote.Promise](recalled), promises: gather.New(func(ctx context.Context, tokens []string) ([]quote.Promise, error) {
		found, err := c.Reader.Promises(ctx, tokens)
		promises := make([]quote.Promise, len(tokens))
		for i, token := range tokens {
			promises[i] = found[token]
		}
		return promises, err
	})}
}

func (c *Config) traced(message string, code decide.Code, paymentID string, began time.Time) {
	if c.Traced != nil {
		c.Traced(message, code, paymentID, began)
	}
}

type unmeasured struct{}

func (unmeasured) UPIAnswered(string, string, time.Duration) {}
func (unmeasured) UPIResult(string)                          {}
func (unmeasured) UPIHeld(int)                               {}

// Run answers the messages that are held, until ctx ends. Then their senders are
// left without an answer, as by a power cut: they ask ReqChkTxn.
func (a *API) Run(ctx context.Context) { a.holder.run(ctx) }

// Register adds the door's routes.
func (a *API) Register(r gin.IRouter) {
	r.POST("/api/v1/dynamic-qr/validate", a.validate)
	r.POST("/api/v1/dynamic-qr/pay", a.pay)
	r.POST("/api/v1/dynamic-qr/check", a.check)
	r.POST("/api/v1/collect/result", a.collectResult)
	if a.Certificate != nil {
		r.GET("/api/v1/dynamic-qr/certificate", a.certificate)
	}
}

// read returns the whole message, or an error that is answered BR.
func read(c *gin.Context) ([]byte, error) {
	// Room for what the sender says that comes, and for the end of it to be seen.
	room := min(max(c.Request.ContentLength, 0), MaxBody) + bytes.MinRead
	doc := bytes.NewBuffer(make([]byte, 0, room))
	if _, err := doc.ReadFrom(http.MaxBytesReader(c.Writer, c.Request.Body, MaxBody)); err != nil {
		return nil, &upixml.Error{Code: string(decide.CodeBadRequest), Message: "the message is larger than 64 KiB or was cut off"}
	}
	return doc.Bytes(), nil
}

// verified reads the part of doc that may be believed: what its organisation signed,
// or all of it, which was read already, where an unsigned message will do. Nothing
// else is used from there on.
func verified[M any](a *API, c *gin.Context, doc []byte, orgID string, message M, parse func([]byte) (M, error)) (M, error) {
	signed, err := a.verify(c, doc, orgID)
	if err != nil || c.GetBool(unsignedKey) {
		return message, err
	}
	return parse(signed)
}

// verify returns the part of doc that may be believed: what its organisation
// signed, or all of it where an unsigned message will do. Anything else is ZF.
func (a *API) verify(c *gin.Context, doc []byte, orgID string) ([]byte, error) {
	org, known := a.Directory().Organisation(orgID)
	if !known {
		return nil, badSignature("the organisation is not known here")
	}
	if !upixml.HasSignature(doc) {
		if a.Sandbox && org.Unsigned {
			c.Set(unsignedKey, true)
			return doc, nil
		}
		return nil, badSignature("the message must be signed")
	}
	return a.pinned.Verify(doc, org.Certificates, time.Now())
}

func badSignature(message string) error {
	return &upixml.Error{Code: string(decide.CodeBadSignature), Message: message}
}

// payee looks a VPA up.
func (a *API) payee(vpa protocol.VPA) decide.PayeeFacts {
	return decide.FactsOf(a.Directory(), vpa)
}

// failure is how a message is answered that came to no decision. Ids and dialect
// are as far as they could be read.
type failure struct {
	code         decide.Code
	status       int
	message      string
	msgID, txnID string
	dialect      upixml.Dialect
}

// failed makes it of an error, of what was read of the message before; it is the
// only place that does. An error that it does not know is ours and loses its
// text.
func (a *API) failed(c *gin.Context, err error, msgID, txnID string, dialect upixml.Dialect) failure {
	f := failure{msgID: msgID, txnID: txnID, dialect: dialect}
	var refused *upixml.Error
	if errors.As(err, &refused) {
		f.code, f.message = decide.Code(refused.Code), refused.Message
		f.status = f.code.HTTPStatus()
		if refused.MsgID != "" {
			f.msgID, f.txnID = refused.MsgID, refused.TxnID
		}
		f.dialect = cmp.Or(refused.Dialect, dialect)
		return f
	}
	f.code = decide.CodeInternalError
	f.status, f.message = f.code.HTTPStatus(), f.code.Meaning()
	switch {
	case errors.Is(err, journal.ErrBusy), errors.Is(err, journal.ErrUnavailable),
		errors.Is(err, journal.ErrAway), errors.Is(err, journal.ErrClosed):
		c.Header("Retry-After", "1")
		f.status = http.StatusServiceUnavailable
	default:
		a.Log.Error("message failed", "route", c.FullPath(), "requestId", c.GetString("requestId"), "error", err)
	}
	return f
}

// answerID names an answer in NPCI's dialect; the PRD's has no such name.
func answerID(d upixml.Dialect) string {
	if d != upixml.DialectNPCI {
		return ""
	}
	return "GALLA" + strings.ToUpper(strings.ReplaceAll(uuid.NewString(), "-", ""))[:30]
}

// contentType is that of every message.
const contentType = "application/xml; charset=utf-8"

// unsignedKey is where a request's context says that it came unsigned and was
// taken: then its answer is not signed either, and is what the PRD prints. The
// answer to a ReqCollectResult, which the PRD does not know, always is.
const unsignedKey = "upiapi.unsigned"

// answer writes a message, signed where we have a key. One that cannot be signed
// is not sent: its sender asks again.
func (a *API) answer(c *gin.Context, began time.Time, message string, code decide.Code, status int, body []byte) {
	a.Metrics.UPIAnswered(message, string(code), time.Since(began))
	if a.Sign != nil && !c.GetBool(unsignedKey) {
		signed, err := a.Sign(body)
		if err != nil {
			a.Log.Error("an answer could not be signed", "route", c.FullPath(), "requestId", c.GetString("requestId"), "error", err)
			c.Status(http.StatusInternalServerError)
			return
		}
		body = signed
	}
	c.Data(status, contentType, body)
}
