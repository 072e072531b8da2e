package risk

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/galla-pay/galla/protocol"
)

// Verdict is what the rules say of one message. It holds no address and no name
// of anybody.
type Verdict struct {
	// Score is 0 (nothing is known against it) to 100.
	Score int
	// Reasons are the rules that applied, by name.
	Reasons []Reason
	// Limit is the lowest limit of a rule that applied; 0 where none lowers it.
	Limit protocol.Paise
	// Refuse: a rule that refuses applied.
	Refuse bool
}

// Reason is a rule that applied.
type Reason struct {
	Rule string
	Text string // which numbers made it apply
}

// Text is the reasons in one line, as it is kept beside the score: "payer-burst:
// 12 or more payments of the payer in 10m; large-amount: 7800.00 is above
// 7500.00". Empty where there are none; below 20 kB with the most rules there
// can be.
func (v Verdict) Text() string {
	parts := make([]string, len(v.Reasons))
	for i, r := range v.Reasons {
		parts[i] = r.Rule + ": " + r.Text
	}
	return strings.Join(parts, "; ")
}

// Cap is the limit that holds beside another one: the lower of the two. A
// verdict never raises a limit.
func (v Verdict) Cap(limit protocol.Paise) protocol.Paise {
	if v.Limit > 0 {
		return min(limit, v.Limit)
	}
	return limit
}

// Judge says what the rules say of a message of a phase and its amount. The order
// of rules makes no difference; more that is known against a message never makes
// its verdict better.
func (r Rules) Judge(phase Phase, amount protocol.Paise, f Facts) Verdict {
	var v Verdict
	for rule := range r.live(phase) {
		text, applies := rule.applies(amount, f)
		if !applies || rule.idle() {
			continue
		}
		v.Score = min(v.Score+rule.Score, MaxScore)
		v.Reasons = append(v.Reasons, Reason{rule.Name, text})
		switch rule.Action {
		case Lower:
			if v.Limit == 0 || rule.Limit < v.Limit {
				v.Limit = rule.Limit
			}
		case Refuse:
			v.Refuse = true
		}
	}
	slices.SortFunc(v.Reasons, func(a, b Reason) int { return cmp.Compare(a.Rule, b.Rule) })
	return v
}

// idle reports whether a rule would change nothing if it applied.
func (r Rule) idle() bool { return r.Action == Score && r.Score == 0 }

// applies judges one rule and says by which numbers.
func (r Rule) applies(amount protocol.Paise, f Facts) (string, bool) {
	switch r.Kind {
	case Velocity, Declines:
		c, _ := r.count()
		if f.Counts[c] < r.Threshold {
			return "", false
		}
		return r.When(), true
	case Outlier:
		return r.outlies(amount, f.Samples[r.Window])
	case Amount:
		if amount <= r.Above {
			return "", false
		}
		return amount.Rupees() + " is above " + r.Above.Rupees(), true
	}
	return "", false
}

// When says in words when the rule applies: "10 or more payments of the payer in
// 10m".
func (r Rule) When() string {
	switch r.Kind {
	case Velocity:
		return fmt.Sprintf("%d or more %s of the %s in %s", r.Threshold, r.Counts, r.Of, windowText(r.Window))
	case Declines:
		return fmt.Sprintf("%d or more declined payments of the %s in %s", r.Threshold, r.Of, windowText(r.Window))
	case Outlier:
		return fmt.Sprintf("above %d%% of the %s of %d or more payments of the payee in %s", r.Percent, r.Measure, r.Minimum, windowText(r.Window))
	case Amount:
		return "above " + r.Above.Rupees()
	}
	return ""
}

func (r Rule) outlies(amount protocol.Paise, sample []protocol.Paise) (string, bool) {
	sample = slices.Clone(sample[:min(len(sample), MaxSample)])
	n := int64(len(sample))
	if n < max(r.Minimum, 1) {
		return "", false
	}
	for i, a := range sample { // what no door accepts must not overflow the sum
		sample[i] = min(max(a, 0), protocol.MaxPaise)
	}
	slices.Sort(sample)
	// The measure is sum/of, so that a mean is not rounded before it is compared.
	sum, of := int64(0), n
	if q, is := quantile(r.Measure); is {
		sum, of = int64(sample[(q*n+99)/100-1]), 1
	} else {
		for _, a := range sample {
			sum += int64(a)
		}
	}
	if int64(amount) <= sum*r.Percent/(100*of) {
		return "", false
	}
	return fmt.Sprintf("%s is above %d%% of %s, the %s of %d payments in %s", amount.Rupees(), r.Percent,
		protocol.Paise(sum/of).Rupees(), r.Measure, n, windowText(r.Window)), true
}

// quantile reads the measures "p1" to "p99": the smallest amount that so many
// percent of the amounts do not exceed.
func quantile(measure string) (int64, bool) {
	digits, ok := strings.CutPrefix(measure, "p")
	if !ok || len(digits) < 1 || len(digits) > 2 || digits[0] == '0' {
		return 0, false
	}
	n := int64(0)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
