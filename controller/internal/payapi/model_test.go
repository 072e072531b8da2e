package payapi_test

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/storagetest"
	"github.com/galla-pay/galla/controller/internal/sweep"
	"github.com/galla-pay/galla/protocol"
)

// books is all that was ever committed, kept beside the database by somebody who
// only listens.
type books struct {
	*storagetest.Memory
	mu       sync.Mutex
	payments map[string]payment.Payment
	credits  map[decide.TxnKey]decide.Credit
	notices  map[string]int  // by payment
	news     map[string]bool // payments that something was written of
}

func (b *books) write(c decide.Changes) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range slices.Concat(c.NewPayments, c.Payments) {
		b.payments[p.ID], b.news[p.ID] = p, true
	}
	for _, x := range slices.Concat(c.NewCredits, c.Credits) {
		b.credits[x.TxnKey], b.news[x.PaymentID] = x, true
	}
	for _, n := range c.Callbacks {
		b.notices[n.PaymentID]++
		b.news[n.PaymentID] = true
	}
}

// Payments and CallbackHorizon make the books what the door reads.
func (b *books) Payments(_ context.Context, q journal.PaymentQuery) (found []payment.Payment, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	order := func(a, b payment.Payment) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	}
	all := slices.SortedFunc(maps.Values(b.payments), order)
	if q.Newest {
		slices.Reverse(all)
	}
	after := payment.Payment{ID: q.AfterID, CreatedAt: q.AfterTime}
	for _, p := range all {
		passed := q.AfterTime.IsZero() || order(p, after) > 0 != q.Newest && order(p, after) != 0
		if passed && p.MerchantID == q.MerchantID && (q.Original == "" || p.Original == q.Original) && !p.CreatedAt.Before(q.Since) && (q.Limit == 0 || len(found) < q.Limit) {
			found = append(found, p)
		}
	}
	return found, nil
}

func (b *books) CallbackHorizon(ctx context.Context) (time.Time, error) { return b.Memory.Now(ctx) }

// model is a shop in a bubble of its own time: the door, a journal, a sweeper,
// terminals and a network that do whatever a step says.
type model struct {
	*city
	books  *books
	ids    []string            // the merchant's, in the order of their inits and refunds
	ended  map[string]string   // what was told once a payment had ended
	asked  map[string]bool     // a cancel was answered CANCEL_REQUESTED
	must   map[string][]string // states that are left after what was answered
	paying []decide.Pay        // tokens that were given out
	facts  uint64
	n      int
}

var counters = []protocol.Identity{
	{MerchantID: "MERCHANTUAT", StoreID: "teststore1", TerminalID: "testterminal1"}, {MerchantID: "MERCHANTUAT", StoreID: "teststore1", TerminalID: "second"},
}

func newModel(t *testing.T) *model {
	t.Helper()
	data := merchant.Sandbox()
	data.Terminals = append(data.Terminals, merchant.Terminal{Identity: counters[1], Active: true, Integrated: true, PaymentWindowSeconds: 40})
	b := &books{storagetest.NewMemory(), sync.Mutex{}, map[string]payment.Payment{}, map[decide.TxnKey]decide.Credit{}, map[string]int{}, map[string]bool{}}
	if err := b.Seed(t.Context(), data); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	house := &doortest.House{People: merchant.New(data), LinkKey: key, Log: slog.New(slog.DiscardHandler)}
	house.Journal = newJournal(t, journal.Config{Storage: b.Memory, Log: house.Log, OnCommit: b.write})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		(&sweep.Sweeper{Journal: house.Journal, Find: b.Due, Log: house.Log}).Run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	door := &door{t: t, House: house, handler: newEngine(payapi.New(payapi.Config{
		Journal: house.Journal, Reader: b, Directory: house.Directory, LinkKey: key, OrgID: "MER101", Sandbox: true, Log: house.Log,
	}))}
	return &model{city: &city{door: door}, books: b, ended: map[string]string{}, asked: map[string]bool{}, must: map[string][]string{}}
}

// step is one thing that happens: to which payment, where, and how.
type step struct {
	what          string
	which, at, by int
}

func drawStep(t *rapid.T) step {
	return step{
		rapid.SampledFrom([]string{
			"nothing", "init", "init", "init", "sell", "fact", "fact", "fact", "fact", "claim", "validate", "validate", "pay", "pay", "pay", "answer", "result", "cancel", "cancel",
			"refund", "refund", "refund", "settle", "settle", "resolve", "pass", "pass", "again",
		}).Draw(t, "what"),
		rapid.IntRange(0, 7).Draw(t, "which"), rapid.IntRange(0, 1).Draw(t, "at"), rapid.IntRange(0, 11).Draw(t, "by"),
	}
}

// TestNothingContradicts: whatever POS, terminals, network and time do, in
// whatever order: what was told of a payment's end is told for ever; v1 and v3
// say the same; every payment that has ended has one notice in the outbox, and
// no other has one; a success has exactly one credit; refunds never give back
// more than was paid; a cancel's answer holds (DESIGN 5; failure matrix I1, I2,
// I4, I7, I9).
func TestNothingContradicts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 40, 60).Draw(r, "steps")
		var wrong error
		synctest.Test(t, func(t *testing.T) {
			m := newModel(t)
			for n, s := range steps {
				m.step(s)
				synctest.Wait()
				if wrong = m.check(false); wrong != nil {
					wrong = fmt.Errorf("after step %d, %+v: %w", n+1, s, wrong)
					return
				}
			}
			if wrong = m.check(true); wrong == nil {
				wrong = m.accounts()
			}
		})
		if wrong != nil {
			r.Fatal(wrong)
		}
	})
}

// pick is a payment that there is, or a zero one.
func (m *model) pick(which int) payment.Payment {
	if len(m.ids) == 0 {
		return payment.Payment{}
	}
	return m.row(m.ids[len(m.ids)-1-which%len(m.ids)]) // the latest first
}

func (m *model) row(id string) payment.Payment {
	p, err := m.books.Payment(context.Background(), "MERCHANTUAT", id)
	if err != nil {
		m.t.Errorf("%s: %v", id, err)
	}
	return p
}

// run runs a decision; a refusal is an answer too.
func run[A any](m *model, d decide.Decision[A]) (A, error) {
	return journal.Do(context.Background(), m.Journal, d)
}

func (m *model) step(s step) {
	m.n++
	p := m.pick(s.which)
	if !slices.Contains([]string{"init", "sell", "pass"}, s.what) && p.ID == "" {
		return
	}
	switch s.what {
	case "init":
		m.init(s)
	case "sell": // and the customer pays in no time
		m.init(step{"init", s.which, s.at, 3})
		m.validate(m.pick(0))
		m.pay(step{"pay", 0, s.at, 11})
	case "again": // the key is taken for ever
		if a := m.send(postTo(m.t, initPath, merchantKey, sample(fields{"merchantTransactionId": p.TransactionID, "amount": 5000}))); a.Code != "DUPLICATE_TRANSACTION_ID" {
			m.t.Errorf("%s again: %s", p.TransactionID, a.raw)
		}
	case "fact":
		m.fact(p, s)
	case "claim":
		code := p.ShortOrderID
		if code == "" {
			code = "0000"
		}
		if _, err := run(m, decide.Claim{Pull: protocol.Pull{Header: protocol.Header{Identity: counters[s.at]}, PullID: fmt.Sprint("pull", m.n), ShortOrderID: code}}); err != nil {
			m.t.Error(err)
		}
	case "validate":
		m.validate(p)
	case "pay":
		m.pay(s)
	case "answer":
		m.answer(p, s)
	case "result":
		m.result(p, s)
	case "cancel":
		m.cancel(p, s)
	case "refund":
		m.refund(p, s)
	case "settle":
		if p.Solution == payment.Refund {
			_, _ = run(m, refundSettled(p, []string{"", "ZR"}[s.at])) // the opposite of what was is refused
		}
	case "resolve":
		_, _ = run(m, decide.Resolve{PaymentID: p.ID, Original: p.Original, Paid: s.at == 0, Reference: "EVIDENCE", Actor: "operator:x"})
	case "pass":
		time.Sleep([]time.Duration{time.Second, 30 * time.Second, 45 * time.Second, 2 * time.Minute, 31 * time.Minute}[s.by%5])
	}
}

func (m *model) init(s step) {
	id := m.fresh()
	amount := 100 + 50*s.which
	path, payload := initPath, sample(fields{"amount": amount, "expiresIn": 20 + 20*s.by})
	switch s.by % 5 {
	case 1:
		payload = with(edcSample, fields{"amount": amount, "terminalId": counters[s.at].TerminalID})
	case 2:
		payload = with(openSample, fields{"amount": amount, "shortOrderId": fmt.Sprintf("%04d", s.at)})
	case 3:
		path, payload = qrPath, with(qrSample, fields{"amount": amount, "expiresIn": 60})
	case 4:
		path, payload = collectPath, with(collectSample, fields{"amount": amount, "expiresIn": 60})
	}
	a := m.send(postTo(m.t, path, merchantKey, with(payload, fields{"merchantTransactionId": nil, "transactionId": id})))
	switch {
	case a.Success:
		m.ids = append(m.ids, id)
	case a.Code != "SHORT_CODE_ALREADY_USED":
		m.t.Errorf("init: %s", a.raw)
	}
}
