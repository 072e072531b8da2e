package risk_test

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/protocol"
)

func counted(of risk.Party, what risk.What, n int64) risk.Facts {
	f := risk.NewFacts()
	f.Counts[risk.Count{What: what, Of: of, Window: 10 * time.Minute}] = n
	return f
}

func sampled(amounts ...protocol.Paise) risk.Facts {
	f := risk.NewFacts()
	f.Samples[time.Hour] = amounts
	return f
}

// TestRules: a rule, what is known, and what it says.
func TestRules(t *testing.T) {
	t.Parallel()
	hundred := []protocol.Paise{10_000, 10_000, 10_000, 10_000, 10_000}
	uneven := []protocol.Paise{10_000, 500, 20_000, 1_000, 100_000} // mean 263.00, p50 100.00, p95 1000.00
	lowerTo := func(limit protocol.Paise) func(*risk.Rule) {
		return func(r *risk.Rule) { r.Action, r.Limit = risk.Lower, limit }
	}
	measure := func(m string) risk.Rule { return with(outlier(), func(r *risk.Rule) { r.Measure = m }) }
	for _, row := range []struct {
		name   string
		rules  []risk.Rule
		phase  risk.Phase
		amount protocol.Paise
		facts  risk.Facts
		score  int
		limit  protocol.Paise
		refuse bool
		text   string
	}{
		{name: "no rules", facts: counted(risk.Payer, risk.Payments, 99)},
		{name: "nothing is known", rules: []risk.Rule{velocity(), declines(), outlier()}, amount: 1},
		{name: "velocity below its threshold", rules: []risk.Rule{velocity()}, facts: counted(risk.Payer, risk.Payments, 4)},
		{name: "velocity at its threshold", rules: []risk.Rule{velocity()}, facts: counted(risk.Payer, risk.Payments, 5),
			score: 30, text: "velocity: 5 or more payments of the payer in 10m"},
		{name: "velocity far above", rules: []risk.Rule{velocity()}, facts: counted(risk.Payer, risk.Payments, 5000),
			score: 30, text: "velocity: 5 or more payments of the payer in 10m"},
		{name: "velocity of somebody else", rules: []risk.Rule{velocity()}, facts: counted(risk.Payee, risk.Payments, 99)},
		{name: "velocity of a payee's scans",
			rules: []risk.Rule{with(velocity(), func(r *risk.Rule) { r.Phase, r.Of, r.Counts = risk.Validation, risk.Payee, risk.Validations })},
			phase: risk.Validation, facts: counted(risk.Payee, risk.Validations, 5), score: 30, text: "velocity: 5 or more validations of the payee in 10m"},
		{name: "in the other phase", rules: []risk.Rule{velocity()}, phase: risk.Validation, facts: counted(risk.Payer, risk.Payments, 5)},
		{name: "declines of a payer", rules: []risk.Rule{declines()}, facts: counted(risk.Payer, risk.Declined, 3),
			score: 40, text: "declines: 3 or more declined payments of the payer in 10m"},
		{name: "payments that went well are no declines", rules: []risk.Rule{declines()}, facts: counted(risk.Payer, risk.Payments, 99)},
		{name: "declines of a merchant", rules: []risk.Rule{with(declines(), func(r *risk.Rule) { r.Of = risk.Merchant })},
			facts: counted(risk.Merchant, risk.Declined, 3), score: 40, text: "declines: 3 or more declined payments of the merchant in 10m"},
		{name: "twice the mean is not above it", rules: []risk.Rule{outlier()}, amount: 20_000, facts: sampled(hundred...)},
		{name: "a paisa more is", rules: []risk.Rule{outlier()}, amount: 20_001, facts: sampled(hundred...),
			score: 20, text: "outlier: 200.01 is above 200% of 100.00, the mean of 5 payments in 1h"},
		{name: "too few payments to compare with", rules: []risk.Rule{outlier()}, amount: 20_001, facts: sampled(hundred[:4]...)},
		{name: "a mean that is no whole paisa is not rounded",
			rules: []risk.Rule{with(outlier(), func(r *risk.Rule) { r.Percent = 101 })}, amount: 2, facts: sampled(2, 2, 2, 2, 1),
			score: 20, text: "outlier: 0.02 is above 101% of 0.01, the mean of 5 payments in 1h"},
		{name: "the mean of uneven amounts", rules: []risk.Rule{measure("mean")}, amount: 52_600, facts: sampled(uneven...)},
		{name: "above the mean of uneven amounts", rules: []risk.Rule{measure("mean")}, amount: 52_601, facts: sampled(uneven...),
			score: 20, text: "outlier: 526.01 is above 200% of 263.00, the mean of 5 payments in 1h"},
		{name: "above the median", rules: []risk.Rule{measure("p50")}, amount: 20_001, facts: sampled(uneven...),
			score: 20, text: "outlier: 200.01 is above 200% of 100.00, the p50 of 5 payments in 1h"},
		{name: "not above the largest", rules: []risk.Rule{measure("p95")}, amount: 200_000, facts: sampled(uneven...)},
		{name: "above the smallest", rules: []risk.Rule{measure("p1")}, amount: 1_001, facts: sampled(uneven...),
			score: 20, text: "outlier: 10.01 is above 200% of 5.00, the p1 of 5 payments in 1h"},
		{name: "the median of an even number is the lower one", rules: []risk.Rule{measure("p50")}, amount: 600, facts: sampled(600, 500, 400, 300, 200, 100),
			score: 0},
		{name: "above it", rules: []risk.Rule{measure("p50")}, amount: 601, facts: sampled(600, 500, 400, 300, 200, 100),
			score: 20, text: "outlier: 6.01 is above 200% of 3.00, the p50 of 6 payments in 1h"},
		{name: "amounts that nobody can have paid", rules: []risk.Rule{outlier()}, amount: 800_000, facts: sampled(slices.Repeat([]protocol.Paise{math.MaxInt64}, 5)...)},
		{name: "amounts below nothing", rules: []risk.Rule{outlier()}, amount: 0, facts: sampled(slices.Repeat([]protocol.Paise{math.MinInt64}, 5)...)},
		{name: "more payments than a sample has", rules: []risk.Rule{outlier()}, amount: 20_001,
			facts: sampled(append(slices.Repeat([]protocol.Paise{10_000}, risk.MaxSample), slices.Repeat([]protocol.Paise{protocol.MaxPaise}, 50)...)...),
			score: 20, text: "outlier: 200.01 is above 200% of 100.00, the mean of 100 payments in 1h"},
		{name: "the amount itself", rules: []risk.Rule{amount()}, amount: 100_000},
		{name: "above the amount", rules: []risk.Rule{amount()}, amount: 100_001, score: 10, text: "amount: 1000.01 is above 1000.00"},
		{name: "scores add up", rules: []risk.Rule{velocity(), amount()}, amount: 100_001, facts: counted(risk.Payer, risk.Payments, 5),
			score: 40, text: "amount: 1000.01 is above 1000.00; velocity: 5 or more payments of the payer in 10m"},
		{name: "to a hundred", rules: []risk.Rule{
			with(named("a", amount()), func(r *risk.Rule) { r.Score = 100 }), with(named("b", amount()), func(r *risk.Rule) { r.Score = 100 })},
			amount: 100_001, score: 100, text: "a: 1000.01 is above 1000.00; b: 1000.01 is above 1000.00"},
		{name: "the lowest limit holds", rules: []risk.Rule{
			with(named("a", amount()), lowerTo(200_000)), with(named("b", amount()), lowerTo(150_000)), with(named("c", amount()), lowerTo(300_000))},
			amount: 100_001, score: 30, limit: 150_000,
			text: "a: 1000.01 is above 1000.00; b: 1000.01 is above 1000.00; c: 1000.01 is above 1000.00"},
		{name: "a limit of a rule that does not apply", rules: []risk.Rule{with(amount(), lowerTo(200_000))}, amount: 100_000},
		{name: "refused", rules: []risk.Rule{with(amount(), func(r *risk.Rule) { r.Action, r.Score = risk.Refuse, 0 })}, amount: 100_001,
			refuse: true, text: "amount: 1000.01 is above 1000.00"},
		{name: "off", rules: []risk.Rule{off(with(amount(), func(r *risk.Rule) { r.Action = risk.Refuse }))}, amount: 100_001},
		{name: "a rule that would change nothing says nothing", rules: []risk.Rule{with(amount(), func(r *risk.Rule) { r.Score = 0 })}, amount: 100_001},
		{name: "a rule that names a merchant, before For", rules: []risk.Rule{with(amount(), func(r *risk.Rule) { r.Merchants = []string{"M1"} })}, amount: 100_001},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if row.phase == "" {
				row.phase = risk.Payment
			}
			v := rules(t, row.rules...).Judge(row.phase, row.amount, row.facts)
			if v.Score != row.score || v.Limit != row.limit || v.Refuse != row.refuse || v.Text() != row.text {
				t.Errorf("got  %d %v %v %q\nwant %d %v %v %q", v.Score, v.Limit, v.Refuse, v.Text(), row.score, row.limit, row.refuse, row.text)
			}
		})
	}
}

// Judging changes no facts: several rules and two phases may share them.
func TestFactsStayAsTheyWere(t *testing.T) {
	t.Parallel()
	f := sampled(500, 100, 400, 200, 300)
	rules(t, outlier()).Judge(risk.Payment, 1000, f)
	if got := f.Samples[time.Hour]; !slices.Equal(got, []protocol.Paise{500, 100, 400, 200, 300}) {
		t.Errorf("the sample is %v", got)
	}
}

// TestFor: whom a rule counts for.
func TestFor(t *testing.T) {
	t.Parallel()
	r := rules(t, named("all", amount()),
		with(named("m1", amount()), func(r *risk.Rule) { r.Merchants = []string{"M1", "M9"} }),
		with(named("grocers", amount()), func(r *risk.Rule) { r.MCCs = []string{"5411"} }),
		with(named("either", amount()), func(r *risk.Rule) { r.Merchants, r.MCCs = []string{"M2"}, []string{"5812"} }),
		off(with(named("off", amount()), func(r *risk.Rule) { r.Merchants = []string{"M1"} })),
	)
	for _, row := range []struct{ merchant, mcc, want string }{
		{"M1", "", "all m1"}, {"M1", "5411", "all grocers m1"}, {"M2", "", "all either"}, {"M3", "5812", "all either"},
		{"M3", "", "all"}, {"", "", "all"}, {"m1", "", "all"}, {"5411", "M1", "all"},
	} {
		var names []string
		for _, reason := range r.For(row.merchant, row.mcc).Judge(risk.Payment, 200_000, risk.Facts{}).Reasons {
			names = append(names, reason.Rule)
		}
		if got := strings.Join(names, " "); got != row.want {
			t.Errorf("%s, %s: %s, want %s", row.merchant, row.mcc, got, row.want)
		}
	}
}

// TestNeeds: what must be read, and that it is nothing where nothing must.
func TestNeeds(t *testing.T) {
	t.Parallel()
	tenMinutes := risk.Count{What: risk.Payments, Of: risk.Payer, Window: 10 * time.Minute}
	for _, row := range []struct {
		name  string
		rules []risk.Rule
		want  risk.Needs
	}{
		{"no rules", nil, risk.Needs{}},
		{"rules that are off", []risk.Rule{off(velocity()), off(declines()), off(outlier())}, risk.Needs{}},
		{"the amount is known", []risk.Rule{amount()}, risk.Needs{}},
		{"another phase", []risk.Rule{with(outlier(), func(r *risk.Rule) { r.Phase = risk.Validation })}, risk.Needs{}},
		{"a rule that would change nothing", []risk.Rule{with(velocity(), func(r *risk.Rule) { r.Score = 0 })}, risk.Needs{}},
		{"another merchant's", []risk.Rule{with(velocity(), func(r *risk.Rule) { r.Merchants = []string{"M2"} })}, risk.Needs{}},
		{"a count", []risk.Rule{velocity()}, risk.Needs{Counts: []risk.CountNeed{{Count: tenMinutes, AtMost: 5}}}},
		{"one count of two rules, to the higher threshold",
			[]risk.Rule{velocity(), named("more", with(velocity(), func(r *risk.Rule) { r.Threshold = 50 })), named("less", with(velocity(), func(r *risk.Rule) { r.Threshold = 2 }))},
			risk.Needs{Counts: []risk.CountNeed{{Count: tenMinutes, AtMost: 50}}}},
		{"one sample of two rules", []risk.Rule{outlier(), named("other", with(outlier(), func(r *risk.Rule) { r.Measure = "p90" }))},
			risk.Needs{Samples: []time.Duration{time.Hour}}},
	} {
		got := rules(t, row.rules...).For("M1", "5411").Needs(risk.Payment)
		if !reflect.DeepEqual(got, row.want) || got.Empty() != (len(row.want.Counts)+len(row.want.Samples) == 0) {
			t.Errorf("%s: %+v, want %+v", row.name, got, row.want)
		}
	}
}

// The limit of a Dynamic QR is only ever lowered, whatever the rules and the
// facts (PRD 13: limits by merchant risk).
func TestTheLimitIsOnlyEverLowered(t *testing.T) {
	t.Parallel()
	if risk.MaxLimit != quote.LimitPaise || risk.MinLimit != quote.MinPaise {
		t.Fatalf("the limits are %v and %v, a quote's %v and %v", risk.MaxLimit, risk.MinLimit, quote.LimitPaise, quote.MinPaise)
	}
	rapid.Check(t, func(t *rapid.T) {
		r := rules(t, anyRules(t)...).For(rapid.SampledFrom(merchants).Draw(t, "merchant"), rapid.SampledFrom(mccs).Draw(t, "mcc"))
		v := r.Judge(anyPhase(t), anyAmount(t), anyFacts(t))
		if v.Limit != 0 && (v.Limit < quote.MinPaise || v.Limit > quote.LimitPaise) || v.Score < 0 || v.Score > risk.MaxScore {
			t.Fatalf("the verdict is %+v", v)
		}
		limit := protocol.Paise(rapid.Int64Range(1, int64(quote.LimitPaise)).Draw(t, "limit"))
		if capped := v.Cap(limit); capped > limit || v.Limit != 0 && capped > v.Limit || v.Limit == 0 && capped != limit {
			t.Fatalf("%v is capped to %v by %v", limit, capped, v.Limit)
		}
	})
}

// worse reports whether a verdict is at least as bad as another.
func worse(a, b risk.Verdict) bool {
	return a.Score >= b.Score && len(a.Reasons) >= len(b.Reasons) && (a.Refuse || !b.Refuse) && a.Cap(risk.MaxLimit) <= b.Cap(risk.MaxLimit)
}

// More messages, a larger amount or one more rule never make a verdict better.
func TestMoreNeverMakesItBetter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all, phase, sum, facts := anyRules(t), anyPhase(t), anyAmount(t), anyFacts(t)
		before := rules(t, all...).Judge(phase, sum, facts)
		if sum < quote.LimitPaise {
			larger := sum + protocol.Paise(rapid.Int64Range(0, 1_000_000).Draw(t, "more"))
			if v := rules(t, all...).Judge(phase, larger, facts); !worse(v, before) {
				t.Fatalf("%v: %+v\n%v: %+v", sum, before, larger, v)
			}
		}
		more := append(slices.Clone(all), anyRule("one-more").Draw(t, "one more"))
		if v := rules(t, more...).Judge(phase, sum, facts); !worse(v, before) {
			t.Fatalf("with one more: %+v\nwithout: %+v", v, before)
		}
		for c := range facts.Counts {
			facts.Counts[c] += rapid.Int64Range(0, 30).Draw(t, "more messages")
		}
		if v := rules(t, all...).Judge(phase, sum, facts); !worse(v, before) {
			t.Fatalf("with more messages: %+v\nbefore: %+v", v, before)
		}
	})
}

// A verdict is the same whatever the order of rules and of a sample, without the
// rules that are off, with the facts that were asked for alone, and with counts
// that end where the storage stops counting.
func TestWhatMakesNoDifference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all, phase, sum, facts := anyRules(t), anyPhase(t), anyAmount(t), anyFacts(t)
		merchantID, mcc := rapid.SampledFrom(merchants).Draw(t, "merchant"), rapid.SampledFrom(mccs).Draw(t, "mcc")
		judge := func(all []risk.Rule, f risk.Facts) risk.Verdict {
			return rules(t, all...).For(merchantID, mcc).Judge(phase, sum, f)
		}
		want := judge(all, facts)
		same := func(what string, got risk.Verdict) {
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%s:\ngot  %+v\nwant %+v", what, got, want)
			}
		}
		same("in another order", judge(rapid.Permutation(all).Draw(t, "order"), facts))
		same("without those that are off", judge(slices.DeleteFunc(slices.Clone(all), func(r risk.Rule) bool { return !r.On }), facts))
		same("for the merchant once more", rules(t, all...).For(merchantID, mcc).For("NOBODY", "0000").Judge(phase, sum, facts))

		asked, needs := risk.NewFacts(), rules(t, all...).For(merchantID, mcc).Needs(phase)
		for _, n := range needs.Counts {
			asked.Counts[n.Count] = min(facts.Counts[n.Count], n.AtMost)
		}
		for _, w := range needs.Samples {
			asked.Samples[w] = rapid.Permutation(facts.Samples[w]).Draw(t, "sample")
		}
		same("with what was asked for alone", judge(all, asked))
		if needs.Empty() {
			same("with nothing", judge(all, risk.Facts{}))
		}
	})
}

// What is kept beside the score holds rules and numbers, and is short.
func TestTextHoldsRulesAndNumbers(t *testing.T) {
	t.Parallel()
	if got := (risk.Verdict{}).Text(); got != "" {
		t.Errorf("no reasons are %q", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := rules(t, anyRules(t)...).Judge(anyPhase(t), anyAmount(t), anyFacts(t))
		text := v.Text()
		if strings.ContainsAny(text, "@\n") || len(text) > 200*len(v.Reasons) {
			t.Fatalf("the text is %q", text)
		}
		parts := strings.Split(text, "; ")
		if text == "" {
			parts = nil
		}
		if len(parts) != len(v.Reasons) {
			t.Fatalf("%q has %d parts, want %d", text, len(parts), len(v.Reasons))
		}
		for i, r := range v.Reasons {
			if name, rest, ok := strings.Cut(parts[i], ": "); !ok || name != r.Rule || rest != r.Text {
				t.Fatalf("%q, want %+v", parts[i], r)
			}
		}
	})
}
