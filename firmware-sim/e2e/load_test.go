package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/xverify"
)

// till is a POS that asks for money all the time, without a pause for anything.
type till struct {
	stop chan struct{}
	done chan struct{}

	mu      sync.Mutex
	at      *terminal // where each sale must come on the glass; nil: nowhere
	by      signer
	taken   int
	refused []string
}

// tillCommand:
//
//	till NAME start [provider=ID]    begins to sell, where no terminal is on
//	till NAME start at=TERMINAL      begins to sell at a terminal, which must
//	                                 show every sale
//	till NAME key SECRET INDEX       signs with another key from now on
//	till NAME sells                  waits until it has sold ten times more
//	till NAME stop                   ends; no request of it may have been refused
func tillCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: till NAME start [provider=ID] | key SECRET INDEX | sells | stop")
	}
	h := of(ts)
	l := h.tills[args[0]]
	switch args[1] {
	case "start":
		l = &till{stop: make(chan struct{}), done: make(chan struct{})}
		flags := args[2:]
		if len(flags) > 0 && strings.HasPrefix(flags[0], "at=") {
			l.at, flags = h.terminal(ts, strings.TrimPrefix(flags[0], "at=")), flags[1:]
		}
		r := request{by: merchant(merchantID), payload: map[string]any{"merchantId": merchantID}}
		r.read(ts, flags)
		l.by = r.by
		h.tills[args[0]] = l
		go l.run(h, args[0])
		h.env.Defer(l.end)
	case "key":
		l.mu.Lock()
		l.by.secret, l.by.index = args[2], count(ts, args[3])
		l.mu.Unlock()
	case "sells":
		l.mu.Lock()
		want := l.taken + 10
		l.mu.Unlock()
		until(ts, h.controller, "till "+args[0]+" sells", func(context.Context) (string, bool) {
			l.mu.Lock()
			defer l.mu.Unlock()
			return fmt.Sprintf("%d sales, refused: %v", l.taken, l.refused), l.taken >= want
		})
	case "stop":
		l.end()
		if len(l.refused) > 0 {
			ts.Fatalf("till %s: %d sales, refused: %v", args[0], l.taken, l.refused)
		}
		ts.Logf("till %s: %d sales", args[0], l.taken)
	default:
		ts.Fatalf("till %s?", args[1])
	}
}

// end stops the till, if it has not been.
func (l *till) end() {
	l.mu.Lock()
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.mu.Unlock()
	<-l.done
}

// run sells, and asks for the status of each sale.
func (l *till) run(h *house, name string) {
	defer close(l.done)
	beat := time.NewTicker(20 * time.Millisecond)
	defer beat.Stop()
	for n := 0; ; n++ {
		id := fmt.Sprintf("till-%s-%d", name, n)
		l.mu.Lock()
		by := l.by
		l.mu.Unlock()
		h.catcher.expect(id, by)
		status := "/v1/payment/" + merchantID + "/" + id + "/status"
		sold, asked := h.sell(h.url(), id, by, l.at), h.signed(context.Background(), http.MethodGet, status, "", "", by)
		trouble := ""
		if l.at != nil && sold.code == "SUCCESS" {
			trouble = shows(l.at, id)
		}
		l.mu.Lock()
		for _, a := range []answer{sold, asked} {
			if a.code != "SUCCESS" {
				trouble = fmt.Sprintf("%s signed by %s's key %d: %d %s", id, by.provider, by.index, a.status, a.body)
			}
		}
		if l.taken++; trouble != "" {
			l.refused = append(l.refused, trouble)
		}
		l.mu.Unlock()
		select {
		case <-l.stop:
			return
		case <-beat.C:
		}
	}
}

// shows waits until a terminal shows a sale, and says what it shows instead.
func shows(tm *terminal, id string) (trouble string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for last := ""; ; {
		s, body := look(ctx, tm)
		switch {
		case s.Mode == "presenting" && s.MerchantTransactionID == id:
			return ""
		case ctx.Err() != nil:
			return id + " does not come on the glass: " + last
		}
		last = body
	}
}

// sell asks a controller for money at a terminal, or where none is on. One that is
// busy is asked again.
func (h *house) sell(base, id string, by signer, at *terminal) answer {
	body, err := offer(id, 100, at)
	if err != nil {
		return answer{body: err.Error()}
	}
	encoded := xverify.EncodeBody(body)
	return h.signedAt(context.Background(), base, http.MethodPost, initPath, encoded, `{"request":"`+encoded+`"}`, by)
}

// offerOnce asks a controller for money, once.
func (h *house) offerOnce(base, id string, price protocol.Paise, at *terminal) answer {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	body, err := offer(id, price, at)
	if err != nil {
		return answer{body: err.Error()}
	}
	encoded := xverify.EncodeBody(body)
	return h.once(ctx, base, http.MethodPost, initPath, encoded, `{"request":"`+encoded+`"}`, merchant(merchantID))
}

// offer is the request for money at a terminal, or where none is on.
func offer(id string, price protocol.Paise, at *terminal) ([]byte, error) {
	store, where := "MS2403212004046998204201", "MST2405301213090857163565"
	if at != nil {
		store, where = at.id.StoreID, at.id.TerminalID
	}
	return json.Marshal(map[string]any{
		"storeId": store, "merchantId": merchantID, "terminalId": where,
		"merchantTransactionId": id, "orderId": "order1", "amount": price, "solutionType": "DQR_DEVICE", "expiresIn": 300,
	})
}

// signsCommand: signs CODE [merchantId=ID] [provider=ID] [salt=SECRET] [index=N]
// waits until a request that is so signed is answered with the code: SUCCESS
// where the key may sign for the merchant, UNAUTHORIZED where it may not. How
// long a changed key or mapping takes to be known is in the log.
func signsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: signs CODE [merchantId=ID] [provider=ID] [salt=SECRET] [index=N]")
	}
	h := of(ts)
	r := request{by: merchant(merchantID), payload: map[string]any{"merchantId": merchantID}}
	r.read(ts, args[1:])
	path := fmt.Sprintf("/v1/payment/%s/unknown/status", r.payload["merchantId"])
	want := map[string]string{"SUCCESS": "INVALID_TRANSACTION_ID"}[args[0]]
	if want == "" {
		want = args[0]
	}
	began := time.Now()
	until(ts, h.controller, "a request is answered "+args[0], func(ctx context.Context) (string, bool) {
		a := h.signed(ctx, http.MethodGet, path, "", "", r.by)
		return a.body, a.code == want
	})
	ts.Logf("a request is answered %s after %v", args[0], time.Since(began).Round(time.Millisecond))
}
