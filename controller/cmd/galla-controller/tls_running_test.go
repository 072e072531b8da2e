package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/json"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/galla-pay/galla/controller/internal/tlsfile/tlsfiletest"
	"github.com/galla-pay/galla/protocol"
)

// patience bounds every wait of a test. It is reached only by a failure.
const patience = 30 * time.Second

// testTerminal is one of the sandbox's.
var testTerminal = protocol.Identity{MerchantID: "MERCHANTUAT", StoreID: "teststore1", TerminalID: "testterminal1"}

// running is a whole controller of the sandbox on loopback, with TLS.
type running struct {
	t         *testing.T
	authority *tlsfiletest.Authority
	dir       string // of cert.pem, key.pem and ca.pem
	log       *events
	http      string   // host:port
	brokers   []string // as it says at its start
}

// asPrinted are the settings of PRD 7.1.
func asPrinted() dynamicFlags {
	return dynamicFlags{
		ExpiryMinutes: 30, LimitINR: 8000, TimeoutSecs: 30, TimeoutVPA: "gourmet@mercury", OrgID: "MER101",
		NetInstID: "MER1010001", Initiation: "16", X7Settlement: "0", YHSettlement: "0",
	}
}

// startController starts one with change applied to its flags, and stops it in good order
// at the end of the test.
func startController(t *testing.T, change func(*serveCommand)) *running {
	t.Helper()
	r := &running{t: t, authority: tlsfiletest.NewAuthority(t), dir: t.TempDir(), log: newEvents()}
	cert, key := r.authority.Issue(t, "first", time.Time{}).Write(t, r.dir)
	tlsfiletest.Put(t, filepath.Join(r.dir, "ca.pem"), r.authority.PEM())
	s := serveCommand{
		Listen: "127.0.0.1:0", MQTTListen: "127.0.0.1:0", Sandbox: true,
		dynamicFlags:  asPrinted(),
		fxFlags:       fxFlags{FXEvery: time.Hour},
		tlsFlags:      tlsFlags{TLSCert: cert, TLSKey: key, MQTTTLSListen: "127.0.0.1:0"},
		databaseFlags: databaseFlags{Database: "sqlite:" + filepath.Join(r.dir, "galla.db")},
		limitFlags:    limitFlags{MaxConnections: 1024},
	}
	if change != nil {
		change(&s)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx, slog.New(r.log)) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("it ended with: %v", err)
		}
	})
	serving := r.log.await(t, "serving", 1)
	r.http = serving["listen"]
	r.brokers = strings.Split(strings.TrimSuffix(serving["broker"], " (embedded)"), ", ")
	return r
}

// clientTLS is what a client that believes the authority says.
func (r *running) clientTLS(shows *tlsfiletest.Pair) *tls.Config {
	conf := &tls.Config{RootCAs: r.authority.Pool()}
	if shows != nil {
		own := shows.TLS(r.t)
		// Also where the server did not name its issuer.
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
	}
	return conf
}

// browser asks over a connection of its own.
func (r *running) browser(shows *tlsfiletest.Pair) *http.Client {
	transport := &http.Transport{TLSClientConfig: r.clientTLS(shows), ForceAttemptHTTP2: true}
	r.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// enrol enrols testTerminal.
func (r *running) enrol(shows *tlsfiletest.Pair) protocol.EnrolAnswer {
	r.t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	must(r.t, err)
	body, err := json.Marshal(protocol.EnrolRequest{
		MerchantID: testTerminal.MerchantID, StoreID: testTerminal.StoreID, TerminalID: testTerminal.TerminalID, PublicKey: public,
	})
	must(r.t, err)
	res, err := r.browser(shows).Post("https://"+r.http+protocol.EnrolPath, "application/json", bytes.NewReader(body))
	must(r.t, err)
	defer res.Body.Close()
	var answer protocol.EnrolAnswer
	must(r.t, json.NewDecoder(res.Body).Decode(&answer))
	if res.StatusCode != http.StatusOK {
		r.t.Fatalf("enrolment: %d", res.StatusCode)
	}
	return answer
}

// broker is the address that begins with scheme, or "".
func (r *running) broker(scheme string) string {
	i := slices.IndexFunc(r.brokers, func(b string) bool { return strings.HasPrefix(b, scheme) })
	if i < 0 {
		return ""
	}
	return r.brokers[i]
}

// login connects testTerminal and hears on its command topic.
func (r *running) login(broker, token string, shows *tlsfiletest.Pair) (paho.Client, error) {
	r.t.Helper()
	options := paho.NewClientOptions().AddBroker(broker).SetTLSConfig(r.clientTLS(shows)).
		SetClientID(testTerminal.String()).SetUsername(testTerminal.String()).SetPassword(token).
		SetProtocolVersion(4).SetAutoReconnect(false).SetConnectTimeout(patience).SetKeepAlive(30 * time.Second)
	client := paho.NewClient(options)
	connected := client.Connect()
	if !connected.WaitTimeout(patience) {
		r.t.Fatal("the broker does not answer")
	}
	if err := connected.Error(); err != nil {
		return nil, err
	}
	r.t.Cleanup(func() { client.Disconnect(0) })
	return client, hears(client)
}

// hears shows that the connection works.
func hears(client paho.Client) error {
	subscribed := client.Subscribe(protocol.CommandTopic(testTerminal), 1, func(paho.Client, paho.Message) {})
	if !subscribed.WaitTimeout(patience) {
		return context.DeadlineExceeded
	}
	return subscribed.Error()
}

// events is a log that can be waited on.
type events struct {
	mu      sync.Mutex
	all     []map[string]string
	changed chan struct{}
}

func newEvents() *events { return &events{changed: make(chan struct{})} }

func (e *events) Enabled(context.Context, slog.Level) bool { return true }
func (e *events) WithAttrs([]slog.Attr) slog.Handler       { return e }
func (e *events) WithGroup(string) slog.Handler            { return e }

func (e *events) Handle(_ context.Context, r slog.Record) error {
	event := map[string]string{slog.MessageKey: r.Message, slog.LevelKey: r.Level.String()}
	r.Attrs(func(a slog.Attr) bool {
		event[a.Key] = a.Value.String()
		return true
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
	close(e.changed)
	e.changed = make(chan struct{})
	return nil
}

// await waits for the n-th event with message.
func (e *events) await(t *testing.T, message string, n int) map[string]string {
	t.Helper()
	limit := time.After(patience)
	for {
		e.mu.Lock()
		changed, found := e.changed, 0
		for _, event := range e.all {
			if event[slog.MessageKey] == message {
				if found++; found == n {
					e.mu.Unlock()
					return event
				}
			}
		}
		e.mu.Unlock()
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("never logged: %s", message)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
