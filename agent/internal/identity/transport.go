package identity

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/galla-pay/galla/agent/internal/clock"
)

// Transport is whom a terminal believes on its way to the controller (https) and
// to brokers (mqtts), and how it shows who it is itself. Its zero value believes
// the system's certificate authorities.
type Transport struct {
	// CA is certificates in PEM. When there are any, a server's certificate must
	// come from one of them, and from no other.
	CA string `json:"ca,omitempty"`
	// Pins are of public keys, sha256/BASE64 of the SubjectPublicKeyInfo. When
	// there are any, with CA, a certificate of the verified chain must have one
	// of them. Without CA they stand in its place: the server's own certificate
	// must have one, and that is all: neither its names nor its dates matter,
	// since only the holder of that key can be on the other side.
	Pins []string `json:"pins,omitempty"`
	// CertFile and KeyFile are the terminal's own certificate and key, PEM, with
	// absolute paths. They are read for every connection, so that they can be
	// renewed.
	CertFile string `json:"certFile,omitempty"`
	KeyFile  string `json:"keyFile,omitempty"`
}

// pinPrefix is before the base64 of a pin.
const pinPrefix = "sha256/"

// ErrPin: the server's public key is not one that the terminal was told.
var ErrPin = errors.New("the server's public key is none of the pinned ones")

func (t Transport) zero() bool {
	return t.CA == "" && len(t.Pins) == 0 && t.CertFile == "" && t.KeyFile == ""
}

// Check says what is wrong, certificate files included.
func (t Transport) Check() error {
	if err := t.checkTrust(); err != nil {
		return err
	}
	if t.CertFile == "" && t.KeyFile == "" {
		return nil
	}
	_, err := t.certificate()
	return err
}

// checkTrust leaves the certificate files out: they may come back.
func (t Transport) checkTrust() error {
	if t.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(t.CA)) {
		return errors.New("the CA holds no certificate in PEM")
	}
	for _, p := range t.Pins {
		if _, err := parsePin(p); err != nil {
			return err
		}
	}
	return nil
}

func parsePin(pin string) ([]byte, error) {
	text, ok := strings.CutPrefix(pin, pinPrefix)
	sum, err := base64.StdEncoding.Strict().DecodeString(text)
	if !ok || err != nil || len(sum) != sha256.Size {
		return nil, fmt.Errorf("pin %q is not sha256/ and the base64 of 32 bytes", pin)
	}
	return sum, nil
}

// Pin is the pin of a certificate.
func Pin(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return pinPrefix + base64.StdEncoding.EncodeToString(sum[:])
}

// certificate reads the terminal's own.
func (t Transport) certificate() (*tls.Certificate, error) {
	if t.CertFile == "" || t.KeyFile == "" {
		return nil, errors.New("a certificate of the terminal's own needs its key, and the key its certificate")
	}
	info, err := os.Stat(t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("key of the terminal's certificate: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s may be read by others (mode %04o): chmod 600 it, and think of it as stolen", t.KeyFile, info.Mode().Perm())
	}
	c, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("the terminal's certificate: %w", err)
	}
	return &c, nil
}

// config is for connections, but for the server's name. t is checked.
func (t Transport) config(now *clock.Clock) *tls.Config {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, Time: now.Now}
	if t.CA != "" {
		conf.RootCAs = x509.NewCertPool()
		conf.RootCAs.AppendCertsFromPEM([]byte(t.CA))
	}
	if len(t.Pins) > 0 {
		// VerifyConnection is called for resumed sessions too.
		conf.InsecureSkipVerify = t.CA == ""
		conf.VerifyConnection = t.verifyPin
	}
	if t.CertFile != "" {
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return t.certificate() }
	}
	return conf
}

// handshake makes a TLS connection to the server of that name. Its certificate is
// looked at at the time of the clock.
func (t Transport) handshake(ctx context.Context, conn net.Conn, host string, now *clock.Clock) (*tls.Conn, error) {
	conf := t.config(now)
	conf.ServerName = host
	if t.CA != "" || len(t.Pins) == 0 {
		// What crypto/tls leaves out is done here, at another time.
		conf.InsecureSkipVerify = true
		conf.VerifyConnection = func(s tls.ConnectionState) error { return t.verify(s, host, conf.RootCAs, now) }
	}
	secure := tls.Client(conn, conf)
	return secure, secure.HandshakeContext(ctx)
}

// verify is crypto/tls's own look at a server's certificates, and the pins. An
// error is of the type that crypto/tls has for it.
func (t Transport) verify(s tls.ConnectionState, host string, roots *x509.CertPool, now *clock.Clock) error {
	chains, err := now.Verify(s.PeerCertificates, t.authorities(), x509.VerifyOptions{Roots: roots, DNSName: host})
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
	}
	if len(t.Pins) == 0 {
		return nil
	}
	s.VerifiedChains = chains
	return t.verifyPin(s)
}

// authorities are the certificates of CA.
func (t Transport) authorities() (all []*x509.Certificate) {
	for rest := []byte(t.CA); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return all
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			all = append(all, c)
		}
	}
}

// client is for requests to the controller, over a connection of its own for each.
func (t Transport) client(dial func(ctx context.Context, network, address string) (net.Conn, error), now *clock.Clock) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dial,
			DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				host, _, err := net.SplitHostPort(address)
				if err != nil {
					return nil, err
				}
				conn, err := dial(ctx, network, address)
				if err != nil {
					return nil, err
				}
				ctx, cancel := context.WithTimeout(ctx, enrolTimeout)
				defer cancel()
				secure, err := t.handshake(ctx, conn, host, now)
				if err != nil {
					_ = conn.Close()
					return nil, err
				}
				return secure, nil
			},
			Proxy:                 nil, // the controller is near, or nowhere; brokers are not behind one either
			DisableKeepAlives:     true,
			ResponseHeaderTimeout: enrolTimeout,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (t Transport) verifyPin(s tls.ConnectionState) error {
	var candidates []*x509.Certificate
	if t.CA != "" {
		for _, chain := range s.VerifiedChains {
			candidates = append(candidates, chain...)
		}
	} else if len(s.PeerCertificates) > 0 {
		// The others are only claimed: their keys need not be there.
		candidates = s.PeerCertificates[:1]
	}
	for _, c := range candidates {
		for _, p := range t.Pins {
			if subtle.ConstantTimeCompare([]byte(Pin(c)), []byte(p)) == 1 {
				return nil
			}
		}
	}
	if len(s.PeerCertificates) == 0 {
		return ErrPin
	}
	return fmt.Errorf("%w; it is %s", ErrPin, Pin(s.PeerCertificates[0]))
}
