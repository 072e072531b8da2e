package session

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/internal/identity"
	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/protocol"
)

// boot starts a session on the credentials of a disk, as after a power cut.
func (r *rig) boot(dir string) {
	r.t.Helper()
	store, err := identity.OpenStore(dir)
	if err != nil {
		r.t.Fatal(err)
	}
	credentials, err := store.Load(sessiontest.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	r.s, err = New(Config{Credentials: credentials, Dial: r.ctrl.Broker.Dial, Log: slog.New(slog.NewTextHandler(r.log, nil))})
	if err != nil {
		r.t.Fatal(err)
	}
	r.s.Tell(idleStanding, false)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.s.Run(ctx)
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	synctest.Wait()
}

// onDisk runs test with a terminal that is enrolled on a disk and switched off.
func onDisk(t *testing.T, test func(t *testing.T, r *rig, dir string)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, ctrl: sessiontest.NewController(), log: &lines{}, stop: func() {}}
		r.ctrl.Broker.Behave(sessiontest.Behaviour{})
		dir := t.TempDir()
		if _, err := r.ctrl.Enrol(dir); err != nil {
			t.Fatal(err)
		}
		defer r.ctrl.Broker.Close()
		defer func() { r.stop() }()
		test(t, r, dir)
	})
}

// keySet is a set that signer has signed.
func keySet(t *testing.T, signer protocol.SigningKey, version uint64, keys ...protocol.SigningKey) []byte {
	t.Helper()
	var public []ed25519.PublicKey
	for _, k := range keys {
		public = append(public, k.Private.Public().(ed25519.PublicKey))
	}
	set, err := protocol.SignKeySet(signer, version, public...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestRotation: a key is announced, takes over and leaves, and not one state is
// refused; then a reboot, and the key that has left is not believed again, by
// whatever means it is brought back (failure matrix R18).
func TestRotation(t *testing.T) {
	onDisk(t, func(t *testing.T, r *rig, dir string) {
		old, next, thief := r.ctrl.Online, sessiontest.Key("next online"), sessiontest.Key("thief")
		r.boot(dir)
		r.wantEvents("up", "state 1 answer true")
		r.publish(sign(t, old, protocol.PurposeDown, paid(2)))
		r.publish(keySet(t, r.ctrl.Root, 10, old, next)) // created
		r.publish(sign(t, old, protocol.PurposeDown, paid(3)))
		r.wantEvents("state 3 answer false")
		r.publish(sign(t, next, protocol.PurposeDown, paid(4))) // rotated
		r.wantEvents("state 4 answer false")
		r.publish(sign(t, old, protocol.PurposeDown, paid(5))) // by another controller, a moment late
		r.wantEvents("state 5 answer false")
		r.publish(keySet(t, r.ctrl.Root, 11, next)) // retired
		r.publish(sign(t, next, protocol.PurposeDown, paid(6)))
		r.wantEvents("state 6 answer false")
		if n := r.log.count("went wrong"); n != 0 {
			t.Fatalf("something was refused:\n%s", r.log.b.String())
		}

		r.ctrl.Online = next
		for _, boot := range []string{"before a power cut", "after it"} {
			for name, set := range map[string][]byte{
				"the set before":                          keySet(t, r.ctrl.Root, 10, old, next),
				"the set of the enrolment":                keySet(t, r.ctrl.Root, 1, old),
				"another set of the version":              keySet(t, r.ctrl.Root, 11, old, thief),
				"a set signed by the retired key":         keySet(t, old, 1<<40, old, thief),
				"a set signed by the active key":          keySet(t, next, 1<<40, old, thief),
				"a set signed by a root that is not ours": keySet(t, thief, 1<<40, old, thief),
			} {
				r.publish(set)
				for _, k := range []protocol.SigningKey{old, thief} {
					r.publish(sign(t, k, protocol.PurposeDown, paid(1<<40)))
				}
				time.Sleep(10 * time.Second)
				for _, ev := range r.events() {
					if ev != "state 1 answer true" { // it asks, and is answered
						t.Errorf("%s, %s: %s", boot, name, ev)
					}
				}
			}
			if boot == "after it" {
				break
			}
			r.stop()
			time.Sleep(time.Minute)
			r.boot(dir)
			r.wantEvents("up", "state 1 answer true")
		}
	})
}

// TestBackAfterMonths: the only key that the terminal knows was retired long
// ago. It asks, believes nothing meanwhile, and has all it needs with the first
// key set, because the root that it has pinned signed that. Nobody visits it.
func TestBackAfterMonths(t *testing.T) {
	onDisk(t, func(t *testing.T, r *rig, dir string) {
		newest := sessiontest.Key("the ninth online key")
		r.ctrl.Online = newest
		r.boot(dir)
		r.publish(sign(t, newest, protocol.PurposeDown, paid(7)))
		time.Sleep(10 * time.Second)
		r.wantEvents("up")
		syncs := len(r.ups())
		if syncs < 3 {
			t.Errorf("asked %d times in ten seconds: %q", syncs, r.ups())
		}
		r.publish(keySet(t, r.ctrl.Root, 9, newest))
		time.Sleep(6 * time.Second)
		r.wantEvents("state 1 answer true")
		r.stop()
		time.Sleep(time.Minute)
		r.boot(dir) // and it is on the disk
		r.wantEvents("up", "state 1 answer true")
	})
}
