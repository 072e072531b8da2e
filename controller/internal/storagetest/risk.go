package storagetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/protocol"
)

// RiskStorage is a storage that finds out what risk rules need to know.
type RiskStorage interface {
	Storage
	RiskFacts(ctx context.Context, about []risk.Question) ([]risk.Facts, error)
}

// RunRisk runs the contract of the facts of risk rules. open makes a storage that
// is migrated and empty.
func RunRisk(t *testing.T, open func(t *testing.T) RiskStorage) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, riskBench)
	}{
		{"of an empty storage nothing is known", riskNothing},
		{"messages are counted by party, kind and window", riskCounts},
		{"a count ends at what is needed of it", riskAtMost},
		{"addresses compare without regard to case, as the directory's do", riskCase},
		{"a merchant's messages are those of all its addresses", riskMerchant},
		{"a merchant of very many addresses is judged by the first", riskManyPayees},
		{"a sample is the payee's latest payments, of these those that succeeded", riskSample},
		{"what is not needed is not read", riskNotNeeded},
		{"what cannot be kept or counted is refused", riskBad},
		{"the built-in rules can all be asked for", riskBuiltin},
		{"questions that are asked together are answered each", riskTogether},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			c.test(t, riskBench{bench{s}, s})
		})
	}
}

// riskBench is such a storage whose errors fail the test.
type riskBench struct {
	bench
	risk RiskStorage
}

const riskPayer, riskPayee = "asha@upi", "shop@upi"

func (b riskBench) facts(t *testing.T, needs risk.Needs) risk.Facts {
	t.Helper()
	return b.factsOf(t, needs, riskPayer, riskPayee, merchantA)
}

func (b riskBench) factsOf(t *testing.T, needs risk.Needs, payer, payee protocol.VPA, merchantID string) risk.Facts {
	t.Helper()
	f, err := b.ask(t.Context(), needs, payer, payee, merchantID)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// ask asks one question.
func (b riskBench) ask(ctx context.Context, needs risk.Needs, payer, payee protocol.VPA, merchantID string) (risk.Facts, error) {
	all, err := b.risk.RiskFacts(ctx, []risk.Question{{Needs: needs, Payer: payer, Payee: payee, MerchantID: merchantID}})
	if err != nil || len(all) != 1 {
		return risk.Facts{}, cmp.Or(err, fmt.Errorf("%d answers to one question", len(all)))
	}
	return all[0], nil
}

// count asks for one count, up to 100.
func (b riskBench) count(t *testing.T, c risk.Count) int64 {
	t.Helper()
	return b.facts(t, oneCount(c, 100)).Counts[c]
}

func oneCount(c risk.Count, atMost int64) risk.Needs {
	return risk.Needs{Counts: []risk.CountNeed{{Count: c, AtMost: atMost}}}
}

// paid saves payment messages, each as long ago as its At says.
func (b riskBench) paid(t *testing.T, now time.Time, ago time.Duration, n int, r decide.ReqPay) {
	t.Helper()
	var all []decide.ReqPay
	for range n {
		r.TxnKey = decide.TxnKey{OrgID: "MER101", TxnID: fmt.Sprintf("txn-%x", journal.NewBatchID())}
		r.At = now.Add(-ago)
		if r.Status == "" {
			r.Status = "SUCCESS"
		}
		all = append(all, r)
	}
	b.add(t, decide.Changes{NewReqPays: all})
}

// validated saves quotes for a payee.
func (b riskBench) validated(t *testing.T, now time.Time, ago time.Duration, n int, payee protocol.VPA) {
	t.Helper()
	var all []quote.Quote
	for range n {
		at := now.Add(-ago)
		all = append(all, quote.Quote{
			Token: fmt.Sprintf("token-%x", journal.NewBatchID()), Payee: payee, Amount: 100, CreatedAt: at, ExpiresAt: at.Add(quote.Validity),
		})
	}
	b.add(t, decide.Changes{NewQuotes: all})
}

// payees seeds addresses of merchant A.
func (b riskBench) payees(t *testing.T, addresses ...string) {
	t.Helper()
	d := merchant.Data{Merchants: []merchant.Merchant{{ID: merchantA, Active: true}}}
	for _, a := range addresses {
		d.Payees = append(d.Payees, merchant.Payee{VPA: protocol.VPA(a), MerchantID: merchantA, Active: true})
	}
	if err := b.Seed(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

// everyCount is every count that a rule can ask for.
func everyCount(window time.Duration) []risk.Count {
	var all []risk.Count
	for _, of := range []risk.Party{risk.Payer, risk.Payee, risk.Merchant} {
		for _, what := range []risk.What{risk.Validations, risk.Payments, risk.Declined} {
			if of != risk.Payer || what != risk.Validations {
				all = append(all, risk.Count{What: what, Of: of, Window: window})
			}
		}
	}
	return all
}

func riskNothing(t *testing.T, b riskBench) {
	needs := risk.Needs{Samples: []time.Duration{time.Hour}}
	for _, c := range everyCount(time.Hour) {
		needs.Counts = append(needs.Counts, risk.CountNeed{Count: c, AtMost: 5})
	}
	f := b.facts(t, needs)
	for _, c := range everyCount(time.Hour) {
		if n := f.Counts[c]; n != 0 {
			t.Errorf("%v is %d", c, n)
		}
	}
	if s := f.Samples[time.Hour]; len(s) != 0 {
		t.Errorf("the sample is %v", s)
	}
}

func riskCounts(t *testing.T, b riskBench) {
	b.payees(t, riskPayee)
	now := b.now(t)
	// Of each: how many in the last minutes, and how many a while ago.
	b.validated(t, now, time.Minute, 3, riskPayee)
	b.validated(t, now, 2*time.Hour, 2, riskPayee)
	b.validated(t, now, time.Minute, 5, "other@upi")
	for status, n := range map[string]int{"SUCCESS": 4, "FAILED": 2, "PENDING": 1, "REVERSED": 1} {
		b.paid(t, now, time.Minute, n, decide.ReqPay{Payer: riskPayer, Payee: riskPayee, Status: status})
	}
	b.paid(t, now, time.Minute, 6, decide.ReqPay{Payer: "ravi@upi", Payee: riskPayee, Status: "FAILED"})
	b.paid(t, now, time.Minute, 3, decide.ReqPay{Payer: riskPayer, Payee: "other@upi"})
	b.paid(t, now, 3*time.Hour, 7, decide.ReqPay{Payer: riskPayer, Payee: riskPayee, Status: "FAILED"})
	for _, c := range []struct {
		what       risk.What
		of         risk.Party
		hour, day  int64
		twoMinutes int64
	}{
		{risk.Validations, risk.Payee, 3, 5, 3},
		{risk.Validations, risk.Merchant, 3, 5, 3},
		{risk.Payments, risk.Payer, 8 + 3, 8 + 3 + 7, 8 + 3},
		{risk.Payments, risk.Payee, 8 + 6, 8 + 6 + 7, 8 + 6},
		{risk.Payments, risk.Merchant, 8 + 6, 8 + 6 + 7, 8 + 6},
		{risk.Declined, risk.Payer, 2, 2 + 7, 2},
		{risk.Declined, risk.Payee, 2 + 6, 2 + 6 + 7, 2 + 6},
		{risk.Declined, risk.Merchant, 2 + 6, 2 + 6 + 7, 2 + 6},
	} {
		for window, want := range map[time.Duration]int64{
			time.Hour: c.hour, 24 * time.Hour: c.day, 2 * time.Minute: c.twoMinutes, 30 * time.Second: 0,
		} {
			if got := b.count(t, risk.Count{What: c.what, Of: c.of, Window: window}); got != want {
				t.Errorf("%s of the %s in %v: %d, want %d", c.what, c.of, window, got, want)
			}
		}
	}
}

func riskAtMost(t *testing.T, b riskBench) {
	b.payees(t, riskPayee)
	now := b.now(t)
	b.validated(t, now, time.Minute, 20, riskPayee)
	b.paid(t, now, time.Minute, 20, decide.ReqPay{Payer: riskPayer, Payee: riskPayee, Status: "FAILED"})
	for _, c := range everyCount(time.Hour) {
		for _, atMost := range []int64{1, 7, 19, 20, 21, risk.MaxThreshold} {
			if got := b.facts(t, oneCount(c, atMost)).Counts[c]; got != min(atMost, 20) {
				t.Errorf("%v, of which at most %d are needed: %d", c, atMost, got)
			}
		}
	}
}

func riskCase(t *testing.T, b riskBench) {
	b.payees(t, "shop@upi")
	now := b.now(t)
	for _, spelling := range []string{"shop@upi", "SHOP@UPI", "Shop@Upi"} {
		b.validated(t, now, time.Minute, 1, protocol.VPA(spelling))
		b.paid(t, now, time.Minute, 1, decide.ReqPay{Payer: protocol.VPA("x" + spelling), Payee: protocol.VPA(spelling), Status: "FAILED", Amount: 100})
		b.paid(t, now, time.Minute, 1, decide.ReqPay{Payer: protocol.VPA("x" + spelling), Payee: protocol.VPA(spelling), Amount: 100})
	}
	needs := risk.Needs{Samples: []time.Duration{time.Hour}}
	for _, c := range everyCount(time.Hour) {
		needs.Counts = append(needs.Counts, risk.CountNeed{Count: c, AtMost: 100})
	}
	for _, spelling := range []string{"shop@upi", "SHOP@UPI", "shoP@uPi"} {
		f := b.factsOf(t, needs, protocol.VPA("X"+spelling), protocol.VPA(spelling), merchantA)
		for c, got := range f.Counts {
			want := int64(3)
			if c.What == risk.Payments {
				want = 6
			}
			if got != want {
				t.Errorf("%s: %v is %d, want %d", spelling, c, got, want)
			}
		}
		if got := f.Samples[time.Hour]; len(got) != 3 {
			t.Errorf("%s: the sample has %d payments, want 3", spelling, len(got))
		}
	}
	// Merchants are compared exactly.
	c := risk.Count{What: risk.Payments, Of: risk.Merchant, Window: time.Hour}
	if n := b.factsOf(t, oneCount(c, 9), riskPayer, riskPayee, strings.ToLower(merchantA)).Counts[c]; n != 0 {
		t.Errorf("another merchant has %d", n)
	}
}

func riskMerchant(t *testing.T, b riskBench) {
	b.payees(t, riskPayee, "branch@upi", "quiet@upi")
	if err := b.Seed(t.Context(), merchant.Data{Payees: []merchant.Payee{{VPA: "other@upi", MerchantID: merchantB, Active: true}}}); err != nil {
		t.Fatal(err)
	}
	now := b.now(t)
	for _, payee := range []protocol.VPA{riskPayee, "branch@upi", "other@upi", "nobodys@upi"} {
		b.validated(t, now, time.Minute, 2, payee)
		b.paid(t, now, time.Minute, 3, decide.ReqPay{Payer: riskPayer, Payee: payee})
		b.paid(t, now, time.Minute, 1, decide.ReqPay{Payer: riskPayer, Payee: payee, Status: "FAILED"})
	}
	for what, perPayee := range map[risk.What]int64{risk.Validations: 2, risk.Payments: 4, risk.Declined: 1} {
		c := risk.Count{What: what, Of: risk.Merchant, Window: time.Hour}
		for merchantID, payees := range map[string]int64{merchantA: 2, merchantB: 1, "NOBODY": 0, "": 0} {
			// The payee of the message makes no difference to it.
			if got := b.factsOf(t, oneCount(c, 100), riskPayer, "quiet@upi", merchantID).Counts[c]; got != payees*perPayee {
				t.Errorf("%s of %q: %d, want %d", what, merchantID, got, payees*perPayee)
			}
		}
		if got := b.factsOf(t, oneCount(c, 3), riskPayer, riskPayee, merchantA).Counts[c]; got != min(3, 2*perPayee) {
			t.Errorf("%s of which 3 are needed: %d", what, got)
		}
	}
}

func riskManyPayees(t *testing.T, b riskBench) {
	var addresses []string
	for i := range risk.MaxPayees + 5 {
		addresses = append(addresses, "p"+number(i)+"@upi")
	}
	b.payees(t, addresses...)
	now := b.now(t)
	for _, a := range []string{addresses[0], addresses[risk.MaxPayees-1], addresses[risk.MaxPayees], addresses[len(addresses)-1]} {
		b.paid(t, now, time.Minute, 1, decide.ReqPay{Payer: riskPayer, Payee: protocol.VPA(a)})
	}
	if got := b.count(t, risk.Count{What: risk.Payments, Of: risk.Merchant, Window: time.Hour}); got != 2 {
		t.Errorf("%d payments, want those of the first %d addresses", got, risk.MaxPayees)
	}
}

func riskSample(t *testing.T, b riskBench) {
	now := b.now(t)
	sample := func(window time.Duration) []protocol.Paise {
		got := b.facts(t, risk.Needs{Samples: []time.Duration{window}}).Samples[window]
		slices.Sort(got)
		return got
	}
	for i, status := range []string{"SUCCESS", "FAILED", "PENDING", "REVERSED", "SUCCESS"} {
		b.paid(t, now, time.Duration(i+1)*time.Minute, 1,
			decide.ReqPay{Payer: "ravi@upi", Payee: riskPayee, Status: status, Amount: protocol.Paise(100 * (i + 1))})
	}
	b.paid(t, now, time.Minute, 1, decide.ReqPay{Payer: riskPayer, Payee: "other@upi", Amount: 999})
	b.paid(t, now, 3*time.Hour, 1, decide.ReqPay{Payer: riskPayer, Payee: riskPayee, Amount: 700})
	same(t, "the last hour's sample", sample(time.Hour), []protocol.Paise{100, 500})
	same(t, "the last day's sample", sample(24*time.Hour), []protocol.Paise{100, 500, 700})
	same(t, "the sample of seconds", len(sample(30*time.Second)), 0)
	// More payments than a sample has push the older ones out, whatever became of
	// them: so the work is bounded.
	b.paid(t, now, 10*time.Second, risk.MaxSample-3, decide.ReqPay{Payee: riskPayee, Status: "FAILED"})
	same(t, "the sample of the latest", sample(24*time.Hour), []protocol.Paise{100})
	b.paid(t, now, 5*time.Second, risk.MaxSample, decide.ReqPay{Payee: riskPayee, Amount: 42})
	if got := sample(24 * time.Hour); len(got) != risk.MaxSample || got[0] != 42 || got[risk.MaxSample-1] != 42 {
		t.Errorf("the full sample is %d payments, %v", len(got), got)
	}
}

func riskNotNeeded(t *testing.T, b riskBench) {
	// Whoever has no time left can be told nothing, but is told that at once.
	over, cancel := context.WithCancel(t.Context())
	cancel()
	off := risk.Rules{}.For(merchantA, "5411").Needs(risk.Payment)
	if f, err := b.ask(over, off, riskPayer, riskPayee, merchantA); err != nil || len(f.Counts)+len(f.Samples) != 0 {
		t.Errorf("%+v, %v; want nothing, without a question to the database", f, err)
	}
	on := risk.Builtin().For(merchantA, "5411").Needs(risk.Payment)
	if _, err := b.ask(over, on, riskPayer, riskPayee, merchantA); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	// A validation names no payer.
	b.paid(t, b.now(t), time.Minute, 2, decide.ReqPay{Payer: "", Payee: riskPayee})
	c := risk.Count{What: risk.Payments, Of: risk.Payer, Window: time.Hour}
	if n := b.factsOf(t, oneCount(c, 9), "", riskPayee, merchantA).Counts[c]; n != 0 {
		t.Errorf("nobody has %d payments", n)
	}
}

func riskBad(t *testing.T, b riskBench) {
	needs := oneCount(risk.Count{What: risk.Payments, Of: risk.Payee, Window: time.Hour}, 1)
	for _, text := range []string{"a\x00b@upi", "\xff@upi"} {
		for _, p := range [][3]string{{text, riskPayee, merchantA}, {riskPayer, text, merchantA}, {riskPayer, riskPayee, text}} {
			if _, err := b.ask(t.Context(), needs, protocol.VPA(p[0]), protocol.VPA(p[1]), p[2]); !errors.Is(err, journal.ErrText) {
				t.Errorf("%q: %v, want ErrText", p, err)
			}
		}
	}
	for _, c := range []risk.Count{
		{What: risk.Validations, Of: risk.Payer, Window: time.Hour},
		{What: "tears", Of: risk.Payee, Window: time.Hour},
		{What: risk.Payments, Of: "bank", Window: time.Hour},
		{},
	} {
		if f, err := b.ask(t.Context(), oneCount(c, 1), riskPayer, riskPayee, merchantA); err == nil {
			t.Errorf("%v was counted: %+v", c, f)
		}
	}
	// A name that is SQL is a name.
	if n := b.factsOf(t, needs, riskPayer, "' OR 1=1 --@upi", merchantA).Counts[needs.Counts[0].Count]; n != 0 {
		t.Errorf("counted %d", n)
	}
}

func riskBuiltin(t *testing.T, b riskBench) {
	rules := risk.Builtin().For(merchantA, "5411")
	now := b.now(t)
	b.paid(t, now, time.Minute, 12, decide.ReqPay{Payer: riskPayer, Payee: riskPayee, Status: "FAILED"})
	b.validated(t, now, time.Second, 2, riskPayee)
	payment := rules.Judge(risk.Payment, 24500, b.facts(t, rules.Needs(risk.Payment)))
	var names []string
	for _, r := range payment.Reasons {
		names = append(names, r.Rule)
	}
	same(t, "what is said of the payment", names, []string{"payer-burst", "payer-declines"})
	if validation := rules.Judge(risk.Validation, 24500, b.facts(t, rules.Needs(risk.Validation))); validation.Score != 0 {
		t.Errorf("of the validation is said %+v", validation)
	}
}

// riskTogether: whoever is asked about beside others is told what he is told
// alone, also where two ask the same, for different numbers or about nobody.
func riskTogether(t *testing.T, b riskBench) {
	now := b.now(t)
	b.payees(t, "shop@upi", "stall@upi")
	b.paid(t, now, time.Minute, 3, decide.ReqPay{Payer: "asha@upi", Payee: "shop@upi", Amount: 300})
	b.paid(t, now, time.Minute, 5, decide.ReqPay{Payer: "ravi@upi", Payee: "stall@upi", Amount: 500, Status: "FAILED"})
	b.paid(t, now, time.Hour, 7, decide.ReqPay{Payer: "ravi@upi", Payee: "shop@upi", Amount: 700})
	b.validated(t, now, time.Second, 4, "shop@upi")
	payments, validations := risk.Builtin().Needs(risk.Payment), risk.Builtin().Needs(risk.Validation)
	var wide risk.Needs
	for _, c := range everyCount(2 * time.Hour) {
		wide.Counts = append(wide.Counts, risk.CountNeed{Count: c, AtMost: 6})
	}
	wide.Samples = []time.Duration{time.Minute / 2, 2 * time.Hour}
	var about []risk.Question
	for _, needs := range []risk.Needs{payments, validations, wide, {}} {
		for _, who := range [][3]string{
			{"asha@upi", "shop@upi", merchantA}, {"ravi@upi", "shop@upi", merchantA}, {"", "stall@upi", merchantA},
			{"ASHA@upi", "Shop@upi", merchantA}, {"asha@upi", "nobody@upi", "nobody"}, {"", "", ""}, {"asha@upi", "shop@upi", merchantA},
		} {
			about = append(about, risk.Question{Needs: needs, Payer: protocol.VPA(who[0]), Payee: protocol.VPA(who[1]), MerchantID: who[2]})
		}
	}
	together, err := b.risk.RiskFacts(t.Context(), about)
	if err != nil || len(together) != len(about) {
		t.Fatalf("%d answers to %d questions, %v", len(together), len(about), err)
	}
	for i, q := range about {
		same(t, fmt.Sprintf("question %d", i), sortedFacts(together[i]), sortedFacts(b.factsOf(t, q.Needs, q.Payer, q.Payee, q.MerchantID)))
	}
	if got := together[1].Counts[payments.Counts[0].Count]; got != 5 {
		t.Errorf("ravi has %d payments, want 5", got)
	}
	if none, err := b.risk.RiskFacts(t.Context(), nil); err != nil || len(none) != 0 {
		t.Errorf("asked nothing: %v %v", none, err)
	}
}

// sortedFacts are facts with their samples in order, which is nobody's promise.
func sortedFacts(f risk.Facts) risk.Facts {
	sorted := risk.Facts{Counts: f.Counts, Samples: map[time.Duration][]protocol.Paise{}}
	for window, sample := range f.Samples {
		sorted.Samples[window] = slices.Sorted(slices.Values(sample))
	}
	return sorted
}
