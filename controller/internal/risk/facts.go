package risk

import (
	"slices"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// Count names a number that a storage finds out: how many messages a party had
// in the time up to now.
type Count struct {
	What   What
	Of     Party
	Window time.Duration
}

// CountNeed is a Count, counted to AtMost: what is beyond it makes no difference.
type CountNeed struct {
	Count
	AtMost int64
}

// Needs is what must be known to judge.
type Needs struct {
	// Counts holds each Count once.
	Counts []CountNeed
	// Samples are the windows of which the payee's amounts are needed, each once.
	Samples []time.Duration
}

// Empty reports whether nothing must be read.
func (n Needs) Empty() bool { return len(n.Counts)+len(n.Samples) == 0 }

// Question is whom a storage is asked about, and what is to be found out. Payer is
// "" where the message names none. An unknown party has no messages.
type Question struct {
	Needs        Needs
	Payer, Payee protocol.VPA
	MerchantID   string // the payee's
}

// Facts is what a storage found out. What was not found out is none. Addresses
// compare without regard to case; windows end now by the database's clock.
type Facts struct {
	// Counts are the numbers, each up to its AtMost at least.
	Counts map[Count]int64
	// Samples are by window: the amounts of those of the payee's latest
	// MaxSample payments that succeeded, in any order.
	Samples map[time.Duration][]protocol.Paise
}

// NewFacts makes empty ones.
func NewFacts() Facts {
	return Facts{Counts: map[Count]int64{}, Samples: map[time.Duration][]protocol.Paise{}}
}

// Needs says what must be known to judge in a phase. Rules that are off, of
// another phase, or that would change nothing need nothing.
func (r Rules) Needs(phase Phase) Needs {
	var n Needs
	for rule := range r.live(phase) {
		if rule.idle() {
			continue
		}
		if c, counts := rule.count(); counts {
			n.addCount(c, rule.Threshold)
		} else if rule.Kind == Outlier && !slices.Contains(n.Samples, rule.Window) {
			n.Samples = append(n.Samples, rule.Window)
		}
	}
	return n
}

func (n *Needs) addCount(c Count, atMost int64) {
	for i := range n.Counts {
		if n.Counts[i].Count == c {
			n.Counts[i].AtMost = max(n.Counts[i].AtMost, atMost)
			return
		}
	}
	n.Counts = append(n.Counts, CountNeed{c, atMost})
}
