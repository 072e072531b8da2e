package journal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/storagetest"
	"github.com/galla-pay/galla/protocol"
)

// scripted is Memory with a say in what happens to each Apply.
type scripted struct {
	*storagetest.Memory
	mu       sync.Mutex
	before   func(try int, needs decide.Needs) error // an error is Apply's
	tries    int
	batches  []int // decisions' needs: terminals named, of those that passed
	resolves int
	resolve  func(journal.Resolved)
	settle   func(journal.BatchID) (bool, error)
}

func (s *scripted) Apply(ctx context.Context, id journal.BatchID, needs decide.Needs, run func(decide.Snapshot) (decide.Changes, error)) error {
	s.mu.Lock()
	s.tries++
	try := s.tries
	s.mu.Unlock()
	if s.before != nil {
		if err := s.before(try, needs); err != nil {
			return err
		}
	}
	err := s.Memory.Apply(ctx, id, needs, run)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.batches = append(s.batches, len(needs.Terminals))
	}
	return err
}

func (s *scripted) Resolve(ctx context.Context, needs decide.Needs) (journal.Resolved, error) {
	s.mu.Lock()
	s.resolves++
	s.mu.Unlock()
	r, err := s.Memory.Resolve(ctx, needs)
	if s.resolve != nil {
		s.resolve(r)
	}
	return r, err
}

func (s *scripted) Committed(ctx context.Context, id journal.BatchID) (bool, error) {
	if s.settle != nil {
		return s.settle(id)
	}
	return s.Memory.Committed(ctx, id)
}

func TestAnswerComesBackWithWhatWasKept(t *testing.T) {
	t.Parallel()
	memory := storagetest.NewMemory()
	seedTerminals(t, memory, "t1")
	j := start(t, journal.Config{Storage: memory})
	p, err := journal.Do(t.Context(), j, initOf("p1", "t1"))
	if err != nil || p.State != payment.Created || p.Seq != 1 {
		t.Fatalf("Do = %+v, %v", p, err)
	}
	if kept, err := memory.PaymentByID(t.Context(), "p1"); err != nil || kept != p {
		t.Fatalf("kept is %+v, %v", kept, err)
	}
	if x, err := memory.Terminal(t.Context(), terminal("t1")); err != nil || x.Sale != "p1" || x.Seq != 1 {
		t.Fatalf("the terminal is %+v, %v", x, err)
	}
	if _, err := journal.Do(t.Context(), j, initOf("p1", "t1")); !errors.Is(err, decide.ErrDuplicate) {
		t.Fatalf("the same again = %v, want the decision's own refusal", err)
	}
}

func TestDecisionsOfABatchSeeEachOther(t *testing.T) {
	t.Parallel()
	memory := &scripted{Memory: storagetest.NewMemory()}
	seedTerminals(t, memory, "t1", "t2")
	j, run := unstarted(t, journal.Config{Storage: memory})
	twin := initOf("p2", "t2")
	twin.Payment.Key = initOf("p1", "t1").Payment.Key
	answers, errs := together[payment.Payment](t, j, run, initOf("p1", "t1"), twin, initOf("p3", "t2"))
	if errs[0] != nil || !errors.Is(errs[1], decide.ErrDuplicate) || errs[2] != nil || answers[2].ID != "p3" {
		t.Fatalf("answers %v, want the second refused as a duplicate", errs)
	}
	if len(memory.batches) != 1 {
		t.Fatalf("%d batches, want one", len(memory.batches))
	}
}

func TestPanicFailsItsDecisionAlone(t *testing.T) {
	t.Parallel()
	memory := storagetest.NewMemory()
	seedTerminals(t, memory, "t1")
	j, run := unstarted(t, journal.Config{Storage: memory})
	bad := count("t1")
	good := bad.do
	bad.do = func(tx *decide.Tx) (uint64, error) {
		_, _ = good(tx) // changes a row first: that must not be kept
		panic(errors.New("secret text"))
	}
	answers, errs := together[uint64](t, j, run, count("t1"), bad, count("t1"))
	var panicked *journal.PanicError
	if errs[0] != nil || !errors.As(errs[1], &panicked) || errs[2] != nil || answers[2] != 2 {
		t.Fatalf("answers %v %v, want the second to fail and not to count", answers, errs)
	}
	if strings.Contains(errs[1].Error(), "secret") {
		t.Errorf("the error tells what the panic said: %v", errs[1])
	}
	needs := decision[int]{}
	var nothing *decide.Needs
	_, err := journal.Do(t.Context(), j, needsPanics{needs, nothing})
	if !errors.As(err, &panicked) {
		t.Fatalf("a panic in Needs = %v", err)
	}
}

type needsPanics struct {
	decision[int]
	nothing *decide.Needs
}

func (n needsPanics) Needs() decide.Needs { return *n.nothing }

func TestGuiltyDecisionFailsAlone(t *testing.T) {
	t.Parallel()
	for _, s := range storages {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			db := s.open(t)
			seedTerminals(t, db, "t1", "t2", "t3")
			j, run := unstarted(t, journal.Config{Storage: db})
			var all []decide.Decision[payment.Payment]
			for i := range 60 {
				d := initOf(fmt.Sprint("p", i), fmt.Sprint("t", i%3+1))
				if i == 17 {
					d.Payment.OrderID = "a\x00b" // no database keeps it
				}
				if i == 44 {
					d.Payment.Amount = 0 // a CHECK constraint
				}
				all = append(all, d)
			}
			_, errs := together(t, j, run, all...)
			for i, err := range errs {
				switch {
				case i == 17 && !errors.Is(err, journal.ErrText), i == 44 && err == nil, i != 17 && i != 44 && err != nil:
					t.Errorf("decision %d is answered %v", i, err)
				}
				p, err := db.PaymentByID(t.Context(), fmt.Sprint("p", i))
				if guilty := i == 17 || i == 44; guilty != errors.Is(err, journal.ErrNotFound) {
					t.Errorf("payment %d is %q, %v", i, p.ID, err)
				}
			}
		})
	}
}

func TestNeedsThatNoDatabaseCanBeAskedForAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	j, _ := unstarted(t, journal.Config{Storage: storagetest.NewMemory()}) // nothing runs
	for _, bad := range []string{"\x00", "a\xff"} {
		for _, needs := range []decide.Needs{
			{Terminals: []protocol.Identity{{MerchantID: "m", StoreID: "s", TerminalID: bad}}},
			{Payments: []string{"p", bad}},
			{Keys: []payment.Key{{MerchantID: "m", TransactionID: bad}}},
			{Tokens: []string{bad}},
			{Messages: []decide.MessageKey{{OrgID: bad}}},
			{Txns: []decide.TxnKey{{OrgID: "o", TxnID: bad}}},
		} {
			if _, err := journal.Do(t.Context(), j, decision[int]{needs: needs}); !errors.Is(err, journal.ErrText) {
				t.Errorf("%+q: %v, want ErrText", needs, err)
			}
		}
	}
}

func TestReferencesAreResolvedTogetherAndFollowed(t *testing.T) {
	t.Parallel()
	memory := &scripted{Memory: storagetest.NewMemory()}
	seedTerminals(t, memory, "t1", "t2", "t3")
	j := start(t, journal.Config{Storage: memory, Writers: 3})
	for i := range 3 {
		if _, err := journal.Do(t.Context(), j, initOf(fmt.Sprint("p", i), fmt.Sprint("t", i+1))); err != nil {
			t.Fatal(err)
		}
	}
	token := decision[int]{do: func(tx *decide.Tx) (int, error) {
		tx.PutQuote(quote.Quote{Token: "q", PaymentID: "p2", CreatedAt: tx.Now(), ExpiresAt: tx.Now()})
		return 0, nil
	}}
	if _, err := journal.Do(t.Context(), j, token); err != nil {
		t.Fatal(err)
	}
	if memory.resolves != 0 {
		t.Fatalf("%d resolves for decisions that name their terminal or nothing", memory.resolves)
	}
	j2, run := unstarted(t, journal.Config{Storage: memory, Writers: 3})
	states, errs := together[payment.State](t, j2, run,
		cancel(decide.Needs{Payments: []string{"p0"}}, "p0"),
		cancel(decide.Needs{Keys: []payment.Key{initOf("p1", "").Payment.Key}}, "p1"),
		cancel(decide.Needs{Tokens: []string{"q"}}, "p2"),
		cancel(decide.Needs{Tokens: []string{"nobody"}}, "p9"),
	)
	for i := range 3 {
		if errs[i] != nil || states[i] != payment.Cancelled {
			t.Errorf("cancel %d = %q, %v", i, states[i], errs[i])
		}
		if x, err := memory.Terminal(t.Context(), terminal(fmt.Sprint("t", i+1))); err != nil || x.Sale != "" {
			t.Errorf("terminal %d still has %q, %v", i+1, x.Sale, err)
		}
	}
	if !errors.Is(errs[3], journal.ErrNotFound) {
		t.Errorf("a token of nobody = %v", errs[3])
	}
	if memory.resolves != 1 {
		t.Errorf("%d resolves for four decisions at once, want one", memory.resolves)
	}
}

// A reference that was resolved may have changed by the time that the rows are
// locked: an OPEN order was claimed. Then its terminal is locked too.
func TestTerminalThatShowsUpLateIsLockedToo(t *testing.T) {
	t.Parallel()
	memory := &scripted{Memory: storagetest.NewMemory()}
	memory.resolve = func(r journal.Resolved) { clear(r.Terminals) } // as it was before the claim
	seedTerminals(t, memory, "t1")
	m := &counter{}
	j := start(t, journal.Config{Storage: memory, Metrics: m})
	if _, err := journal.Do(t.Context(), j, initOf("p1", "t1")); err != nil {
		t.Fatal(err)
	}
	state, err := journal.Do(t.Context(), j, cancel(decide.Needs{Payments: []string{"p1"}}, "p1"))
	if err != nil || state != payment.Cancelled {
		t.Fatalf("cancel = %q, %v", state, err)
	}
	if m.again.Load() != 1 {
		t.Fatalf("the batch ran again %d times, want once", m.again.Load())
	}
	// A payment whose terminal does not exist is no reason to try for ever.
	ghost := decision[int]{needs: decide.Needs{Payments: []string{"p2"}}, do: func(tx *decide.Tx) (int, error) {
		p := initOf("p2", "nobody").Payment
		p.State = payment.Created
		tx.PutPayment(p)
		return 0, nil
	}}
	if _, err := journal.Do(t.Context(), j, ghost); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Do(t.Context(), j, decision[int]{needs: ghost.needs, do: func(*decide.Tx) (int, error) { return 0, nil }}); err != nil {
		t.Fatal(err)
	}
}

func TestOnCommitIsToldAfterTheCallers(t *testing.T) {
	t.Parallel()
	memory := storagetest.NewMemory()
	seedTerminals(t, memory, "t1")
	told := make(chan decide.Changes, 10)
	j := start(t, journal.Config{Storage: memory, OnCommit: func(c decide.Changes) {
		told <- c
		panic("the listener is broken")
	}})
	if _, err := journal.Do(t.Context(), j, initOf("p1", "t1")); err != nil {
		t.Fatal(err)
	}
	if c := <-told; len(c.NewPayments) != 1 || len(c.Terminals) != 1 || len(c.Events) != 1 {
		t.Fatalf("told of %+v", c)
	}
	// A refusal changes nothing, so there is nothing to tell.
	if _, err := journal.Do(t.Context(), j, initOf("p1", "t1")); !errors.Is(err, decide.ErrDuplicate) {
		t.Fatal(err)
	}
	if _, err := journal.Do(t.Context(), j, count("t1")); err != nil {
		t.Fatal(err)
	}
	if c := <-told; len(c.NewPayments) != 0 || len(c.Terminals) != 1 {
		t.Fatalf("told of %+v next", c)
	}
}

func TestNewChecksItsConfig(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]journal.Config{
		"no storage": {}, "no log": {Storage: storagetest.NewMemory()},
		"writers": {Storage: storagetest.NewMemory(), Writers: -1},
	} {
		if _, err := journal.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
