package identity

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhoAnswers is the table of servers and of what a terminal was told of
// them: right or wrong authority, right or wrong key, or nothing.
func TestWhoAnswers(t *testing.T) {
	t.Parallel()
	// Every server of httptest has the same certificate: of 127.0.0.1, its own
	// authority.
	some := httptest.NewTLSServer(nil)
	some.Close()
	stranger, thief := selfSigned(t, "stranger"), selfSigned(t, "thief")
	right, wrong := Pin(some.Certificate()), Pin(stranger.Leaf)
	ca, other := caOf(some), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: stranger.Certificate[0]}))
	const own, another = "127.0.0.1", "localhost" // names of it, and not of it
	for _, row := range []struct {
		name, host string
		transport  Transport
		ok         bool
	}{
		{"nothing told", own, Transport{}, false},
		{"its authority", own, Transport{CA: ca}, true},
		{"its authority among others", own, Transport{CA: other + ca}, true},
		{"another authority", own, Transport{CA: other}, false},
		{"its authority, another name", another, Transport{CA: ca}, false},
		{"its key", own, Transport{Pins: []string{right}}, true},
		{"its key among others", own, Transport{Pins: []string{wrong, right}}, true},
		{"its key, whatever its name", another, Transport{Pins: []string{right}}, true},
		{"another key", own, Transport{Pins: []string{wrong}}, false},
		{"its authority and its key", own, Transport{CA: ca, Pins: []string{right}}, true},
		{"its authority and another key", own, Transport{CA: ca, Pins: []string{wrong}}, false},
		{"another authority and its key", own, Transport{CA: other, Pins: []string{right}}, false},
		{"its authority and its key, another name", another, Transport{CA: ca, Pins: []string{right}}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(&office{t: t})
			server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
			server.StartTLS()
			defer server.Close()
			e := codeEnroller(t, strings.Replace(server.URL, own, row.host, 1))
			e.Transport = row.transport
			c, err := e.Run(t.Context())
			var untrusted *Untrusted
			switch {
			case row.ok && err != nil:
				t.Fatal(err)
			case !row.ok && (!errors.As(err, &untrusted) || c != nil || !strings.Contains(err.Error(), "--ca FILE")):
				t.Fatalf("%v, %v", c, err)
			case !row.ok:
				if _, err := e.Store.Load(us); !errors.Is(err, ErrNotEnrolled) {
					t.Errorf("something was stored: %v", err)
				}
				return
			}
			// What was told then holds for brokers, also after a power cut.
			for _, c := range []*Credentials{c, load(t, e.Store.dir)} {
				conf := c.TLS()
				conf.ServerName = "127.0.0.1"
				if err := shake(server.TLS.Certificates[0], conf); err != nil {
					t.Errorf("the right broker: %v", err)
				}
				if err := shake(thief, conf); err == nil {
					t.Error("a stranger's broker is believed")
				}
				if conf.MinVersion < tls.VersionTLS12 {
					t.Error("old TLS is allowed")
				}
			}
		})
	}
}

// shake is a client's handshake with a server that has that certificate.
func shake(cert tls.Certificate, client *tls.Config) error {
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer theirs.Close()
		s := tls.Server(theirs, &tls.Config{Certificates: []tls.Certificate{cert}})
		if s.Handshake() == nil {
			_, _ = io.Copy(io.Discard, s)
		}
	}()
	c := tls.Client(ours, client)
	err := c.Handshake()
	_ = ours.Close()
	<-done
	return err
}

// TestOwnCertificate: a server that wants one is shown the terminal's, which can
// be renewed without a new enrolment.
func TestOwnCertificate(t *testing.T) {
	t.Parallel()
	first, second := selfSigned(t, "first"), selfSigned(t, "second")
	var shown []string
	o := &office{t: t}
	o.before = func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		shown = append(shown, r.TLS.PeerCertificates[0].Subject.CommonName)
		return false
	}
	server := httptest.NewUnstartedServer(o)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	server.StartTLS()
	defer server.Close()
	e := codeEnroller(t, server.URL)
	e.Transport.CA = caOf(server)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Run(ctx); err == nil {
		t.Fatal("enrolled without a certificate")
	}
	dir := t.TempDir()
	e.Transport.CertFile, e.Transport.KeyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if _, err := e.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "key.pem") {
		t.Fatalf("without its files: %v", err)
	}
	writeCertificate(t, e.Transport, first)
	if _, err := e.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	writeCertificate(t, e.Transport, second)
	c := load(t, e.Store.dir)
	got, err := c.TLS().GetClientCertificate(nil)
	if err != nil || got.Leaf.Subject.CommonName != "second" || len(shown) != 1 || shown[0] != "first" {
		t.Errorf("shown %v, then %v, %v", shown, got, err)
	}
	if err := os.Chmod(e.Transport.KeyFile, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := c.TLS().GetClientCertificate(nil); err == nil || !strings.Contains(err.Error(), "may be read by others") {
		t.Errorf("a key for all to read: %v", err)
	}
	// The terminal starts all the same: it shows the QR of a sale that it has.
	if err := os.Remove(e.Transport.CertFile); err != nil {
		t.Fatal(err)
	}
	load(t, e.Store.dir)
}

// TestInTheClear: a code and a token go over the network encrypted, or not at
// all.
func TestInTheClear(t *testing.T) {
	t.Parallel()
	for base, ok := range map[string]bool{
		"https://pay.example": true, "https://192.0.2.1": true, "http://127.0.0.1:8080": true, "http://127.9.9.9": true,
		"http://localhost:8080": true, "http://[::1]:8080": true, "http://[::ffff:127.0.0.1]": true,
		"http://pay.example": false, "http://192.168.1.10:8080": false, "http://localhost.example": false, "http://[2001:db8::1]": false,
		"http://127.0.0.1.example": false, "http://": false,
	} {
		if err := CheckPrivate(base); (err == nil) != ok {
			t.Errorf("%s: %v", base, err)
		}
	}
}

// TestTransportsThatAreWrong: a typing error stops before anything is sent.
func TestTransportsThatAreWrong(t *testing.T) {
	t.Parallel()
	good := Pin(selfSigned(t, "x").Leaf)
	for says, transport := range map[string]Transport{
		"no certificate in PEM":   {CA: "hello"},
		"is not sha256/":          {Pins: []string{good, strings.TrimPrefix(good, "sha256/")}},
		"the base64 of 32 bytes":  {Pins: []string{good[:len(good)-4]}},
		"needs its key":           {CertFile: "/x"},
		"the key its certificate": {KeyFile: "/x"},
	} {
		e := codeEnroller(t, "https://127.0.0.1:1")
		e.Transport = transport
		e.Dial = func(context.Context, string, string) (net.Conn, error) {
			t.Errorf("%+v: dialled", transport)
			return nil, errors.New("no")
		}
		if _, err := e.Run(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %q", transport, err, says)
		}
	}
	e := codeEnroller(t, "https://127.0.0.1:1")
	e.Store = openStore(t, "")
	if _, err := e.Run(t.Context()); !errors.Is(err, errNoFolder) {
		t.Errorf("in memory: %v", err)
	}
}
