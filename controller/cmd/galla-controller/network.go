package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
	upinet "github.com/galla-pay/galla/controller/internal/network"
	"github.com/galla-pay/galla/controller/internal/upixml"
)

// networkFlags say where the UPI network is, and how we sign what we send it.
type networkFlags struct {
	UPINetwork  string `name:"upi-network" placeholder:"URL" help:"Send collect requests, refunds and questions to this UPI network; with galla-sim npci http://127.0.0.1:8075. Empty: they wait."`
	UPISignCert string `name:"upi-sign-cert" placeholder:"FILE" help:"The certificate (PEM) of --upi-sign-key; served to everybody at /api/v1/dynamic-qr/certificate."`
	UPISignKey  string `name:"upi-sign-key" placeholder:"FILE" help:"Our key (PEM) for messages and answers to the UPI network, not readable by everybody: RSA of 2048 bits or more, or P-256, which costs less; the network must take ecdsa-sha256 then. The sandbox makes one where none is given."`
}

// checkNetwork refuses flags that contradict each other. Outside the sandbox a
// network beyond this machine is spoken to over TLS alone: messages name
// customers.
func (f networkFlags) checkNetwork(sandbox bool) error {
	switch {
	case (f.UPISignCert == "") != (f.UPISignKey == ""):
		return errors.New("--upi-sign-cert and --upi-sign-key need each other")
	case f.UPINetwork == "":
		return nil
	case !sandbox && f.UPISignKey == "":
		return errors.New("--upi-network needs --upi-sign-cert and --upi-sign-key")
	}
	u, err := url.Parse(f.UPINetwork)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.User != nil, u.RawQuery != "", u.Fragment != "":
		return errors.New("--upi-network: want http://HOST or https://HOST, with a path if need be")
	case sandbox || u.Scheme == "https" || u.Hostname() == "localhost":
		return nil
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		return errors.New("--upi-network: outside the sandbox a network beyond this machine needs https://")
	}
	return nil
}

// upiSigner is our signature in the UPI network. A nil one has no key.
type upiSigner struct {
	*upixml.Signer
	cert *x509.Certificate
}

func newUPISigner(key crypto.Signer, cert *x509.Certificate) (*upiSigner, error) {
	signer, err := upixml.NewSigner(key, cert)
	return &upiSigner{signer, cert}, err
}

// openSigner reads the key of the flags; without them the sandbox's own, which
// is made at first start and the same for every controller on the database. Nil:
// there is none.
func (f networkFlags) openSigner(ctx context.Context, s secrets, sandbox bool) (*upiSigner, error) {
	var signer *upiSigner
	var err error
	switch {
	case f.UPISignKey != "":
		signer, err = readSigner(f.UPISignCert, f.UPISignKey)
	case sandbox:
		signer, err = sandboxSigner(ctx, s)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// A key that does not fit, or that is too short, is found here and not at the
	// first payment.
	probe := upixml.ReqChkTxn{MsgID: "probe", OrgID: "probe", OrgTxnID: "probe", Ts: time.Now()}.XML()
	signed, err := signer.Sign(probe)
	if err == nil {
		_, err = upixml.Verify(signed, []*x509.Certificate{signer.cert}, time.Now())
	}
	if err != nil {
		return nil, fmt.Errorf("--upi-sign-key: %w", err)
	}
	return signer, nil
}

func readSigner(certFile, keyFile string) (*upiSigner, error) {
	text, err := os.ReadFile(certFile)
	if err != nil {
		return nil, fmt.Errorf("--upi-sign-cert: %w", err)
	}
	certs := upixml.Certificates([]string{string(text)})
	if len(certs) == 0 {
		return nil, fmt.Errorf("--upi-sign-cert: %s is no certificate in PEM", certFile)
	}
	secret, err := readPassword(keyFile)
	if err != nil {
		return nil, fmt.Errorf("--upi-sign-key: %w", err)
	}
	key, err := upixml.PrivateKey([]byte(secret))
	if err != nil {
		return nil, fmt.Errorf("--upi-sign-key: %s: %w", keyFile, err)
	}
	signer, err := newUPISigner(key, certs[0])
	if err != nil {
		return nil, fmt.Errorf("--upi-sign-key: %w", err)
	}
	return signer, nil
}

// The names of the sandbox's key and of its certificate among the secrets.
const (
	secretSignKey  = "upi-sign-key"
	secretSignCert = "upi-sign-cert"
)

// sandboxSigner makes the key first and then, of the key that was stored first,
// the certificate: of controllers that start at once all have the same pair.
func sandboxSigner(ctx context.Context, s secrets) (*upiSigner, error) {
	fresh, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(fresh)
	if err != nil {
		return nil, err
	}
	if der, err = s.PutSecret(ctx, secretSignKey, der); err != nil {
		return nil, fmt.Errorf("%s: %w", secretSignKey, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", secretSignKey, err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s: it is no RSA key", secretSignKey)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Galla sandbox"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.AddDate(30, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if der, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key); err != nil {
		return nil, err
	}
	if der, err = s.PutSecret(ctx, secretSignCert, der); err != nil {
		return nil, fmt.Errorf("%s: %w", secretSignCert, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", secretSignCert, err)
	}
	return newUPISigner(key, cert)
}

// signs is Sign, or nil where there is no key.
func (s *upiSigner) signs() func([]byte) ([]byte, error) {
	if s == nil {
		return nil
	}
	return s.Sign
}

// certificate is the certificate in PEM, or nil where there is no key.
func (s *upiSigner) certificate() []byte {
	if s == nil {
		return nil
	}
	var text bytes.Buffer
	_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: s.cert.Raw}) // a buffer takes everything
	return text.Bytes()
}

// networkRows is the outbox to the UPI network as the storages have it.
type networkRows interface {
	upinet.Rows
	upinet.Reader
	NetworkQueue(ctx context.Context) (journal.NetworkQueue, error)
}

// newNetwork makes the worker that sends what the outbox to the UPI network
// holds.
func (f networkFlags) newNetwork(c *controller, rows networkRows, signer *upiSigner) (*upinet.Worker, error) {
	w, err := upinet.New(upinet.Config{
		Rows: rows, Reader: rows, Journal: c.journal, Directory: c.people.get, URL: f.UPINetwork, OrgID: c.OrgID,
		Sign: signer.signs(), Sandbox: c.Sandbox, Log: c.log, Meter: c.metrics,
	})
	if err != nil {
		return nil, fmt.Errorf("--upi-network: %w", err)
	}
	return w, nil
}
