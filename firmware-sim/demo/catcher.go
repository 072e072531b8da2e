package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

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

// catcher is the merchant's server: it takes callbacks and believes only those
// that are signed with the merchant's key.
type catcher struct {
	timeline *Timeline

	mu      sync.Mutex
	got     map[string][]Callback // by merchantTransactionId, in the order they came
	refused int
	changed chan struct{}
}

func newCatcher(timeline *Timeline) *catcher {
	return &catcher{timeline: timeline, got: map[string][]Callback{}, changed: make(chan struct{})}
}

// Got returns the callbacks of one payment, and a channel that is closed when
// any other arrives.
func (c *catcher) Got(transactionID string) ([]Callback, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Callback(nil), c.got[transactionID]...), c.changed
}

// Refused counts the callbacks that were not believed.
func (c *catcher) Refused() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}

// ServeHTTP takes one callback: 200 when it is believed, 401 UNVERIFIED when
// its checksum is not ours, 400 BAD_VALUE when it is not a callback.
func (c *catcher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
	web.JSON(w, http.StatusOK, struct {
		Received bool `json:"received"`
	}{true})
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
