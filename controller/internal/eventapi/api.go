// Package eventapi is the front door for a merchant's own events: what the
// callbacks say, to be asked for instead of being sent. It is for whoever has no
// address that the controller could call, above all a POS developer
// (galla-controller listen).
//
//	GET /v1/events?after=CURSOR&limit=50&wait=30 [ours]
//
// A request is signed as every GET of the payment API is: X-VERIFY over the path
// /v1/events and the salt key of the merchant that X-MERCHANT-ID names, or of the
// provider of X-PROVIDER-ID who is mapped to that merchant (phonepe-api: Wire
// rules). The query is no part of what is signed, and X-VERIFY does not change
// from one request to the next: whoever gets hold of the header can read the
// feed until the key is rotated. It needs TLS as much as a password does.
//
// Nothing is missed by following the cursors, and nothing comes twice: an event
// is shown only when none can appear before it (journal.CallbackFeed). The
// answer's events carry the method, body and headers of the callback, made at
// this moment, whether it was delivered, is waiting, was given up, or has no URL
// to go to.
//
// Only the wiring of the controller calls this package. It is a door: it knows
// neither SQL nor another door, and is given what it needs as the functions of
// Config. A request that waits holds no connection to the database.
package eventapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/retention"
)

// Path is the door's one route, as it is signed.
const Path = "/v1/events"

// The headers that name who asks.
const (
	HeaderMerchant = "X-MERCHANT-ID"
	HeaderProvider = "X-PROVIDER-ID"
)

// Feed is what this door reads.
type Feed interface {
	// CallbackFeed is what follows a cursor among a merchant's callbacks.
	CallbackFeed(ctx context.Context, merchantID, after string, limit int) (journal.CallbackFeed, error)
	// CallbackHorizon is the time before which no callback can appear any more.
	CallbackHorizon(ctx context.Context) (time.Time, error)
}

// Config is what the door needs. All but Allow must be given.
type Config struct {
	Feed      Feed
	Directory func() *merchant.Directory
	// Verify checks X-VERIFY of a GET of path for the merchant, or for the
	// provider that X-PROVIDER-ID names. Whatever its error, the answer is one
	// and the same.
	Verify func(c *gin.Context, merchantID, path string) error
	// Compose makes a callback's header and body.
	Compose func(ctx context.Context, eventID, paymentID string, at time.Time) (http.Header, []byte, error)
	// Allow says whether the merchant, who has proved who it is, may ask now, and
	// if not, when. It may be nil.
	Allow func(merchantID string) (retryAfter time.Duration, ok bool)
	Log   *slog.Logger
}

// API is the door. Make it with New; Register puts its route on an engine.
type API struct {
	cfg     Config
	waiting waiting

	stopOnce sync.Once
	stopped  chan struct{}
}

// New makes the door.
func New(c Config) *API {
	return &API{cfg: c, waiting: waiting{byMerchant: map[string]map[chan struct{}]bool{}}, stopped: make(chan struct{})}
}

// Register adds the door's route.
func (a *API) Register(r gin.IRouter) { r.GET(Path, a.events) }

// Committed tells the door that events of a merchant have been committed: who
// waits for them is answered at once. It never blocks. What it is not told, such
// as the commits of other controllers, the door finds within seconds.
func (a *API) Committed(merchantID string) { a.waiting.wake(merchantID) }

// Stop ends all waiting, now and later, so that a server can shut down: those who
// wait are answered with what there is.
func (a *API) Stop() { a.stopOnce.Do(func() { close(a.stopped) }) }

// event is one callback, as it would be sent.
type event struct {
	Cursor    string            `json:"cursor"`
	EventID   string            `json:"eventId"`
	CreatedAt int64             `json:"createdAt"` // epoch milliseconds
	Method    string            `json:"method"`
	Body      string            `json:"body"` // to the byte: its X-VERIFY is over what stands in it
	Headers   map[string]string `json:"headers"`
}

// page is the data of an answer.
type page struct {
	// After is the place behind which these stand: the cursor that was asked
	// about, or that of the time or the beginning that was.
	After  string  `json:"after"`
	Events []event `json:"events"`
	// Next is what to ask for after these, also where there are none.
	Next string `json:"next"`
}

// events answers GET /v1/events.
func (a *API) events(c *gin.Context) {
	merchantID, err := a.whoAsks(c)
	if err != nil {
		a.fail(c, err)
		return
	}
	q, err := parseQuery(c.Request.URL.RawQuery)
	if err != nil {
		a.fail(c, err)
		return
	}
	p, err := a.page(c.Request.Context(), merchantID, q)
	if err != nil {
		a.fail(c, err)
		return
	}
	a.answer(c, CodeSuccess, "", p)
}

// whoAsks returns the merchant whose feed the caller may read.
func (a *API) whoAsks(c *gin.Context) (string, error) {
	names := c.Request.Header.Values(HeaderMerchant)
	if len(names) != 1 || names[0] == "" {
		return "", badRequest("the header " + HeaderMerchant + " must name the merchant, once")
	}
	id := names[0]
	if err := a.cfg.Verify(c, id, Path); err != nil {
		return "", refusal{code: CodeUnauthorized}
	}
	if m, ok := a.cfg.Directory().Merchant(id); !ok || !m.Active {
		return "", refusal{code: CodeInvalidMerchant}
	}
	if a.cfg.Allow != nil {
		if wait, ok := a.cfg.Allow(id); !ok {
			return "", refusal{code: CodeTooMany, retryAfter: wait}
		}
	}
	return id, nil
}

// page waits for events as long as it may, and makes them.
func (a *API) page(ctx context.Context, merchantID string, q query) (page, error) {
	after := q.after
	if q.fromNow {
		dbCtx, cancel := context.WithTimeout(ctx, dbTimeout)
		defer cancel()
		horizon, err := a.cfg.Feed.CallbackHorizon(dbCtx)
		if err != nil {
			return page{}, err
		}
		after = journal.CallbackCursor{At: horizon.Add(-q.since)}.String()
	}
	feed, err := a.await(ctx, merchantID, after, q)
	if err != nil {
		return page{}, err
	}
	if after == "" {
		after = journal.CallbackCursor{}.String()
	}
	p := page{After: after, Events: []event{}, Next: after}
	began := time.Now()
	for _, row := range feed.Rows {
		if len(p.Events) > 0 && time.Since(began) > composeTime {
			break // the rest is for the next request
		}
		header, body, err := a.cfg.Compose(ctx, row.EventID, row.PaymentID, feed.Now)
		if err != nil {
			// What comes before it can be had; it stays where it is.
			a.cfg.Log.Error("an event of a feed cannot be made", "merchant", merchantID, "event", row.EventID, "error", err)
			if len(p.Events) > 0 {
				break
			}
			return page{}, err
		}
		e := event{Cursor: row.Cursor(), EventID: row.EventID, CreatedAt: row.CreatedAt.UnixMilli(), Method: row.Method,
			Body: string(body), Headers: map[string]string{}}
		if e.Method == "" {
			e.Method = http.MethodPost
		}
		for name, values := range header {
			e.Headers[name] = values[0]
		}
		p.Events, p.Next = append(p.Events, e), e.Cursor
	}
	return p, nil
}

// fail turns an error into the answer that the caller gets. It is the only place
// that does; an error that it does not know loses its text here.
func (a *API) fail(c *gin.Context, err error) {
	var r refusal
	var archived *retention.ArchivedError
	switch {
	case errors.As(err, &r):
	case errors.As(err, &archived):
		r = badRequest(archived.Error()).(refusal)
	case errors.Is(err, journal.ErrCallbackQuery):
		r = badRequest("after is no cursor that was given out").(refusal)
	case c.Request.Context().Err() != nil:
		c.Abort() // nobody is there to be answered
		return
	case errors.Is(err, journal.ErrAway), errors.Is(err, context.DeadlineExceeded):
		r = refusal{code: CodeInternal, status: http.StatusServiceUnavailable, retryAfter: time.Second}
	default:
		a.cfg.Log.Error("request failed", "route", c.FullPath(), "requestId", c.GetString("requestId"), "error", err)
		r = refusal{code: CodeInternal}
	}
	if r.retryAfter > 0 {
		c.Header("Retry-After", seconds(r.retryAfter))
	}
	a.write(c, r.status, r.code, r.text, nil)
}

func (a *API) answer(c *gin.Context, code Code, text string, data any) {
	a.write(c, 0, code, text, data)
}

func (a *API) write(c *gin.Context, status int, code Code, text string, data any) {
	row := code.row()
	if status == 0 {
		status = row.HTTPStatus
	}
	if text == "" {
		text = row.Message
	}
	body, err := json.Marshal(struct {
		Success bool   `json:"success"`
		Code    Code   `json:"code"`
		Message string `json:"message"`
		Data    any    `json:"data"`
	}{code == CodeSuccess, code, text, data})
	if err != nil {
		c.Status(http.StatusInternalServerError)
		return
	}
	c.Set(codeKey, string(code))
	c.Header("Cache-Control", "no-store")
	c.Data(status, "application/json; charset=utf-8", body)
}
