package mqttlink_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/mqttlink"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/signing"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

// TestRotationUnderLoad: a key is made, takes over and leaves while terminals
// take sales from two controllers, and not one message is refused (failure
// matrix R18). Each terminal follows without asking, also one that nothing is
// said to; one that was away for months follows with its first sync.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	const busy = 4
	inBubble(t, busy+2, func(t *testing.T, w *world, _ *recorder) {
		c := twoControllers(t, w)
		var hands []*hand
		for n := range busy + 1 { // the last one is never sold anything
			h := newHand(t, w, till(n+1))
			c.both(h, func() { h.sync("N1") })
			hands = append(hands, h)
		}
		absent := newHand(t, w, till(busy+2)) // enrolled with the first set, and then switched off
		_, first, _ := c.rings[0].Current()
		must(t, c.Publish(protocol.CommandTopic(absent.id), first))
		pass(0)
		kid := func(r *signing.Ring) string { return r.Signer().ID }
		old := kid(c.rings[0])

		// load is some seconds of sales; each ends with PAID.
		sale := 0
		load := func(seconds int) {
			t.Helper()
			for range seconds {
				sale++
				for _, h := range hands[:busy] {
					p := w.sale(t, h.id, fmt.Sprint(h.id.TerminalID, "-", sale))
					pass(200 * time.Millisecond)
					facts := uint64(3 * sale)
					seq := c.of(h.id).states[len(c.of(h.id).states)-1].Seq
					c.both(h, func() {
						h.report(seq, fact(facts-2, protocol.FactReceived, p.ID), fact(facts-1, protocol.FactPresented, p.ID))
					})
					pass(0)
					w.pay(t, p)
					pass(0)
					last := c.of(h.id).states
					if r := last[len(last)-1].Result; r == nil || r.PaymentID != p.ID || r.Outcome != protocol.OutcomeSucceeded {
						t.Fatalf("%s: paid, and told %+v", h.id, last[len(last)-1])
					}
					seq = last[len(last)-1].Seq
					c.both(h, func() { h.report(seq, fact(facts, protocol.FactShown, p.ID)) })
				}
				for _, h := range hands {
					seq := w.terminal(t, h.id).Seq
					c.both(h, func() { h.beat(seq) })
				}
				pass(200 * time.Millisecond)
			}
		}
		knows := func(what string, keys int) {
			t.Helper()
			for _, h := range hands {
				g := c.of(h.id)
				if len(g.refused) > 0 || len(g.keys) != keys {
					t.Errorf("%s: %s knows %d keys, want %d; refused %v", what, h.id, len(g.keys), keys, g.refused)
				}
			}
		}

		load(3)
		knows("at first", 1)
		next, err := c.rings[0].Create(t.Context())
		must(t, err)
		created := time.Now()
		load(5)
		knows("a key is created", 2)
		if kid(c.rings[0]) != old || kid(c.rings[1]) != old {
			t.Error("a key that was just created signs")
		}
		_, err = c.rings[1].Rotate(t.Context(), false) // by the other controller
		must(t, err)
		for time.Since(created) < signing.DefaultDelay-2*time.Second {
			load(1)
			if kid(c.rings[0]) != old || kid(c.rings[1]) != old {
				t.Fatalf("the new key signs after %v", time.Since(created))
			}
		}
		for time.Since(created) < signing.DefaultDelay+signing.RefreshEvery {
			load(1)
		}
		if kid(c.rings[0]) != next.KeyID || kid(c.rings[1]) != next.KeyID {
			t.Errorf("after %v the old key still signs", time.Since(created))
		}
		load(5)
		knows("the key has changed", 2)
		for _, h := range hands[:busy] {
			if got := c.of(h.id).signers; len(got) != 2 || got[0] != old || got[1] != next.KeyID {
				t.Errorf("%s: states were signed by %v, want %s, then %s", h.id, got, old, next.KeyID)
			}
		}
		if _, err := c.rings[0].Retire(t.Context(), "online-key-1", false); !errors.Is(err, signing.ErrInUse) {
			t.Errorf("a key that was in use a moment ago is retired: %v", err)
		}
		for range 12 {
			pass(50 * time.Second)
			load(1)
		}
		_, err = c.rings[0].Retire(t.Context(), "online-key-1", false)
		must(t, err)
		load(5)
		knows("the old key is retired", 1)

		// It comes back, as after months, and knows only the key that is retired.
		c.both(absent, func() { absent.sync("N9") })
		pass(0)
		g := c.of(absent.id)
		if len(g.refused) > 0 || len(g.states) == 0 || g.states[0].Nonce != "N9" || g.keys[next.KeyID] == nil || g.keys[old] != nil {
			t.Errorf("back, and it is %+v", g)
		}
		if w.counted("report_refused") != 0 {
			t.Errorf("%d reports refused", w.counted("report_refused"))
		}
	})
}

// TestForcedRotation: a key that is forced signs at once, and no terminal
// refuses it, though the other controller has not told it of the key: each
// sends the set before the first state.
func TestForcedRotation(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, w *world, _ *recorder) {
		c := twoControllers(t, w)
		h := newHand(t, w, till(1))
		c.both(h, func() { h.sync("N1") })
		pass(0)
		for n := range 5 {
			_, err := c.rings[n%2].Create(t.Context())
			must(t, err)
			next, err := c.rings[n%2].Rotate(t.Context(), true)
			must(t, err)
			if c.rings[n%2].Signer().ID != next.KeyID {
				t.Fatal("a key that was forced does not sign")
			}
			w.sale(t, h.id, fmt.Sprint(n))
			pass(0) // nothing was refreshed yet: the other controller may sign by the old key
			pass(signing.RefreshEvery)
			c.both(h, func() { h.sync(fmt.Sprint("F", n)) })
			pass(0)
			g := c.of(h.id)
			if len(g.refused) > 0 || g.signers[len(g.signers)-1] != next.KeyID {
				t.Fatalf("rotation %d: signed by %v, refused %v", n, g.signers, g.refused)
			}
		}
	})
}

// TestNewKeySetGoesToThoseThatAreThere: at once where the broker takes it, else
// within a second; not to terminals that are gone or silent, whose next sync
// brings it.
func TestNewKeySetGoesToThoseThatAreThere(t *testing.T) {
	t.Parallel()
	inBubble(t, 4, func(t *testing.T, w *world, _ *recorder) {
		ring := w.openRing(t)
		f := newFlock(t, w.root)
		var p mqttlink.Publisher = f
		w.mouth.to.Store(&p)
		w.keys = ring
		w.start()
		var hands []*hand
		for n := range 4 {
			h := newHand(t, w, till(n+1))
			h.sync("N1")
			hands = append(hands, h)
		}
		there, unlucky, gone, silent := hands[0], hands[1], hands[2], hands[3]
		pass(30 * time.Second)
		gone.gone(gone.session)
		pass(31 * time.Second)
		there.beat(0)
		unlucky.beat(0)
		pass(0)
		f.mu.Lock()
		f.lost[unlucky.id] = 2
		f.mu.Unlock()
		before := w.counted("keys_published")
		_, err := ring.Create(t.Context())
		must(t, err)
		pass(0)
		for _, row := range []struct {
			name string
			hand *hand
			sets int
		}{{"there", there, 2}, {"unlucky", unlucky, 1}, {"gone", gone, 1}, {"silent", silent, 1}} {
			if got := f.of(row.hand.id); got.sets != row.sets || len(got.refused) > 0 {
				t.Errorf("the one that is %s took %d sets, want %d; refused %v", row.name, got.sets, row.sets, got.refused)
			}
		}
		pass(2 * time.Second)
		if got := f.of(unlucky.id); got.sets != 2 {
			t.Errorf("what the broker did not take comes again: %d sets", got.sets)
		}
		if got := w.counted("keys_published") - before; got != 2 {
			t.Errorf("%d sets published, want 2", got)
		}
		// Those that were away get it as soon as they are heard.
		silent.beat(0)
		gone.session = "S2"
		gone.sync("N2")
		pass(0)
		if a, b := f.of(silent.id), f.of(gone.id); a.sets != 2 || b.sets != 2 {
			t.Errorf("back, and they took %d and %d sets", a.sets, b.sets)
		}
		// A controller that starts anew does not know what they have been sent.
		w.stop()
		w.start()
		before = w.counted("keys_published")
		there.beat(0)
		pass(0)
		there.beat(0)
		pass(0)
		if got := w.counted("keys_published") - before; got != 1 {
			t.Errorf("heard by a new controller, and sent the set %d times", got)
		}
	})
}

// TestStrangersKeys: a set that an online key has signed, or that is older, and
// states by a key that has left, change nothing for a terminal that follows.
func TestStrangersKeys(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(t *testing.T, w *world, _ *recorder) {
		ring := w.openRing(t)
		f := newFlock(t, w.root)
		var p mqttlink.Publisher = f
		w.mouth.to.Store(&p)
		w.keys = ring
		w.start()
		h := newHand(t, w, till(1))
		h.sync("N1")
		pass(0)
		leaked, firstSet, version := ring.Current()
		_, err := ring.Create(t.Context())
		must(t, err)
		_, err = ring.Rotate(t.Context(), true)
		must(t, err)
		_, err = ring.Retire(t.Context(), "online-key-1", true)
		must(t, err)
		pass(0)
		now := f.of(h.id)

		topic := protocol.CommandTopic(h.id)
		forged, err := protocol.SignKeySet(leaked, 1<<40, protocoltest.Public("thief"))
		must(t, err)
		signer, _, _ := ring.Current()
		byNew, err := protocol.SignKeySet(signer, 1<<40, protocoltest.Public("thief"))
		must(t, err)
		paid := protocol.State{
			Header: protocol.Header{V: protocol.Version, Type: protocol.TypeState, Identity: h.id}, Seq: 1 << 40,
			Result: &protocol.Result{PaymentID: "GPA", AmountPaise: 1, Outcome: protocol.OutcomeSucceeded},
		}
		byLeaked, err := leaked.Sign(protocol.PurposeDown, paid)
		must(t, err)
		byThief, err := protocoltest.Key("thief").Sign(protocol.PurposeDown, paid)
		must(t, err)
		for _, m := range [][]byte{firstSet, forged, byNew, byLeaked, byThief} {
			must(t, f.Publish(topic, m))
		}
		got := f.of(h.id)
		if got.version != now.version || got.version <= version || len(got.keys) != 1 || got.keys[leaked.ID] != nil ||
			len(got.states) != len(now.states) || len(got.refused) != 4 {
			t.Errorf("it was %+v, and is %+v", now, got)
		}
		w.sale(t, h.id, "A") // and the good ones are still taken
		pass(0)
		if last := f.of(h.id); len(last.refused) != 4 || last.states[len(last.states)-1].Sale == nil {
			t.Errorf("told %+v", last)
		}
	})
}

// TestRotationOverABroker: the same over real brokers, each rotation in
// mid-sale, one with a controller that starts anew.
func TestRotationOverABroker(t *testing.T) {
	t.Parallel()
	for _, kind := range venues {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			w.keys = w.openRing(t)
			v := w.open(t, kind.open)
			w.start()
			rotations(t, w, join(t, w, v, till(1)))
		})
	}
}

// rotations are three rotations; that a message is refused ends the test.
func rotations(t *testing.T, w *world, g *terminal) {
	ring := w.keys.(*signing.Ring)
	for n := range 3 {
		p := w.sale(t, g.id, g.name(n))
		s := g.offered(p.ID)
		before := ring.Signer().ID
		_, err := ring.Create(t.Context())
		must(t, err)
		facts := uint64(3 * n)
		g.report(s.Seq, fact(facts+1, protocol.FactReceived, p.ID))
		g.acked(facts + 1)
		next, err := ring.Rotate(t.Context(), true)
		must(t, err)
		g.report(s.Seq, fact(facts+1, protocol.FactReceived, p.ID), fact(facts+2, protocol.FactPresented, p.ID))
		g.acked(facts + 2)
		w.awaitState(t, p.ID, payment.Presented)
		w.pay(t, p)
		r := g.state("the result", func(s protocol.State) bool { return s.Result != nil && s.Result.PaymentID == p.ID })
		if g.keys[next.KeyID] == nil || g.keys[before] == nil {
			t.Fatalf("after rotation %d the terminal knows %v", n, g.keys)
		}
		if n == 1 { // the link is made anew in between
			w.stop()
			w.start()
		}
		g.report(r.Seq, fact(facts+3, protocol.FactShown, p.ID))
		g.acked(facts + 3)
		all, err := ring.List(t.Context())
		must(t, err)
		_, err = ring.Retire(t.Context(), all[len(all)-2].ID, true)
		must(t, err)
		for g.keys[before] != nil {
			g.peek()
		}
	}
}
