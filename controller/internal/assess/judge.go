// Package assess asks the risk rules (package risk) about validations and
// payments, with the facts that a storage finds out for them. The UPI door asks
// it about what is being decided; of a validation that no rule can refuse it asks
// afterwards: a Worker finds validations that were not processed and stores what
// the rules say (PRD 5.1 step 21; PRD 7.2, dynamic_qr_async_processing). What is
// left to do is in the database, so that no kill loses it and any number of
// controllers may do it.
package assess

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/gather"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/protocol"
)

// ErrFacts says that what the rules need to know could not be read. It wraps the
// storage's own error.
var ErrFacts = errors.New("facts for the risk rules")

// Judge asks the rules. Those who ask at the same time are found out about
// together.
type Judge struct {
	Rules risk.Rules
	// Facts finds out what rules need, of each question in its place. It must not
	// fail for what one of them says: addresses were read as such before.
	Facts func(ctx context.Context, about []risk.Question) ([]risk.Facts, error)
	Log   *slog.Logger
	// Count is told each rule that applied and what came of it; it may be nil.
	Count func(rule, outcome string)

	once     sync.Once
	gathered *gather.Gather[risk.Question, risk.Facts]
}

// Case is what the rules are asked about: an amount that a payer, "" where none is
// named, is to pay to a payee.
type Case struct {
	Payer  protocol.VPA
	Payee  decide.PayeeFacts
	Amount protocol.Paise
}

// Acts reports whether a rule that is on can change an answer in this phase:
// then it has to be asked before.
func (j *Judge) Acts(phase risk.Phase) bool {
	return slices.ContainsFunc(j.Rules.All(), func(r risk.Rule) bool {
		return r.On && r.Phase == phase && r.Action != risk.Score
	})
}

// Ask returns what the rules say of a case. Without rules that count for it nothing
// is read.
func (j *Judge) Ask(ctx context.Context, phase risk.Phase, on Case) (*risk.Verdict, error) {
	rules, question, needed := j.question(phase, on)
	if !needed {
		return j.judge(phase, rules, on.Amount, risk.Facts{}), nil
	}
	j.once.Do(func() { j.gathered = gather.New(j.Facts) })
	facts, err := j.gathered.Ask(ctx, question)
	if err != nil {
		if err := j.unknown(phase, err); err != nil {
			return nil, err
		}
	}
	return j.judge(phase, rules, on.Amount, facts), nil
}

// AskAll is Ask for many cases, which are found out about at once.
func (j *Judge) AskAll(ctx context.Context, phase risk.Phase, cases []Case) ([]*risk.Verdict, error) {
	rules := make([]risk.Rules, len(cases))
	facts := make([]risk.Facts, len(cases))
	var about []risk.Question
	var of []int // the case of each question
	for i, on := range cases {
		var question risk.Question
		var needed bool
		if rules[i], question, needed = j.question(phase, on); needed {
			about, of = append(about, question), append(of, i)
		}
	}
	if len(about) > 0 {
		found, err := j.Facts(ctx, about)
		switch {
		case err != nil:
			if err := j.unknown(phase, err); err != nil {
				return nil, err
			}
		default:
			for n, i := range of {
				facts[i] = found[n]
			}
		}
	}
	verdicts := make([]*risk.Verdict, len(cases))
	for i, on := range cases {
		verdicts[i] = j.judge(phase, rules[i], on.Amount, facts[i])
	}
	return verdicts, nil
}

// question is what must be found out about a case, if anything must.
func (j *Judge) question(phase risk.Phase, on Case) (risk.Rules, risk.Question, bool) {
	rules := j.Rules.For(on.Payee.Merchant.ID, on.Payee.Merchant.MCC)
	q := risk.Question{Needs: rules.Needs(phase), Payer: on.Payer, Payee: on.Payee.Payee.VPA, MerchantID: on.Payee.Merchant.ID}
	return rules, q, on.Payee.Found && !q.Needs.Empty()
}

// unknown is what is to be done where nothing could be found out: what only scores
// stops no payment.
func (j *Judge) unknown(phase risk.Phase, err error) error {
	if j.Acts(phase) {
		return fmt.Errorf("%w: %w", ErrFacts, err)
	}
	j.Log.Warn("risk rules judge without facts", "error", err)
	return nil
}

func (j *Judge) judge(phase risk.Phase, rules risk.Rules, amount protocol.Paise, facts risk.Facts) *risk.Verdict {
	v := rules.Judge(phase, amount, facts)
	for _, reason := range v.Reasons {
		if j.Count != nil {
			j.Count(reason.Rule, outcome(v))
		}
	}
	return &v
}

// outcome is what a verdict does to a message.
func outcome(v risk.Verdict) string {
	switch {
	case v.Refuse:
		return "refused"
	case v.Limit > 0:
		return "lowered"
	}
	return "scored"
}
