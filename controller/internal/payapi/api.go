// Package payapi is the front door for billing POSes: the PhonePe-style payment
// API over HTTP (phonepe-api). It checks the form and the signature of a
// request, submits one decision to the journal, and answers in the API's own
// vocabulary, which is the one table of codes.go.
//
// It knows neither SQL nor another door, and nothing is published or called
// back from here.
package payapi

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
)

// MaxBody is the largest request body, in bytes; more is refused before
// anything is hashed (phonepe-api: Wire rules).
const MaxBody = 64 << 10

// Prefix is the deployment prefix that real clients' base URLs carry. It is
// stripped before hashing, and both forms are served.
const Prefix = "/enterprise-sandbox"

// Reader is what this door reads.
type Reader interface {
	// Payment finds a payment of the merchant by the merchant's id or by ours;
	// journal.ErrNotFound when there is none.
	Payment(ctx context.Context, merchantID, id string) (payment.Payment, error)
	// Payments finds payments; none where nothing fits.
	Payments(ctx context.Context, q journal.PaymentQuery) ([]payment.Payment, error)
	// CallbackHorizon is the time before which nothing can be committed any
	// more: what is read after it was asked holds all of before it.
	CallbackHorizon(ctx context.Context) (time.Time, error)
	// PaymentByID finds a payment by our id, Quote a quote by its token,
	// LatestQuote the latest one of a payment, and ReqPay what a token was spent
	// by; journal.ErrNotFound when there is none.
	PaymentByID(ctx context.Context, id string) (payment.Payment, error)
	Quote(ctx context.Context, token string) (quote.Quote, error)
	LatestQuote(ctx context.Context, paymentID string) (quote.Quote, error)
	ReqPay(ctx context.Context, key decide.TxnKey) (decide.ReqPay, error)
}

// Config is what the door needs.
type Config struct {
	Journal   *journal.Journal
	Reader    Reader
	Directory func() *merchant.Directory
	// LinkKey signs the QRs' links.
	LinkKey *ecdsa.PrivateKey
	// OrgID is our organisation in the QR's link (PRD 7.1, DYNAMIC_ORG_ID).
	OrgID string
	// Settings are the operator's of Dynamic QRs (PRD 7.1); zero means
	// quote.Default.
	Settings quote.Settings
	Sandbox  bool
	Log      *slog.Logger
	// Allow, where it is set, is asked once for each request of a merchant whose
	// signature is good; where it says no, the merchant is to wait that long.
	Allow func(merchantID string) (retryAfter time.Duration, ok bool)
	// Trace, where it is set, is told which payment the request of ctx makes, and
	// says what belongs into payment.Trace.
	Trace func(ctx context.Context, merchantID, paymentID string) string
}

// API is the door. Register puts its routes on an engine.
type API struct{ Config }

// New makes the door.
func New(c Config) *API {
	if c.Settings == (quote.Settings{}) {
		c.Settings = quote.Default()
	}
	return &API{c}
}

// trace is what belongs into the Trace of a payment that a request makes.
func (a *API) trace(c *gin.Context, p payment.Payment) string {
	if a.Trace == nil {
		return ""
	}
	return a.Trace(c.Request.Context(), p.MerchantID, p.ID)
}

// CodeKey is where an answer's code stands in its gin.Context, for the metrics.
const CodeKey = "code"

// Signing is what X-VERIFY of a route covers.
type Signing string

// What is signed.
const (
	SignsBody Signing = "body" // base64 payload + path
	SignsPath Signing = "path" // path alone
)

// Route is one route of the door.
type Route struct {
	Method, Path string
	Signs        Signing
	Summary      string
	handle       func(*API, *gin.Context)
}

// Routes are all routes of the door (phonepe-api: Endpoints). Paths are gin's.
func Routes() []Route {
	return []Route{
		{"POST", "/v1/payment/init", SignsBody, "Ask for a payment on a DQR display or an EDC terminal", (*API).init},
		{"POST", "/v1/edc/transaction/init", SignsBody, "Ask for a payment on an EDC terminal (older form)", (*API).edcInit},
		{"GET", "/v1/payment/:merchantId/:id/status", SignsPath, "How a payment stands", (*API).status},
		{"GET", "/v1/edc/transaction/:merchantId/:id/status", SignsPath, "How an EDC payment stands", (*API).status},
		{"POST", "/v1/edc/transaction/:merchantId/:id/status", SignsPath, "How an EDC payment stands (some clients post)", (*API).status},
		{"POST", "/v1/edc/transaction/status", SignsBody, "Find a terminal's payments by id or RRN", (*API).search},
		{"PUT", "/v1/payment/:merchantId/:id/cancel", SignsPath, "Take a payment request back", (*API).cancel},
		{"POST", "/v1/transactions/details", SignsBody, "Payments with settlement and refunds, page by page", (*API).recon},
		{"POST", "/v3/qr/init", SignsBody, "Ask for a QR to draw yourself", (*API).qrInit},
		{"POST", "/v3/qr/transaction/list", SignsBody, "The latest payments of a store", (*API).list},
		{"POST", "/v3/charge", SignsBody, "Send a collect request to a customer", (*API).charge},
		{"POST", "/v3/charge/:merchantId/:id/remind", SignsPath, "Remind the customer of a collect request", (*API).remind},
		{"POST", "/v3/charge/:merchantId/:id/cancel", SignsPath, "Take a collect request back", (*API).cancel},
		{"GET", "/v3/transaction/:merchantId/:id/status", SignsPath, "How a payment or refund stands", (*API).status3},
		{"GET", "/api/v1/dynamic-qr/:id", SignsPath, "A Dynamic QR, by token, tr or our payment id", (*API).dynamicQR},
		{"GET", "/api/v1/dynamic-qr/:id/status", SignsPath, "How the payment of a Dynamic QR stands", (*API).dynamicStatus},
		{"POST", "/v3/credit/backToSource", SignsBody, "Refund part or all of a payment", (*API).refund},
		{"POST", "/v3/credit/backToSource/", SignsBody, "The same; signed without the slash", (*API).refund},
	}
}

// Register adds the door's routes.
func (a *API) Register(r gin.IRouter) {
	for _, route := range Routes() {
		r.Handle(route.Method, route.Path, a.limit, func(c *gin.Context) { route.handle(a, c) })
	}
}

// StripPrefix serves h under Prefix as well, so that the routes, and with them
// the signed paths, are the same for both forms.
func StripPrefix(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.Path, Prefix); ok && strings.HasPrefix(rest, "/") {
			r = r.Clone(r.Context())
			r.URL.Path = rest
			r.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, Prefix)
		}
		h.ServeHTTP(w, r)
	})
}

// RequestID gives every answer an X-Request-Id, to name it by when asking for
// help.
func RequestID(c *gin.Context) {
	id := uuid.NewString()
	c.Set("requestId", id)
	c.Header("X-Request-Id", id)
	c.Next()
}

// NotFound answers a route that nobody has.
func NotFound(c *gin.Context) {
	writeCode(c, http.StatusNotFound, CodeBadRequest, "There is no "+c.Request.Method+" "+c.Request.URL.Path+" here.")
}

// MethodNotAllowed answers a route by another method.
func MethodNotAllowed(c *gin.Context) {
	writeCode(c, http.StatusMethodNotAllowed, CodeBadRequest, c.Request.URL.Path+" does not answer "+c.Request.Method+".")
}

// Recovered answers a request whose handler panicked.
func Recovered(c *gin.Context) {
	if !c.Writer.Written() {
		writeCode(c, 0, CodeInternal, "")
	}
	c.Abort()
}

// limit refuses a body above MaxBody before anybody hashes it.
func (a *API) limit(c *gin.Context) {
	if c.Request.ContentLength > MaxBody {
		a.refuse(c, tooLarge)
		c.Abort()
		return
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, MaxBody)
}

// fail turns an error into the answer that the POS gets. It is the only place
// that does; an error that it does not know loses its text here.
func (a *API) fail(c *gin.Context, err error) {
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		a.refuse(c, refused)
	case errors.Is(err, decide.ErrDuplicate):
		a.refuse(c, refuse(CodeDuplicate, ""))
	case errors.Is(err, decide.ErrNoTerminal):
		a.refuse(c, refuse(CodeInvalidTerminal, ""))
	case errors.Is(err, decide.ErrShortOrderUsed):
		a.refuse(c, refuse(CodeShortCodeUsed, ""))
	case errors.Is(err, journal.ErrNotFound), errors.Is(err, decide.ErrNoPayment):
		a.refuse(c, &Refusal{Code: CodeInvalidTransaction, unknown: true})
	case errors.Is(err, journal.ErrBusy), errors.Is(err, journal.ErrUnavailable),
		errors.Is(err, journal.ErrAway), errors.Is(err, journal.ErrClosed):
		c.Header("Retry-After", "1")
		a.refuse(c, &Refusal{Code: CodeInternal, HTTPStatus: http.StatusServiceUnavailable})
	case c.Request.Context().Err() != nil: // the POS has gone; it learns the end by status
		a.refuse(c, refuse(CodeInternal, ""))
	default:
		a.Log.Error("request failed", "route", c.FullPath(), "requestId", c.GetString("requestId"), "error", err)
		a.refuse(c, refuse(CodeInternal, ""))
	}
}

func (a *API) refuse(c *gin.Context, r *Refusal) {
	if isV3(c) {
		r = r.inV3()
	}
	if r.retryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(int(math.Ceil(r.retryAfter.Seconds()))))
	}
	if r.data != nil {
		writeEnvelope(c, r.status(), envelope{Code: r.Code, Message: r.message(), Data: r.data, hasData: true})
		return
	}
	if r.debug != nil && a.Sandbox {
		writeEnvelope(c, r.status(), envelope{Code: r.Code, Message: r.message(), Data: gin.H{"debug": r.debug}, hasData: true})
		return
	}
	writeCode(c, r.status(), r.Code, r.message())
}

func (a *API) succeed(c *gin.Context, data any) {
	writeEnvelope(c, http.StatusOK, envelope{
		Success: true, Code: CodeSuccess, Message: CodeSuccess.Message(), Data: data, hasData: true,
	})
}
