// Package risk judges what a validation or a payment of the UPI network risks
// (PRD 13: fraud detection, limits by merchant risk). It is pure: rules are data,
// and a verdict follows from them, the amount and the facts that a storage has
// counted. Each rule says of itself why it is there, can be switched off, and is
// named in every verdict that it had a part in.
//
// The door narrows the rules to a merchant (For), asks a storage for what they
// need to know (Needs, RiskFacts), and hands facts and rules to the decision,
// which judges (Judge) and keeps the verdict. Nobody else calls.
package risk

import (
	"slices"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// Phase is what a rule judges.
type Phase string

// The phases. A ReqValQr names no payer, so a rule about one is of the payment.
const (
	Validation Phase = "validation" // ReqValQr
	Payment    Phase = "payment"    // ReqPay
)

// Kind is what a rule looks at.
type Kind string

// The kinds.
const (
	Velocity Kind = "velocity" // so many messages of a party in a window
	Declines Kind = "declines" // so many failed payments of a party in a window
	Outlier  Kind = "outlier"  // the amount is far above what the payee usually gets
	Amount   Kind = "amount"   // the amount is above a fixed one
)

// Action is what a rule that applies does beside adding its score.
type Action string

// The actions. Score alone keeps nobody from paying.
const (
	Score  Action = "score"
	Lower  Action = "lower"  // the limit of 8000 is the rule's own, lower one
	Refuse Action = "refuse" // the message is refused
)

// Party is whose messages are counted.
type Party string

// The parties. A merchant's messages are those of all its payee addresses.
const (
	Payer    Party = "payer"
	Payee    Party = "payee"
	Merchant Party = "merchant"
)

// What is the kind of message that is counted.
type What string

// The messages. Payments are the ReqPays that named a quote of ours, however
// they ended; Declined are those of them that failed.
const (
	Validations What = "validations" // tokens that were given out
	Payments    What = "payments"
	Declined    What = "declined"
)

// Bounds of a rule. They bound the work of reading its facts, too.
const (
	MaxRules     = 100
	MaxThreshold = 1000 // messages counted
	MinWindow    = time.Second
	MaxWindow    = 30 * 24 * time.Hour
	// MaxSample is how many of a payee's latest payments an outlier is measured
	// by, at most.
	MaxSample = 100
	// MinSample is how many there must be at least.
	MinSample = 5
	// MaxPayees is how many payee addresses of a merchant are looked at, in the
	// order of their names.
	MaxPayees = 100
	// MaxLimit is the limit of every Dynamic QR, 8000 rupees (PRD 1): rules only
	// ever lower it. MinLimit is the least amount there is.
	MaxLimit protocol.Paise = 800_000
	MinLimit protocol.Paise = 100
	// MaxScore is the highest score, of a rule and of a verdict.
	MaxScore = 100
)

// Rule is one rule. What is of another kind or action than the rule's is zero.
type Rule struct {
	Name        string // 1 to 40 of [a-z0-9-], unique
	Explanation string // a sentence for those who have to explain a verdict
	On          bool
	Phase       Phase
	Kind        Kind

	// Window is how far back is looked: whole seconds, 1 s to 30 days; not of
	// Amount.
	Window time.Duration
	// Of, Counts and Threshold are of Velocity and Declines: the rule applies
	// when Of had Threshold messages or more in the window before this one.
	// Declines count Declined.
	Of        Party
	Counts    What
	Threshold int64
	// Measure, Percent and Minimum are of Outlier: the rule applies when the
	// amount is above Percent (101 to 10000) of Measure, "mean" or a quantile
	// "p1" to "p99", of the payee's latest payments that succeeded (those among
	// the latest MaxSample), if there are Minimum or more.
	Measure string
	Percent int64
	Minimum int64
	// Above is of Amount: the rule applies to more than that.
	Above protocol.Paise

	// Score is what a verdict is raised by, 0 to 100.
	Score  int
	Action Action
	// Limit is of Lower: MinLimit to MaxLimit.
	Limit protocol.Paise

	// Merchants and MCCs narrow the rule to the merchants that one of them
	// names; both empty: all merchants.
	Merchants, MCCs []string
}

// count is what the rule counts, if it counts.
func (r Rule) count() (Count, bool) {
	return Count{r.Counts, r.Of, r.Window}, r.Kind == Velocity || r.Kind == Declines
}

func (r Rule) narrowed() bool { return len(r.Merchants)+len(r.MCCs) > 0 }

// Rules are rules that were found to be in order. The zero value has none. They
// are not changed any more and may be shared.
type Rules struct{ all []Rule }

// New puts rules together. Its error names the rule and the field that is not in
// order.
func New(rules []Rule) (Rules, error) {
	if err := check(rules); err != nil {
		return Rules{}, err
	}
	return Rules{slices.Clone(rules)}, nil
}

// All lists the rules in their order, those that are off too.
func (r Rules) All() []Rule { return slices.Clone(r.all) }

// For is the rules that count for a merchant: those that are on and name no
// merchant, this one or its MCC. Until then a rule that names a merchant counts
// for nobody.
func (r Rules) For(merchantID, mcc string) Rules {
	if !slices.ContainsFunc(r.all, func(rule Rule) bool { return !rule.On || rule.narrowed() }) {
		return r // all of them count for everybody
	}
	var mine []Rule
	for _, rule := range r.all {
		if rule.narrowed() {
			if !slices.Contains(rule.Merchants, merchantID) && !slices.Contains(rule.MCCs, mcc) {
				continue
			}
			rule.Merchants, rule.MCCs = nil, nil
		}
		if rule.On {
			mine = append(mine, rule)
		}
	}
	return Rules{mine}
}

// live is the rules that count in a phase.
func (r Rules) live(phase Phase) func(yield func(Rule) bool) {
	return func(yield func(Rule) bool) {
		for _, rule := range r.all {
			if rule.On && rule.Phase == phase && !rule.narrowed() && !yield(rule) {
				return
			}
		}
	}
}
