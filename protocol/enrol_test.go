package protocol_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

// draw is a code of fresh random bytes.
func draw() protocol.EnrolCode {
	var random [protocol.EnrolCodeBytes]byte
	_, _ = rand.Read(random[:])
	return protocol.NewEnrolCode(random)
}

const code = protocol.EnrolCode("K7QP-3XMD-9RTV")

// TestEnrolCodesAsPeopleTypeThem: case, blanks and hyphens do not matter; a
// character that is never in a code does.
func TestEnrolCodesAsPeopleTypeThem(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		typed string
		ok    bool
	}{
		{"K7QP-3XMD-9RTV", true},
		{"k7qp-3xmd-9rtv", true},
		{"K7QP3XMD9RTV", true},
		{" K7QP 3XMD 9RTV ", true},
		{"K-7-Q-P-3-X-M-D-9-R-T-V", true},
		{"K7QP-3XMD-9RT", false},
		{"K7QP-3XMD-9RTVV", false},
		{"K7QP-3XMD-9RT0", false},
		{"K7QP-3XMD-9RTO", false},
		{"K7QP-3XMD-9RT1", false},
		{"K7QP-3XMD-9RTI", false},
		{"K7QP-3XMD-9RT\u2013", false},
		{"K7QP-3XMD-9RT\u212a", false}, // the Kelvin sign
		{"K7QP_3XMD_9RTV", false},
		{"K7QP-3XMD-9RTV\n", false},
		{"", false},
		{strings.Repeat("-", 1000) + "K7QP-3XMD-9RTV", false},
	} {
		got, err := protocol.ParseEnrolCode(row.typed)
		if row.ok && (err != nil || got != code) {
			t.Errorf("%q is read as %q, %v", row.typed, got.Text(), err)
		}
		if !row.ok && (!errors.Is(err, protocol.ErrEnrolCode) || got != "") {
			t.Errorf("%q is read as %q, %v", row.typed, got.Text(), err)
		}
	}
	if code.Handle() != "K7QP" || code.Text() != "K7QP-3XMD-9RTV" {
		t.Errorf("handle %s, text %s", code.Handle(), code.Text())
	}
}

// TestEnrolCodesAreDrawn: each is a good code, each character turns up, and no
// two of many are the same.
func TestEnrolCodesAreDrawn(t *testing.T) {
	t.Parallel()
	seen, characters := map[protocol.EnrolCode]bool{}, map[rune]int{}
	for range 2000 {
		c := draw()
		if back, err := protocol.ParseEnrolCode(c.Text()); err != nil || back != c {
			t.Fatalf("%q: %v", c.Text(), err)
		}
		if seen[c] {
			t.Fatalf("%q was drawn twice", c.Text())
		}
		seen[c] = true
		for _, r := range c.Text() {
			characters[r]++
		}
	}
	for _, r := range protocol.EnrolAlphabet {
		// 24,000 characters: 750 of each are to be expected.
		if n := characters[r]; n < 500 || n > 1000 {
			t.Errorf("%c was drawn %d times", r, n)
		}
	}
	if len(characters) != 32+1 || len(protocol.EnrolAlphabet) != 32 || strings.ContainsAny(protocol.EnrolAlphabet, "0O1I") {
		t.Errorf("%d characters of %q", len(characters), protocol.EnrolAlphabet)
	}
}

// TestNoEnrolCodeIsLogged: what is secret of a code reaches neither a log nor
// the fmt verbs, and JSON has it whole.
func TestNoEnrolCodeIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "code", code)
	for _, text := range []string{log.String(), fmt.Sprint(code), fmt.Sprintf("%q %v %+v %#v %x", code, code, code, code, code), fmt.Sprint([]protocol.EnrolCode{code})} {
		if !strings.Contains(text, "K7QP-****-****") || strings.Contains(text, "3XMD") || strings.Contains(text, "9RTV") {
			t.Errorf("written as %s", text)
		}
	}
	if b, err := json.Marshal(code); err != nil || string(b) != `"K7QP-3XMD-9RTV"` {
		t.Errorf("JSON %s, %v", b, err)
	}
}

// TestProofOfTheDevicesKey: only the holder of a key enrols it, for this code
// and for nothing else.
func TestProofOfTheDevicesKey(t *testing.T) {
	t.Parallel()
	device, other := protocoltest.Key("device"), protocoltest.Key("other")
	good, err := protocol.NewEnrolCodeRequest(code, device)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(k protocol.SigningKey, p protocol.Purpose, m any) string {
		b, err := k.Sign(p, m)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	impostor := other
	impostor.ID = device.ID
	for _, row := range []struct {
		name  string
		spoil func(*protocol.EnrolCodeRequest)
		want  error
	}{
		{"as it is", func(*protocol.EnrolCodeRequest) {}, nil},
		{"the code in another spelling", func(r *protocol.EnrolCodeRequest) { r.Code = "k7qp 3xmd 9rtv" }, nil},
		{"not a code", func(r *protocol.EnrolCodeRequest) { r.Code = "K7QP" }, protocol.ErrEnrolCode},
		{"another code", func(r *protocol.EnrolCodeRequest) { r.Code = "K7QP-3XMD-9RTW" }, protocol.ErrSignature},
		{"no key", func(r *protocol.EnrolCodeRequest) { r.PublicKey = nil }, protocol.ErrForm},
		{"a long key", func(r *protocol.EnrolCodeRequest) { r.PublicKey = append(r.PublicKey[:32:32], 0) }, protocol.ErrForm},
		{"another's key", func(r *protocol.EnrolCodeRequest) { r.PublicKey = protocoltest.Public("other") }, protocol.ErrUnknownKey},
		{"no proof", func(r *protocol.EnrolCodeRequest) { r.Proof = "" }, protocol.ErrForm},
		{"a proof by another key", func(r *protocol.EnrolCodeRequest) {
			r.Proof = sign(other, protocol.PurposeEnrol, protocol.EnrolProof{V: 1, Code: code})
		}, protocol.ErrUnknownKey},
		{"a proof by another key under this one's id", func(r *protocol.EnrolCodeRequest) {
			r.Proof = sign(impostor, protocol.PurposeEnrol, protocol.EnrolProof{V: 1, Code: code})
		}, protocol.ErrSignature},
		{"a report for a proof", func(r *protocol.EnrolCodeRequest) {
			r.Proof = sign(device, protocol.PurposeUp, protocol.EnrolProof{V: 1, Code: code})
		}, protocol.ErrForm},
		{"a proof of another version", func(r *protocol.EnrolCodeRequest) {
			r.Proof = sign(device, protocol.PurposeEnrol, protocol.EnrolProof{V: 2, Code: code})
		}, protocol.ErrVersion},
		{"a proof of something else", func(r *protocol.EnrolCodeRequest) {
			r.Proof = sign(device, protocol.PurposeEnrol, "hello")
		}, protocol.ErrForm},
		{"a proof without a code", func(r *protocol.EnrolCodeRequest) {
			r.Proof = sign(device, protocol.PurposeEnrol, protocol.EnrolProof{V: 1})
		}, protocol.ErrSignature},
	} {
		r := good
		row.spoil(&r)
		got, err := r.Open()
		if row.want == nil && (err != nil || got != code) || row.want != nil && (!errors.Is(err, row.want) || got != "") {
			t.Errorf("%s: %q, %v; want %v", row.name, got.Text(), err, row.want)
		}
	}
}

// TestOneSpellingOfACode: however a code is typed, it is read as one text, and
// that is read as itself.
func TestOneSpellingOfACode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		drawn := draw()
		var typed strings.Builder
		for _, r := range strings.ReplaceAll(drawn.Text(), "-", "") {
			typed.WriteString(rapid.SampledFrom([]string{"", "", "", " ", "-", "--"}).Draw(t, "gap"))
			if rapid.Bool().Draw(t, "small") {
				r = []rune(strings.ToLower(string(r)))[0]
			}
			typed.WriteRune(r)
		}
		if got, err := protocol.ParseEnrolCode(typed.String()); err != nil || got != drawn {
			t.Fatalf("%q is read as %q, %v; want %q", typed.String(), got.Text(), err, drawn.Text())
		}
	})
}

// FuzzEnrolCodeRequest: whatever arrives, it is refused or it is a request whose
// key signed this very code. The oracle verifies the signature by hand.
func FuzzEnrolCodeRequest(f *testing.F) {
	good, err := protocol.NewEnrolCodeRequest(code, protocoltest.Key("device"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good.Code.Text(), []byte(good.PublicKey), good.Proof)
	f.Add("", []byte(nil), "")
	f.Add("k7qp 3xmd 9rtv", []byte(good.PublicKey), good.Proof+"A")
	f.Fuzz(func(t *testing.T, text string, key []byte, proof string) {
		r := protocol.EnrolCodeRequest{Code: protocol.EnrolCode(text), PublicKey: key, Proof: proof}
		got, err := r.Open()
		if signed := signedByHand(key, proof); (err == nil) != (signed != "" && signed == plain(text)) {
			t.Fatalf("%q, %x, %q: %v; by hand the key signed %q", text, key, proof, err, signed)
		}
		if err == nil && plain(got.Text()) != plain(text) {
			t.Fatalf("%q is read as %q", text, got.Text())
		}
	})
}
