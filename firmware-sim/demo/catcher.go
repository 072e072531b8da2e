package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/galla-pay/galla/firmware-sim/magic"
	"github.com/galla-pay/galla/firmware-sim/terminal/web"
	"github.com/galla-pay/galla/protocol/xverify"
)

// callbackLimit bounds a callback's body.
const callbackLimit = 64 << 10

// Callback is one callback that arrived and whose signature is good.
type Callback struct {
	EventID string
	Status  Status
}

// Catcher is the merchant's server: it takes callbacks and believes only those
// that are signed with the merchant's key.
type Catcher struct {
	timeline *Timeline

	mu      sync.Mutex
	got     map[string][]Callback // by merchantTransactionId, in the order they came
	refused int
	changed chan struct{}

	// With magic the server behaves as the tail of a payment's amount says; late is
	// for how long it takes no callback of LateCallback.
	magic bool
	late  time.Duration
	first map[string]time.Time // when the first try came, by merchantTransactionId
}

// callbackLate is how long the merchant's server lets a late callback wait
// (terminal-ux: the 60-second demo).
const callbackLate = 30 * time.Second

func NewCatcher(timeline *Timeline) *Catcher {
	return &Catcher{
		timeline: timeline, got: map[string][]Callback{}, changed: make(chan struct{}),
		late: callbackLate, first: map[string]time.Time{},
	}
}

// Got returns the callbacks of one payment, and a channel that is closed when
// any other arrives.
func (c *Catcher) Got(transactionID string) ([]Callback, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Callback(nil), c.got[transactionID]...), c.changed
}

// Refused counts the callbacks that were not believed.
func (c *Catcher) Refused() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}

// ServeHTTP takes one callback: 200 when it is believed, 401 UNVERIFIED when
// its checksum is not ours, 400 BAD_VALUE when it is not a callback.
func (c *Catcher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	callback, err := readCallback(http.MaxBytesReader(w, r.Body, callbackLimit), r.Header)
	if err != nil {
		c.mu.Lock()
		c.refused++
		c.mu.Unlock()
		c.timeline.Add(whoCallback, "", "refused: %v", err)
		status, code := http.StatusBadRequest, web.CodeBadValue
		if errors.Is(err, errUnverified) {
			status, code = http.StatusUnauthorized, web.CodeUnverified
		}
		web.Fail(w, status, code, err.Error())
		return
	}
	if c.misbehaves(w, r, callback) {
		return
	}
	c.take(callback)
	web.JSON(w, http.StatusOK, struct {
		Received bool `json:"received"`
	}{true})
}

// take keeps a callback.
func (c *Catcher) take(callback Callback) {
	c.mu.Lock()
	id := callback.Status.MerchantTransactionID
	c.got[id] = append(c.got[id], callback)
	try := len(c.got[id])
	close(c.changed)
	c.changed = make(chan struct{})
	c.mu.Unlock()
	again := ""
	if try > 1 {
		again = fmt.Sprintf(", number %d", try)
	}
	c.timeline.Add(whoCallback, id, "received: %s %s, event %s, X-VERIFY good%s",
		callback.Status.Status, callback.Status.Amount, callback.EventID, again)
}

// misbehaves does to a callback what the payment's amount says, and reports
// whether that was all that is done with it.
func (c *Catcher) misbehaves(w http.ResponseWriter, r *http.Request, callback Callback) bool {
	b, ok := magic.Of(callback.Status.Amount)
	if !c.magic || !ok || b.Actor != magic.Merchant {
		return false
	}
	id := callback.Status.MerchantTransactionID
	c.mu.Lock()
	began, again := c.first[id]
	if !again {
		began = time.Now()
		c.first[id] = began
	}
	c.mu.Unlock()
	switch {
	case b.Tail == magic.LateCallback:
		return !c.holdBack(r.Context(), id, began)
	case b.Tail == magic.CallbackTwice && !again:
		c.take(callback)
		c.timeline.Add(whoCallback, id, "the answer is lost")
		panic(http.ErrAbortHandler) // the connection breaks
	case b.Tail == magic.CallbackFails && !again:
		c.timeline.Add(whoCallback, id, "is answered 500")
		web.Fail(w, http.StatusInternalServerError, "INTERNAL", "the merchant's server fails once")
		return true
	}
	return false
}

// holdBack keeps a callback waiting until c.late has passed since the first; it
// reports false when the sender gave up before.
func (c *Catcher) holdBack(ctx context.Context, id string, began time.Time) bool {
	left := c.late - time.Since(began)
	if left <= 0 {
		return true
	}
	c.timeline.Add(whoCallback, id, "keeps the sender waiting")
	wait := time.NewTimer(left)
	defer wait.Stop()
	select {
	case <-wait.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// errUnverified says that a callback is not signed with the merchant's key.
var errUnverified = errors.New("the callback's X-VERIFY is not made with the merchant's key")

// readCallback checks and reads a callback (phonepe-api: Callback): the
// checksum is over response + key, without a path.
func readCallback(body io.Reader, header http.Header) (Callback, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return Callback{}, fmt.Errorf("callback: %w", err)
	}
	var outer struct {
		Response string `json:"response"`
	}
	if err := json.Unmarshal(text, &outer); err != nil || outer.Response == "" {
		return Callback{}, errors.New(`callback: the body is not {"response": "..."}`)
	}
	sum, index, err := xverify.Parse(header.Get("X-VERIFY"))
	if err != nil || index != sandboxIndex || !xverify.Check(sum, outer.Response, "", sandboxKey) {
		return Callback{}, errUnverified
	}
	inner, err := xverify.DecodeBody(outer.Response)
	if err != nil {
		return Callback{}, fmt.Errorf("callback: response: %w", err)
	}
	var answer envelope
	if err := json.Unmarshal(inner, &answer); err != nil {
		return Callback{}, fmt.Errorf("callback: response: %w", err)
	}
	callback := Callback{EventID: header.Get("X-Galla-Event-Id")}
	if err := json.Unmarshal(answer.Data, &callback.Status); err != nil {
		return Callback{}, fmt.Errorf("callback: data: %w", err)
	}
	switch {
	case callback.EventID == "":
		return Callback{}, errors.New("callback: no X-Galla-Event-Id")
	case callback.Status.MerchantTransactionID == "":
		return Callback{}, errors.New("callback: no merchantTransactionId")
	case !callback.Status.Final():
		return Callback{}, fmt.Errorf("callback: status %q is not final", callback.Status.Status)
	}
	return callback, nil
}
