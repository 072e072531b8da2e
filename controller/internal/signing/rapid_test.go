package signing_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/controller/internal/signing"
	"github.com/galla-pay/galla/protocol"
)

// move is one thing that happens to a fleet.
type move struct {
	what  string
	who   int // the controller
	n     int // how long, or how many keys before the newest
	force bool
}

func moves(t *rapid.T) []move {
	// Short scripts, which rapid prefers, do not come to what is worth seeing.
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) move {
		return move{
			what: rapid.SampledFrom([]string{
				"create", "rotate", "retire", "read", "tenths", "minutes", "nearly", "restart", "away",
			}).Draw(t, "what"),
			who: rapid.IntRange(0, 2).Draw(t, "who"), n: rapid.IntRange(1, 15).Draw(t, "n"), force: rapid.Bool().Draw(t, "force"),
		}
	}), 20, 80).Draw(t, "moves")
}

// fleet is three controllers over one database, and the terminals that they
// sign for, as package mqttlink does it: no state before the set that its key
// stands in.
type fleet struct {
	ctx    context.Context
	db     *shelf
	rings  [3]*signing.Ring
	sent   [3]terminal   // what a terminal knows that hears one controller alone
	hears  terminal      // one that hears them all
	unread time.Duration // since all of them have read
	newest uint64
}

// open starts a controller, also in the place of one that was there. It knows
// nothing of what was sent before.
func (f *fleet) open(n int) error {
	r, err := signing.Open(f.ctx, f.db, signing.Config{})
	if err == nil {
		f.rings[n], f.sent[n], f.hears.root = r, terminal{root: rootOf(r)}, rootOf(r)
	}
	return err
}

func (f *fleet) readAll() error {
	f.unread = 0
	var errs []error
	for _, r := range f.rings {
		errs = append(errs, r.Refresh(f.ctx))
	}
	return errors.Join(errs...)
}

// do makes a move; a refusal is none of its errors.
func (f *fleet) do(m move) error {
	r := f.rings[m.who]
	switch m.what {
	case "create":
		_, err := r.Create(f.ctx)
		return failure(err)
	case "rotate":
		_, err := r.Rotate(f.ctx, m.force)
		return failure(err)
	case "retire":
		// Forced, others might still sign with it: that is TestAnySequence's only
		// exception, so here everybody has read before anything is signed.
		all, err := r.List(f.ctx)
		if err != nil {
			return err
		}
		_, err = r.Retire(f.ctx, fmt.Sprint("online-key-", len(all)-m.n%3), m.force)
		if err == nil && m.force {
			return f.readAll()
		}
		return failure(err)
	case "read":
		return r.Refresh(f.ctx)
	case "tenths": // all read every two seconds
		d := time.Duration(m.n) * time.Second / 10
		if f.unread += d; f.unread >= signing.RefreshEvery {
			if err := f.readAll(); err != nil {
				return err
			}
			f.unread = d
		}
		time.Sleep(d)
	case "minutes":
		if err := f.readAll(); err != nil {
			return err
		}
		time.Sleep(time.Duration(m.n) * time.Minute)
		return f.readAll()
	case "nearly": // until a second before a key's time
		all, err := r.List(f.ctx)
		if err != nil {
			return err
		}
		if k := all[len(all)-1]; k.State == signing.StateNext && !k.ActivatedAt.IsZero() {
			if err := f.readAll(); err != nil {
				return err
			}
			time.Sleep(time.Until(k.ActivatedAt) - time.Second)
			return f.readAll()
		}
	case "restart":
		return f.open(m.who)
	case "away":
		f.db.setAway(true)
		defer f.db.setAway(false)
		if err := f.readAll(); !errors.Is(err, errAway) {
			return fmt.Errorf("read without a database: %w", err)
		}
		if _, err := r.Create(f.ctx); !errors.Is(err, errAway) {
			return fmt.Errorf("created without a database: %w", err)
		}
		return f.sign() // on the last reading
	}
	return nil
}

func failure(err error) error {
	if signing.Refused(err) {
		return nil
	}
	return err
}

// sign lets every controller send a state.
func (f *fleet) sign() error {
	for n, r := range f.rings {
		key, set, version := r.Current()
		if f.sent[n].version < version {
			if err := errors.Join(f.sent[n].follow(set), f.hears.follow(set)); err != nil {
				return fmt.Errorf("controller %d sends a set that the root has not signed: %w", n, err)
			}
		}
		if err := f.sent[n].believes(key); err != nil {
			return fmt.Errorf("controller %d signs with a key that is not in the set that it has sent: %w", n, err)
		}
		if err := f.hears.believes(key); err != nil {
			return fmt.Errorf("controller %d is refused by a terminal that hears all controllers: %w", n, err)
		}
	}
	return nil
}

// check holds the ring against what must be at every moment.
func (f *fleet) check() error {
	fresh, err := signing.Open(f.ctx, f.db, signing.Config{})
	if err != nil {
		return err
	}
	all, err := fresh.List(f.ctx)
	if err != nil {
		return err
	}
	key, set, version := fresh.Current()
	if version < f.newest {
		return fmt.Errorf("the version went from %d to %d", f.newest, version)
	}
	f.newest = version
	_, inSet, err := protocol.OpenKeySet(set, rootOf(fresh))
	if err != nil {
		return err
	}
	count := map[signing.State]int{}
	for _, k := range all {
		count[k.State]++
		if _, in := inSet[k.KeyID]; in != (k.State != signing.StateRetired) {
			return fmt.Errorf("%s is %s, and in the newest set: %v", k.ID, k.State, in)
		}
		if (k.State == signing.StateActive) != (k.KeyID == key.ID) {
			return fmt.Errorf("%s is %s, and %s signs", k.ID, k.State, key.ID)
		}
	}
	if count[signing.StateActive] != 1 || count[signing.StateNext] > 1 {
		return fmt.Errorf("there are %v", count)
	}
	return nil
}

// TestAnySequence of changes, readings, restarts, absences of the database and
// time, by any operator at any controller: there is always one active key, it
// stands in the newest set, and whatever a controller signs verifies under the
// set that it has sent before; also for a terminal that hears all controllers,
// unless a key is forced out while another controller has not read of it.
func TestAnySequence(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		script := moves(rt)
		var problem error
		synctest.Test(t, func(t *testing.T) {
			f := &fleet{ctx: t.Context(), db: newShelf()}
			for n := range f.rings {
				problem = errors.Join(problem, f.open(n))
			}
			for n, m := range script {
				if problem != nil {
					return
				}
				if err := errors.Join(f.do(m), f.sign(), f.check()); err != nil {
					problem = fmt.Errorf("after move %d, %+v: %w", n+1, m, err)
				}
			}
		})
		if problem != nil {
			rt.Fatal(problem)
		}
	})
}
