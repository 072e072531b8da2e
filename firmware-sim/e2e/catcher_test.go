package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/protocol/xverify"
)

// catcher is a merchant's server: it checks every callback's X-VERIFY, by the
// key that signed the request.
type catcher struct {
	*httptest.Server
	mu      sync.Mutex
	down    bool
	signers map[string]signer // by transaction id; else the sandbox merchant
	got     []caught
	bad     []string
}

type caught struct {
	event string
	data  data
}

func newCatcher(t testing.TB) *catcher {
	c := &catcher{signers: map[string]signer{}}
	c.Server = httptest.NewServer(http.HandlerFunc(c.catch))
	t.Cleanup(c.Close)
	return c
}

// expect says who has signed the request that a callback will be about.
func (c *catcher) expect(id string, by signer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.signers[id] = by
}

func (c *catcher) catch(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	d, err := c.read(r)
	if err != nil {
		c.bad = append(c.bad, err.Error())
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.got = append(c.got, caught{r.Header.Get("X-Galla-Event-Id"), d})
}

func (c *catcher) read(r *http.Request) (data, error) {
	var body struct{ Response string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return data{}, err
	}
	text, err := base64.StdEncoding.DecodeString(body.Response)
	if err != nil {
		return data{}, err
	}
	var answer struct {
		Code string
		Data data
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return data{}, err
	}
	d := answer.Data
	if d.Status == "" { // v3
		d.Status = answer.Code
	}
	by, known := c.signers[d.TransactionID]
	if !known {
		by = merchant(merchantID)
	}
	if r.Header.Get("X-VERIFY") != xverify.Header(body.Response, "", by.secret, by.index) {
		return data{}, fmt.Errorf("%s: X-VERIFY %s is wrong", d.TransactionID, r.Header.Get("X-VERIFY"))
	}
	return d, nil
}

// tally says how often a payment's end was told. More than one time is right
// (S11: twice, never zero), but then with one event id and one truth.
func (c *catcher) tally(ts *testscript.TestScript, id, status string) (seen string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.bad) > 0 {
		ts.Fatalf("callbacks that do not verify: %v", c.bad)
	}
	event := ""
	for _, got := range c.got {
		if got.data.TransactionID != id {
			continue
		}
		if n++; got.data.Status != status || event != "" && got.event != event {
			ts.Fatalf("callback of %s says %s (event %s, before %s)", id, got.data.Status, got.event, event)
		}
		event = got.event
	}
	return fmt.Sprint(c.got), n
}

// catcherCommand makes the commands catcher down|up and desk down|up.
func catcherCommand(which func(*house) *catcher) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 1 || args[0] != "down" && args[0] != "up" {
			ts.Fatalf("usage: catcher|desk down|up")
		}
		c := which(of(ts))
		c.mu.Lock()
		c.down = args[0] == "down"
		c.mu.Unlock()
	}
}

// callbacksCommand makes the commands callbacks ID STATUS [TIMES] and forwarded
// ID STATUS [TIMES]: they wait until the payment's end was told, at least so
// often.
func callbacksCommand(which func(*house) *catcher) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < 2 || len(args) > 3 {
			ts.Fatalf("usage: callbacks|forwarded ID STATUS [TIMES]")
		}
		times := 1
		if len(args) == 3 {
			times = count(ts, args[2])
		}
		h := of(ts)
		until(ts, h.controller, "callback of "+args[0], func(context.Context) (string, bool) {
			seen, n := which(h).tally(ts, args[0], args[1])
			return seen, n >= times
		})
	}
}

func (h *house) merchantServer() *catcher { return h.catcher }
func (h *house) deskServer() *catcher     { return h.desk }
