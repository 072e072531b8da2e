package upi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// peer is a small server, and an engine that sends to it.
type peer struct {
	*engine
	*unsigned
	server *httptest.Server
}

// newPeer answers each message by what answer does: it is given the message's
// element MsgID and whether it is a ReqPay.
func newPeer(t *testing.T, limit time.Duration, most int, answer func(w http.ResponseWriter, r *http.Request, msgID string, doc sentXML)) *peer {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		doc := sentXML{}
		for name, into := range map[string]*string{"MsgID": &doc.MsgID, "VerToken": &doc.VerToken, "PayeeAddr": &doc.PayeeAddr} {
			text, _ := element(body, name)
			*into = string(text)
		}
		answer(w, r, doc.MsgID, doc)
	}))
	t.Cleanup(server.Close)
	addr := server.Listener.Addr().String()
	u := newUnsigned(addr, time.Now(), dice())
	e, err := newEngine(addr, u, limit, most)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.close)
	return &peer{e, u, server}
}

func (p *peer) tokens(n int) {
	for i := range n {
		p.unsigned.got(newTestToken(i, uint8(i%len(payees))))
	}
}

func isPay(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/pay") }

func good(w io.Writer, msgID string, given token) {
	fmt.Fprintf(w, "<R>\n  <MsgID>%s</MsgID>\n  <Status>00</Status>\n  <VerToken>%s</VerToken>\n</R>", msgID, given.text)
}

// TestOpenLoop: a server that answers nothing until it has every request of the
// schedule gets them all, and each is charged with the wait: at least for the time
// from its own moment to that of the last.
func TestOpenLoop(t *testing.T) {
	t.Parallel()
	plan := newSchedule(2000, 100*time.Millisecond, poisson, dice())
	var all sync.WaitGroup
	all.Add(len(plan))
	p := newPeer(t, patience, len(plan), func(w http.ResponseWriter, _ *http.Request, msgID string, _ sentXML) {
		all.Done()
		all.Wait()
		good(w, msgID, token{})
	})
	p.tokens(len(plan))
	got, err := p.run(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	last := plan[len(plan)-1].at
	for k, o := range got.of {
		var least []time.Duration
		for _, a := range plan {
			if a.kind == kind(k) {
				least = append(least, last-a.at)
			}
		}
		slices.Sort(least)
		if o.good != o.arrivals || len(o.took) != len(least) {
			t.Fatalf("%s: %d of %d answered: %v", kind(k), o.good, o.arrivals, o.failures)
		}
		for i := range least {
			if o.took[i] < least[i] {
				t.Errorf("%s: the %d. shortest took %v, want %v and more", kind(k), i, o.took[i], least[i])
			}
		}
	}
	if got.opened != len(plan) || got.waited != 0 {
		t.Errorf("%d connections, %d requests waited for one", got.opened, got.waited)
	}
}

// TestSentLate: a request that is sent after its moment, here ten seconds, is charged
// with that, and it is told.
func TestSentLate(t *testing.T) {
	t.Parallel()
	p := newPeer(t, patience, 2, func(w http.ResponseWriter, _ *http.Request, msgID string, _ sentXML) { good(w, msgID, token{}) })
	plan := atOnce(10)
	for i := range plan {
		plan[i].at = -10 * time.Second
	}
	got, err := p.run(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if o := got.of[validate]; o.good != 10 || o.inTime != 0 || o.took[0] < 10*time.Second || len(got.late) != 10 || got.late[0] < 10*time.Second {
		t.Errorf("%+v, sent late by %v", o, got.late)
	}
}

// TestFewConnections: requests that find no connection wait for one, are counted as
// such, and go out in their order.
func TestFewConnections(t *testing.T) {
	t.Parallel()
	const n, most = 200, 3
	var mu sync.Mutex
	clients := map[string]bool{}
	p := newPeer(t, patience, most, func(w http.ResponseWriter, r *http.Request, msgID string, _ sentXML) {
		mu.Lock()
		clients[r.RemoteAddr] = true
		mu.Unlock()
		good(w, msgID, token{})
	})
	got, err := p.run(t.Context(), atOnce(n))
	if err != nil {
		t.Fatal(err)
	}
	if o := got.of[validate]; o.good != n || got.opened != most || got.waited != n-most || len(clients) != most {
		t.Errorf("%+v; %d connections, %d waited, %d clients", o.failures, got.opened, got.waited, len(clients))
	}
	if p.unsigned.tokens.len() != n {
		t.Errorf("%d tokens of %d", p.unsigned.tokens.len(), n)
	}
}

// TestCounts: whatever a server answers, or does in place of it, is counted under
// its name, each once, and the rest of the run goes on.
func TestCounts(t *testing.T) {
	t.Parallel()
	type answerer func(w http.ResponseWriter, msgID string)
	raw := func(text string) answerer {
		return func(w http.ResponseWriter, _ string) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}
	ways := []struct {
		counts string
		do     answerer
	}{
		{"", func(w http.ResponseWriter, id string) { good(w, id, token{}) }},
		{"", func(w http.ResponseWriter, id string) { // in chunks
			good(w, id, token{})
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "<!-- and no more -->")
		}},
		{"", func(w http.ResponseWriter, id string) {
			w.Header().Set("Connection", "close")
			good(w, id, token{})
		}},
		{"code ZD", func(w http.ResponseWriter, id string) {
			fmt.Fprintf(w, "<R><MsgID>%s</MsgID><Status>ZD</Status></R>", id)
		}},
		{"HTTP 503", func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusServiceUnavailable) }},
		{failOther, func(w http.ResponseWriter, id string) { good(w, strings.ToUpper(id), token{}) }},
		{failGarbage, func(w http.ResponseWriter, _ string) { _, _ = io.WriteString(w, "good day") }},
		{failGarbage, raw("220 smtp ready\r\n")},
		{failGarbage, raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nmore")},
		{failClosed, raw("")},
		{failClosed, raw("HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n<R>")},
	}
	var mu sync.Mutex
	next := 0
	var want [kinds]map[string]int
	for k := range want {
		want[k] = map[string]int{}
	}
	p := newPeer(t, patience, 64, func(w http.ResponseWriter, r *http.Request, msgID string, _ sentXML) {
		mu.Lock()
		way := ways[next%len(ways)]
		next++
		k := validate
		if isPay(r) {
			k = pay
		}
		want[k][way.counts]++
		mu.Unlock()
		way.do(w, msgID)
	})
	plan := newSchedule(4000, 250*time.Millisecond, even, dice())
	p.tokens(len(plan))
	got, err := p.run(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if got.counted() != len(plan) || next != len(plan) {
		t.Errorf("%d counted and %d sent of %d", got.counted(), next, len(plan))
	}
	for k, o := range got.of {
		o.failures[""] = o.good
		if !maps.Equal(o.failures, want[k]) || len(o.took) != o.arrivals {
			t.Errorf("%s: %v, want %v", kind(k), o.failures, want[k])
		}
	}
}

// TestNoAnswerInTime: a server that never answers ends no run, and every request has
// waited for the limit.
func TestNoAnswerInTime(t *testing.T) {
	t.Parallel()
	for _, most := range []int{4, 1000} { // most of the requests wait for a connection; none does
		p := newPeer(t, 50*time.Millisecond, most, func(_ http.ResponseWriter, r *http.Request, _ string, _ sentXML) {
			<-r.Context().Done() // until the engine gives it up
		})
		plan := newSchedule(2000, 100*time.Millisecond, even, dice())
		p.tokens(len(plan))
		got, err := p.run(t.Context(), plan)
		if err != nil {
			t.Fatal(err)
		}
		for k, o := range got.of {
			if o.failures[failLate] != o.arrivals || quantile(o.took, 0) != p.limit || quantile(o.took, 1) != p.limit {
				t.Errorf("%s: %v of %d", kind(k), o.failures, o.arrivals)
			}
		}
	}
}

// TestNobodyListens: each request fails and the run ends.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	e, err := newEngine(addr, newUnsigned(addr, time.Now(), dice()), patience, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	got, err := e.run(t.Context(), atOnce(100))
	if o := got.of[validate]; err != nil || o.failures[failConnect] != 100 {
		t.Errorf("%v %v", o.failures, err)
	}
}

// TestTokensAreSpent: a ReqPay follows its ReqValQr's token, each token goes once
// and to whom it was given for; what comes due when there is none is a failure.
func TestTokensAreSpent(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	given := map[string]string{} // token, payee
	wrong := 0
	pays := 0
	p := newPeer(t, patience, 32, func(w http.ResponseWriter, r *http.Request, msgID string, doc sentXML) {
		mu.Lock()
		defer mu.Unlock()
		if !isPay(r) {
			fmt.Fprintf(w, "<R><MsgID>%s</MsgID><Status>PE</Status></R>", msgID)
			return
		}
		pays++
		if given[doc.VerToken] != doc.PayeeAddr {
			wrong++
		}
		delete(given, doc.VerToken)
		good(w, msgID, token{})
	})
	for i := range 30 {
		k := newTestToken(i, uint8(i%len(payees)))
		given[string(k.text[:])] = payees[k.payee]
		p.unsigned.got(k)
	}
	plan := newSchedule(1000, 100*time.Millisecond, even, dice())
	got, err := p.run(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	v, o := got.of[validate], got.of[pay]
	if pays != 30 || wrong != 0 || len(given) != 0 || o.good != 30 || o.failures[failPool] != o.arrivals-30 || v.failures["code PE"] != v.arrivals {
		t.Errorf("%d pays, %d of them wrong; %v %v", pays, wrong, o.failures, v.failures)
	}
}

// TestAgain: an engine runs one schedule after another on the connections that it
// has, and tokens of the one are spent in the next.
func TestAgain(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	n := 0
	p := newPeer(t, patience, 1, func(w http.ResponseWriter, _ *http.Request, msgID string, _ sentXML) {
		mu.Lock()
		n++
		given := newTestToken(n, 0)
		mu.Unlock()
		good(w, msgID, given)
	})
	for round := range 3 {
		if _, err := p.run(t.Context(), atOnce(50)); err != nil {
			t.Fatal(err)
		}
		got, err := p.run(t.Context(), newSchedule(1000, 100*time.Millisecond, even, dice())[:20])
		if err != nil || got.of[pay].good != 10 || got.of[validate].good != 10 {
			t.Fatalf("round %d: %+v %v", round, got, err)
		}
		if got.opened != 0 {
			t.Errorf("round %d: %d connections were made anew", round, got.opened)
		}
	}
}

// TestStopped: the end of ctx ends a run whose server never answers.
func TestStopped(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	p := newPeer(t, patience, 10, func(_ http.ResponseWriter, r *http.Request, _ string, _ sentXML) {
		stop()
		<-r.Context().Done()
	})
	_, err := p.run(ctx, atOnce(100))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
