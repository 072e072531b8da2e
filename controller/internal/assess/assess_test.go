package assess_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/galla-pay/galla/controller/internal/assess"
	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rules score every validation above 100 rupees, and 3 of a payee in an hour.
func rules(t *testing.T, action risk.Action) risk.Rules {
	t.Helper()
	r := []risk.Rule{
		{Name: "large", Explanation: "A large amount.", On: true, Phase: risk.Validation, Kind: risk.Amount, Above: 10_000, Score: 30, Action: risk.Score},
		{Name: "busy", Explanation: "Many at once.", On: true, Phase: risk.Validation, Kind: risk.Velocity, Window: time.Hour,
			Of: risk.Payee, Counts: risk.Validations, Threshold: 3, Score: 20, Action: action},
	}
	if action == risk.Lower {
		r[1].Limit = 50_000
	}
	all, err := risk.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func payee(dir *merchant.Directory) func(protocol.VPA) decide.PayeeFacts {
	return func(vpa protocol.VPA) decide.PayeeFacts { return decide.FactsOf(dir, vpa) }
}

// validate makes a validation that nobody has assessed.
func validate(t *testing.T, h *doortest.House, n int, amount protocol.Paise) string {
	t.Helper()
	token := fmt.Sprint("token", n)
	a, err := journal.Do(t.Context(), h.Journal, decide.Validate{
		OrgID: "MER101", MsgID: fmt.Sprint("V", n), Token: token, Payee: decide.FactsOf(h.People, "merchant@upi"),
		Amount: amount, Base: int64(amount), Currency: quote.INR, Settings: quote.Default(),
		Render: func(decide.ValidateAnswer) []byte { return nil },
	})
	if err != nil || a.Code != decide.CodeOK {
		t.Fatalf("%s %v", a.Code, err)
	}
	return token
}

// storage is what the worker reads.
type storage interface {
	Unprocessed(ctx context.Context, limit int) ([]quote.Quote, error)
	RiskFacts(ctx context.Context, about []risk.Question) ([]risk.Facts, error)
}

// TestWorker: validations are assessed after their answer, once each, those that a
// controller left behind when it was killed as well, on both storages.
func TestWorker(t *testing.T) {
	for name, open := range map[string]func(testing.TB, ...func(*merchant.Data)) *doortest.House{
		"SQLite": doortest.New, "PostgreSQL": doortest.NewPostgres,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			rows := h.Storage.(storage)
			w := &assess.Worker{
				Journal: h.Journal, Find: rows.Unprocessed, Payee: payee(h.People), Log: slog.New(slog.DiscardHandler),
				Judge: &assess.Judge{Rules: rules(t, risk.Score), Facts: rows.RiskFacts},
			}
			news := make(chan string, 100)
			h.OnCommit = func(c decide.Changes) {
				w.Committed(c)
				for _, q := range c.Quotes {
					news <- q.Token
				}
			}
			left := validate(t, h, 0, 20_000) // before there was a worker
			ctx, stop := context.WithCancel(t.Context())
			var done sync.WaitGroup
			for range 2 { // two controllers
				done.Go(func() { w.Run(ctx) })
			}
			defer done.Wait()
			defer stop()
			if q := assessed(t, h, news, left); q.RiskScore != 30 || q.RiskReasons == "" || q.Seq != 2 {
				t.Errorf("one that was left: %+v", q)
			}
			for n, want := range []struct {
				amount protocol.Paise
				score  int64
			}{{500, 0}, {500, 20}, {20_000, 50}} { // asked after the answer, a validation counts itself
				if q := assessed(t, h, news, validate(t, h, n+1, want.amount)); q.RiskScore != want.score {
					t.Errorf("validation %d: %+v, want %d", n+1, q, want.score)
				}
			}
		})
	}
}

// assessed waits until a validation was processed.
func assessed(t *testing.T, h *doortest.House, news <-chan string, token string) quote.Quote {
	t.Helper()
	over := time.After(30 * time.Second)
	for {
		select {
		case got := <-news:
			if got != token {
				continue
			}
			q, err := h.Storage.Quote(t.Context(), token)
			if err != nil || q.ProcessedAt.IsZero() {
				t.Fatalf("%+v %v", q, err)
			}
			return q
		case <-over:
			t.Fatalf("%s is not processed", token)
		}
	}
}

// TestBacksOff: while the storage is away the worker asks ever more seldom, at
// most every 30 s, and goes on when it is back.
func TestBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []time.Duration
		began := time.Now()
		w := &assess.Worker{
			Find: func(context.Context, int) ([]quote.Quote, error) {
				asked = append(asked, time.Since(began))
				return nil, errors.New("away")
			},
			Judge: &assess.Judge{}, Log: slog.New(slog.DiscardHandler),
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); w.Run(ctx) }()
		for range 50 {
			w.Committed(decide.Changes{NewQuotes: []quote.Quote{{}}}) // work that comes in is no reason to hurry
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(10 * time.Minute)
		stop()
		<-done
		if len(asked) < 15 || len(asked) > 35 {
			t.Errorf("asked %d times in ten minutes: %v", len(asked), asked)
		}
		for i := 1; i < len(asked); i++ {
			if gap := asked[i] - asked[i-1]; gap < 100*time.Millisecond || gap > 30*time.Second {
				t.Errorf("a pause of %v", gap)
			}
		}
	})
}

// TestJudge: rules that can change an answer are asked before it, and then facts
// that cannot be read are an error; what only scores stops nothing.
func TestJudge(t *testing.T) {
	dir := merchant.New(merchant.Sandbox())
	away := func(context.Context, []risk.Question) ([]risk.Facts, error) {
		return nil, errors.New("away")
	}
	for action, acts := range map[risk.Action]bool{risk.Score: false, risk.Lower: true, risk.Refuse: true} {
		j := &assess.Judge{Rules: rules(t, action), Facts: away, Log: slog.New(slog.DiscardHandler)}
		if j.Acts(risk.Validation) != acts || j.Acts(risk.Payment) {
			t.Errorf("%s acts: %v", action, j.Acts(risk.Validation))
		}
		v, err := j.Ask(t.Context(), risk.Validation, assess.Case{Payee: decide.FactsOf(dir, "merchant@upi"), Amount: 20_000})
		if acts != errors.Is(err, assess.ErrFacts) || !acts && v.Score != 30 {
			t.Errorf("%s without facts: %+v %v", action, v, err)
		}
	}
	none := &assess.Judge{Facts: away}
	if v, err := none.Ask(t.Context(), risk.Payment, assess.Case{Payer: "a@upi", Payee: decide.FactsOf(dir, "merchant@upi"), Amount: 1}); err != nil || v.Score != 0 {
		t.Errorf("without rules: %+v %v", v, err)
	}
}

// TestAskedTogether: what many cases need is found out at once, and each gets what
// is said of it: the worker's as one list, the door's as they come.
func TestAskedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := merchant.New(merchant.Sandbox())
		payees := []protocol.VPA{"merchant@upi", "nobody@upi", "second@upi", "merchant@upi", "nofee@mercury"}
		var mu sync.Mutex
		var rounds []int
		j := &assess.Judge{Rules: rules(t, risk.Score), Facts: func(_ context.Context, about []risk.Question) ([]risk.Facts, error) {
			mu.Lock()
			rounds = append(rounds, len(about))
			mu.Unlock()
			time.Sleep(time.Millisecond)
			all := make([]risk.Facts, len(about))
			for i, q := range about {
				all[i] = risk.NewFacts()
				if q.Payee == "second@upi" {
					all[i].Counts[q.Needs.Counts[0].Count] = 3
				}
			}
			return all, nil
		}}
		want := map[protocol.VPA]int{"merchant@upi": 30, "nobody@upi": 30, "second@upi": 50, "nofee@mercury": 30}
		var cases []assess.Case
		for _, vpa := range payees {
			cases = append(cases, assess.Case{Payee: decide.FactsOf(dir, vpa), Amount: 20_000})
		}
		verdicts, err := j.AskAll(t.Context(), risk.Validation, cases)
		if err != nil || len(rounds) != 1 || rounds[0] != 4 { // nothing is asked about nobody
			t.Fatalf("rounds of %v, %v; want one of 4", rounds, err)
		}
		var callers sync.WaitGroup
		for i, c := range cases {
			if got := verdicts[i].Score; got != want[payees[i]] {
				t.Errorf("%s scores %d, want %d", payees[i], got, want[payees[i]])
			}
			callers.Go(func() {
				if v, err := j.Ask(t.Context(), risk.Validation, c); err != nil || v.Score != want[payees[i]] {
					t.Errorf("%s: %+v %v", payees[i], v, err)
				}
			})
		}
		callers.Wait()
		if len(rounds) >= 1+4 {
			t.Errorf("each was asked about alone: rounds of %v", rounds)
		}
	})
}
