package upi

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestController: the messages are those that a real controller on a real PostgreSQL
// answers 00, signed and not, and its answers are signed by the key that it names;
// the CPU time of both is found, and the profiles of a run are there.
func TestController(t *testing.T) {
	t.Parallel()
	r, err := openRig(t.Context(), options{gaps: poisson, signed: true, profiled: true, most: 64, limit: patience})
	defer r.close()
	if err != nil {
		t.Fatal(err)
	}
	const length = 2 * time.Second
	dir := t.TempDir()
	fetch := func(ctx context.Context) error { return fetchProfiles(ctx, r.house.profile, dir, length) }
	signed, err := r.measure(t.Context(), 40, length, fetch)
	if err != nil {
		t.Fatal(err)
	}
	r.signed = false
	unsigned, err := r.measure(t.Context(), 80, time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]report{"signed": signed, "unsigned": unsigned} {
		for _, k := range got.Kinds {
			if k.Answered != k.Arrivals || k.Arrivals < 25 || len(k.Failures) != 0 || k.P50 <= 0 || k.P50 > k.Max {
				t.Errorf("%s: %+v", name, k)
			}
		}
		if got.Server <= 0 || got.Postgres <= 0 || got.Load <= 0 || got.Busy <= 0 || got.Busy > 1 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name := range profiles {
		text, err := os.ReadFile(filepath.Join(dir, "upi."+name))
		if err != nil || !bytes.HasPrefix(text, []byte{0x1f, 0x8b}) { // profiles are zipped
			t.Errorf("%s: %v %.40q", name, err, text)
		}
	}
}

// TestVouchedByItsKind: an answer is vouched for by the certificate's kind of key, and
// by no other that it names.
func TestVouchedByItsKind(t *testing.T) {
	t.Parallel()
	secret, certificate, err := answerPair()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(secret)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	block, _ = pem.Decode(certificate)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, rsaCert := newTestKey(t)
	doc := []byte(`<RespPay><MsgID>1</MsgID><Status>00</Status></RespPay>`)
	naming := func(by crypto.Signer, method string) []byte {
		t.Helper()
		digest := sha256.Sum256(doc)
		info := strings.Replace(infoBegin, "rsa-sha256", method, 1) + base64.StdEncoding.EncodeToString(digest[:]) + infoEnd
		hashed := sha256.Sum256([]byte(info))
		value, err := by.Sign(rand.Reader, hashed[:], crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		if _, curve := by.(*ecdsa.PrivateKey); curve {
			var v struct{ R, S *big.Int }
			if _, err := asn1.Unmarshal(value, &v); err != nil {
				t.Fatal(err)
			}
			value = append(v.R.FillBytes(make([]byte, 32)), v.S.FillBytes(make([]byte, 32))...)
		}
		signature := signatureBegin + infoInside + strings.TrimPrefix(info, infoOpen) + valueBegin + base64.StdEncoding.EncodeToString(value) + valueEnd + signatureEnd
		return bytes.Replace(doc, []byte("</RespPay>"), []byte(signature+"</RespPay>"), 1)
	}
	curve := parsed.(*ecdsa.PrivateKey)
	for _, tt := range []struct {
		name string
		doc  []byte
		by   *x509.Certificate
		good bool
	}{
		{"P-256", naming(curve, "ecdsa-sha256"), cert, true},
		{"RSA", naming(rsaKey, "rsa-sha256"), rsaCert, true},
		{"P-256 that names RSA", naming(curve, "rsa-sha256"), cert, false},
		{"RSA that names ECDSA", naming(rsaKey, "ecdsa-sha256"), rsaCert, false},
		{"P-256 for an RSA certificate", naming(curve, "ecdsa-sha256"), rsaCert, false},
		{"RSA for a P-256 certificate", naming(rsaKey, "rsa-sha256"), cert, false},
	} {
		if err := vouched(tt.doc, tt.by); (err == nil) != tt.good {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestTarget: a rig on somebody else's controller starts nothing and ends nothing;
// what it cannot know it does not say.
func TestTarget(t *testing.T) {
	t.Parallel()
	p := newPeer(t, patience, 8, func(w http.ResponseWriter, _ *http.Request, msgID string, _ sentXML) { good(w, msgID, token{}) })
	addr := p.server.Listener.Addr().String()
	r, err := openRig(t.Context(), options{gaps: even, most: 8, limit: patience, target: addr})
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.measure(t.Context(), 200, time.Second, nil)
	r.close()
	if err != nil || got.Server != 0 || got.Postgres != 0 || got.Noise.Others != 0 || got.Kinds[pay].Answered != got.Kinds[pay].Arrivals {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := http.Get("http://" + addr); err != nil {
		t.Error("the target is gone:", err)
	}
}

// TestNoTokens: a server that gives no tokens is found out before the run.
func TestNoTokens(t *testing.T) {
	t.Parallel()
	p := newPeer(t, patience, 8, func(w http.ResponseWriter, _ *http.Request, msgID string, _ sentXML) {
		fmt.Fprintf(w, "<R><MsgID>%s</MsgID><Status>ZR</Status></R>", msgID)
	})
	r, err := openRig(t.Context(), options{gaps: even, most: 8, limit: patience, target: p.server.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	if _, err := r.measure(t.Context(), 20, time.Second, nil); err == nil || err.Error() != "of 11 ReqValQr before the run only 0 got a token; the others: map[code ZR:11]" {
		t.Error(err)
	}
}

// TestEndedController: one that ends before it says where it listens is an
// error with its last words.
func TestEndedController(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "controller")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho 'no such luck' >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := openRig(t.Context(), options{gaps: even, most: 8, limit: patience, controller: script})
	r.close()
	if err == nil || err.Error() != "the controller ended at once:\nno such luck" {
		t.Error(err)
	}
}
