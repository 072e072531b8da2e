package identity

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// enroller asks base for credentials, and keeps them in a new folder. It stops
// after the first failure with that, unless patient.
func enroller(t *testing.T, base string) *Enroller {
	return &Enroller{
		Controller: base,
		Identity:   us,
		Store:      openStore(t, filepath.Join(t.TempDir(), "data")),
		Dial:       (&net.Dialer{}).DialContext,
		Log:        slog.New(slog.DiscardHandler),
	}
}

// firstError runs e until its first try failed, and returns why.
func firstError(t *testing.T, e *Enroller) error {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	e.Failed = func(err error) { cancel(err) }
	if c, err := e.Run(ctx); err == nil {
		t.Fatalf("got credentials %+v", c)
	}
	if _, err := e.Store.Load(us); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("something was stored: %v", err)
	}
	return context.Cause(ctx)
}

func TestEnrol(t *testing.T) {
	t.Parallel()
	var asked protocol.EnrolRequest
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != protocol.EnrolPath || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s, %s", r.Method, r.URL, r.Header.Get("Content-Type"))
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			t.Error(err)
		}
		_ = json.NewEncoder(w).Encode(goodAnswer(t))
	}))
	defer server.Close()
	e := enroller(t, server.URL+"/")
	c, err := e.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if asked.MerchantID != us.MerchantID || asked.StoreID != us.StoreID || asked.TerminalID != us.TerminalID ||
		string(asked.PublicKey) != string(public(c.Key)) {
		t.Fatalf("asked %+v", asked)
	}
	if stored, err := e.Store.Load(us); err != nil || stored.Token != c.Token || !stored.Key.Private.Equal(c.Key.Private) {
		t.Fatalf("stored %+v, %v", stored, err)
	}
}

func TestAnswersThatAreNoEnrolment(t *testing.T) {
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
		"refused":           {says(403, `{"code":"UNKNOWN_TERMINAL","message":"there is no such terminal"}`), "enrolment refused: UNKNOWN_TERMINAL there is no such terminal"},
		"refused in HTML":   {says(502, "<html>"), "enrolment refused: HTTP 502 Bad Gateway"},
		"very long refusal": {says(400, `{"code":"`+strings.Repeat("X", 5000)+`"}`), "enrolment refused: " + strings.Repeat("X", 200)},
		"not JSON":          {says(200, "hello"), "enrol: the answer is no enrolment"},
		"endless":           {says(200, strings.Repeat(" ", maxAnswer+1)), "longer than 65536 bytes"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, "enrolment refused: HTTP 307"},
		"another terminal":   {answer(func(a *protocol.EnrolAnswer) { a.Identity.TerminalID = "other" }), "wrong answer: credentials are for MERCHANTUAT.teststore1.other"},
		"no token":           {answer(func(a *protocol.EnrolAnswer) { a.Token = "" }), "wrong answer: no token"},
		"no broker":          {answer(func(a *protocol.EnrolAnswer) { a.Brokers = nil }), "wrong answer: no broker"},
		"odd broker":         {answer(func(a *protocol.EnrolAnswer) { a.Brokers = []string{"file:///etc/passwd"} }), "wrong answer: broker"},
		"short root key":     {answer(func(a *protocol.EnrolAnswer) { a.RootKey = a.RootKey[1:] }), "rootKey is not 32 bytes"},
		"other root's keys":  {answer(func(a *protocol.EnrolAnswer) { a.KeySet = string(keySet(t, "thief", 1, "x")) }), "wrong answer: key set"},
		"key set cut":        {answer(func(a *protocol.EnrolAnswer) { a.KeySet = a.KeySet[:20] }), "wrong answer: key set"},
		"connection dropped": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(c.handler)
			defer server.Close()
			err := firstError(t, enroller(t, server.URL))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, want %q", err, c.says)
			}
		})
	}
}

// TestTheControllerIsNotThereYet: a terminal that is switched on before its
// controller asks again and again, never sooner than half of the growing gap,
// and enrols with the first answer, the key being the same all the while.
func TestTheControllerIsNotThereYet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var tries []time.Duration
		e := enroller(t, "http://controller.example:8080")
		e.Dial = func(_ context.Context, network, address string) (net.Conn, error) {
			tries = append(tries, time.Since(start))
			if network != "tcp" || address != "controller.example:8080" {
				t.Errorf("dials %s %s", network, address)
			}
			if len(tries) < 10 {
				return nil, errors.New("connection refused")
			}
			ours, theirs := net.Pipe()
			go serveOne(t, theirs)
			return ours, nil
		}
		failed := 0
		e.Failed = func(error) { failed++ }
		if _, err := e.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if failed != 9 || len(tries) != 10 {
			t.Fatalf("%d tries, %d failed", len(tries), failed)
		}
		for i, gap := 1, enrolFirstGap; i < len(tries); i, gap = i+1, min(2*gap, enrolLastGap) {
			if d := tries[i] - tries[i-1]; d < gap/2 || d > gap {
				t.Errorf("try %d came after %v, want %v to %v", i, d, gap/2, gap)
			}
		}
	})
}

// serveOne answers one request on conn as an honest controller.
func serveOne(t *testing.T, conn net.Conn) {
	defer conn.Close()
	if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
		t.Error(err)
		return
	}
	body, err := json.Marshal(goodAnswer(t))
	if err != nil {
		t.Error(err)
		return
	}
	res := &http.Response{StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Close: true,
		ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body))}
	if err := res.Write(conn); err != nil {
		t.Error(err)
	}
}

// TestASilentController: it takes the connection and says nothing.
func TestASilentController(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		e := enroller(t, "http://controller.example:8080")
		e.Dial = func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, theirs); theirs.Close() }()
			return ours, nil
		}
		err := firstError(t, e)
		if err == nil || time.Since(start) != enrolTimeout {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
	})
}

func TestEnrolmentStopsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		e := enroller(t, "http://controller.example:8080")
		e.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no route to host") }
		start := time.Now()
		if _, err := e.Run(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 20*time.Second {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
	})
}
