package mqttlink

import (
	"context"
	"sync"
	"time"

	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/protocol"
)

// Keys is what the link signs states with. A ring of keys (package signing) is
// one.
type Keys interface {
	// Current is the key to sign with now, the newest key set, which it stands
	// in, signed by the root, and that set's version.
	Current() (key protocol.SigningKey, set []byte, version uint64)
	// Changed returns a channel that is closed when there is a newer set.
	Changed() <-chan struct{}
}

// audience is the terminals that this link hears, and the newest key set that
// it has sent to each. No state goes to a terminal before the set that its key
// stands in; and when there is a new set, all that are there get it at once
// (failure matrix R18). Several controllers tell the same terminals: then each
// sends the set before its first state to a session, and the terminal drops the
// repeats. Which session it is stands in the terminal's row: where controllers
// share the reports, another may have heard that it is back, with fewer keys than
// it had before.
type audience struct {
	mu        sync.Mutex
	terminals map[protocol.Identity]listener
	wake      chan struct{} // holds a token when somebody is behind
}

type listener struct {
	heard   time.Time // zero: not since this link runs
	has     uint64    // version of the set that was sent last
	session string    // to this session
}

func newAudience() *audience {
	return &audience{terminals: map[protocol.Identity]listener{}, wake: make(chan struct{}, 1)}
}

// heard notes that a terminal is there; newest is the version that it should
// have. A sync counts when it is answered, which is with the set anyhow.
func (a *audience) heard(id protocol.Identity, newest uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.terminals[id]
	l.heard = time.Now()
	a.terminals[id] = l
	if l.has >= newest {
		return
	}
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// sent notes that a terminal was sent the set of a version, in a session; "" is
// the session that it was in when it was sent one last.
func (a *audience) sent(id protocol.Identity, session string, version uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.terminals[id]
	if session != "" && session != l.session {
		l.session, l.has = session, version
	}
	l.has = max(l.has, version)
	a.terminals[id] = l
}

// has reports whether a terminal was sent the set of that version, or a newer, in
// its session.
func (a *audience) has(id protocol.Identity, session string, version uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.terminals[id]
	return l.has >= version && l.session == session
}

// gone forgets a terminal: when it is back, it is sent the set again.
func (a *audience) gone(id protocol.Identity) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.terminals, id)
}

// behind lists the terminals that are there and lack the set of a version. It
// forgets those that have fallen silent. One that was never heard here gets the
// set with its next state.
func (a *audience) behind(version uint64) (ids []protocol.Identity) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, l := range a.terminals {
		switch {
		case l.heard.IsZero():
		case time.Since(l.heard) >= fleet.Silence:
			delete(a.terminals, id)
		case l.has < version:
			ids = append(ids, id)
		}
	}
	return ids
}

// spread sends every new key set to the terminals that are there.
func (l *Link) spread(ctx context.Context) {
	retry := time.NewTimer(sweepEvery)
	defer retry.Stop()
	for {
		changed := l.Keys.Changed()
		_, set, version := l.Keys.Current()
		failed := false
		for _, id := range l.audience.behind(version) {
			if ctx.Err() != nil {
				return
			}
			failed = !l.publishKeys(id, "", set, version) || failed
		}
		var again <-chan time.Time
		if failed {
			retry.Reset(sweepEvery)
			again = retry.C
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-l.audience.wake:
		case <-again:
		}
	}
}

// publishKeys sends a terminal a key set, as far as the broker takes it. See
// audience.sent for the session.
func (l *Link) publishKeys(id protocol.Identity, session string, set []byte, version uint64) bool {
	if err := l.publisher.Publish(protocol.CommandTopic(id), set); err != nil {
		l.Counted("publish_failed")
		return false
	}
	l.Counted("keys_published")
	l.audience.sent(id, session, version)
	return true
}
