package storagetest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/enrol"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
)

// EnrolStorage is a storage that keeps enrolment codes too.
type EnrolStorage interface {
	Storage
	enrol.Storage
}

// RunEnrol runs the contract of enrol.Storage. open makes a storage that is
// migrated and empty, and that the test's end closes.
func RunEnrol(t *testing.T, open func(t *testing.T) EnrolStorage) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, registry)
	}{
		{"a code is kept as it was made, by the database's time", codeKept},
		{"a new code takes the place of the terminal's old one", codeReplaced},
		{"two terminals' codes never share a handle", handleTaken},
		{"no code for a terminal that is not there or not active", codeForNobody},
		{"what is judged is saved, and nothing else", judged},
		{"a code lasts for its lifetime", codeExpires},
		{"five wrong secrets void a code", codeVoid},
		{"of devices that race with one code exactly one wins", codeRace},
		{"the same device may ask again", codeRepeated},
		{"the journal's changes and an enrolment do not undo each other", enrolBesideJournal},
		{"a terminal that is shut out has no credentials and no code", shutOut},
		{"nobody enrols a moment after a revocation", settling},
		{"what no storage keeps is refused", enrolTexts},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			b := bench{s}
			b.shop(t, "t1", "t2")
			c.test(t, registry{b, s})
		})
	}
}

// registry is a storage with terminals t1 and t2.
type registry struct {
	bench
	enrol.Storage
}

// newCode is a Registrar's for terminal t1.
func (r registry) newCode(t *testing.T) protocol.EnrolCode {
	t.Helper()
	code, _, err := r.registrar().NewCode(t.Context(), terminalID("t1"), "me")
	if err != nil {
		t.Fatal(err)
	}
	return protocol.EnrolCode(code)
}

func (r registry) registrar() *enrol.Registrar {
	return &enrol.Registrar{Storage: r.Storage, Key: []byte("a key of tests"), Log: slog.New(slog.DiscardHandler)}
}

// put makes a code of terminal t1 that lasts for lifetime.
func (r registry) put(t *testing.T, lifetime time.Duration) protocol.EnrolCode {
	t.Helper()
	var random [protocol.EnrolCodeBytes]byte
	_, _ = rand.Read(random[:])
	code := protocol.NewEnrolCode(random)
	c := enrol.Code{Identity: terminalID("t1"), Handle: code.Handle(), MAC: enrol.Seal([]byte("a key of tests"), code)}
	if _, err := r.PutEnrolCode(t.Context(), c, lifetime); err != nil {
		t.Fatal(err)
	}
	return code
}

// found is what stands under a handle.
func (r registry) found(t *testing.T, handle string) (f enrol.Found) {
	t.Helper()
	err := r.TryEnrolCode(t.Context(), handle, func(found enrol.Found) (enrol.Outcome, error) {
		f = found
		return enrol.Outcome{Code: found.Code}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (r registry) terminal(t *testing.T, name string) fleet.Terminal {
	t.Helper()
	row, err := r.Terminal(t.Context(), terminalID(name))
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func (r registry) revoked(t *testing.T) []enrol.Revocation {
	t.Helper()
	all, err := r.Revoked(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func bytesOf(s string) []byte { return bytes.Repeat([]byte(s), 32)[:32] }

func codeKept(t *testing.T, r registry) {
	before := r.now(t)
	c := enrol.Code{Identity: terminalID("t1"), Handle: "K7QP", MAC: bytesOf("mac"), Actor: "operator:asha"}
	kept, err := r.PutEnrolCode(t.Context(), c, 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	after := r.now(t)
	if kept.CreatedAt.Before(before) || kept.CreatedAt.After(after) || kept.ExpiresAt.Sub(kept.CreatedAt) != 10*time.Minute {
		t.Errorf("made at %v to %v, between %v and %v", kept.CreatedAt, kept.ExpiresAt, before, after)
	}
	c.CreatedAt, c.ExpiresAt = kept.CreatedAt, kept.ExpiresAt
	f := r.found(t, "K7QP")
	if !reflect.DeepEqual(kept, c) || !reflect.DeepEqual(f.Code, c) {
		t.Errorf("kept %+v, found %+v, want %+v", kept, f.Code, c)
	}
	if f.Now.Before(after) || !f.Active || !f.RevokedAt.IsZero() {
		t.Errorf("found %+v", f)
	}
}

func codeReplaced(t *testing.T, r registry) {
	for i, handle := range []string{"AAAA", "BBBB", "BBBB"} { // the same again, too
		_, err := r.PutEnrolCode(t.Context(), enrol.Code{Identity: terminalID("t1"), Handle: handle, MAC: bytesOf(fmt.Sprint(i))}, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		// What had become of the old one does not stick to the new one.
		err = r.TryEnrolCode(t.Context(), handle, func(f enrol.Found) (enrol.Outcome, error) {
			if f.Code.Wrong != 0 || f.Code.SpentBy != nil || !f.Code.SpentAt.IsZero() || !bytes.Equal(f.Code.MAC, bytesOf(fmt.Sprint(i))) {
				t.Errorf("a new code is %+v", f.Code)
			}
			f.Code.Wrong, f.Code.SpentBy, f.Code.SpentAt = 3, bytesOf("key"), f.Now
			return enrol.Outcome{Code: f.Code, Save: true}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err := r.TryEnrolCode(t.Context(), "AAAA", func(enrol.Found) (enrol.Outcome, error) {
		t.Error("the old code was found")
		return enrol.Outcome{}, nil
	})
	if !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("the old code: %v", err)
	}
}

func handleTaken(t *testing.T, r registry) {
	first := enrol.Code{Identity: terminalID("t1"), Handle: "SAME", MAC: bytesOf("1")}
	if _, err := r.PutEnrolCode(t.Context(), first, time.Minute); err != nil {
		t.Fatal(err)
	}
	_, err := r.PutEnrolCode(t.Context(), enrol.Code{Identity: terminalID("t2"), Handle: "SAME", MAC: bytesOf("2")}, time.Minute)
	if !errors.Is(err, journal.ErrAgain) {
		t.Fatalf("the same handle again: %v", err)
	}
	if f := r.found(t, "SAME"); f.Code.Identity != first.Identity || !bytes.Equal(f.Code.MAC, first.MAC) {
		t.Errorf("the first became %+v", f.Code)
	}
}

func codeForNobody(t *testing.T, r registry) {
	r.change(t, "t2", func(x *fleet.Terminal) { x.Active = false })
	for _, name := range []string{"t2", "t3"} {
		_, err := r.PutEnrolCode(t.Context(), enrol.Code{Identity: terminalID(name), Handle: "NONE", MAC: bytesOf("x")}, time.Minute)
		if !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := r.registrar().NewCode(t.Context(), terminalID(name), "me"); !errors.Is(err, enrol.ErrNoTerminal) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A terminal that was switched off with its code in the field.
	code := r.put(t, time.Minute)
	r.change(t, "t1", func(x *fleet.Terminal) { x.Active = false })
	if _, err := r.registrar().Enrol(t.Context(), code, bytesOf("key"), bytesOf("token")); !errors.Is(err, enrol.ErrInactive) {
		t.Errorf("switched off: %v", err)
	}
	r.change(t, "t1", func(x *fleet.Terminal) { x.Active = true })
	if _, err := r.registrar().Enrol(t.Context(), code, bytesOf("key"), bytesOf("token")); err != nil {
		t.Errorf("switched on again: %v", err)
	}
}

func judged(t *testing.T, r registry) {
	handle := r.put(t, time.Minute).Handle()
	r.change(t, "t1", func(x *fleet.Terminal) { x.Session, x.Seq, x.Sale = "old session", 7, "p" })
	refused := errors.New("no")
	at := day
	for _, row := range []struct {
		name     string
		out      func(*enrol.Outcome)
		err      error
		wrong    int64
		spentBy  []byte
		enrolled bool
	}{
		{"nothing to save", func(o *enrol.Outcome) { o.Code.Wrong, o.Enrol = 9, true }, nil, 0, nil, false},
		{"nothing to save, and a refusal", func(o *enrol.Outcome) { o.Code.Wrong = 9 }, refused, 0, nil, false},
		{"a wrong try is kept although it is refused", func(o *enrol.Outcome) { o.Save, o.Code.Wrong = true, 1 }, refused, 1, nil, false},
		{"spent and enrolled", func(o *enrol.Outcome) {
			o.Save, o.Enrol, o.PublicKey, o.TokenHash = true, true, bytesOf("key"), bytesOf("token")
			o.Code.SpentBy, o.Code.SpentAt = bytesOf("key"), at
		}, nil, 1, bytesOf("key"), true},
	} {
		err := r.TryEnrolCode(t.Context(), handle, func(f enrol.Found) (enrol.Outcome, error) {
			o := enrol.Outcome{Code: f.Code}
			row.out(&o)
			return o, row.err
		})
		if !errors.Is(err, row.err) {
			t.Errorf("%s: %v", row.name, err)
		}
		c := r.found(t, handle).Code
		if c.Wrong != row.wrong || !bytes.Equal(c.SpentBy, row.spentBy) || row.spentBy != nil && !c.SpentAt.Equal(at) {
			t.Errorf("%s: the code is %+v", row.name, c)
		}
		x := r.terminal(t, "t1")
		if x.Enrolled() != row.enrolled || x.Seq != 7 || x.Sale != "p" {
			t.Errorf("%s: the terminal is %+v", row.name, x)
		}
		if row.enrolled && (!bytes.Equal(x.PublicKey, bytesOf("key")) || !bytes.Equal(x.TokenHash, bytesOf("token")) || x.Session != "") {
			t.Errorf("%s: the terminal is %+v", row.name, x)
		}
	}
	if r.terminal(t, "t2").Enrolled() {
		t.Error("another terminal was enrolled")
	}
}

func codeExpires(t *testing.T, r registry) {
	code := r.put(t, 0) // its end is its beginning
	if _, err := r.registrar().Enrol(t.Context(), code, bytesOf("key"), bytesOf("token")); !errors.Is(err, enrol.ErrRefused) {
		t.Errorf("after its time: %v", err)
	}
	if r.terminal(t, "t1").Enrolled() {
		t.Error("enrolled by a code that is too old")
	}
	code = r.put(t, time.Minute)
	if id, err := r.registrar().Enrol(t.Context(), code, bytesOf("key"), bytesOf("token")); err != nil || id != terminalID("t1") {
		t.Errorf("within its time: %v, %v", id, err)
	}
}

func codeVoid(t *testing.T, r registry) {
	code := r.newCode(t)
	wrong, err := protocol.ParseEnrolCode(code.Handle() + "22222222")
	if err != nil {
		t.Fatal(err)
	}
	var tries sync.WaitGroup
	for range enrol.MaxWrong {
		tries.Go(func() {
			if _, err := r.registrar().Enrol(t.Context(), wrong, bytesOf("thief"), bytesOf("x")); !errors.Is(err, enrol.ErrRefused) {
				t.Errorf("a guess: %v", err)
			}
		})
	}
	tries.Wait()
	if n := r.found(t, code.Handle()).Code.Wrong; n != enrol.MaxWrong {
		t.Errorf("%d wrong tries are counted, want %d", n, enrol.MaxWrong)
	}
	if _, err := r.registrar().Enrol(t.Context(), code, bytesOf("key"), bytesOf("token")); !errors.Is(err, enrol.ErrRefused) {
		t.Errorf("the right secret after five wrong ones: %v", err)
	}
	if r.terminal(t, "t1").Enrolled() {
		t.Error("enrolled by a void code")
	}
}

func codeRace(t *testing.T, r registry) {
	code := r.newCode(t)
	const devices = 8
	won := make([]bool, devices)
	var race sync.WaitGroup
	for i := range devices {
		race.Go(func() {
			_, err := r.registrar().Enrol(t.Context(), code, bytesOf(fmt.Sprint("key", i)), bytesOf(fmt.Sprint("token", i)))
			won[i] = err == nil
			if err != nil && !errors.Is(err, enrol.ErrRefused) {
				t.Error(err)
			}
		})
	}
	race.Wait()
	winners := 0
	for i, ok := range won {
		if !ok {
			continue
		}
		winners++
		if x := r.terminal(t, "t1"); !bytes.Equal(x.PublicKey, bytesOf(fmt.Sprint("key", i))) || !bytes.Equal(x.TokenHash, bytesOf(fmt.Sprint("token", i))) {
			t.Errorf("device %d won, and the terminal is %+v", i, x)
		}
	}
	if winners != 1 {
		t.Errorf("%d devices enrolled with one code", winners)
	}
}

func codeRepeated(t *testing.T, r registry) {
	code := r.put(t, time.Minute)
	for i := range 3 {
		if _, err := r.registrar().Enrol(t.Context(), code, bytesOf("key"), bytesOf(fmt.Sprint("token", i))); err != nil {
			t.Fatalf("time %d: %v", i, err)
		}
		if x := r.terminal(t, "t1"); !bytes.Equal(x.TokenHash, bytesOf(fmt.Sprint("token", i))) {
			t.Errorf("time %d: the terminal is %+v", i, x)
		}
		if _, err := r.registrar().Enrol(t.Context(), code, bytesOf("other"), bytesOf("x")); !errors.Is(err, enrol.ErrRefused) {
			t.Errorf("another device's: %v", err)
		}
	}
}

func enrolBesideJournal(t *testing.T, r registry) {
	code := r.put(t, time.Minute)
	id := terminalID("t1")
	const changes = 20
	var work sync.WaitGroup
	work.Go(func() {
		for done := 0; done < changes; {
			err := r.apply(t, decide.Needs{Terminals: []protocol.Identity{id}}, func(s decide.Snapshot) decide.Changes {
				x := s.Terminals[id]
				x.Seq++
				return decide.Changes{Terminals: []fleet.Terminal{x}}
			})
			switch {
			case err == nil:
				done++
			case !errors.Is(err, journal.ErrLocked) && !errors.Is(err, journal.ErrAgain):
				t.Error(err)
				return
			}
		}
	})
	last := ""
	work.Go(func() {
		for i := range changes {
			last = fmt.Sprint("token", i)
			if _, err := r.registrar().Enrol(t.Context(), code, bytesOf("key"), bytesOf(last)); err != nil {
				t.Error(err)
			}
		}
	})
	work.Wait()
	if x := r.terminal(t, "t1"); x.Seq != changes || !bytes.Equal(x.TokenHash, bytesOf(last)) || !bytes.Equal(x.PublicKey, bytesOf("key")) {
		t.Errorf("the terminal is %+v", x)
	}
}
