package callback_test

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/callback"
	"github.com/galla-pay/galla/controller/internal/callback/callbacktest"
	"github.com/galla-pay/galla/protocol/xverify"
	"github.com/go-jose/go-jose/v4"
)

// One notice over a real socket, checked as a merchant would check it
// (phonepe-api: Callback).
func TestNotice(t *testing.T) {
	t.Parallel()
	pos := &till{}
	server := httptest.NewServer(pos)
	defer server.Close()
	b := newBench(t, nil)
	b.start(t)
	before := time.Now()
	b.sell(t, "M1", "evt_1-A", server.URL+"/cb/%2Fx?order=7&t=canary")
	b.settled(t, "evt_1-A", callback.StateDelivered)

	got := pos.received()
	if len(got) != 1 {
		t.Fatalf("received %d times", len(got))
	}
	r := got[0]
	if r.method != http.MethodPost || r.path != "/cb/%2Fx?order=7&t=canary" {
		t.Errorf("%s %s", r.method, r.path)
	}
	if ct := r.header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("Content-Type %q", ct)
	}

	var body struct{ Response string }
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil || !strings.HasPrefix(string(r.body), `{"response":"`) {
		t.Fatalf("body %s: %v", r.body, err)
	}
	if said, err := xverify.DecodeBody(body.Response); err != nil || !bytes.Equal(said, notice("pay-evt_1-A")) {
		t.Errorf("response says %s: %v", said, err)
	}

	sum, index, err := xverify.Parse(r.header.Get("X-VERIFY"))
	if err != nil || index != saltIndex || !xverify.Check(sum, body.Response, "", saltKey) {
		t.Errorf("X-VERIFY %q: %v", r.header.Get("X-VERIFY"), err)
	}

	if id := r.header.Get("X-Galla-Event-Id"); id != "evt_1-A" {
		t.Errorf("event id %q", id)
	}
	ms, err := strconv.ParseInt(r.header.Get("X-Galla-Timestamp"), 10, 64)
	if at := time.UnixMilli(ms); err != nil || at.Before(before.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) {
		t.Errorf("timestamp %q", r.header.Get("X-Galla-Timestamp"))
	}
	for _, absent := range []string{"Cookie", "Authorization", "Accept-Encoding", "Referer"} {
		if v := r.header.Get(absent); v != "" {
			t.Errorf("%s is sent: %q", absent, v)
		}
	}
	checkSignature(t, r)

	a := b.attempts(t, "evt_1-A")
	if len(a) != 1 || a[0].Outcome.HTTPStatus != 200 || a[0].Outcome.Error != "" || a[0].Outcome.Took <= 0 {
		t.Errorf("attempts %+v", a)
	}
}

// checkSignature verifies X-Galla-Signature and that it covers what it must.
func checkSignature(t *testing.T, r received) {
	t.Helper()
	signature := r.header.Get("X-Galla-Signature")
	verify := func(id, at string, body []byte) error {
		content := callback.SignedContent(id, at, body)
		jws, err := jose.ParseDetached(signature, content, []jose.SignatureAlgorithm{jose.EdDSA})
		if err != nil {
			return err
		}
		head := jws.Signatures[0].Protected
		if head.KeyID != key.ID || head.ExtraHeaders[jose.HeaderType] != callback.SignatureType {
			return fmt.Errorf("protected header %+v", head)
		}
		return jws.DetachedVerify(content, key.Private.Public().(ed25519.PublicKey))
	}
	id, at := r.header.Get("X-Galla-Event-Id"), r.header.Get("X-Galla-Timestamp")
	if err := verify(id, at, r.body); err != nil {
		t.Errorf("signature %q: %v", signature, err)
	}
	if parts := strings.Split(signature, "."); len(parts) != 3 || parts[1] != "" {
		t.Errorf("signature %q is not detached", signature)
	}
	for name, err := range map[string]error{
		"another event": verify(id+"x", at, r.body),
		"another time":  verify(id, at+"0", r.body),
		"another body":  verify(id, at, bytes.Replace(r.body, []byte("response"), []byte("Response"), 1)),
	} {
		if err == nil {
			t.Errorf("the signature holds for %s", name)
		}
	}
}

// Method from X-CALL-MODE.
func TestMethod(t *testing.T) {
	t.Parallel()
	pos := &till{}
	server := httptest.NewServer(pos)
	defer server.Close()
	b := newBench(t, nil)
	b.start(t)
	for _, m := range []string{"PUT", "POST"} {
		if err := b.Add(t.Context(), callbacktest.Row{EventID: m, MerchantID: m, Lane: m, URL: server.URL, Method: m}); err != nil {
			t.Fatal(err)
		}
		b.Wake()
		b.settled(t, m, callback.StateDelivered)
		if got := pos.received(); got[len(got)-1].method != m {
			t.Errorf("method %s, want %s", got[len(got)-1].method, m)
		}
	}
}

// Failure matrix R11: only a 2xx counts.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		result string
	}{
		{200, callback.ResultDelivered}, {201, callback.ResultDelivered}, {202, callback.ResultDelivered},
		{204, callback.ResultDelivered}, {299, callback.ResultDelivered},
		{300, callback.ResultRedirect}, {301, callback.ResultRedirect}, {302, callback.ResultRedirect},
		{304, callback.ResultRedirect}, {307, callback.ResultRedirect}, {308, callback.ResultRedirect},
		{400, callback.ResultStatus}, {401, callback.ResultStatus}, {404, callback.ResultStatus},
		{410, callback.ResultStatus}, {429, callback.ResultStatus}, {500, callback.ResultStatus},
		{503, callback.ResultStatus}, {599, callback.ResultStatus}, {999, callback.ResultStatus},
	} {
		t.Run(fmt.Sprint(tt.status), func(t *testing.T) {
			t.Parallel()
			elsewhere := &till{}
			trap := httptest.NewServer(elsewhere)
			defer trap.Close()
			pos := &till{}
			pos.answers(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", trap.URL)
				w.Header().Set("Set-Cookie", "session=canary")
				w.WriteHeader(tt.status)
			})
			server := httptest.NewServer(pos)
			defer server.Close()
			a := firstAttempt(t, server.URL, nil)
			if a.Outcome.Result != tt.result || a.Outcome.HTTPStatus != tt.status ||
				(a.Outcome.Error == "") != (tt.result == callback.ResultDelivered) {
				t.Errorf("outcome %+v, want %s", a.Outcome, tt.result)
			}
			if len(elsewhere.received()) > 0 {
				t.Error("a redirect was followed")
			}
		})
	}
}

// firstAttempt sends one notice to a URL and returns what came of it.
func firstAttempt(t *testing.T, to string, change func(*callback.Config)) callbacktest.Attempt {
	t.Helper()
	b := newBench(t, change)
	stop := b.start(t)
	b.sell(t, "M1", "e1", to)
	b.until(t, func() bool { a := b.attempts(t, "e1"); return len(a) > 0 && a[0].Finished })
	stop()
	for _, secret := range []string{saltKey, "canary"} {
		if strings.Contains(b.log.String(), secret) {
			t.Errorf("%q is in the log:\n%s", secret, b.log.String())
		}
		for _, a := range b.attempts(t, "e1") {
			if strings.Contains(a.Outcome.Error, secret) {
				t.Errorf("%q is on record: %s", secret, a.Outcome.Error)
			}
		}
	}
	return b.attempts(t, "e1")[0]
}

// The kinds of failure that need no waiting, over real sockets.
func TestFailures(t *testing.T) {
	t.Parallel()
	raw := func(answer string) func(*testing.T) string {
		return func(t *testing.T) string {
			return listen(t, func(c net.Conn) {
				takeRequest(c)
				_, _ = io.WriteString(c, answer)
			})
		}
	}
	for _, tt := range []struct {
		name   string
		url    func(*testing.T) string
		result string
	}{
		{"nobody listens", func(t *testing.T) string {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			return "http://" + l.Addr().String()
		}, callback.ResultConnect},
		{"closed at once", raw(""), callback.ResultProtocol},
		{"not HTTP", raw("SSH-2.0-canary\r\n\r\n"), callback.ResultProtocol},
		{"half a status line", raw("HTTP/1.1 20"), callback.ResultProtocol},
		{"header without end", func(t *testing.T) string {
			return listen(t, func(c net.Conn) {
				takeRequest(c)
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
				for _, err := c.Write(nil); err == nil; {
					_, err = io.WriteString(c, "X-Filler: "+strings.Repeat("a", 1000)+"\r\n")
				}
			})
		}, callback.ResultProtocol},
		{"1xx without end", func(t *testing.T) string {
			return listen(t, func(c net.Conn) {
				takeRequest(c)
				for _, err := c.Write(nil); err == nil; {
					_, err = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: "+strings.Repeat("a", 500)+"\r\n\r\n")
				}
			})
		}, callback.ResultProtocol},
		{"http where https is wanted", func(t *testing.T) string {
			return strings.Replace(raw("HTTP/1.1 200 OK\r\n\r\n")(t), "http:", "https:", 1)
		}, callback.ResultTLS},
		{"certificate of nobody we know", func(t *testing.T) string {
			server := httptest.NewUnstartedServer(&till{})
			server.Config.ErrorLog = quiet
			server.StartTLS()
			t.Cleanup(server.Close)
			return server.URL
		}, callback.ResultTLS},
		{"scheme", func(*testing.T) string { return "ftp://127.0.0.1/canary" }, callback.ResultBadURL},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := firstAttempt(t, tt.url(t), nil)
			if a.Outcome.Result != tt.result || a.Outcome.Error == "" || a.Outcome.State == callback.StateDelivered {
				t.Errorf("outcome %+v, want %s", a.Outcome, tt.result)
			}
			if dead := tt.result == callback.ResultBadURL; dead != (a.Outcome.State == callback.StateDead) {
				t.Errorf("outcome %+v", a.Outcome)
			}
		})
	}
}

// https to a server whose certificate we know.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	pos := &till{}
	server := httptest.NewTLSServer(pos)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	a := firstAttempt(t, server.URL, func(c *callback.Config) { c.RootCAs = roots })
	if a.Outcome.Result != callback.ResultDelivered || len(pos.received()) != 1 {
		t.Errorf("outcome %+v", a.Outcome)
	}
}

// No environment variable leads a callback through a proxy.
func TestNoProxy(t *testing.T) {
	proxy := &till{}
	trap := httptest.NewServer(proxy)
	defer trap.Close()
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, trap.URL)
	}
	// Go itself makes an exception of loopback addresses, so a name is called.
	b := newBench(t, nil)
	lan, pos := newWire(), &till{}
	lan.serve("pos.example.in", pos)
	b.DialThrough(lan.dial)
	stop := b.start(t)
	b.sell(t, "M1", "e1", shop)
	b.settled(t, "e1", callback.StateDelivered)
	stop()
	if len(proxy.received()) > 0 || len(pos.received()) != 1 {
		t.Error("the callback went through the proxy")
	}
}

// takeRequest reads one whole request: a client may be answered no sooner.
func takeRequest(c net.Conn) bool {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, r.Body)
	return err == nil
}

// listen serves raw connections on loopback until the test ends.
func listen(t *testing.T, serve func(net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return "http://" + l.Addr().String() + "/cb?t=canary"
}
