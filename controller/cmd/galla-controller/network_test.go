package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/controller/internal/sqlite"
	"github.com/galla-pay/galla/controller/internal/upixml"
)

// TestNetworkFlags: what contradicts itself is refused with the flag's name.
func TestNetworkFlags(t *testing.T) {
	t.Parallel()
	pair := networkFlags{UPISignCert: "c", UPISignKey: "k"}
	at := func(url string, f networkFlags) networkFlags { f.UPINetwork = url; return f }
	for _, tt := range []struct {
		name    string
		flags   networkFlags
		sandbox bool
		wrong   string
	}{
		{"nothing", networkFlags{}, false, ""},
		{"nothing in the sandbox", networkFlags{}, true, ""},
		{"a key alone", pair, false, ""},
		{"a network in the sandbox", at("http://127.0.0.1:8075", networkFlags{}), true, ""},
		{"a network elsewhere in the sandbox", at("http://npci:8075/upi", networkFlags{}), true, ""},
		{"a network", at("https://npci.example.in/upi", pair), false, ""},
		{"a network on this machine", at("http://127.0.0.1:8075", pair), false, ""},
		{"a network on this machine, by v6", at("http://[::1]:8075", pair), false, ""},
		{"a network on this machine, by name", at("http://localhost:8075", pair), false, ""},
		{"a network in the clear", at("http://npci.example.in", pair), false, "--upi-network: outside the sandbox"},
		{"a network without key", at("https://npci.example.in", networkFlags{}), false, "--upi-sign-cert and --upi-sign-key"},
		{"a certificate without key", networkFlags{UPISignCert: "c"}, true, "need each other"},
		{"a key without certificate", networkFlags{UPISignKey: "k"}, true, "need each other"},
		{"no URL", at("npci.example.in", networkFlags{}), true, "--upi-network"},
		{"another scheme", at("ftp://npci.example.in", networkFlags{}), true, "--upi-network"},
		{"a password in it", at("https://a:b@npci.example.in", pair), false, "--upi-network"},
		{"a query in it", at("https://npci.example.in/?x=1", pair), false, "--upi-network"},
	} {
		err := tt.flags.checkNetwork(tt.sandbox)
		if (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.wrong)
		}
	}
}

func signerStorage(t *testing.T) *sqlite.DB {
	t.Helper()
	dir := t.TempDir()
	box, err := seal.OpenOrCreate(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(dir, "galla.db"), Box: box, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// The sandbox makes a key of its own once: controllers that start at once, and
// later, have the same, and its certificate verifies what it signs.
func TestSandboxSigner(t *testing.T) {
	t.Parallel()
	db := signerStorage(t)
	signers := make([]*upiSigner, 3)
	var starts sync.WaitGroup
	for i := range signers {
		starts.Go(func() {
			var err error
			if signers[i], err = (networkFlags{}).openSigner(context.Background(), db, true); err != nil {
				t.Error(err)
			}
		})
	}
	starts.Wait()
	doc := upixml.ReqChkTxn{MsgID: "A1", OrgID: "MER101", OrgTxnID: "GP1", Ts: time.Now()}.XML()
	for i, s := range signers {
		if s == nil {
			t.Fatal("no signer")
		}
		signed, err := s.signs()(doc)
		if err != nil || !bytes.Equal(s.certificate(), signers[0].certificate()) {
			t.Fatalf("signer %d is another: %v", i, err)
		}
		if _, err := upixml.Verify(signed, upixml.Certificates([]string{string(signers[0].certificate())}), time.Now()); err != nil {
			t.Error(err)
		}
	}
	if key, ok := signers[0].cert.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() != 2048 {
		t.Errorf("the key is %T", signers[0].cert.PublicKey)
	}
	none, err := networkFlags{}.openSigner(t.Context(), db, false)
	if err != nil || none != nil || none.signs() != nil || none.certificate() != nil {
		t.Errorf("outside the sandbox: %v, %v", none, err)
	}
}

// A key of one's own is read from files, and what does not fit is said before
// anything is served.
func TestSignerFromFiles(t *testing.T) {
	t.Parallel()
	db, dir := signerStorage(t), t.TempDir()
	write := func(name, kind string, der []byte, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pair := func(name string, bits int, from, to time.Duration) (cert, key string) {
		t.Helper()
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
		if err != nil {
			t.Fatal(err)
		}
		return write(name+".cert", "CERTIFICATE", der, 0o644), write(name+".key", "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k), 0o600)
	}
	cert, key := pair("good", 2048, -time.Hour, time.Hour)
	other, _ := pair("other", 2048, -time.Hour, time.Hour)
	past, pastKey := pair("past", 2048, -2*time.Hour, -time.Hour)
	weak, weakKey := pair("weak", 1024, -time.Hour, time.Hour)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	curveKey := write("curve.key", "PRIVATE KEY", der, 0o600)
	template := &x509.Certificate{SerialNumber: big.NewInt(3), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	if der, err = x509.CreateCertificate(rand.Reader, template, template, curve.Public(), curve); err != nil {
		t.Fatal(err)
	}
	curveCert := write("curve.cert", "CERTIFICATE", der, 0o644)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if der, err = x509.MarshalPKCS8PrivateKey(edwards); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(dir, "open.key")
	if err := os.WriteFile(open, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, cert, key, wrong string }{
		{"a pair", cert, key, ""},
		{"another's certificate", other, key, "--upi-sign-key"},
		{"a certificate that is over", past, pastKey, "--upi-sign-key"},
		{"a short key", weak, weakKey, "--upi-sign-key"},
		{"a pair on P-256", curveCert, curveKey, ""},
		{"a key on P-256 and another's certificate", cert, curveKey, "--upi-sign-key"},
		{"an RSA key and a certificate on P-256", curveCert, key, "--upi-sign-key"},
		{"a key of another kind", cert, write("edwards.key", "PRIVATE KEY", der, 0o600), "RSA keys of at least 2048 bits, or keys on P-256"},
		{"a key that everybody can read", cert, open, "can be read by everybody"},
		{"a certificate for a key", cert, cert, "--upi-sign-key"},
		{"a key for a certificate", key, key, "--upi-sign-cert"},
		{"no certificate", filepath.Join(dir, "none"), key, "--upi-sign-cert"},
		{"no key", cert, filepath.Join(dir, "none"), "--upi-sign-key"},
	} {
		s, err := networkFlags{UPISignCert: tt.cert, UPISignKey: tt.key}.openSigner(t.Context(), db, true)
		if (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) || (s == nil) != (err != nil) {
			t.Errorf("%s: %v, %v; want %q", tt.name, s, err, tt.wrong)
		}
	}
	if _, err := db.Secret(t.Context(), secretSignKey); err == nil {
		t.Error("a key was made although one was given")
	}
}
