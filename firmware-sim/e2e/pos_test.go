package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/xverify"
)

const (
	merchantID = "MERCHANTUAT"
	saltKey    = "sandbox-merchant-key"
	initPath   = "/v1/payment/init"
)

// posCommand: pos ID RUPEES [storeId=..] [terminalId=..] [expiresIn=..]
// [code=..] asks for money as a POS does, with the catcher as callback URL.
func posCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: pos ID RUPEES [field=value...]")
	}
	h := of(ts)
	amount, err := protocol.ParseRupees(args[1])
	ts.Check(err)
	payload := map[string]any{
		"storeId": "teststore1", "merchantId": merchantID, "terminalId": "testterminal1",
		"merchantTransactionId": args[0], "orderId": "order1", "amount": amount, "solutionType": "DQR_DEVICE", "expiresIn": 180,
	}
	code := "SUCCESS"
	for _, arg := range args[2:] {
		key, value, _ := strings.Cut(arg, "=")
		if key == "code" {
			code = value
			continue
		}
		payload[key] = value
	}
	body, err := json.Marshal(payload)
	ts.Check(err)
	encoded := xverify.EncodeBody(body)
	status, answer := post(context.Background(), h.url()+initPath, `{"request":"`+encoded+`"}`,
		"X-VERIFY", xverify.Header(encoded, initPath, saltKey, 1), "X-CALLBACK-URL", h.catcher.URL)
	var got struct{ Code string }
	if err := json.Unmarshal([]byte(answer), &got); err != nil || got.Code != code {
		ts.Fatalf("init: %d %s, want code %s", status, answer, code)
	}
}

// data is a status answer's.
type data struct {
	MerchantTransactionID string
	Status                string
	ResponseCode          string
	Amount                protocol.Paise
	ReferenceNumber       string
}

func askStatus(ctx context.Context, h *house, id string) (data, string) {
	path := "/v1/payment/" + merchantID + "/" + id + "/status"
	_, body := get(ctx, h.url()+path, "X-VERIFY", xverify.Header("", path, saltKey, 1))
	var a struct {
		Success bool
		Data    data
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil || !a.Success {
		return data{}, body
	}
	return a.Data, body
}

// statusCommand: status ID STATUS [RESPONSECODE] waits until the status API
// says so.
func statusCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status ID STATUS [RESPONSECODE]")
	}
	h := of(ts)
	until(ts, h.controller, "status "+strings.Join(args, " "), func(ctx context.Context) (string, bool) {
		d, body := askStatus(ctx, h, args[0])
		return body, d.Status == args[1] && (len(args) == 2 || d.ResponseCode == args[2])
	})
}

// catcher is the merchant's server: it checks every callback's X-VERIFY.
type catcher struct {
	*httptest.Server
	mu   sync.Mutex
	down bool
	got  []caught
	bad  []string
}

type caught struct {
	event string
	data  data
}

func newCatcher(t testing.TB) *catcher {
	c := &catcher{}
	c.Server = httptest.NewServer(http.HandlerFunc(c.catch))
	t.Cleanup(c.Close)
	return c
}

func (c *catcher) catch(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	var body struct{ Response string }
	err := json.NewDecoder(r.Body).Decode(&body)
	if err == nil && r.Header.Get("X-VERIFY") != xverify.Header(body.Response, "", saltKey, 1) {
		err = fmt.Errorf("X-VERIFY %s is wrong", r.Header.Get("X-VERIFY"))
	}
	text, decodeErr := base64.StdEncoding.DecodeString(body.Response)
	var answer struct{ Data data }
	if err == nil {
		err = decodeErr
	}
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil {
		c.bad = append(c.bad, err.Error())
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.got = append(c.got, caught{r.Header.Get("X-Galla-Event-Id"), answer.Data})
}

// catcherCommand: catcher down | up.
func catcherCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: catcher down|up")
	}
	c := of(ts).catcher
	c.mu.Lock()
	c.down = args[0] == "down"
	c.mu.Unlock()
}

// callbacksCommand: callbacks ID STATUS waits for the payment's callback. More
// than one may come (S11: twice, never zero), but then with one event id and
// one truth.
func callbacksCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: callbacks ID STATUS")
	}
	h := of(ts)
	until(ts, h.controller, "callback of "+args[0], func(context.Context) (string, bool) {
		h.catcher.mu.Lock()
		defer h.catcher.mu.Unlock()
		if len(h.catcher.bad) > 0 {
			ts.Fatalf("callbacks that do not verify: %v", h.catcher.bad)
		}
		event, n := "", 0
		for _, got := range h.catcher.got {
			if got.data.MerchantTransactionID != args[0] {
				continue
			}
			if n++; got.data.Status != args[1] || event != "" && got.event != event {
				ts.Fatalf("callback of %s says %s (event %s, before %s)", args[0], got.data.Status, got.event, event)
			}
			event = got.event
		}
		return fmt.Sprint(h.catcher.got), n > 0
	})
}
