package identity

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/protocol"
)

const code = protocol.EnrolCode("K7QP-3XMD-9RTV")

// office is a controller that takes one code, by the rules of a real one: once,
// and again from the same key.
type office struct {
	t *testing.T
	// before, when set, answers in its place and reports that it did.
	before func(w http.ResponseWriter, r *http.Request, try int) bool

	mu    sync.Mutex
	tries int
	key   ed25519.PublicKey
}

func (o *office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tries++
	var asked protocol.EnrolCodeRequest
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || r.Method != http.MethodPost ||
		r.URL.Path != protocol.EnrolCodePath || r.Header.Get("Content-Type") != "application/json" {
		o.t.Errorf("%s %s, %s: %v", r.Method, r.URL, r.Header.Get("Content-Type"), err)
	}
	if o.before != nil && o.before(w, r, o.tries) {
		return
	}
	brought, err := asked.Open()
	if err != nil || brought != code || o.key != nil && !o.key.Equal(ed25519.PublicKey(asked.PublicKey)) {
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(protocol.EnrolError{Code: "FORBIDDEN", Message: "no"})
		return
	}
	o.key = asked.PublicKey
	_ = json.NewEncoder(w).Encode(goodAnswer(o.t))
}

func codeEnroller(t *testing.T, base string) *CodeEnroller {
	return &CodeEnroller{
		Controller: base, Code: code, Want: us,
		Store: openStore(t, filepath.Join(t.TempDir(), "data")),
		Dial:  (&net.Dialer{}).DialContext,
		Log:   slog.New(slog.DiscardHandler),
	}
}

func caOf(server *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

// TestEnrolByCode: the key that is enrolled was made here, is stored, and stays
// the same after a power cut; what the terminal had before is gone.
func TestEnrolByCode(t *testing.T) {
	t.Parallel()
	o := &office{t: t}
	server := httptest.NewServer(o)
	defer server.Close()
	e := codeEnroller(t, server.URL+"/")
	old := keep(t, e.Store, goodAnswer(t)) // of the sandbox
	c, err := e.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Credentials{c, load(t, e.Store.dir)} {
		if c.Identity != us || c.Token != "token-256-bits" || !public(c.Key).Equal(o.key) || public(c.Key).Equal(public(old.Key)) ||
			!believes(c, "online 1") || c.KeyID() != protocol.KeyID(o.key) {
			t.Errorf("credentials are %+v", c)
		}
	}
	entries, err := os.ReadDir(e.Store.dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("files %v, %v", entries, err)
	}
	if info, err := os.Stat(filepath.Join(e.Store.dir, enrolmentFile)); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	// The next enrolment makes another key: this one may be why it is needed.
	next, err := e.Store.PendingKey()
	if err != nil || next.Equal(c.Key.Private) {
		t.Errorf("the key is used again: %v", err)
	}
}

// TestRefusedCodes: each is told with what to do, and changes nothing.
func TestRefusedCodes(t *testing.T) {
	t.Parallel()
	answer := func(change func(*protocol.EnrolAnswer)) http.HandlerFunc {
		a := goodAnswer(t)
		change(&a)
		return func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(a) }
	}
	says := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		says    string
	}{
		"used":              {says(403, `{"code":"FORBIDDEN","message":"no"}`), "ask the operator for a new one: galla-controller terminal enrol-code"},
		"a door in between": {says(403, "<html>"), "enrolment refused: HTTP 403 Forbidden"},
		"switched off":      {says(400, `{"code":"INVALID_TERMINAL_ID","message":"the terminal of this code is not active"}`), "is not active"},
		"no such door":      {says(404, "404 page not found"), "enrolment refused: HTTP 404 Not Found"},
		"not JSON":          {says(200, "hello"), "wrong answer: no enrolment"},
		"endless":           {says(200, strings.Repeat(" ", maxAnswer+1)), "longer than 65536 bytes"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example/x", http.StatusTemporaryRedirect)
		}, `sends us to "https://elsewhere.example/x"`},
		"another terminal":  {answer(func(a *protocol.EnrolAnswer) { a.Identity.TerminalID = "other" }), "the code is for MERCHANTUAT.teststore1.other, and this terminal is configured as MERCHANTUAT.teststore1.testterminal1"},
		"no identity":       {answer(func(a *protocol.EnrolAnswer) { a.Identity = protocol.Identity{} }), "wrong answer"},
		"no token":          {answer(func(a *protocol.EnrolAnswer) { a.Token = "" }), "wrong answer: no token"},
		"odd broker":        {answer(func(a *protocol.EnrolAnswer) { a.Brokers = []string{"file:///etc/passwd"} }), "wrong answer: broker"},
		"short root key":    {answer(func(a *protocol.EnrolAnswer) { a.RootKey = a.RootKey[1:] }), "rootKey is not 32 bytes"},
		"other root's keys": {answer(func(a *protocol.EnrolAnswer) { a.KeySet = string(keySet(t, "thief", 1, "x")) }), "wrong answer: key set"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tries := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				tries++
				c.handler(w, r)
			}))
			defer server.Close()
			e := codeEnroller(t, server.URL)
			old := keep(t, e.Store, goodAnswer(t))
			if got, err := e.Run(t.Context()); err == nil || got != nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, %v, want %q", got, err, c.says)
			}
			if tries != 1 {
				t.Errorf("asked %d times", tries)
			}
			if now := load(t, e.Store.dir); now.Token != old.Token || !now.Key.Private.Equal(old.Key.Private) {
				t.Error("the old credentials are gone")
			}
		})
	}
}

// TestALostAnswer: the same key asks again with the same code, within the call
// and in a later one.
func TestALostAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &office{t: t}
		lose := true
		e := codeEnroller(t, "http://controller.example:8080")
		e.Dial = func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				defer theirs.Close()
				req, err := http.ReadRequest(bufio.NewReader(theirs))
				if err != nil {
					return
				}
				rec := httptest.NewRecorder()
				o.ServeHTTP(rec, req)
				if lose {
					return // the power goes at the controller's end of the wire
				}
				res := rec.Result()
				res.Close, res.ContentLength = true, int64(rec.Body.Len())
				_ = res.Write(theirs)
			}()
			return ours, nil
		}
		start := time.Now()
		if _, err := e.Run(t.Context()); err == nil {
			t.Fatal("enrolled without an answer")
		}
		if o.tries != codeTries || time.Since(start) != (1+2+4)*time.Second {
			t.Errorf("%d tries in %v", o.tries, time.Since(start))
		}
		lose = false
		// Another run of the program.
		e.Store = openStore(t, e.Store.dir)
		c, err := e.Run(t.Context())
		if err != nil || !public(c.Key).Equal(o.key) {
			t.Fatalf("%v, %v", c, err)
		}
	})
}

// TestABusyController is asked again when it said, and not for ever.
func TestABusyController(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status, busy int // so many times
		retryAfter   string
		took         time.Duration
		ok           bool
	}{
		"just revoked":               {503, 1, "5", 5 * time.Second, true},
		"too many":                   {429, 3, "7", 21 * time.Second, true},
		"busy for ever":              {503, 1000, "5", time.Minute, false},
		"asks to come next year":     {503, 1000, "31536000", time.Minute, false},
		"does not say when":          {503, 1000, "", 7 * time.Second, false},
		"broken":                     {500, 2, "5", 3 * time.Second, true},
		"says something else":        {503, 1, "Fri, 31 Dec 1999 23:59:59 GMT", time.Second, true},
		"in front of it nobody home": {502, 1, "", time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := &office{t: t}
				o.before = func(w http.ResponseWriter, _ *http.Request, try int) bool {
					if try > c.busy {
						return false
					}
					w.Header().Set("Retry-After", c.retryAfter)
					w.WriteHeader(c.status)
					_ = json.NewEncoder(w).Encode(protocol.EnrolError{Code: "INTERNAL_SERVER_ERROR", Message: "later"})
					return true
				}
				e := codeEnroller(t, "http://controller.example:8080")
				e.Dial = func(context.Context, string, string) (net.Conn, error) {
					ours, theirs := net.Pipe()
					go func() {
						defer theirs.Close()
						if req, err := http.ReadRequest(bufio.NewReader(theirs)); err == nil {
							rec := httptest.NewRecorder()
							o.ServeHTTP(rec, req)
							res := rec.Result()
							res.Close, res.ContentLength = true, int64(rec.Body.Len())
							_ = res.Write(theirs)
						}
					}()
					return ours, nil
				}
				start := time.Now()
				_, err := e.Run(t.Context())
				if (err == nil) != c.ok || time.Since(start) != c.took {
					t.Errorf("%v after %v, want %v", err, time.Since(start), c.took)
				}
			})
		})
	}
}
