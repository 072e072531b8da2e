package signing_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/postgres"
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/controller/internal/signing"
	"github.com/galla-pay/galla/controller/internal/sqlite"
	"github.com/galla-pay/galla/hack/testservers"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func box(t *testing.T) *seal.Box {
	t.Helper()
	b, err := seal.FromKey([]byte("thirty-two bytes, for tests only"))
	must(t, err)
	return b
}

// onEveryStorage runs a test on both databases, each with as many connections
// of its own as the test opens: connect is another controller's.
func onEveryStorage(t *testing.T, test func(t *testing.T, connect func() signing.Storage)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "galla.db")
		test(t, func() signing.Storage {
			db, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Box: box(t), Log: discard()})
			must(t, err)
			t.Cleanup(func() { must(t, db.Close()) })
			must(t, db.Migrate(t.Context()))
			return db
		})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		dsn := testservers.SharedPostgres(t).NewDatabase(t)
		test(t, func() signing.Storage {
			db, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, Box: box(t), Log: discard()})
			must(t, err)
			t.Cleanup(func() { must(t, db.Close()) })
			must(t, db.Migrate(t.Context()))
			return db
		})
	})
}

func open(t *testing.T, s signing.Storage) *signing.Ring {
	t.Helper()
	r, err := signing.Open(t.Context(), s, signing.Config{})
	must(t, err)
	return r
}

// story is the states of all keys, in order.
func story(t *testing.T, r *signing.Ring) string {
	t.Helper()
	all, err := r.List(t.Context())
	must(t, err)
	var states []string
	for n, k := range all {
		if k.ID != fmt.Sprint("online-key-", n+1) {
			t.Errorf("key %d is %s", n+1, k.ID)
		}
		states = append(states, string(k.State))
	}
	return strings.Join(states, " ")
}

// TestFirstStart: any number of controllers may start on an empty database;
// they all have the same root, the same key and the same set, to the byte, and
// still have it after a restart.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	onEveryStorage(t, func(t *testing.T, connect func() signing.Storage) {
		stores := []signing.Storage{connect(), connect(), connect(), connect()}
		rings := make([]*signing.Ring, len(stores))
		var starts sync.WaitGroup
		for n, s := range stores {
			starts.Go(func() {
				var err error
				if rings[n], err = signing.Open(t.Context(), s, signing.Config{}); err != nil {
					t.Error(err)
				}
			})
		}
		starts.Wait()
		if t.Failed() {
			return
		}
		rings = append(rings, open(t, connect()))
		key, set, version := rings[0].Current()
		x := terminal{root: rootOf(rings[0])}
		must(t, x.follow(set))
		must(t, x.believes(key))
		if version == 0 || len(x.keys) != 1 || story(t, rings[0]) != "active" {
			t.Errorf("version %d of %d keys, which are %s", version, len(x.keys), story(t, rings[0]))
		}
		for n, r := range rings {
			k, s, v := r.Current()
			if k.ID != key.ID || !bytes.Equal(s, set) || v != version || !rootOf(r).Equal(x.root) ||
				r.Signer().ID != key.ID || !bytes.Equal(r.KeySet(), set) {
				t.Errorf("controller %d has key %s in set %s, want %s in %s", n, k.ID, s, key.ID, set)
			}
		}
	})
}

// TestOlderRelease: a database that was made before there was a ring goes on
// with the key that its terminals know.
func TestOlderRelease(t *testing.T) {
	t.Parallel()
	onEveryStorage(t, func(t *testing.T, connect func() signing.Storage) {
		db := connect()
		for _, name := range []string{"root", "online"} {
			secret := map[string]string{"root": "root-key", "online": "online-key-1"}[name]
			_, err := db.PutSecret(t.Context(), secret, protocoltest.Key(name).Private.Seed())
			must(t, err)
		}
		r := open(t, db)
		x := terminal{root: protocoltest.Public("root")}
		must(t, x.follow(protocoltest.JWS("keys"))) // of version 1
		must(t, x.believes(r.Signer()))
		must(t, x.follow(r.KeySet()))
		must(t, x.believes(r.Signer()))
		if x.version <= 1 || r.Signer().ID != protocoltest.Key("online").ID {
			t.Errorf("it goes on with %s in version %d", r.Signer().ID, x.version)
		}
	})
}

// TestTwoControllersFollow: what an operator does at one controller is done at
// the other with its next reading, and each step is one that a terminal can
// follow from either.
func TestTwoControllersFollow(t *testing.T) {
	t.Parallel()
	onEveryStorage(t, func(t *testing.T, connect func() signing.Storage) {
		a, b := open(t, connect()), open(t, connect())
		x := terminal{root: rootOf(a)}
		must(t, x.follow(a.KeySet()))
		first := a.Signer()
		for _, step := range []struct {
			name   string
			do     func(r *signing.Ring) (signing.Info, error)
			want   string // states
			signs  int    // the key that does
			refuse error  // where it is done again
		}{
			{"create", func(r *signing.Ring) (signing.Info, error) { return r.Create(t.Context()) }, "active next", 1, signing.ErrHasNext},
			{"set its time", func(r *signing.Ring) (signing.Info, error) { return r.Rotate(t.Context(), false) }, "active next", 1, signing.ErrPending},
			{"force it", func(r *signing.Ring) (signing.Info, error) { return r.Rotate(t.Context(), true) }, "retiring active", 2, signing.ErrNoNext},
			{"create another", func(r *signing.Ring) (signing.Info, error) { return r.Create(t.Context()) }, "retiring active next", 2, signing.ErrHasNext},
			{"retire the first", func(r *signing.Ring) (signing.Info, error) {
				return r.Retire(t.Context(), "online-key-1", true)
			}, "retired active next", 2, signing.ErrRetired},
			{"retire the one that is next", func(r *signing.Ring) (signing.Info, error) {
				return r.Retire(t.Context(), "online-key-3", false)
			}, "retired active retired", 2, signing.ErrRetired},
		} {
			changedA, changedB := a.Changed(), b.Changed()
			_, _, before := a.Current()
			info, err := step.do(a)
			must(t, err)
			select {
			case <-changedA:
			default:
				t.Errorf("%s: who did it is not told of the new set", step.name)
			}
			if !bytes.Equal(b.KeySet(), a.KeySet()) { // it has not looked yet; what it signs is believed
				must(t, x.believes(b.Signer()))
			}
			must(t, b.Refresh(t.Context()))
			<-changedB
			key, set, version := b.Current()
			if !bytes.Equal(set, a.KeySet()) || key.ID != a.Signer().ID || version <= before {
				t.Errorf("%s: one signs by %s in %s, the other by %s in %s", step.name, a.Signer().ID, a.KeySet(), key.ID, set)
			}
			must(t, x.follow(set))
			must(t, x.believes(key))
			if got := story(t, b); got != step.want {
				t.Errorf("%s: they are %s, want %s", step.name, got, step.want)
			}
			all, err := b.List(t.Context())
			must(t, err)
			if all[step.signs-1].KeyID != key.ID || all[step.signs-1].State != signing.StateActive {
				t.Errorf("%s: %s signs, want number %d of %+v", step.name, key.ID, step.signs, all)
			}
			listed := all[slices.IndexFunc(all, func(i signing.Info) bool { return i.ID == info.ID })]
			if listed != info {
				t.Errorf("%s: told %+v, and listed %+v", step.name, info, listed)
			}
			if _, err := step.do(b); !errors.Is(err, step.refuse) || !signing.Refused(err) {
				t.Errorf("%s again: %v, want %v", step.name, err, step.refuse)
			}
		}
		if err := x.believes(first); !errors.Is(err, protocol.ErrUnknownKey) {
			t.Errorf("a retired key is believed: %v", err)
		}
		if _, err := b.Retire(t.Context(), "online-key-9", true); !errors.Is(err, signing.ErrNoKey) {
			t.Errorf("a key that there is not: %v", err)
		}
		if again := open(t, connect()); !bytes.Equal(again.KeySet(), b.KeySet()) || again.Signer().ID != b.Signer().ID {
			t.Error("after a restart it is another ring")
		}
	})
}

// TestTwoOperators who do the same at the same moment: one of them does it, the
// other is told; and there never are two sets of one version.
func TestTwoOperators(t *testing.T) {
	t.Parallel()
	onEveryStorage(t, func(t *testing.T, connect func() signing.Storage) {
		a, b := open(t, connect()), open(t, connect())
		rings := []*signing.Ring{a, b}
		sets := map[uint64][]byte{}
		note := func() {
			t.Helper()
			for _, r := range rings {
				must(t, r.Refresh(t.Context()))
				_, set, version := r.Current()
				if known := sets[version]; known != nil && !bytes.Equal(known, set) {
					t.Fatalf("two sets of version %d:\n%s\n%s", version, known, set)
				}
				sets[version] = set
			}
		}
		note()
		for round := range 4 {
			for _, do := range []func(*signing.Ring) (signing.Info, error){
				func(r *signing.Ring) (signing.Info, error) { return r.Create(t.Context()) },
				func(r *signing.Ring) (signing.Info, error) { return r.Rotate(t.Context(), true) },
				func(r *signing.Ring) (signing.Info, error) {
					return r.Retire(t.Context(), fmt.Sprint("online-key-", round+1), true)
				},
			} {
				const operators = 6
				errs := make([]error, operators)
				var wg sync.WaitGroup
				for n := range operators {
					wg.Go(func() { _, errs[n] = do(rings[n%2]) })
				}
				wg.Wait()
				done := 0
				for _, err := range errs {
					switch {
					case err == nil:
						done++
					case !signing.Refused(err):
						t.Errorf("round %d: %v", round, err)
					}
				}
				if done != 1 {
					t.Errorf("round %d: done %d times: %v", round, done, errs)
				}
				note()
			}
		}
		if got := story(t, a); got != "retired retired retired retired active" {
			t.Errorf("at the end they are %s", got)
		}
		if len(sets) != 1+3*4 {
			t.Errorf("%d versions, want one for each change", len(sets))
		}
	})
}

// TestRotationComesInTime: every controller takes the new key at the minute, by
// the database's clock, without another reading having to come in between.
func TestRotationComesInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newShelf()
		a, b := open(t, db), open(t, db)
		old := a.Signer().ID
		next, err := a.Create(t.Context())
		must(t, err)
		time.Sleep(10 * time.Second)
		rotated, err := a.Rotate(t.Context(), false)
		must(t, err)
		if rotated.State != signing.StateNext || !rotated.ActivatedAt.Equal(next.CreatedAt.Add(signing.DefaultDelay)) {
			t.Errorf("it is %+v, and was created at %v", rotated, next.CreatedAt)
		}
		must(t, b.Refresh(t.Context()))
		db.setAway(true) // nobody can read any more
		time.Sleep(50*time.Second - time.Nanosecond)
		if a.Signer().ID != old || b.Signer().ID != old {
			t.Error("the new key signs too early")
		}
		time.Sleep(time.Nanosecond)
		if a.Signer().ID != next.KeyID || b.Signer().ID != next.KeyID {
			t.Error("the new key does not sign when its time has come")
		}
		db.setAway(false)
		relieved := time.Now()
		if _, err := a.Retire(t.Context(), "online-key-1", false); !errors.Is(err, signing.ErrInUse) {
			t.Errorf("retired in the moment of its relief: %v", err)
		}
		time.Sleep(signing.DefaultGrace - time.Since(relieved))
		if _, err := a.Retire(t.Context(), "online-key-1", false); err != nil {
			t.Errorf("after the grace: %v", err)
		}
	})
}

// TestRunFollows: a running ring has a change within two seconds, outlives the
// database's absence on its last reading, and ends with its context.
func TestRunFollows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newShelf()
		a, b := open(t, db), open(t, db)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.Run(ctx, discard())
		}()
		changed := b.Changed()
		_, err := a.Create(t.Context())
		must(t, err)
		at := time.Now()
		<-changed
		if time.Since(at) > signing.RefreshEvery {
			t.Errorf("it follows after %v", time.Since(at))
		}
		key, set, version := b.Current()
		db.setAway(true)
		time.Sleep(time.Hour)
		if k, s, v := b.Current(); k.ID != key.ID || !bytes.Equal(s, set) || v != version {
			t.Error("while the database is away the last reading does not stand")
		}
		if _, err := b.Create(t.Context()); !errors.Is(err, errAway) || signing.Refused(err) {
			t.Errorf("a change without a database: %v", err)
		}
		db.setAway(false)
		_, err = a.Rotate(t.Context(), true)
		must(t, err)
		time.Sleep(signing.RefreshEvery)
		synctest.Wait()
		if b.Signer().ID == key.ID {
			t.Error("it does not follow when the database is back")
		}
		cancel()
		<-done
	})
}
