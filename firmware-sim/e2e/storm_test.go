package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/protocol/xverify"
)

// stormCommand: storm PREFIX term|kill asks for payments on all sides and stops
// the controller in the middle, in good order or not. Started again, it must
// know every payment that it said SUCCESS to; and of those that were not
// answered, each is there once or not at all.
func stormCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: storm PREFIX term|kill")
	}
	h := of(ts)
	sig := map[string]syscall.Signal{"term": syscall.SIGTERM, "kill": syscall.SIGKILL}[args[1]]
	var mu sync.Mutex
	var promised, unknown []string
	var answers atomic.Int64
	enough := make(chan struct{})
	var all sync.WaitGroup
	for worker := range 16 {
		all.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%s-%d-%d", args[0], worker, n)
				status, answer := h.ask(id)
				mu.Lock()
				switch {
				case status == 0: // the connection broke, or nobody listens any more
					unknown = append(unknown, id)
					mu.Unlock()
					return
				case status == 200:
					promised = append(promised, id)
				case status != 503:
					ts.Logf("%s: %d %s", id, status, answer)
				}
				mu.Unlock()
				if answers.Add(1) == 400 {
					close(enough)
				}
			}
		})
	}
	<-enough
	ts.Check(h.controller.stop(sig))
	all.Wait()
	h.startController(ts)
	found := 0
	for _, id := range append(promised, unknown...) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		d, body := askStatus(ctx, h, id)
		cancel()
		if d.Status != "" {
			found++
		} else if !slices.Contains(unknown, id) {
			ts.Fatalf("%s was promised and is lost: %s", id, body)
		}
		// It was made once: asking again is refused if and only if it is there.
		status, answer := 0, ""
		until(ts, h.controller, id+" is answered", func(context.Context) (string, bool) {
			status, answer = h.ask(id)
			return answer, status != http.StatusServiceUnavailable
		})
		if (status == 409) != (d.Status != "") {
			ts.Fatalf("%s is %q, and asked again it answers %d %s", id, d.Status, status, answer)
		}
	}
	ts.Logf("%d promised, %d unknown, %d found", len(promised), len(unknown), found)
	if sig == syscall.SIGTERM && len(promised) < 400 {
		ts.Fatalf("only %d were promised before the stop", len(promised))
	}
}

// ask posts an init; status 0 means that no answer came.
func (h *house) ask(id string) (status int, answer string) {
	payload, err := json.Marshal(map[string]any{
		"storeId": "teststore1", "merchantId": merchantID, "terminalId": "testterminal1",
		"merchantTransactionId": id, "orderId": "order1", "amount": 100, "solutionType": "DQR_DEVICE",
	})
	if err != nil {
		return 0, err.Error()
	}
	encoded := xverify.EncodeBody(payload)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return post(ctx, h.url()+initPath, `{"request":"`+encoded+`"}`, "X-VERIFY", xverify.Header(encoded, initPath, saltKey, 1))
}
