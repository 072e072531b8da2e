package storagetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/enrol"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
)

func shutOut(t *testing.T, r registry) {
	ctx := context.Background()
	code := r.put(t, time.Minute)
	if _, err := r.registrar().Enrol(ctx, code, bytesOf("key"), bytesOf("token")); err != nil {
		t.Fatal(err)
	}
	r.change(t, "t1", func(x *fleet.Terminal) { x.Session, x.Seq, x.Sale, x.LastSeen = "s", 7, "p", r.now(t) })
	if all := r.revoked(t); len(all) != 0 {
		t.Errorf("revoked: %v", all)
	}
	before := r.now(t)
	var last time.Time
	for _, actor := range []string{"asha", "ravi"} { // twice is no error
		if err := r.Unenrol(ctx, terminalID("t1"), actor); err != nil {
			t.Fatal(err)
		}
		x := r.terminal(t, "t1")
		if x.Enrolled() || x.PublicKey != nil || x.TokenHash != nil || x.Session != "" || x.GoneAt.Before(before) || x.Present(r.now(t)) {
			t.Errorf("the terminal is %+v", x)
		}
		if x.Seq != 7 || x.Sale != "p" || !x.Active {
			t.Errorf("what is wanted of it became %+v", x)
		}
		all := r.revoked(t)
		if len(all) != 1 || all[0].Identity != terminalID("t1") || all[0].Actor != actor || !all[0].At.After(last) || all[0].At.Before(before) {
			t.Fatalf("revoked: %+v", all)
		}
		last = all[0].At
	}
	if _, err := r.registrar().Enrol(ctx, code, bytesOf("key"), bytesOf("token")); !errors.Is(err, enrol.ErrRefused) {
		t.Errorf("its code after the revocation: %v", err)
	}
	for _, err := range []error{r.Unenrol(ctx, terminalID("t9"), "asha"), r.registrar().Unenrol(ctx, protocol.Identity{}, "asha")} {
		if err == nil {
			t.Error("a terminal that is not there was shut out")
		}
	}
	// It stays out until it is enrolled anew, by whatever way.
	r.change(t, "t1", func(x *fleet.Terminal) { x.PublicKey, x.TokenHash = bytesOf("new key"), bytesOf("new token") })
	if all := r.revoked(t); len(all) != 0 {
		t.Errorf("enrolled anew, and revoked: %+v", all)
	}
	// A terminal that is switched off can be shut out too.
	r.change(t, "t2", func(x *fleet.Terminal) { x.Active = false })
	if err := r.Unenrol(ctx, terminalID("t2"), "asha"); err != nil {
		t.Error(err)
	}
}

func settling(t *testing.T, r registry) {
	if err := r.Unenrol(t.Context(), terminalID("t1"), "asha"); err != nil {
		t.Fatal(err)
	}
	code := r.put(t, time.Minute)
	if _, err := r.registrar().Enrol(t.Context(), code, bytesOf("key"), bytesOf("token")); !errors.Is(err, enrol.ErrSettling) {
		t.Errorf("at once: %v", err)
	}
	f := r.found(t, code.Handle())
	if f.RevokedAt.IsZero() || f.RevokedAt.After(f.Now) || len(f.Code.SpentBy) > 0 || f.Code.Wrong > 0 {
		t.Errorf("found %+v", f)
	}
}

func enrolTexts(t *testing.T, r registry) {
	for _, bad := range []string{"a\x00b", "\xff"} {
		if _, err := r.PutEnrolCode(t.Context(), enrol.Code{Identity: terminalID("t1"), Handle: bad, MAC: bytesOf("x")}, time.Minute); !errors.Is(err, journal.ErrText) {
			t.Errorf("a handle %q: %v", bad, err)
		}
		if err := r.Unenrol(t.Context(), terminalID("t1"), bad); !errors.Is(err, journal.ErrText) {
			t.Errorf("an actor %q: %v", bad, err)
		}
		err := r.TryEnrolCode(t.Context(), bad, func(enrol.Found) (enrol.Outcome, error) { return enrol.Outcome{}, nil })
		if !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("a handle %q is looked for: %v", bad, err)
		}
	}
	if len(r.revoked(t)) != 0 {
		t.Error("something was revoked")
	}
}
