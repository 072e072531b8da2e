package tlsfile_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/tlsfile"
	"github.com/galla-pay/galla/controller/internal/tlsfile/tlsfiletest"
)

// shop is a folder with files, and what is made of them. Its clock is the
// bubble's.
type shop struct {
	dir       string
	authority *tlsfiletest.Authority
	files     *tlsfile.Files
	log       *bytes.Buffer
}

// open writes a first pair and opens it; clientCA asks for client certificates.
func open(t *testing.T, clientCA bool) *shop {
	t.Helper()
	s := &shop{dir: t.TempDir(), authority: tlsfiletest.NewAuthority(t), log: &bytes.Buffer{}}
	s.pair(t, "first").Write(t, s.dir)
	config := tlsfile.Config{Cert: s.path("cert.pem"), Key: s.path("key.pem"), Log: slog.New(slog.NewTextHandler(s.log, nil))}
	if clientCA {
		config.ClientCA = s.path("ca.pem")
		tlsfiletest.Put(t, config.ClientCA, s.authority.PEM())
	}
	var err error
	if s.files, err = tlsfile.Open(config); err != nil {
		t.Fatal(err)
	}
	go s.files.Run(t.Context())
	return s
}

// said is the log so far.
func (s *shop) said() string {
	synctest.Wait()
	return s.log.String()
}

func (s *shop) path(name string) string { return filepath.Join(s.dir, name) }

func (s *shop) pair(t *testing.T, name string) tlsfiletest.Pair {
	t.Helper()
	return s.authority.Issue(t, name, time.Time{})
}

// shown is the name in the certificate that a new client gets.
func (s *shop) shown(t *testing.T) string {
	t.Helper()
	client, _, err := handshake(s.files.Server(tls.NoClientCert), &tls.Config{RootCAs: s.authority.Pool(), ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	return client.PeerCertificates[0].Subject.CommonName
}

// handshake makes a connection in memory; err is the server's, or else the
// client's.
func handshake(server, client *tls.Config) (clientState, serverState tls.ConnectionState, err error) {
	near, far := net.Pipe()
	s, c := tls.Server(far, server), tls.Client(near, client)
	served := make(chan error, 1)
	go func() {
		err := s.Handshake()
		if err == nil {
			_, err = s.Write([]byte("x")) // of TLS 1.3, a client knows only then
		}
		_ = far.Close()
		served <- err
	}()
	_, clientErr := io.ReadAll(c)
	_ = near.Close()
	err = <-served
	if err == nil && !errors.Is(clientErr, io.ErrUnexpectedEOF) {
		err = clientErr
	}
	return c.ConnectionState(), s.ConnectionState(), err
}

// TestFilesThatAreRefused at the start: one line that names the file.
func TestFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		spoil func(t *testing.T, cert, key, ca string)
		says  string
	}{
		{"no certificate", func(t *testing.T, cert, _, _ string) { must(t, os.Remove(cert)) }, "certificate CERT: no such file"},
		{"no key", func(t *testing.T, _, key, _ string) { must(t, os.Remove(key)) }, "key KEY: no such file"},
		{"no authorities", func(t *testing.T, _, _, ca string) { must(t, os.Remove(ca)) }, "client authorities CA: no such file"},
		{"a key that everybody may read", func(t *testing.T, _, key, _ string) { must(t, os.Chmod(key, 0o644)) }, "key KEY: everybody may read it (chmod 600)"},
		{"an empty certificate", func(t *testing.T, cert, _, _ string) { tlsfiletest.Put(t, cert, nil) }, "certificate CERT with key KEY: "},
		{"nonsense", func(t *testing.T, _, key, _ string) { tlsfiletest.Put(t, key, []byte("key")) }, "certificate CERT with key KEY: "},
		{"another's key", func(t *testing.T, _, key, _ string) {
			tlsfiletest.Put(t, key, tlsfiletest.NewAuthority(t).Issue(t, "x", time.Time{}).Key)
		}, "does not match"},
		{"authorities without one", func(t *testing.T, _, _, ca string) { tlsfiletest.Put(t, ca, []byte("none")) }, "client authorities CA: no certificate in PEM"},
		{"a folder", func(t *testing.T, cert, _, _ string) { must(t, os.Remove(cert)); must(t, os.Mkdir(cert, 0o700)) }, "certificate CERT: not a regular file"},
		{"a pipe that nobody writes", func(t *testing.T, _, key, _ string) { must(t, os.Remove(key)); must(t, syscall.Mkfifo(key, 0o600)) }, "key KEY: not a regular file"},
		{"endless", func(t *testing.T, cert, _, _ string) { tlsfiletest.Put(t, cert, make([]byte, 1<<20+1)) }, "certificate CERT: larger than 1 MiB"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			dir, authority := t.TempDir(), tlsfiletest.NewAuthority(t)
			cert, key := authority.Issue(t, "x", time.Time{}).Write(t, dir)
			ca := filepath.Join(dir, "ca.pem")
			tlsfiletest.Put(t, ca, authority.PEM())
			config := tlsfile.Config{Cert: cert, Key: key, ClientCA: ca, Log: slog.New(slog.DiscardHandler)}
			if _, err := tlsfile.Open(config); err != nil {
				t.Fatalf("the good files: %v", err)
			}
			row.spoil(t, cert, key, ca)
			_, err := tlsfile.Open(config)
			want := strings.NewReplacer("CERT", cert, "KEY", key, "CA", ca).Replace(row.says)
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want ...%s...", err, want)
			}
		})
	}
}

// TestReload: a new pair is in use 4 s after its last file was written, and not
// before it was seen twice.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, false)
		if got := s.shown(t); got != "first" {
			t.Fatalf("shown: %s", got)
		}
		time.Sleep(time.Second)
		s.pair(t, "second").Write(t, s.dir)
		time.Sleep(2 * time.Second) // looked at once
		if got := s.shown(t); got != "first" {
			t.Errorf("after 2 s: %s, want the first", got)
		}
		time.Sleep(2 * time.Second)
		if got := s.shown(t); got != "second" {
			t.Errorf("after 4 s: %s, want the second", got)
		}
		if n := strings.Count(s.said(), "\n"); n != 1 || !strings.Contains(s.said(), "new certificate files are in use") {
			t.Errorf("log:\n%s", s.said())
		}
	})
}

// TestReplacedOneAfterTheOther: between the first file and the second nothing
// is taken and nothing is complained about.
func TestReplacedOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, false)
		next := s.pair(t, "second")
		time.Sleep(1900 * time.Millisecond)
		tlsfiletest.Put(t, s.path("cert.pem"), next.Cert)
		time.Sleep(200 * time.Millisecond) // a look falls in here
		tlsfiletest.Put(t, s.path("key.pem"), next.Key)
		time.Sleep(4 * time.Second)
		if got := s.shown(t); got != "second" {
			t.Errorf("shown: %s", got)
		}
		if strings.Contains(s.said(), "not used") {
			t.Errorf("log:\n%s", s.said())
		}
	})
}

// TestWrittenSlowly: the leaf alone fits the key as well, but nobody may ever
// see it without its intermediate.
func TestWrittenSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, false)
		next := s.pair(t, "second")
		tlsfiletest.Put(t, s.path("key.pem"), next.Key)
		tlsfiletest.Put(t, s.path("cert.pem"), next.Cert)
		time.Sleep(3 * time.Second) // seen once
		tlsfiletest.Put(t, s.path("cert.pem"), append(next.Cert, s.authority.PEM()...))
		for range 20 {
			time.Sleep(200 * time.Millisecond)
			state, _, err := handshake(s.files.Server(tls.NoClientCert), &tls.Config{RootCAs: s.authority.Pool(), ServerName: "localhost"})
			must(t, err)
			if name, n := state.PeerCertificates[0].Subject.CommonName, len(state.PeerCertificates); name == "second" && n != 2 {
				t.Fatalf("%s with %d certificates", name, n)
			}
		}
		if got := s.shown(t); got != "second" {
			t.Errorf("shown: %s", got)
		}
	})
}

// TestBrokenFilesKeepTheOldOnes: and are complained about once; good ones after
// them are taken.
func TestBrokenFilesKeepTheOldOnes(t *testing.T) {
	for _, row := range []struct {
		name  string
		spoil func(t *testing.T, s *shop)
		says  string
	}{
		{"gone", func(t *testing.T, s *shop) { must(t, os.Remove(s.path("cert.pem"))) }, "no such file"},
		{"nonsense", func(t *testing.T, s *shop) { tlsfiletest.Put(t, s.path("cert.pem"), []byte("x")) }, "failed to find any PEM data"},
		{"half of it replaced", func(t *testing.T, s *shop) { tlsfiletest.Put(t, s.path("cert.pem"), s.pair(t, "x").Cert) }, "does not match"},
		{"ended", func(t *testing.T, s *shop) {
			s.authority.Issue(t, "old", time.Now().Add(-time.Minute)).Write(t, s.dir)
		}, "it ended on"},
		{"readable for everybody", func(t *testing.T, s *shop) {
			s.pair(t, "x").Write(t, s.dir)
			must(t, os.Chmod(s.path("key.pem"), 0o604))
		}, "chmod 600"},
		{"authorities", func(t *testing.T, s *shop) { tlsfiletest.Put(t, s.path("ca.pem"), nil) }, "no certificate in PEM"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, true)
				row.spoil(t, s)
				time.Sleep(time.Minute)
				if got := s.shown(t); got != "first" {
					t.Errorf("shown: %s", got)
				}
				log := s.said()
				if strings.Count(log, "\n") != 1 || !strings.Contains(log, "not used") || !strings.Contains(log, row.says) {
					t.Errorf("log:\n%s", log)
				}
				s.pair(t, "second").Write(t, s.dir)
				tlsfiletest.Put(t, s.path("ca.pem"), s.authority.PEM())
				time.Sleep(5 * time.Second)
				if got := s.shown(t); got != "second" {
					t.Errorf("after good ones: %s", got)
				}
			})
		})
	}
}

// TestEndedAtTheStart: it is said, and used: MQTT and HTTP of the neighbourhood
// may not need it.
func TestEndedAtTheStart(t *testing.T) {
	t.Parallel()
	cert, key := tlsfiletest.NewAuthority(t).Issue(t, "old", time.Now().Add(-time.Minute)).Write(t, t.TempDir())
	var log bytes.Buffer
	if _, err := tlsfile.Open(tlsfile.Config{Cert: cert, Key: key, Log: slog.New(slog.NewTextHandler(&log, nil))}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "level=ERROR msg=\"the certificate has ended\"") {
		t.Errorf("log: %s", &log)
	}
}

// TestVersionsAndProtocols: TLS 1.2 or newer, and only what ALPN is to offer.
func TestVersionsAndProtocols(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, false)
		server := s.files.Server(tls.NoClientCert, "http/1.1")
		for version, good := range map[uint16]bool{
			tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true,
		} {
			state, _, err := handshake(server, &tls.Config{
				RootCAs: s.authority.Pool(), ServerName: "localhost", MinVersion: version, MaxVersion: version,
				NextProtos: []string{"h2", "http/1.1"},
			})
			if (err == nil) != good {
				t.Errorf("%s: %v", tls.VersionName(version), err)
			}
			if good && state.NegotiatedProtocol != "http/1.1" {
				t.Errorf("%s speaks %q", tls.VersionName(version), state.NegotiatedProtocol)
			}
		}
	})
}

// TestClientAuthorities: what is asked of clients, and that new authorities
// count for the next handshake, also of a client that comes back.
func TestClientAuthorities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, true)
		other := tlsfiletest.NewAuthority(t)
		ours, theirs := s.pair(t, "gina").TLS(t), other.Issue(t, "gina", time.Time{}).TLS(t)
		try := func(auth tls.ClientAuthType, shown *tls.Certificate, sessions tls.ClientSessionCache) (*x509.Certificate, error) {
			conf := &tls.Config{RootCAs: s.authority.Pool(), ServerName: "localhost", ClientSessionCache: sessions}
			if shown != nil {
				conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil }
			}
			_, state, err := handshake(s.files.Server(auth), conf)
			if err != nil || len(state.PeerCertificates) == 0 {
				return nil, err
			}
			return state.PeerCertificates[0], nil
		}
		check := func(when string, auth tls.ClientAuthType, shown *tls.Certificate, sessions tls.ClientSessionCache, good bool) {
			t.Helper()
			cert, err := try(auth, shown, sessions)
			if (err == nil) != good || good && (cert != nil) != (shown != nil) {
				t.Errorf("%s: certificate %t, error %v", when, cert != nil, err)
			}
		}
		const optional, required = tls.VerifyClientCertIfGiven, tls.RequireAndVerifyClientCert
		check("optional, none", optional, nil, nil, true)
		check("optional, ours", optional, &ours, nil, true)
		check("optional, theirs", optional, &theirs, nil, false)
		check("required, none", required, nil, nil, false)
		check("required, ours", required, &ours, nil, true)
		check("required, theirs", required, &theirs, nil, false)

		sessions := tls.NewLRUClientSessionCache(8)
		check("first visit", required, &ours, sessions, true)
		tlsfiletest.Put(t, s.path("ca.pem"), other.PEM())
		time.Sleep(5 * time.Second)
		check("back, when its authority is not believed any more", required, &ours, sessions, false)
		check("the new authority's", required, &theirs, nil, true)
	})
}

// TestNoClientAuthority: without one, no certificate is asked for, whatever the
// listener wants: it would be checked against the system's.
func TestNoClientAuthority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, false)
		asked := false
		_, _, err := handshake(s.files.Server(tls.RequireAndVerifyClientCert), &tls.Config{
			RootCAs: s.authority.Pool(), ServerName: "localhost",
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				asked = true
				return &tls.Certificate{}, nil
			},
		})
		if err != nil || asked {
			t.Errorf("asked %t, %v", asked, err)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
