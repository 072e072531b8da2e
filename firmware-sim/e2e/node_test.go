package e2e

import (
	"context"
	"slices"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/protocol"
)

// backWithin is what is promised to people: so long after a node of a cluster was
// killed, or after a single broker is back, the last terminal is in sync again. Tries
// are at most 5 s apart (DESIGN 3.3). A cluster of NATS lets nobody in until it has a
// leader again: 4 s to 9 s, as long again where its nodes do not agree at once.
const backWithin = 30 * time.Second

// loss is a broker, or one of its nodes, that was killed.
type loss struct {
	node   *natsMember // nil: the broker has no nodes
	killed time.Time
	from   time.Time           // what the promise is counted from
	lost   map[string]int      // the session's terminals at it, and what each had said by then
	fleet  []protocol.Identity // and the terminals of the fleet
}

// size is how many terminals were lost.
func (l *loss) size() int { return len(l.lost) + len(l.fleet) }

// nodeCommand:
//
//	node kill         kills a node of the cluster, kill -9: the one with most terminals
//	node kill leader  kills the one that lets everybody in: without it nobody is let in
//	                  anywhere, until the others have agreed on another one
//	node return       waits until its terminals are in sync again, at others, which they
//	                  are within backWithin; how long it took is in the log
//	node start        starts it again, and waits until it says that it is one of the
//	                  cluster and holds what the others hold
//	node cost         puts into the log what each node needs
func nodeCommand(ts *testscript.TestScript, neg bool, args []string) {
	h := of(ts)
	if neg || len(args) < 1 || len(args) > 2 || len(args) == 2 && (args[0] != "kill" || args[1] != "leader") || h.stack.nats == nil {
		ts.Fatalf("usage: node kill [leader]|return|start|cost, where the broker is a cluster")
	}
	switch ctx := context.Background(); args[0] {
	case "kill":
		h.lost = h.loseNode(ts, len(args) == 2)
	case "return":
		h.awaitReturn(ts)
	case "start":
		began := time.Now()
		ts.Check(h.lost.node.run())
		ts.Check(h.lost.node.ready(ctx))
		ts.Logf("the node is back after %v", time.Since(began).Round(time.Millisecond))
	case "cost":
		ts.Logf("%s", h.stack.nats.cost(ctx))
	default:
		ts.Fatalf("node %s?", args[0])
	}
}

// loseNode kills the node that leads, as soon as one does, or the one with most
// terminals.
func (h *house) loseNode(ts *testscript.TestScript, leader bool) *loss {
	var worst *loss
	until(ts, h.controller, "a node to kill", func(ctx context.Context) (string, bool) {
		for _, n := range h.stack.nats.nodes {
			l := h.lose(n)
			leads := n.leads(ctx)
			ts.Logf("%s has %d terminals; leads: %v", n.name, l.size(), leads)
			if leader && leads || !leader && (worst == nil || l.size() > worst.size()) {
				worst = l
			}
		}
		return "no node leads", worst != nil
	})
	ts.Logf("%s is killed", worst.node.name)
	worst.killed = time.Now()
	worst.from = worst.killed
	ts.Check(worst.node.kill())
	return worst
}

// lose notes who is lost with a node, or with a broker that has none.
func (h *house) lose(n *natsMember) *loss {
	l := &loss{node: n, killed: time.Now(), lost: map[string]int{}}
	there := func(protocol.Identity) bool { return true }
	if n != nil {
		guests := n.guests(context.Background())
		there = func(id protocol.Identity) bool { return slices.Contains(guests, h.clientID(id)) }
	}
	for name, tm := range h.terminals {
		if there(tm.id) {
			l.lost[name] = tm.watcher.now()
		}
	}
	if h.throng != nil {
		l.fleet = slices.DeleteFunc(slices.Clone(h.throng.ids), func(id protocol.Identity) bool { return !there(id) })
	}
	return l
}

// awaitReturn waits until the terminals that were lost have noticed, and all are in
// sync with the controllers again, at nodes that live. Of the fleet each says itself
// since when it is.
func (h *house) awaitReturn(ts *testscript.TestScript) {
	var took []time.Duration
	for name, since := range h.lost.lost {
		tm := h.terminals[name]
		off := tm.watcher.awaitFrom(ts, tm, since, name+" has lost its link", func(s seen) bool { return !s.Link })
		on := tm.watcher.awaitFrom(ts, tm, off.index, name+" has a link again", func(s seen) bool { return s.Link })
		took = append(took, on.at.Sub(h.lost.from))
	}
	if h.throng != nil {
		until(ts, h.throng.process, "the fleet is in sync again", func(ctx context.Context) (string, bool) {
			members, said := h.throng.members(ctx)
			var back []time.Duration
			for i, m := range members {
				switch lost := slices.Contains(h.lost.fleet, h.throng.ids[i]); {
				case !m.Link || lost && m.LinkSince.Before(h.lost.killed):
					return m.Identity + " is not", false
				case lost || m.LinkSince.After(h.lost.killed): // or it was disturbed where it was
					back = append(back, m.LinkSince.Sub(h.lost.from))
				}
			}
			took = append(took, back...)
			return said, members != nil
		})
	}
	if h.stack.nats != nil {
		until(ts, h.controller, "all are at nodes that live", func(ctx context.Context) (string, bool) {
			var guests []string
			for _, n := range h.stack.nats.nodes {
				guests = append(guests, n.guests(ctx)...)
			}
			for _, id := range h.identities() {
				if !slices.Contains(guests, h.clientID(id)) {
					return id.String() + " is at none", false
				}
			}
			return "", true
		})
	}
	if len(took) == 0 {
		ts.Logf("nobody was there, and nobody has noticed")
		return
	}
	slices.Sort(took)
	last := took[len(took)-1]
	ts.Logf("%d terminals are back, half of them after %v, the last after %v", len(took), took[len(took)/2].Round(time.Millisecond), last.Round(time.Millisecond))
	if last > backWithin {
		ts.Fatalf("the last terminal is back after %v, %v are promised", last, backWithin)
	}
}

// identities are those of all terminals that are on.
func (h *house) identities() (all []protocol.Identity) {
	for _, tm := range h.terminals {
		all = append(all, tm.id)
	}
	if h.throng != nil {
		all = append(all, h.throng.ids...)
	}
	return all
}
