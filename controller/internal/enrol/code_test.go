package enrol

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
)

var (
	key   = []byte("the sealed key of tests")
	right = protocol.EnrolCode("K7QP-3XMD-9RTV")
	made  = time.Date(2026, 11, 21, 10, 30, 0, 0, time.UTC)
	us    = protocol.Identity{MerchantID: "M", StoreID: "s", TerminalID: "t"}
)

func publicKey(name string) []byte { return bytes.Repeat([]byte(name), 32)[:32] }

// TestJudge is the table of what becomes of a try, in which one thing is
// special in each row.
func TestJudge(t *testing.T) {
	t.Parallel()
	const wrong = protocol.EnrolCode("K7QP-3XMD-9RTW")
	spent := func(f *Found, _ *Try) { f.Code.SpentBy, f.Code.SpentAt = publicKey("mine"), made }
	for _, row := range []struct {
		name  string
		with  protocol.EnrolCode
		spoil func(*Found, *Try)
		err   error
		count int64 // wrong tries afterwards
	}{
		{"right", right, nil, nil, 0},
		{"right at the last moment", right, func(f *Found, _ *Try) { f.Now = f.Code.ExpiresAt.Add(-time.Microsecond) }, nil, 0},
		{"right, and too late", right, func(f *Found, _ *Try) { f.Now = f.Code.ExpiresAt }, ErrRefused, 0},
		{"right after four wrong ones", right, func(f *Found, _ *Try) { f.Code.Wrong = 4 }, nil, 4},
		{"right after five wrong ones", right, func(f *Found, _ *Try) { f.Code.Wrong = 5 }, ErrRefused, 5},
		{"right, spent by this device", right, spent, nil, 0},
		{"right, spent by this device, too late", right, func(f *Found, x *Try) { spent(f, x); f.Now = f.Code.ExpiresAt }, ErrRefused, 0},
		{"right, spent by another device", right, func(f *Found, x *Try) { spent(f, x); x.PublicKey = publicKey("other") }, ErrRefused, 0},
		{"right, the terminal is off", right, func(f *Found, _ *Try) { f.Active = false }, ErrInactive, 0},
		{"right, a moment after a revocation", right, func(f *Found, _ *Try) { f.RevokedAt = f.Now.Add(-Settle + 1) }, ErrSettling, 0},
		{"right, a while after a revocation", right, func(f *Found, _ *Try) { f.RevokedAt = f.Now.Add(-Settle) }, nil, 0},
		{"wrong", wrong, nil, ErrRefused, 1},
		{"wrong, the last that counts", wrong, func(f *Found, _ *Try) { f.Code.Wrong = 4 }, ErrRefused, 5},
		{"wrong, and void", wrong, func(f *Found, _ *Try) { f.Code.Wrong = 5 }, ErrRefused, 5},
		{"wrong, and too late", wrong, func(f *Found, _ *Try) { f.Now = f.Code.ExpiresAt }, ErrRefused, 0},
		{"wrong by the device that spent it", wrong, spent, ErrRefused, 1},
		{"wrong, the terminal is off", wrong, func(f *Found, _ *Try) { f.Active = false }, ErrRefused, 1},
		{"wrong, a moment after a revocation", wrong, func(f *Found, _ *Try) { f.RevokedAt = f.Now }, ErrRefused, 1},
		{"without a MAC", right, func(_ *Found, x *Try) { x.MAC = nil }, ErrRefused, 1},
		{"a row without a MAC", right, func(f *Found, x *Try) { f.Code.MAC, x.MAC = nil, []byte{1} }, ErrRefused, 1},
	} {
		f := Found{
			Now: made.Add(time.Minute), Active: true,
			Code: Code{Identity: us, Handle: right.Handle(), MAC: Seal(key, right), CreatedAt: made, ExpiresAt: made.Add(Lifetime)},
		}
		x := Try{MAC: Seal(key, row.with), PublicKey: publicKey("mine"), TokenHash: []byte("hash")}
		if row.spoil != nil {
			row.spoil(&f, &x)
		}
		before := f.Code.Wrong
		out, err := f.Judge(x)
		switch {
		case !errors.Is(err, row.err) || out.Code.Wrong != row.count:
			t.Errorf("%s: %v and %d wrong tries, want %v and %d", row.name, err, out.Code.Wrong, row.err, row.count)
		case out.Enrol != (row.err == nil) || out.Save != (out.Enrol || row.count != before):
			t.Errorf("%s: save %v, enrol %v", row.name, out.Save, out.Enrol)
		case out.Enrol && (!bytes.Equal(out.PublicKey, x.PublicKey) || string(out.TokenHash) != "hash" || !bytes.Equal(out.Code.SpentBy, x.PublicKey) || out.Code.SpentAt.IsZero()):
			t.Errorf("%s: outcome %+v", row.name, out)
		case f.Code.Wrong != before:
			t.Errorf("%s: what was found was changed", row.name)
		}
	}
}

// TestAMillionGuesses: whoever knows the handle and guesses has five tries; then
// nothing is right any more (failure matrix T3).
func TestAMillionGuesses(t *testing.T) {
	t.Parallel()
	f := Found{Now: made, Active: true, Code: Code{Identity: us, MAC: Seal(key, right), ExpiresAt: made.Add(Lifetime)}}
	counted, saved := int64(0), 0
	for i := range 1_000_000 {
		// Sealed, a guess is 32 bytes that look like any others.
		guess := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
		out, err := f.Judge(Try{MAC: guess[:], PublicKey: publicKey("thief")})
		if !errors.Is(err, ErrRefused) || out.Enrol {
			t.Fatalf("guess %d: %+v, %v", i, out, err)
		}
		if out.Save {
			saved++
		}
		f.Code, counted = out.Code, out.Code.Wrong
	}
	if counted != MaxWrong || saved != MaxWrong {
		t.Errorf("%d of a million guesses counted, %d were saved", counted, saved)
	}
	if _, err := f.Judge(Try{MAC: Seal(key, right), PublicKey: publicKey("mine")}); !errors.Is(err, ErrRefused) {
		t.Errorf("the right code afterwards: %v", err)
	}
}

// TestSeal: what is stored depends on the whole code and on the key.
func TestSeal(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name, mac := range map[string][]byte{
		"right":       Seal(key, right),
		"handle":      Seal(key, "K7QQ-3XMD-9RTV"),
		"secret":      Seal(key, "K7QP-3XMD-9RTW"),
		"another key": Seal([]byte("another"), right),
	} {
		if other, ok := seen[string(mac)]; ok || len(mac) != 32 {
			t.Errorf("%s is stored like %q, in %d bytes", name, other, len(mac))
		}
		seen[string(mac)] = name
	}
}

var discard = slog.New(slog.DiscardHandler)
