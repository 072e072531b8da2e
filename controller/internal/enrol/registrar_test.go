package enrol_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/enrol"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

var me = protocoltest.Identity

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newCode is a registrar's for the terminal of the tests.
func newCode(t *testing.T, r *enrol.Registrar) (code protocol.EnrolCode, expires time.Time) {
	t.Helper()
	text, expires, err := r.NewCode(t.Context(), me, "operator asha")
	must(t, err)
	return protocol.EnrolCode(text), expires
}

func registrar(t *testing.T, h *doortest.House, log *bytes.Buffer) *enrol.Registrar {
	t.Helper()
	key, err := enrol.LoadKey(t.Context(), h.DB)
	must(t, err)
	return &enrol.Registrar{Storage: h.DB, Key: key, Log: slog.New(slog.NewTextHandler(log, nil))}
}

// TestTenMinutes: a code lasts for ten minutes, whether it is used or not.
func TestTenMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := registrar(t, doortest.New(t), new(bytes.Buffer))
		hash := sha256.Sum256([]byte("token"))
		code, expires := newCode(t, r)
		if left := time.Until(expires); left != 10*time.Minute {
			t.Errorf("it lasts %v", left)
		}
		time.Sleep(10*time.Minute - time.Millisecond)
		id, err := r.Enrol(t.Context(), code, protocoltest.Public("device"), hash[:])
		if err != nil || id != me {
			t.Errorf("just before its end: %v, %v", id, err)
		}
		time.Sleep(time.Millisecond)
		if _, err := r.Enrol(t.Context(), code, protocoltest.Public("device"), hash[:]); !errors.Is(err, enrol.ErrRefused) {
			t.Errorf("at its end: %v", err)
		}
	})
}

// TestTheKeyIsSealedAndShared: every controller of a database seals alike, and
// the codes of one are good at another.
func TestTheKeyIsSealedAndShared(t *testing.T) {
	t.Parallel()
	h := doortest.New(t)
	one, two := registrar(t, h, new(bytes.Buffer)), registrar(t, h, new(bytes.Buffer))
	if !bytes.Equal(one.Key, two.Key) || len(one.Key) != 32 {
		t.Fatal("two keys")
	}
	code, _ := newCode(t, one)
	_, err := two.Enrol(t.Context(), code, protocoltest.Public("device"), []byte("hash"))
	must(t, err)
	if _, err := enrol.LoadKey(t.Context(), shortSecret{}); err == nil {
		t.Error("a key of one byte is taken")
	}
}

type shortSecret struct{}

func (shortSecret) PutSecret(context.Context, string, []byte) ([]byte, error) { return []byte{1}, nil }

// TestHandlesThatAreTaken: another code is drawn; not for ever.
func TestHandlesThatAreTaken(t *testing.T) {
	t.Parallel()
	s := &crowded{Storage: doortest.New(t).DB, taken: 20}
	r := &enrol.Registrar{Storage: s, Key: []byte("key"), Log: slog.New(slog.DiscardHandler)}
	_, _, err := r.NewCode(t.Context(), me, "asha")
	must(t, err)
	if len(s.handles) != 21 {
		t.Errorf("%d codes were drawn", len(s.handles))
	}
	s.taken = 1 << 20
	if _, _, err := r.NewCode(t.Context(), me, "asha"); err == nil || len(s.handles) > 100 {
		t.Errorf("%v after %d codes", err, len(s.handles))
	}
}

// crowded is a storage where many handles are taken.
type crowded struct {
	enrol.Storage
	taken   int
	handles map[string]bool
}

func (s *crowded) PutEnrolCode(ctx context.Context, c enrol.Code, lifetime time.Duration) (enrol.Code, error) {
	if s.handles == nil {
		s.handles = map[string]bool{}
	}
	s.handles[c.Handle] = true
	if s.taken--; s.taken >= 0 {
		return enrol.Code{}, journal.ErrAgain
	}
	return s.Storage.PutEnrolCode(ctx, c, lifetime)
}

// TestUnenrolTellsTheBroker: at once where there is one; a broker that fails
// does not undo the revocation, which the watchers carry out.
func TestUnenrolTellsTheBroker(t *testing.T) {
	t.Parallel()
	h := doortest.New(t)
	var log bytes.Buffer
	r := registrar(t, h, &log)
	b := &telephone{}
	for _, broker := range []enrol.Broker{nil, b} {
		r.Broker = broker
		must(t, r.Unenrol(t.Context(), me, "asha"))
	}
	b.err = errors.New("nobody answers")
	must(t, r.Unenrol(t.Context(), me, "asha"))
	if len(b.told) != 2 || b.told[0] != me || !strings.Contains(log.String(), "tried again") {
		t.Errorf("told %v; log %s", b.told, &log)
	}
	if all, err := h.DB.Revoked(t.Context()); err != nil || len(all) != 1 || all[0].Identity != me {
		t.Errorf("revoked %v, %v", all, err)
	}
	for _, id := range []protocol.Identity{{}, {MerchantID: "a", StoreID: "b", TerminalID: "c"}} {
		if err := r.Unenrol(t.Context(), id, "asha"); err == nil {
			t.Errorf("%q was shut out", id)
		}
		if _, _, err := r.NewCode(t.Context(), id, "asha"); err == nil {
			t.Errorf("%q got a code", id)
		}
	}
}

type telephone struct {
	told []protocol.Identity
	err  error
}

func (p *telephone) Revoke(_ context.Context, id protocol.Identity) error {
	p.told = append(p.told, id)
	return p.err
}

// TestTheLogTellsWhoTriedWhat, and never a code.
func TestTheLogTellsWhoTriedWhat(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := registrar(t, doortest.New(t), &log)
	code, _ := newCode(t, r)
	wrong, err := protocol.ParseEnrolCode(code.Handle() + "22222222")
	must(t, err)
	_, err = r.Enrol(t.Context(), wrong, protocoltest.Public("thief"), []byte("hash"))
	if !errors.Is(err, enrol.ErrRefused) {
		t.Fatal(err)
	}
	must(t, r.Unenrol(t.Context(), me, "operator ravi"))
	for _, want := range []string{"operator asha", "operator ravi", me.String(), "wrongTries=1"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not tell %q:\n%s", want, &log)
		}
	}
	for _, secret := range []string{code.Text(), code.Text()[5:], strings.ReplaceAll(code.Text(), "-", "")} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds the code:\n%s", &log)
		}
	}
}
