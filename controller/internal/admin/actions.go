package admin

import (
	"slices"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
)

// Callback is a notice to a merchant as it is shown.
type Callback struct {
	EventID    string `json:"eventId"`
	PaymentID  string `json:"paymentId"`
	MerchantID string `json:"merchantId"`
	// URL is without its query, which may hold a secret.
	URL       string    `json:"url,omitempty"`
	Method    string    `json:"method,omitempty"`
	State     string    `json:"state"`
	Attempts  int64     `json:"attempts"`
	CreatedAt time.Time `json:"createdAt"`
	// DueAt is when it is sent next; only while it is pending.
	DueAt *time.Time `json:"dueAt,omitempty"`
	// Log is the delivery log; nil in a list.
	Log []CallbackAttempt `json:"log,omitempty"`
}

// CallbackAttempt is a line of a callback's delivery log as it is shown.
type CallbackAttempt struct {
	Attempt    int64      `json:"attempt"`
	StartedAt  time.Time  `json:"startedAt"`
	FinishedAt *time.Time `json:"finishedAt,omitempty"`
	Result     string     `json:"result,omitempty"`
	HTTPStatus int64      `json:"httpStatus,omitempty"`
	Error      string     `json:"error,omitempty"`
	TookMs     int64      `json:"tookMs"`
}

// Resend asks for callbacks to be sent again.
type Resend struct {
	// Since is the earliest time that one was made at, in RFC 3339; it must be
	// given. Until is the first that is not taken.
	Since      string `json:"since"`
	Until      string `json:"until"`
	MerchantID string `json:"merchantId"`
	// State is "pending", "delivered", "all", or "dead", which is meant by "".
	State string `json:"state"`
	// After is the Next of an answer that did not take all.
	After string `json:"after"`
}

// Resent is what was sent again.
type Resent struct {
	Resent int `json:"resent"`
	// Next is what to ask for as after where there are more.
	Next string `json:"next,omitempty"`
}

// EnrolmentCode is a code that one device may enrol with, once.
type EnrolmentCode struct {
	Code      string    `json:"code"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// Force does what would else be refused because it is early.
type Force struct {
	Force bool `json:"force"`
}

// maxResend is how many callbacks one request sends again.
const maxResend = 10 * journal.MaxCallbacks

// callbackStates are the states that a list may ask for.
func callbackStates() []string {
	return []string{"", journal.CallbackPending, journal.CallbackDelivered, journal.CallbackDead, journal.CallbackNone}
}

func viewCallback(r journal.CallbackRow) Callback {
	v := Callback{
		EventID: r.EventID, PaymentID: r.PaymentID, MerchantID: r.MerchantID, URL: shownURL(r.URL), Method: r.Method,
		State: r.State, Attempts: r.Attempts, CreatedAt: r.CreatedAt.UTC(),
	}
	if r.State == journal.CallbackPending {
		v.DueAt = shown(r.DueAt)
	}
	return v
}

func (c *checks) callbackCursor(text string) {
	if text != "" {
		_, err := journal.ParseCallbackCursor(text)
		c.that(err == nil, "after", "must be the next of the page before")
	}
}

func (c *checks) optionalID(field, value string, max int) {
	c.that(value == "" || protocol.ValidID(value, max), field, "is no id")
}

func (a *API) listCallbacks(r *request) (any, error) {
	after, limit, err := r.place()
	if err != nil {
		return nil, err
	}
	var c checks
	q := journal.CallbackQuery{
		MerchantID: r.Query("merchantId"), PaymentID: r.Query("paymentId"), State: r.Query("state"),
		Since: c.instant("since", r.Query("since")), Until: c.instant("until", r.Query("until")), After: after, Limit: limit + 1,
	}
	c.optionalID("merchantId", q.MerchantID, protocol.MaxIDLength)
	c.optionalID("paymentId", q.PaymentID, maxPaymentID)
	c.that(slices.Contains(callbackStates(), q.State), "state", "must be pending, delivered, dead or none")
	if c.callbackCursor(after); c.err != nil {
		return nil, c.err
	}
	rows, err := a.Callbacks.Callbacks(r.ctx, q)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, limit, viewCallback, journal.CallbackRow.Cursor), nil
}

// maxPaymentID bounds ids of payments and of their callbacks.
const maxPaymentID = 128

// callback finds the callback that the path names.
func (a *API) callback(r *request) (journal.CallbackRow, error) {
	id := r.Param("id")
	if !protocol.ValidID(id, maxPaymentID) {
		return journal.CallbackRow{}, NotFound("such callback")
	}
	rows, err := a.Callbacks.Callbacks(r.ctx, journal.CallbackQuery{EventID: id, Limit: 1})
	if err != nil {
		return journal.CallbackRow{}, err
	}
	if len(rows) == 0 {
		return journal.CallbackRow{}, NotFound("callback " + id)
	}
	return rows[0], nil
}

func (a *API) showCallback(r *request) (any, error) {
	row, err := a.callback(r)
	if err != nil {
		return nil, err
	}
	attempts, err := a.Callbacks.CallbackAttempts(r.ctx, row.EventID)
	if err != nil {
		return nil, err
	}
	v := viewCallback(row)
	for _, t := range attempts {
		v.Log = append(v.Log, CallbackAttempt{
			t.Attempt, t.StartedAt.UTC(), shown(t.FinishedAt), t.Result, t.HTTPStatus, t.Error, t.Took.Milliseconds(),
		})
	}
	return v, nil
}

func (a *API) resendCallback(r *request) (any, error) {
	row, err := a.callback(r)
	if err != nil {
		return nil, err
	}
	if row.State == journal.CallbackNone {
		return nil, Conflict("The callback has no URL to be sent to.")
	}
	if err := a.Service.Note(r.ctx, r.by, "callback.resend", row.EventID, nil); err != nil {
		return nil, err
	}
	n, err := a.Callbacks.ResendCallbacks(r.ctx, journal.CallbackQuery{EventID: row.EventID, Limit: 1})
	return Resent{Resent: n}, err
}

// resendCallbacks takes the callbacks of a range a page at a time: those that
// were sent again are of the range still.
func (a *API) resendCallbacks(r *request) (any, error) {
	in, err := read[Resend](r)
	if err != nil {
		return nil, err
	}
	var c checks
	c.that(in.Since != "", "since", "must be given")
	q := journal.CallbackQuery{
		MerchantID: in.MerchantID, State: in.State, Since: c.instant("since", in.Since), Until: c.instant("until", in.Until),
		After: in.After, Limit: journal.MaxCallbacks,
	}
	c.optionalID("merchantId", in.MerchantID, protocol.MaxIDLength)
	c.that(slices.Contains([]string{"", "pending", "delivered", "dead", "all"}, in.State), "state", "must be dead, pending, delivered or all")
	if c.callbackCursor(in.After); c.err != nil {
		return nil, c.err
	}
	switch in.State {
	case "":
		q.State = journal.CallbackDead
	case "all":
		q.State = ""
	}
	if err := a.Service.Note(r.ctx, r.by, "callback.resend", "since "+in.Since, in); err != nil {
		return nil, err
	}
	var done Resent
	for taken := 0; taken < maxResend; taken += journal.MaxCallbacks {
		rows, err := a.Callbacks.Callbacks(r.ctx, q)
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			return done, nil
		}
		again := q
		again.After, again.EventIDs = "", nil
		for _, row := range rows {
			again.EventIDs = append(again.EventIDs, row.EventID)
		}
		n, err := a.Callbacks.ResendCallbacks(r.ctx, again)
		if err != nil {
			return nil, err
		}
		done.Resent += n
		q.After = rows[len(rows)-1].Cursor()
		if len(rows) < journal.MaxCallbacks {
			return done, nil
		}
	}
	done.Next = q.After
	return done, nil
}

func (a *API) enrolmentCode(r *request) (any, error) {
	t, err := a.Service.Terminal(r.ctx, r.terminal())
	if err != nil {
		return nil, err
	}
	if !t.Active {
		return nil, Conflict("The terminal is disabled: enable it first.")
	}
	if err := a.Service.Note(r.ctx, r.by, "terminal.enrolment-code", terminalPath(r.terminal()), nil); err != nil {
		return nil, err
	}
	code, expires, err := a.Enrolment.NewCode(r.ctx, r.terminal(), r.by.Actor)
	return EnrolmentCode{Code: code, ExpiresAt: expires.UTC()}, err
}

func (a *API) revokeTerminal(r *request) (any, error) {
	if _, err := a.Service.Terminal(r.ctx, r.terminal()); err != nil {
		return nil, err
	}
	if err := a.Service.Note(r.ctx, r.by, "terminal.revoke", terminalPath(r.terminal()), nil); err != nil {
		return nil, err
	}
	if err := a.Enrolment.Unenrol(r.ctx, r.terminal(), r.by.Actor); err != nil {
		return nil, err
	}
	return a.Service.Terminal(r.ctx, r.terminal())
}

func (a *API) listSigningKeys(r *request) (any, error) {
	all, err := a.SigningKeys.List(r.ctx)
	return Page[SigningKey]{Items: append([]SigningKey{}, all...)}, err
}

func (a *API) createSigningKey(r *request) (any, error) {
	if err := a.Service.Note(r.ctx, r.by, "signing-key.create", "next", nil); err != nil {
		return nil, err
	}
	return a.SigningKeys.Create(r.ctx, r.by.Actor)
}

func (a *API) rotateSigningKey(r *request) (any, error) {
	in, err := readOptional[Force](r)
	if err != nil {
		return nil, err
	}
	if err := a.Service.Note(r.ctx, r.by, "signing-key.rotate", "next", in); err != nil {
		return nil, err
	}
	return a.SigningKeys.Rotate(r.ctx, r.by.Actor, in.Force)
}

func (a *API) retireSigningKey(r *request) (any, error) {
	in, err := readOptional[Force](r)
	if err != nil {
		return nil, err
	}
	id := r.Param("id")
	if !protocol.ValidID(id, protocol.MaxIDLength) {
		return nil, NotFound("such signing key")
	}
	if err := a.Service.Note(r.ctx, r.by, "signing-key.retire", id, in); err != nil {
		return nil, err
	}
	return a.SigningKeys.Retire(r.ctx, id, r.by.Actor, in.Force)
}

func (a *API) listPayments(r *request) (any, error) {
	after, limit, err := r.place()
	if err != nil {
		return nil, err
	}
	q := PaymentQuery{MerchantID: r.Query("merchantId"), State: r.Query("state"), After: after, Limit: limit + 1}
	var c checks
	c.optionalID("merchantId", q.MerchantID, protocol.MaxIDLength)
	c.optionalID("state", q.State, MaxID)
	c.optionalID("after", q.After, maxPaymentID)
	if c.err != nil {
		return nil, c.err
	}
	rows, err := a.Payments.List(r.ctx, q)
	return pageOf(rows, limit, func(p Payment) Payment { return p }, func(p Payment) string { return p.ID }), err
}

func (a *API) showPayment(r *request) (any, error) {
	id := r.Param("id")
	if !protocol.ValidID(id, maxPaymentID) {
		return nil, NotFound("such payment")
	}
	return a.Payments.Show(r.ctx, id)
}

func (a *API) resolvePayment(r *request) (any, error) {
	evidence, err := read[Evidence](r)
	if err != nil {
		return nil, err
	}
	if err := evidence.Check(); err != nil {
		return nil, err
	}
	p, err := a.showPayment(r)
	if err != nil {
		return nil, err
	}
	id := p.(Payment).ID
	if err := a.Service.Note(r.ctx, r.by, "payment.resolve", id, evidence); err != nil {
		return nil, err
	}
	return a.Payments.Resolve(r.ctx, id, evidence, r.by.Actor)
}
