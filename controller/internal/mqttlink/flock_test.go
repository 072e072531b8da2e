package mqttlink_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"sync"
	"testing"

	"github.com/galla-pay/galla/controller/internal/mqttlink"
	"github.com/galla-pay/galla/controller/internal/signing"
	"github.com/galla-pay/galla/protocol"
)

// openRing opens a ring over the world's database and keeps it fresh.
func (w *world) openRing(t *testing.T) *signing.Ring {
	t.Helper()
	r, err := signing.Open(t.Context(), w.DB, signing.Config{})
	must(t, err)
	running(t, func(ctx context.Context) { r.Run(ctx, w.log) })
	w.root = r.Root().Private.Public().(ed25519.PublicKey)
	return r
}

// flock is terminals that follow key sets as the agent does: they have pinned
// the root, take no set that is not newer, and refuse what no key of their set
// has signed. It is what both controllers of a test publish through.
type flock struct {
	t    *testing.T
	root ed25519.PublicKey

	mu        sync.Mutex
	terminals map[protocol.Identity]*follower
	lost      map[protocol.Identity]int // so many messages do not arrive
}

type follower struct {
	version uint64
	keys    protocol.PublicKeys
	sets    int              // that were taken
	signers []string         // kids of the states that were believed, each once, in order
	states  []protocol.State // that were believed
	refused []error
}

func newFlock(t *testing.T, root ed25519.PublicKey) *flock {
	return &flock{t: t, root: root, terminals: map[protocol.Identity]*follower{}, lost: map[protocol.Identity]int{}}
}

func (f *flock) Publish(topic string, payload []byte) error {
	id, _, err := protocol.ParseTopic(topic)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lost[id] > 0 {
		f.lost[id]--
		return errors.New("the broker is away")
	}
	g := f.terminal(id)
	if protocol.PurposeOf(payload) == protocol.PurposeKeys {
		version, keys, err := protocol.OpenKeySet(payload, f.root)
		switch {
		case err != nil:
			g.refused = append(g.refused, err)
		case version > g.version:
			g.version, g.keys = version, keys
			g.sets++
		}
		return nil
	}
	s, err := protocol.OpenState(payload, g.keys, id)
	if err != nil {
		g.refused = append(g.refused, err)
		return nil
	}
	g.states = append(g.states, s)
	for kid := range g.keys {
		if _, err := protocol.OpenState(payload, protocol.PublicKeys{kid: g.keys[kid]}, id); err == nil {
			if n := len(g.signers); n == 0 || g.signers[n-1] != kid {
				g.signers = append(g.signers, kid)
			}
		}
	}
	return nil
}

// terminal is one of them; f.mu is held.
func (f *flock) terminal(id protocol.Identity) *follower {
	g := f.terminals[id]
	if g == nil {
		g = &follower{}
		f.terminals[id] = g
	}
	return g
}

// of is a copy of what a terminal knows.
func (f *flock) of(id protocol.Identity) follower {
	f.mu.Lock()
	defer f.mu.Unlock()
	return *f.terminal(id)
}

// controllers are two links with a ring each over one database, as behind one
// broker: both hear every terminal, and all terminals hear both.
type controllers struct {
	*flock
	links [2]*mqttlink.Link
	rings [2]*signing.Ring
}

func twoControllers(t *testing.T, w *world) *controllers {
	t.Helper()
	c := &controllers{}
	for n := range c.links {
		c.rings[n] = w.openRing(t)
		if n == 0 {
			c.flock = newFlock(t, w.root)
		}
		c.links[n] = mqttlink.New(mqttlink.Config{
			Journal: w.Journal, Reader: w.reader, Keys: c.rings[n], Log: w.log, Counted: w.count,
		})
		c.links[n].Attach(c.flock)
		running(t, c.links[n].Run)
	}
	w.link.Store(c.links[0])
	return c
}

// both lets a hand give its messages to both controllers.
func (c *controllers) both(h *hand, do func()) {
	for _, l := range c.links {
		h.w.link.Store(l)
		do()
	}
	h.w.link.Store(c.links[0])
}
