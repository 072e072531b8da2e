// Package tlsfile is the certificate that the controller shows to POSes, to the
// UPI network and to terminals, read from files and read again when they change.
//
// cmd/galla-controller opens the files, runs them, and makes the listeners of
// HTTP and MQTT with the configuration that Server returns. Connections that
// are open keep what they began with; the next handshake gets the newest.
package tlsfile

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

const (
	// lookEvery is how often the files are looked at. A change counts once it
	// was seen unchanged twice, so it is in use after 2 to 4 s.
	lookEvery = 2 * time.Second
	// maxFile bounds each file, in bytes; a chain of ten has about 20 KB.
	maxFile = 1 << 20
)

// Config names the files, all in PEM.
type Config struct {
	Cert string // the certificate, followed by its intermediates
	Key  string // its private key; a file that everybody may read is refused
	// ClientCA holds the authorities whose client certificates are believed;
	// "" means that none is asked for.
	ClientCA string
	Log      *slog.Logger
}

// Files are the files' newest contents that were good. Make them with Open.
type Files struct {
	config Config
	opened contents
	inUse  atomic.Pointer[material]
}

// material is what the files say.
type material struct {
	pair    tls.Certificate
	clients *x509.CertPool // nil: none
}

// contents are the files' texts, or why they could not be read.
type contents struct{ cert, key, clientCA, problem string }

// Open reads the files for the first time. The error names the file. A
// certificate that has ended is used all the same, and logged: what does not
// need it goes on working.
func Open(c Config) (*Files, error) {
	f := &Files{config: c, opened: c.look()}
	m, err := c.parse(f.opened)
	if err != nil {
		return nil, err
	}
	f.inUse.Store(m)
	if ends := m.pair.Leaf.NotAfter; time.Now().After(ends) {
		c.Log.Error("the certificate has ended", "file", c.Cert, "ended", ends)
	}
	return f, nil
}

// Run looks at the files every 2 s until ctx ends. New contents are taken as a
// whole, and only when they were the same at two looks: whoever replaces one
// file after the other, or writes slowly, is waited for. What is broken or has
// ended is logged once, and what is in use stays.
func (f *Files) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	seen, judged := f.opened, f.opened
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := f.config.look()
		if now == seen && now != judged {
			judged = now
			f.judge(now)
		}
		seen = now
	}
}

func (f *Files) judge(now contents) {
	m, err := f.config.parse(now)
	if err == nil && time.Now().After(m.pair.Leaf.NotAfter) {
		err = fmt.Errorf("certificate %s: it ended on %s", f.config.Cert, m.pair.Leaf.NotAfter.UTC().Format(time.DateTime))
	}
	if err != nil {
		f.config.Log.Warn("new certificate files are not used; the ones before stay", "error", err)
		return
	}
	f.inUse.Store(m)
	f.config.Log.Info("new certificate files are in use", "file", f.config.Cert, "ends", m.pair.Leaf.NotAfter)
}

// Server returns the configuration of a listener: TLS 1.2 or newer, with
// protocols for ALPN. auth says what is asked of clients; without a ClientCA it
// is nothing.
func (f *Files) Server(auth tls.ClientAuthType, protocols ...string) *tls.Config {
	base := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: protocols}
	if f.config.ClientCA != "" {
		base.ClientAuth = auth
		// Whoever comes back is checked against the authorities of now.
		base.SessionTicketsDisabled = true
	}
	listener := base.Clone()
	listener.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		m := f.inUse.Load()
		fresh := base.Clone()
		fresh.Certificates, fresh.ClientCAs = []tls.Certificate{m.pair}, m.clients
		return fresh, nil
	}
	return listener
}

func (c Config) look() (now contents) {
	for _, file := range []struct {
		what, path string
		text       *string
		secret     bool
	}{
		{"certificate", c.Cert, &now.cert, false},
		{"key", c.Key, &now.key, true},
		{"client authorities", c.ClientCA, &now.clientCA, false},
	} {
		if file.path == "" {
			continue
		}
		text, err := read(file.path, file.secret)
		if err != nil {
			return contents{problem: file.what + " " + file.path + ": " + err.Error()}
		}
		*file.text = text
	}
	return now
}

func read(path string, secret bool) (string, error) {
	info, err := os.Stat(path) // before Open, which would wait for the writer of a pipe
	switch {
	case err != nil:
		return "", reason(err)
	case !info.Mode().IsRegular():
		return "", errors.New("not a regular file")
	case secret && info.Mode().Perm()&0o007 != 0:
		return "", errors.New("everybody may read it (chmod 600)")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", reason(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = errors.New("larger than 1 MiB")
	}
	return string(text), err
}

// reason leaves out the path, which the caller names.
func reason(err error) error {
	if p := (*os.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (c Config) parse(now contents) (*material, error) {
	if now.problem != "" {
		return nil, errors.New(now.problem)
	}
	pair, err := tls.X509KeyPair([]byte(now.cert), []byte(now.key))
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", c.Cert, c.Key, err)
	}
	m := &material{pair: pair}
	if c.ClientCA != "" {
		m.clients = x509.NewCertPool()
		if !m.clients.AppendCertsFromPEM([]byte(now.clientCA)) {
			return nil, fmt.Errorf("client authorities %s: no certificate in PEM", c.ClientCA)
		}
	}
	return m, nil
}
