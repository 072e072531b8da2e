package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/callback"
	"github.com/galla-pay/galla/controller/internal/callback/callbacktest"
	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/eventapi"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/xverify"
)

const (
	listenMerchant = "MERCHANTUAT"
	listenKey      = "sandbox-merchant-key"
)

// feedServer is a controller as far as listen sees it: the door, on a real
// database, composing what a real sender would send.
type feedServer struct {
	*doortest.House
	door *eventapi.API
	*httptest.Server

	mu      sync.Mutex
	refuses int // so many requests are answered 503 first
}

func newFeedServer(t *testing.T) *feedServer {
	t.Helper()
	s := &feedServer{House: doortest.New(t)}
	sign, err := callback.NewSigner(protocol.NewSigningKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))))
	if err != nil {
		t.Fatal(err)
	}
	sender, err := callback.New(callback.Config{
		Outbox: new(callbacktest.Outbox), Sign: sign, Log: s.Log,
		Render: func(_ context.Context, paymentID string) (callback.Notice, error) {
			body := fmt.Appendf(nil, `{"success":true,"code":"SUCCESS","data":{"transactionId":%q,"status":"SUCCESS","amount":24505}}`, paymentID)
			return callback.Notice{Body: body, SaltKey: listenKey, SaltIndex: 1}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.door = eventapi.New(eventapi.Config{
		Feed: any(s.DB).(eventapi.Feed), Directory: s.Directory, Compose: sender.Compose, Log: s.Log,
		Verify: func(c *gin.Context, merchantID, path string) error {
			sum, index, err := xverify.Parse(c.GetHeader("X-VERIFY"))
			key, ok := s.People.SaltKey(merchantID, strconv.Itoa(index))
			if err != nil || !ok || !xverify.Check(sum, "", path, string(key.Secret)) {
				return errors.New("checksum")
			}
			return nil
		},
	})
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	s.door.Register(r)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		s.mu.Lock()
		refused := s.refuses > 0
		s.refuses--
		s.mu.Unlock()
		if refused {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		http.StripPrefix("/prefix", r).ServeHTTP(w, q)
	}))
	t.Cleanup(func() {
		s.door.Stop()
		s.Close()
	})
	return s
}

func (s *feedServer) sell(t *testing.T, events ...string) {
	t.Helper()
	for _, e := range events {
		err := s.DB.Apply(t.Context(), journal.NewBatchID(), decide.Needs{}, func(x decide.Snapshot) (decide.Changes, error) {
			return decide.Changes{Callbacks: []decide.Callback{
				{EventID: e, PaymentID: "pay-" + e, MerchantID: listenMerchant, URL: "https://pos.example.in/cb", Method: "PUT", At: x.Now},
			}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s.door.Committed(listenMerchant)
}

// pos is a POS on somebody's desk.
type pos struct {
	*httptest.Server
	got chan seen
	mu  sync.Mutex
	// answer gives the status for an event; nil is 200.
	answer func(event string) int
}

type seen struct {
	event  string
	method string
	path   string
	header http.Header
	body   string
}

func newPOS(t *testing.T) *pos {
	t.Helper()
	p := &pos{got: make(chan seen, 1000)}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		event := r.Header.Get("X-Galla-Event-Id")
		p.mu.Lock()
		answer := p.answer
		p.mu.Unlock()
		status := http.StatusOK
		if answer != nil {
			status = answer(event)
		}
		if status == http.StatusOK {
			p.got <- seen{event, r.Method, r.URL.RequestURI(), r.Header.Clone(), string(body)}
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(p.Close)
	return p
}

// takes waits for events that were answered with 200.
func (p *pos) takes(t *testing.T, want ...string) (all []seen) {
	t.Helper()
	var ids []string
	for range want {
		select {
		case s := <-p.got:
			all, ids = append(all, s), append(ids, s.event)
		case <-time.After(30 * time.Second):
			t.Fatalf("took %v, want %v", ids, want)
		}
	}
	if !slices.Equal(ids, want) {
		t.Fatalf("took %v, want %v", ids, want)
	}
	return all
}

func (p *pos) answers(status func(event string) int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = status
}

// listening is a listen that runs.
type listening struct {
	stop      func() error
	cancelled <-chan struct{}
	out       *lockedText
	errs      *lockedText
}

type lockedText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func listen(t *testing.T, c listenCommand) listening {
	t.Helper()
	l := listening{out: &lockedText{}, errs: &lockedText{}}
	it, err := c.listener(l.out)
	if err != nil {
		t.Fatal(err)
	}
	it.print.errs = l.errs
	ctx, cancel := context.WithCancel(context.Background())
	l.cancelled = ctx.Done()
	over := make(chan error, 1)
	go func() { over <- it.run(ctx) }()
	var once sync.Once
	var ended error
	l.stop = func() error {
		once.Do(func() {
			cancel()
			ended = <-over
		})
		return ended
	}
	t.Cleanup(func() { _ = l.stop() })
	return l
}

func listenTo(s *feedServer, p *pos, cursorFile string) listenCommand {
	return listenCommand{URL: s.URL + "/prefix", MerchantID: listenMerchant, SaltKey: listenKey, Index: 1, ForwardTo: p.URL + "/hook?x=1", CursorFile: cursorFile}
}

// What arrives is what the callback would have been: method, body, headers, and
// an X-VERIFY that holds.
func TestListenForwardsTheCallback(t *testing.T) {
	t.Parallel()
	s, p := newFeedServer(t), newPOS(t)
	c := listenTo(s, p, "")
	c.Since = time.Hour
	c.JSON = true
	s.sell(t, "e1")
	l := listen(t, c)
	got := p.takes(t, "e1")[0]
	if got.method != http.MethodPut || got.path != "/hook?x=1" || got.header.Get("Content-Type") != "application/json" ||
		got.header.Get("X-Galla-Signature") == "" || got.header.Get("X-Galla-Timestamp") == "" || got.header.Get("User-Agent") != "galla-callback/1" {
		t.Errorf("%+v", got)
	}
	response := strings.TrimSuffix(strings.TrimPrefix(got.body, `{"response":"`), `"}`)
	if sum, index, err := xverify.Parse(got.header.Get("X-VERIFY")); err != nil || index != 1 || !xverify.Check(sum, response, "", listenKey) {
		t.Errorf("X-VERIFY does not hold: %+v", got)
	}
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"eventId":"e1"`, `"httpStatus":200`, `"transactionId":"pay-e1"`, `"status":"SUCCESS"`, `"amount":24505`, `"attempts":1`} {
		if !strings.Contains(l.out.String(), want) {
			t.Errorf("%s is not in %s", want, l.out)
		}
	}
	if strings.Contains(l.out.String()+l.errs.String(), "x=1") || strings.Contains(l.errs.String(), listenKey) {
		t.Errorf("a secret is printed: %s%s", l.out, l.errs)
	}
}

// With a cursor file nothing is missed while listen is off, and nothing comes
// twice; events from before its first start are not in it unless asked for.
func TestListenGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	s, p := newFeedServer(t), newPOS(t)
	file := filepath.Join(t.TempDir(), "cursor.json")
	s.sell(t, "before")
	l := listen(t, listenTo(s, p, file))
	waitForFile(t, file)
	s.sell(t, "e1", "e2", "e3")
	p.takes(t, "e1", "e2", "e3")
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	s.sell(t, "e4", "e5")
	l = listen(t, listenTo(s, p, file))
	p.takes(t, "e4", "e5")
	s.sell(t, "e6")
	p.takes(t, "e6")
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	if n := len(p.got); n != 0 {
		t.Errorf("%d came twice", n)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the cursor file: %v, %v", info, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".cursor-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// waitForFile waits until a file is there.
func waitForFile(t *testing.T, path string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 4000 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		<-tick.C
	}
	t.Fatalf("%s is never written", path)
}

// A target that refuses holds everything back, in order; what is tried again is
// signed anew; when it takes, all follows. A listen that was stopped meanwhile
// goes on with the same event.
func TestListenRetriesInOrder(t *testing.T) {
	t.Parallel()
	s, p := newFeedServer(t), newPOS(t)
	file := filepath.Join(t.TempDir(), "cursor.json")
	tried := make(chan string, 100)
	p.answers(func(event string) int {
		if event == "e1" {
			return http.StatusOK
		}
		tried <- event
		return http.StatusBadGateway
	})
	c := listenTo(s, p, file)
	c.Since = time.Hour
	s.sell(t, "e1", "e2", "e3")
	l := listen(t, c)
	p.takes(t, "e1")
	for range 2 {
		if event := <-tried; event != "e2" {
			t.Fatalf("%s is tried while e2 is refused", event)
		}
	}
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	if said := l.errs.String(); !strings.Contains(said, "target: event e2: HTTP 502; trying again") || strings.Count(said, "502") != 1 {
		t.Errorf("it says %s", said)
	}
	for len(tried) > 0 {
		<-tried
	}
	first := true
	p.answers(func(event string) int {
		if first {
			first = false
			return http.StatusFound // a redirect is a failure, as it is for a callback
		}
		return http.StatusOK
	})
	l = listen(t, c)
	p.takes(t, "e2", "e3")
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	if said := l.errs.String(); !strings.Contains(said, "HTTP 302") || !strings.Contains(said, "target: well again") {
		t.Errorf("it says %s", said)
	}
}

// Nobody listens at the target yet, and the controller is away for a moment:
// both are waited for.
func TestListenWaitsForBothSides(t *testing.T) {
	t.Parallel()
	s, p := newFeedServer(t), newPOS(t)
	s.refuses = 1
	c := listenTo(s, p, "")
	c.Since = time.Hour
	s.sell(t, "e1")
	l := listen(t, c)
	p.takes(t, "e1")
	if said := l.errs.String(); !strings.Contains(said, "controller: HTTP 503") || !strings.Contains(said, "controller: well again") {
		t.Errorf("it says %s", said)
	}
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
}

// Ctrl-C while an event is being forwarded: it is finished and written down, and
// does not come again; the next one has not begun.
func TestListenStopsBetweenEvents(t *testing.T) {
	t.Parallel()
	s, p := newFeedServer(t), newPOS(t)
	file := filepath.Join(t.TempDir(), "cursor.json")
	under, release := make(chan struct{}), make(chan struct{})
	p.answers(func(event string) int {
		if event == "e1" {
			close(under)
			<-release
		}
		return http.StatusOK
	})
	c := listenTo(s, p, file)
	c.Since = time.Hour
	s.sell(t, "e1", "e2")
	l := listen(t, c)
	<-under
	stopped := make(chan error)
	go func() { stopped <- l.stop() }()
	<-l.cancelled
	close(release)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	p.takes(t, "e1")
	s.sell(t, "e3")
	l = listen(t, c)
	p.takes(t, "e2", "e3")
	if err := l.stop(); err != nil || len(p.got) != 0 {
		t.Errorf("%v; %d came twice", err, len(p.got))
	}
}

// What no repetition mends ends listen with one clear line.
func TestListenGivesUp(t *testing.T) {
	t.Parallel()
	s, p := newFeedServer(t), newPOS(t)
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }))
	defer page.Close()
	for _, tt := range []struct {
		name   string
		change func(*listenCommand)
		says   string
	}{
		{"key", func(c *listenCommand) { c.SaltKey = "guess" }, "does not take the signature"},
		{"index", func(c *listenCommand) { c.Index = 2 }, "does not take the signature"},
		{"merchant", func(c *listenCommand) { c.MerchantID = "NOBODY" }, "does not take the signature"},
		{"no feed", func(c *listenCommand) { c.URL = other.URL }, "no event feed"},
		{"a web page", func(c *listenCommand) { c.URL = page.URL }, "no event feed"},
		{"a cursor of nowhere", func(c *listenCommand) {
			c.CursorFile = filepath.Join(t.TempDir(), "c")
			if err := os.WriteFile(c.CursorFile, []byte(`{"merchantId":"MERCHANTUAT","cursor":"nonsense"}`), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "after is no cursor"},
	} {
		c := listenTo(s, p, "")
		tt.change(&c)
		it, err := c.listener(io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		it.print.errs = io.Discard
		if err := it.run(t.Context()); err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), listenKey) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
	}
}

func TestWrongUseOfListen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	others := file("others", `{"merchantId":"MERCHANTTWO","cursor":"MS4wLg"}`, 0o600)
	good := "--merchant-id M --forward-to http://localhost:3000/ "
	for _, tt := range []struct{ args, says string }{
		{"--forward-to http://localhost:3000/", "--merchant-id"},
		{"--merchant-id M", "--forward-to"},
		{"--merchant-id M --forward-to localhost:3000", "--forward-to: want http://"},
		{good + "--url ftp://x", "--url: want http://"},
		{"--merchant-id M.x --forward-to http://localhost:3000/", "--merchant-id"},
		{good + "--salt-index 0", "--salt-index"},
		{good + "--since -1s", "--since"},
		{good + "--since 721h", "--since"},
		{good + "--salt-key-file " + filepath.Join(dir, "none"), "--salt-key-file"},
		{good + "--salt-key-file " + file("open", "key", 0o644), "chmod 600"},
		{good + "--salt-key-file " + file("empty", "\n", 0o600), "the key is empty"},
		{good + "--cursor-file " + others, "is of merchant MERCHANTTWO"},
		{good + "--cursor-file " + file("text", "hello", 0o600), "is no cursor file"},
		{good + "--cursor-file " + filepath.Join(dir, "no", "such", "folder"), "--cursor-file"},
	} {
		if _, err := feedVerbs(t, strings.Fields("listen "+tt.args)...); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.args, err, tt.says)
		}
	}
	if text, err := os.ReadFile(others); err != nil || !strings.Contains(string(text), "MERCHANTTWO") {
		t.Errorf("the other merchant's file is changed: %s, %v", text, err)
	}
}
