package identity

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func pemOf(c tls.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
}

// handshake is one of a terminal with that store, which believes cert's authority.
func handshake(t *testing.T, s *Store, cert tls.Certificate) error {
	t.Helper()
	ours, theirs := net.Pipe()
	done := make(chan error, 1)
	go func() {
		defer theirs.Close()
		done <- tls.Server(theirs, &tls.Config{Certificates: []tls.Certificate{cert}}).HandshakeContext(t.Context())
	}()
	_, err := Transport{CA: pemOf(cert)}.handshake(t.Context(), ours, "127.0.0.1", s.clock)
	_ = ours.Close()
	<-done
	return err
}

// TestEnrolByAWrongClock (failure matrix T18): a terminal whose wall clock is ten
// years late or early enrols over TLS all the same, whether it was ever anywhere
// before or not; and nothing but a date is forgiven.
func TestEnrolByAWrongClock(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	cert, stranger := selfSigned(t, "controller"), selfSigned(t, "stranger") // from an hour ago until in an hour
	for _, row := range []struct {
		name  string
		wall  time.Duration
		knows bool // it has connected before
		good  bool
	}{
		{"right", 0, false, true},
		{"ten years late", -10 * year, false, true},
		{"ten years early", 10 * year, false, true},
		{"ten years late, and was here before", -10 * year, true, true},
		{"ten years early, and was here before", 10 * year, true, true},
		{"an hour late", -time.Hour, true, true},
		{"two hours early, so that the certificate has expired", 2 * time.Hour, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(&office{t: t})
			server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
			server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
			server.StartTLS()
			defer server.Close()
			dir := filepath.Join(t.TempDir(), "data")
			if row.knows {
				if err := handshake(t, openStore(t, dir), cert); err != nil {
					t.Fatal(err)
				}
			}
			e := codeEnroller(t, server.URL)
			var err error
			if e.Store, err = Open(Options{Dir: dir, Wall: func() time.Time { return time.Now().Add(row.wall) }}); err != nil {
				t.Fatal(err)
			}
			var untrusted *Untrusted
			e.Transport.CA = pemOf(stranger)
			if _, err := e.Run(t.Context()); !errors.As(err, &untrusted) {
				t.Errorf("a stranger: %v", err)
			}
			e.Transport.CA = pemOf(cert)
			if _, err = e.Run(t.Context()); row.good && err != nil || !row.good && !errors.As(err, &untrusted) {
				t.Errorf("good %v: %v", row.good, err)
			}
		})
	}
}

// TestTheClockIsKept: in a file of the folder, which is no secret and no loss.
func TestTheClockIsKept(t *testing.T) {
	t.Parallel()
	cert := selfSigned(t, "broker")
	dir := t.TempDir()
	late := func() time.Time { return time.Now().AddDate(-10, 0, 0) }
	if err := handshake(t, openStore(t, dir), cert); err != nil {
		t.Fatal(err)
	}
	s, err := Open(Options{Dir: dir, Wall: late})
	if err != nil {
		t.Fatal(err)
	}
	if now := s.clock.Now(); now.Before(cert.Leaf.NotBefore) || now.After(cert.Leaf.NotAfter) {
		t.Errorf("it is %v", now)
	}
	if err := os.WriteFile(filepath.Join(dir, clockFile), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(Options{Dir: dir, Wall: late}); err != nil {
		t.Fatal(err)
	}
	if err := handshake(t, s, cert); err != nil {
		t.Errorf("with a file of garbage: %v", err)
	}
}
