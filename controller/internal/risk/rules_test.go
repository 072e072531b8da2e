package risk_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/protocol"
)

// Rules of each kind that are in order; tests change them.

func velocity() risk.Rule {
	return risk.Rule{
		Name: "velocity", Explanation: "Too fast.", On: true, Phase: risk.Payment, Kind: risk.Velocity,
		Window: 10 * time.Minute, Of: risk.Payer, Counts: risk.Payments, Threshold: 5, Score: 30, Action: risk.Score,
	}
}

func declines() risk.Rule {
	r := velocity()
	r.Name, r.Kind, r.Counts, r.Threshold, r.Score = "declines", risk.Declines, risk.Declined, 3, 40
	return r
}

func outlier() risk.Rule {
	return risk.Rule{
		Name: "outlier", Explanation: "Too much.", On: true, Phase: risk.Payment, Kind: risk.Outlier,
		Window: time.Hour, Measure: "mean", Percent: 200, Minimum: 5, Score: 20, Action: risk.Score,
	}
}

func amount() risk.Rule {
	return risk.Rule{
		Name: "amount", Explanation: "Large.", On: true, Phase: risk.Payment, Kind: risk.Amount,
		Above: 100_000, Score: 10, Action: risk.Score,
	}
}

// with is a rule with something changed.
func with(r risk.Rule, change func(*risk.Rule)) risk.Rule {
	change(&r)
	return r
}

func off(r risk.Rule) risk.Rule { return with(r, func(r *risk.Rule) { r.On = false }) }

func named(name string, r risk.Rule) risk.Rule {
	return with(r, func(r *risk.Rule) { r.Name = name })
}

// rules puts rules together that must be in order.
func rules(t interface {
	Helper()
	Fatal(...any)
}, all ...risk.Rule) risk.Rules {
	t.Helper()
	r, err := risk.New(all)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var (
	parties   = []risk.Party{risk.Payer, risk.Payee, risk.Merchant}
	merchants = []string{"M1", "M2", "M3"}
	mccs      = []string{"5411", "5812"}
	windows   = []time.Duration{time.Second, time.Minute, 90 * time.Second, time.Hour, 24 * time.Hour, risk.MaxWindow}
	measures  = []string{"mean", "p1", "p50", "p95", "p99"}
)

// anyRule draws a rule that is in order. Few values are drawn from, so that rules
// and facts meet.
func anyRule(name string) *rapid.Generator[risk.Rule] {
	return rapid.Custom(func(t *rapid.T) risk.Rule {
		r := risk.Rule{
			Name: name, Explanation: rapid.StringMatching(`[A-Za-z ,."₹\\<]{1,40}`).Draw(t, "explanation"),
			On:    rapid.Bool().Draw(t, "on"),
			Phase: rapid.SampledFrom([]risk.Phase{risk.Validation, risk.Payment}).Draw(t, "phase"),
			Kind:  rapid.SampledFrom([]risk.Kind{risk.Velocity, risk.Declines, risk.Outlier, risk.Amount}).Draw(t, "kind"),
			Score: rapid.IntRange(0, risk.MaxScore).Draw(t, "score"),
			Action: rapid.SampledFrom([]risk.Action{risk.Score, risk.Lower, risk.Refuse}).
				Draw(t, "action"),
		}
		if r.Action == risk.Lower {
			r.Limit = protocol.Paise(rapid.Int64Range(int64(risk.MinLimit), int64(risk.MaxLimit)).Draw(t, "limit"))
		}
		if r.Kind != risk.Amount {
			r.Window = rapid.SampledFrom(windows).Draw(t, "window")
		}
		switch r.Kind {
		case risk.Amount:
			r.Above = protocol.Paise(rapid.Int64Range(1, 1_000_000).Draw(t, "above"))
		case risk.Outlier:
			r.Measure = rapid.SampledFrom(measures).Draw(t, "measure")
			r.Percent = rapid.Int64Range(101, 10_000).Draw(t, "percent")
			r.Minimum = rapid.Int64Range(risk.MinSample, 20).Draw(t, "minimum")
		case risk.Velocity, risk.Declines:
			from := parties
			if r.Phase == risk.Validation {
				from = parties[1:]
			}
			r.Of = rapid.SampledFrom(from).Draw(t, "of")
			r.Threshold = rapid.Int64Range(1, 20).Draw(t, "threshold")
			r.Counts = risk.Declined
			if r.Kind == risk.Velocity {
				counts := []risk.What{risk.Payments, risk.Validations}
				if r.Of == risk.Payer {
					counts = counts[:1]
				}
				r.Counts = rapid.SampledFrom(counts).Draw(t, "counts")
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "narrowed") == 0 {
			r.Merchants = rapid.SliceOfN(rapid.SampledFrom(merchants), 0, 2).Draw(t, "merchants")
			r.MCCs = rapid.SliceOfN(rapid.SampledFrom(mccs), 0, 2).Draw(t, "mccs")
			if len(r.Merchants) == 0 {
				r.Merchants = nil
			}
			if len(r.MCCs) == 0 {
				r.MCCs = nil
			}
		}
		return r
	})
}

// anyRules draws rules that are in order.
func anyRules(t *rapid.T) []risk.Rule {
	var all []risk.Rule
	for i := range rapid.IntRange(0, 8).Draw(t, "rules") {
		all = append(all, anyRule("rule-"+string(rune('a'+i))).Draw(t, "rule"))
	}
	return all
}

// anyFacts draws facts, among them what was never asked for.
func anyFacts(t *rapid.T) risk.Facts {
	f := risk.NewFacts()
	for _, of := range parties {
		for _, what := range []risk.What{risk.Validations, risk.Payments, risk.Declined} {
			for _, w := range windows {
				if n := rapid.Int64Range(-2, 40).Draw(t, "count"); n != 0 {
					f.Counts[risk.Count{What: what, Of: of, Window: w}] = n
				}
			}
		}
	}
	for _, w := range windows {
		f.Samples[w] = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) protocol.Paise {
			return protocol.Paise(rapid.OneOf(rapid.Int64Range(1, 900_000), rapid.Int64()).Draw(t, "amount"))
		}), 0, 30).Draw(t, "sample")
	}
	return f
}

func anyPhase(t *rapid.T) risk.Phase {
	return rapid.SampledFrom([]risk.Phase{risk.Validation, risk.Payment}).Draw(t, "phase")
}

func anyAmount(t *rapid.T) protocol.Paise {
	return protocol.Paise(rapid.OneOf(rapid.Int64Range(1, 1_000_000), rapid.Int64()).Draw(t, "amount"))
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]risk.Rule{
		`rule 1: name: must be 1 to 40 of a-z, 0-9 and -`:                                         named("Not This", velocity()),
		`rule "velocity": explanation: must be 1 to 400 bytes of text without line breaks`:        with(velocity(), func(r *risk.Rule) { r.Explanation = "a\nb" }),
		`rule "velocity": phase: "later" is none of validation, payment`:                          with(velocity(), func(r *risk.Rule) { r.Phase = "later" }),
		`rule "velocity": kind: is missing: velocity, declines, outlier, amount`:                  with(velocity(), func(r *risk.Rule) { r.Kind = "" }),
		`rule "velocity": window: must be whole seconds, 1s to 720h`:                              with(velocity(), func(r *risk.Rule) { r.Window = 1500 * time.Millisecond }),
		`rule "declines": window: must be whole seconds, 1s to 720h`:                              with(declines(), func(r *risk.Rule) { r.Window = risk.MaxWindow + time.Second }),
		`rule "velocity": of: "bank" is none of payer, payee, merchant`:                           with(velocity(), func(r *risk.Rule) { r.Of = "bank" }),
		`rule "velocity": of: a validation names no payer`:                                        with(velocity(), func(r *risk.Rule) { r.Phase = risk.Validation }),
		`rule "velocity": counts: a validation names no payer`:                                    with(velocity(), func(r *risk.Rule) { r.Counts = risk.Validations }),
		`rule "velocity": counts: "declined" is none of validations, payments`:                    with(velocity(), func(r *risk.Rule) { r.Counts = risk.Declined }),
		`rule "declines": counts: of kind "declines" is always "declined"`:                        with(declines(), func(r *risk.Rule) { r.Counts = risk.Payments }),
		`rule "velocity": threshold: must be 1 to 1000`:                                           with(velocity(), func(r *risk.Rule) { r.Threshold = 1001 }),
		`rule "declines": threshold: must be 1 to 1000`:                                           with(declines(), func(r *risk.Rule) { r.Threshold = -1 }),
		`rule "velocity": above: is not of kind "velocity"`:                                       with(velocity(), func(r *risk.Rule) { r.Above = 1 }),
		`rule "outlier": threshold: is not of kind "outlier"`:                                     with(outlier(), func(r *risk.Rule) { r.Threshold = 1 }),
		`rule "outlier": measure: must be "mean" or a quantile "p1" to "p99"`:                     with(outlier(), func(r *risk.Rule) { r.Measure = "p100" }),
		`rule "outlier": percent: must be 101 to 10000`:                                           with(outlier(), func(r *risk.Rule) { r.Percent = 100 }),
		`rule "outlier": minimum: must be 5 to 100`:                                               with(outlier(), func(r *risk.Rule) { r.Minimum = 4 }),
		`rule "amount": above: must be 1 to 10000000000`:                                          with(amount(), func(r *risk.Rule) { r.Above = 0 }),
		`rule "amount": window: is not of kind "amount"`:                                          with(amount(), func(r *risk.Rule) { r.Window = time.Hour }),
		`rule "amount": action: "kill" is none of score, lower, refuse`:                           with(amount(), func(r *risk.Rule) { r.Action = "kill" }),
		`rule "amount": score: must be 0 to 100`:                                                  with(amount(), func(r *risk.Rule) { r.Score = 101 }),
		`rule "amount": limit: must be 1.00 to 8000.00 rupees: a rule only ever lowers the limit`: with(amount(), func(r *risk.Rule) { r.Action, r.Limit = risk.Lower, 800_001 }),
		`rule "amount": limit: is of action "lower" alone`:                                        with(amount(), func(r *risk.Rule) { r.Limit = 1 }),
		`rule "amount": merchants: "M 1" is no merchant id`:                                       with(amount(), func(r *risk.Rule) { r.Merchants = []string{"M 1"} }),
		`rule "amount": mccs: "54110" is no merchant category code of four digits`:                with(amount(), func(r *risk.Rule) { r.MCCs = []string{"54110"} }),
		`rule "an-off-rule-is-held-to-the-same": score: must be 0 to 100`:                         off(named("an-off-rule-is-held-to-the-same", with(amount(), func(r *risk.Rule) { r.Score = -1 }))),
	} {
		if _, err := risk.New([]risk.Rule{r}); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if _, err := risk.New([]risk.Rule{amount(), named("a-name-that-is-longer-than-40-characters-", amount())}); err == nil ||
		err.Error() != "rule 2: name: must be 1 to 40 of a-z, 0-9 and -" {
		t.Error(err)
	}
	if _, err := risk.New([]risk.Rule{amount(), off(amount())}); err == nil || err.Error() != `rule "amount": name: two rules have it` {
		t.Error(err)
	}
	if _, err := risk.New(make([]risk.Rule, risk.MaxRules+1)); err == nil || err.Error() != "there are 101 rules, 100 at most" {
		t.Error(err)
	}
}

// The built-in rules are in order, explained, and keep nobody from paying.
func TestBuiltin(t *testing.T) {
	t.Parallel()
	all := risk.Builtin().All()
	if _, err := risk.New(all); err != nil {
		t.Fatal(err)
	}
	kinds := map[risk.Kind]bool{}
	for _, r := range all {
		kinds[r.Kind] = true
		if !r.On || r.Action != risk.Score || r.Score == 0 || len(r.Merchants)+len(r.MCCs) > 0 || len(r.Explanation) < 60 {
			t.Errorf("%+v", r)
		}
	}
	if len(kinds) != 4 {
		t.Errorf("kinds are %v", kinds)
	}
}

// What a rule may be is not changed through what was given or is shown.
func TestRulesStayAsTheyWere(t *testing.T) {
	t.Parallel()
	given := []risk.Rule{amount()}
	r := rules(t, given...)
	given[0].Score = 99
	r.All()[0].Score = 98
	if got := r.Judge(risk.Payment, 200_000, risk.Facts{}).Score; got != 10 {
		t.Errorf("the score is %d", got)
	}
}
