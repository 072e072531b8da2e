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

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/protocol"
)

// ErrFacts says that what the rules need to know could not be read. It wraps the
// storage's own error.
var ErrFacts = errors.New("facts for the risk rules")

// Judge asks the rules.
type Judge struct {
	Rules risk.Rules
	// Facts finds out what rules need, for a payer ("" where none is named), a
	// payee and its merchant.
	Facts func(ctx context.Context, needs risk.Needs, payer, payee protocol.VPA, merchantID string) (risk.Facts, error)
	Log   *slog.Logger
	// Count is told each rule that applied and what came of it; it may be nil.
	Count func(rule, outcome string)
}

// Acts reports whether a rule that is on can change an answer in this phase:
// then it has to be asked before.
func (j *Judge) Acts(phase risk.Phase) bool {
	return slices.ContainsFunc(j.Rules.All(), func(r risk.Rule) bool {
		return r.On && r.Phase == phase && r.Action != risk.Score
	})
}

// Ask returns what the rules say of an amount that a payer is to pay to a payee.
// Without rules that count for it nothing is read.
func (j *Judge) Ask(ctx context.Context, phase risk.Phase, payer protocol.VPA, payee decide.PayeeFacts, amount protocol.Paise) (*risk.Verdict, error) {
	rules := j.Rules.For(payee.Merchant.ID, payee.Merchant.MCC)
	facts := risk.NewFacts()
	if needs := rules.Needs(phase); !needs.Empty() && payee.Found {
		found, err := j.Facts(ctx, needs, payer, payee.Payee.VPA, payee.Merchant.ID)
		switch {
		case err == nil:
			facts = found
		case j.Acts(phase):
			return nil, fmt.Errorf("%w: %w", ErrFacts, err)
		default: // what only scores stops no payment
			j.Log.Warn("risk rules judge without facts", "error", err)
		}
	}
	v := rules.Judge(phase, amount, facts)
	for _, reason := range v.Reasons {
		if j.Count != nil {
			j.Count(reason.Rule, outcome(v))
		}
	}
	return &v, nil
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
