package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// certificatesCommand: certificates NAME makes an authority, NAME-ca.pem, and a
// certificate of it for this machine, NAME.pem and NAME.key. The session's POS
// trusts the authority that was made last.
func certificatesCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: certificates NAME")
	}
	key := newKey(ts)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: args[0] + " authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	root, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	ts.Check(err)
	serverKey := newKey(ts)
	leaf, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: args[0]}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca, serverKey.Public(), key)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(serverKey)
	ts.Check(err)
	writePEM(ts, args[0]+"-ca.pem", "CERTIFICATE", root)
	writePEM(ts, args[0]+".pem", "CERTIFICATE", leaf)
	writePEM(ts, args[0]+".key", "PRIVATE KEY", private)
	of(ts).trust(ts, args[0])
}

// trust makes the session's POS believe that authority alone.
func (h *house) trust(ts *testscript.TestScript, name string) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(ts.ReadFile(name + "-ca.pem"))) {
		ts.Fatalf("%s-ca.pem is no certificate", name)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	h.env.Defer(transport.CloseIdleConnections)
	h.client = &http.Client{Transport: transport}
}

// certifiedCommand: certified NAME waits until the controller shows the
// certificate of that authority to whoever connects, by HTTPS and MQTT; the
// session's POS trusts it from then on.
func certifiedCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: certified NAME")
	}
	h := of(ts)
	h.trust(ts, args[0])
	config := h.client.Transport.(*http.Transport).TLSClientConfig
	for _, address := range []string{h.http, h.mqtt} {
		until(ts, h.controller, address+" is certified by "+args[0], func(context.Context) (string, bool) {
			conn, err := tls.Dial("tcp", address, config)
			if err != nil {
				return err.Error(), false
			}
			return "", conn.Close() == nil
		})
	}
}

func newKey(ts *testscript.TestScript) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	return key
}

func writePEM(ts *testscript.TestScript, file, kind string, der []byte) {
	ts.Check(os.WriteFile(ts.MkAbs(file), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}
