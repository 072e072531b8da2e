package session

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"

	"github.com/galla-pay/galla/protocol"
)

// nodes are the brokers of one cluster as one terminal sees them, in the order in
// which it tries them. The order is the terminal's own and depends on nothing but the
// names, so that a fleet that is told one list is spread evenly over the nodes, and
// the terminals of a node that is lost are spread evenly over those that are left.
// A node that is added or taken away changes the place of no other.
type nodes []*node

type node struct {
	url string
	// How it was when it was left. Which try that was settles who is next of those
	// that were the same.
	fate fate
	try  int
}

// fate is how a node was left, best first.
type fate int

const (
	fateGood        fate = 0 // nothing is known against it
	fateLost        fate = 1 // the link to it ended
	fateUnreachable fate = 2 // no link came about
)

func newNodes(id protocol.Identity, brokers []string) nodes {
	var all nodes
	for _, url := range ordered(id, brokers) {
		all = append(all, &node{url: url})
	}
	return all
}

// ordered are the brokers in a terminal's order, each once.
func ordered(id protocol.Identity, brokers []string) []string {
	own := slices.Clone(brokers)
	slices.SortFunc(own, func(a, b string) int {
		x, y := sha256.Sum256([]byte(id.String()+" "+a)), sha256.Sum256([]byte(id.String()+" "+b))
		return bytes.Compare(x[:], y[:])
	})
	return slices.Compact(own) // the same twice is side by side
}

// next is the node to try now: one that nothing is known against, or one that
// was lost, or one that could not be reached; among equals, whose turn it is.
func (n nodes) next() *node {
	return slices.MinFunc(n, func(a, b *node) int { return cmp.Or(cmp.Compare(a.fate, b.fate), cmp.Compare(a.try, b.try)) })
}
