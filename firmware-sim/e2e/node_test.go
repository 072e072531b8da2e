package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// loss is a node that was killed.
type loss struct {
	node  *natsMember
	at    time.Time
	lost  []string       // names of the session's terminals that were connected to it
	since map[string]int // what each of these had said by then
}

// nodeCommand:
//
//	node kill    kills a node of the cluster, kill -9: the one with most terminals
//	node return  waits until its terminals are in sync again, at others; how long that
//	             took each is in the log
//	node start   starts it again, and waits until it says that it is one of the
//	             cluster and holds what the others hold
//	node cost    puts into the log what each node needs
func nodeCommand(ts *testscript.TestScript, neg bool, args []string) {
	h := of(ts)
	if neg || len(args) != 1 || h.stack.nats == nil {
		ts.Fatalf("usage: node kill|return|start|cost, where the broker is a cluster")
	}
	switch ctx := context.Background(); args[0] {
	case "kill":
		h.lost = h.loseNode(ts)
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

// loseNode kills the node with most of the session's terminals.
func (h *house) loseNode(ts *testscript.TestScript) *loss {
	var worst *loss
	for i, n := range h.stack.nats.nodes {
		l := &loss{node: n, since: map[string]int{}}
		guests := n.guests(context.Background())
		for name, tm := range h.terminals {
			if slices.Contains(guests, h.clientID(tm.id)) {
				l.lost = append(l.lost, name)
			}
		}
		slices.Sort(l.lost)
		ts.Logf("nats-%d has %v", i+1, guests)
		if worst == nil || len(l.lost) > len(worst.lost) {
			worst = l
		}
	}
	if len(worst.lost) == 0 {
		ts.Fatalf("no terminal is connected to a node")
	}
	for _, name := range worst.lost {
		worst.since[name] = h.terminals[name].watcher.now()
	}
	worst.at = time.Now()
	ts.Check(worst.node.kill())
	return worst
}

// awaitReturn waits until the terminals of the node that was lost have noticed, and
// are in sync with the controller again.
func (h *house) awaitReturn(ts *testscript.TestScript) {
	var took []string
	for _, name := range h.lost.lost {
		tm := h.terminals[name]
		off := tm.watcher.awaitFrom(ts, tm, h.lost.since[name], name+" has lost its link", func(s seen) bool { return !s.Link })
		on := tm.watcher.awaitFrom(ts, tm, off.index, name+" has a link again", func(s seen) bool { return s.Link })
		took = append(took, fmt.Sprintf("%s %v", name, on.at.Sub(h.lost.at).Round(time.Millisecond)))
	}
	ts.Logf("terminals are back after (30 s are the demand): %s", strings.Join(took, ", "))
}
