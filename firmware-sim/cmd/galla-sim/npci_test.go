package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/firmware-sim/npci"
)

// The network prints where it is, serves its books and who behaves how, and ends
// with the program's context.
func TestNpci(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, errOut := newOutput(), newOutput()
	ended := make(chan int, 1)
	go func() {
		ended <- Run(ctx, []string{"npci", "--listen", "127.0.0.1:0", "--controller", "http://127.0.0.1:1/",
			"--payer", "testvpa@ybl=late,after=20s,refund=silent", "--payer", "*=decline"}, out, errOut)
	}()
	ledger := out.await(t, `http://127\.0\.0\.1:\d+/ledger`)
	if status, body := get(t, ledger); status != 200 || body != `{"entries":[],"collects":[],"refunds":[],"questions":[],"refusals":[],"contradictions":[]}`+"\n" {
		t.Errorf("the books: %d %s", status, body)
	}
	var all map[string]npci.Behaviour
	if _, body := get(t, strings.TrimSuffix(ledger, "ledger")+"behaviours"); json.Unmarshal([]byte(body), &all) != nil ||
		all["testvpa@ybl"] != (npci.Behaviour{Do: "late", AfterMillis: 20_000, Refund: "silent"}) || all["*"].Do != "decline" || all["accept@upi"].Do != "accept" {
		t.Errorf("behaviours %v", all)
	}
	stop()
	select {
	case code := <-ended:
		if code != 0 {
			t.Fatalf("exit %d\n%s", code, errOut)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
}

// What is typed wrong is a usage error that names what is wrong.
func TestNpciUsage(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	cert, key, other := keyFiles(t)
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"a controller that is no URL", []string{"--controller", "there"}, `--controller "there"`},
		{"a port in use", []string{"--listen", busy.Addr().String()}, "the port is in use"},
		{"a payer alone", []string{"--payer", "a@upi"}, "it must be ADDRESS=DO"},
		{"nobody", []string{"--payer", "=accept"}, "it must be ADDRESS=DO"},
		{"no such doing", []string{"--payer", "a@upi=dance"}, "accept, decline, ignore, late, wait, unknown"},
		{"no such time", []string{"--payer", "a@upi=accept,after=soon"}, "after is a time"},
		{"a time too long", []string{"--payer", "a@upi=accept,after=2h"}, "after is a time"},
		{"no such refund", []string{"--payer", "a@upi=accept,refund=never"}, "moved, silent, pending, fail"},
		{"something else", []string{"--payer", "a@upi=accept,colour=red"}, "neither after nor refund"},
		{"a key alone", []string{"--sign-key", key}, "need each other"},
		{"a certificate alone", []string{"--sign-cert", cert}, "need each other"},
		{"no such file", []string{"--sign-cert", cert, "--sign-key", key + "x"}, "no such file"},
		{"another's certificate", []string{"--sign-cert", other, "--sign-key", key}, "not that of an RSA key"},
		{"a certificate for a key", []string{"--sign-cert", cert, "--sign-key", cert}, "no RSA key"},
		{"a key for a certificate", []string{"--sign-cert", key, "--sign-key", key}, "no certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, out, errOut := run(t, append([]string{"npci"}, tt.args...)...)
			if code != exitUsage || out != "" || !strings.Contains(errOut, tt.want) {
				t.Fatalf("exit %d, out %q, err %q; want 2 and %q", code, out, errOut, tt.want)
			}
		})
	}
	code, out, _ := run(t, "npci", "serve", "--help")
	for _, want := range []string{"Examples:", "--listen=HOST:PORT", "--controller=URL", "--payer=ADDRESS=DO", "--ledger=FILE", "--verify", "GET  /ledger", "POST /reconcile", "accept@upi"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("--help lacks %q:\n%s", want, out)
		}
	}
	if _, cert, err := readPair(cert, key); err != nil || cert == nil {
		t.Errorf("a pair: %v", err)
	}
}

// keyFiles are a certificate with its key, and another certificate.
func keyFiles(t *testing.T) (cert, key, other string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ownCert, err := x509.CreateCertificate(rand.Reader, template, template, own.Public(), own)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	strangerCert, err := x509.CreateCertificate(rand.Reader, template, template, stranger.Public(), stranger)
	if err != nil {
		t.Fatal(err)
	}
	return write("cert.pem", "CERTIFICATE", ownCert), write("key.pem", "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(own)),
		write("other.pem", "CERTIFICATE", strangerCert)
}
