package storagetest

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

var modelCases = []testCase{
	{"any series of batches ends as it does in memory", likeMemory},
}

// likeMemory runs random batches on a storage and on Memory and compares all
// that can be seen after each. One storage serves all series: each has a
// merchant of its own.
func likeMemory(t *testing.T, b bench) {
	var series atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{real: b, memory: NewMemory(), name: fmt.Sprintf("M%d", series.Add(1))}
		m.seed(rt)
		for range rapid.IntRange(4, 16).Draw(rt, "batches") {
			m.batch(rt)
			m.comparePayment(rt, rapid.IntRange(0, 5).Draw(rt, "look at"))
			m.compareLists(rt)
		}
		for i := range 6 {
			m.comparePayment(rt, i)
		}
	})
}

type machine struct {
	real   Storage
	memory *Memory
	name   string // of the merchant; begins every id

	seconds int
	ghost   bool // the batch changes what was not loaded
}

func (m *machine) terminals() []protocol.Identity {
	var ids []protocol.Identity
	for i := range 3 {
		ids = append(ids, protocol.Identity{MerchantID: m.name, StoreID: "s", TerminalID: fmt.Sprint("t", i)})
	}
	return ids
}

func (m *machine) seed(t *rapid.T) {
	d := merchant.Data{Merchants: []merchant.Merchant{{ID: m.name, Name: "Shop " + m.name}}}
	for _, id := range m.terminals() {
		d.Terminals = append(d.Terminals, merchant.Terminal{Identity: id, Active: true})
	}
	for _, s := range []Storage{m.real, m.memory} {
		if err := s.Seed(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
}

// id is one of a few, so that batches meet.
func (m *machine) id(t *rapid.T, kind string) string {
	return fmt.Sprintf("%s-%s%d", m.name, kind, rapid.IntRange(0, 5).Draw(t, kind))
}

func (m *machine) instant(t *rapid.T, label string) time.Time {
	switch rapid.IntRange(0, 3).Draw(t, label) {
	case 0:
		return time.Time{}
	case 1: // past
		return day.Add(-time.Duration(rapid.IntRange(1, 9).Draw(t, "hours")) * time.Hour)
	default: // years ahead, so that the time of the test is of no account
		return day.AddDate(50, 0, rapid.IntRange(0, 9).Draw(t, "days"))
	}
}

// batch runs one batch of random needs and changes on both. Some of these
// collide, some change what was not loaded: both must say the same of it.
func (m *machine) batch(t *rapid.T) {
	m.seconds++
	var needs decide.Needs
	for _, id := range m.terminals() {
		if rapid.Bool().Draw(t, "terminal") {
			needs.Terminals = append(needs.Terminals, id)
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "needs") {
		needs.Payments = append(needs.Payments, m.id(t, "p"))
		needs.Keys = append(needs.Keys, payment.Key{MerchantID: m.name, TransactionID: m.id(t, "k")})
		needs.Tokens = append(needs.Tokens, m.id(t, "q"))
		needs.Messages = append(needs.Messages, decide.MessageKey{OrgID: m.name, MsgID: m.id(t, "m")})
		needs.Txns = append(needs.Txns, decide.TxnKey{OrgID: m.name, TxnID: m.id(t, "x")})
	}
	needs.Sort()
	var seen decide.Snapshot
	var changes decide.Changes
	apply := func(s Storage, run func(decide.Snapshot) decide.Changes) error {
		return s.Apply(t.Context(), journal.NewBatchID(), needs, func(snap decide.Snapshot) (decide.Changes, error) { return run(snap), nil })
	}
	inMemory := apply(m.memory, func(snap decide.Snapshot) decide.Changes {
		seen, changes = snap, m.change(t, snap)
		return changes
	})
	inReal := apply(m.real, func(snap decide.Snapshot) decide.Changes {
		snap.Now = seen.Now
		if !reflect.DeepEqual(snap, seen) {
			t.Fatalf("the snapshot is\n  %+v, in memory\n  %+v", snap, seen)
		}
		return changes
	})
	// A batch that is wrong for two reasons may be refused for either.
	other := !m.ghost && errors.Is(inReal, journal.ErrAgain) != errors.Is(inMemory, journal.ErrAgain)
	if (inReal == nil) != (inMemory == nil) || other {
		t.Fatalf("the batch ended in %v, in memory in %v", inReal, inMemory)
	}
}

func (m *machine) change(t *rapid.T, snap decide.Snapshot) decide.Changes {
	var c decide.Changes
	m.ghost = false
	at := day.Add(time.Duration(m.seconds) * time.Second)
	for _, id := range m.terminals() {
		terminal, ok := snap.Terminals[id]
		if !ok && rapid.IntRange(0, 30).Draw(t, "ghost") > 0 || !rapid.Bool().Draw(t, "change") {
			continue
		}
		terminal.Identity = id
		m.ghost = m.ghost || !ok
		terminal.Sale, terminal.Result = rapid.SampledFrom([]string{"", m.id(t, "p")}).Draw(t, "sale"), m.id(t, "p")
		terminal.Waiting = nil
		for range rapid.IntRange(0, 2).Draw(t, "waiting") {
			terminal.Waiting = append(terminal.Waiting, m.id(t, "p"))
		}
		terminal.Seq += uint64(rapid.IntRange(0, 2).Draw(t, "seq"))
		terminal.AckedSeq = min(terminal.Seq, uint64(rapid.IntRange(0, 3).Draw(t, "acked")))
		terminal.GoneAt = m.instant(t, "gone")
		terminal.PublicKey, terminal.TokenHash = []byte("key"), []byte("hash")
		c.Terminals = append(c.Terminals, terminal)
	}
	for _, id := range slices.Sorted(maps.Keys(snap.Payments)) {
		p := snap.Payments[id]
		p.State = rapid.SampledFrom(payment.States[1:]).Draw(t, "state")
		p.HoldUntil, p.EndedAt, p.Seq = m.instant(t, "hold"), m.instant(t, "ended"), p.Seq+1
		c.Payments = append(c.Payments, p)
	}
	for _, token := range slices.Sorted(maps.Keys(snap.Quotes)) {
		q := snap.Quotes[token]
		q.UsedAt, q.UsedBy = m.instant(t, "used"), m.id(t, "x")
		c.Quotes = append(c.Quotes, q)
	}
	if rapid.Bool().Draw(t, "new") {
		p := payment.Payment{
			ID: m.id(t, "p"), Key: payment.Key{MerchantID: m.name, TransactionID: m.id(t, "k")}, Amount: 1,
			Solution: payment.EDC, State: payment.Created, CreatedAt: at, ExpiresAt: m.instant(t, "expires"), Seq: 1,
		}
		if p.ExpiresAt.IsZero() {
			p.ExpiresAt = at
		}
		c.NewPayments = append(c.NewPayments, p)
		c.Events = append(c.Events, payment.Record{PaymentID: p.ID, Seq: int64(rapid.IntRange(1, 3).Draw(t, "event")), At: day})
	}
	if rapid.Bool().Draw(t, "new quote") {
		c.NewQuotes = append(c.NewQuotes, quote.Quote{Token: m.id(t, "q"), PaymentID: m.id(t, "p"), CreatedAt: at, ExpiresAt: at})
	}
	if rapid.Bool().Draw(t, "message") {
		c.Messages = append(c.Messages, decide.Message{MessageKey: decide.MessageKey{OrgID: m.name, MsgID: m.id(t, "m")}, At: at})
		c.NewReqPays = append(c.NewReqPays, decide.ReqPay{TxnKey: decide.TxnKey{OrgID: m.name, TxnID: m.id(t, "x")}, Status: "SUCCESS", At: at})
	}
	return c
}

// comparePayment compares what readers see of one of the few ids.
func (m *machine) comparePayment(t *rapid.T, i int) {
	id := fmt.Sprintf("%s-p%d", m.name, i)
	m.both(t, "payment "+id, func(s Storage) (any, error) { return s.PaymentByID(t.Context(), id) })
	m.both(t, "merchant's payment", func(s Storage) (any, error) {
		return s.Payment(t.Context(), m.name, fmt.Sprintf("%s-k%d", m.name, i))
	})
	m.both(t, "events of "+id, func(s Storage) (any, error) { return s.Events(t.Context(), id) })
	m.both(t, "quote", func(s Storage) (any, error) { return s.Quote(t.Context(), fmt.Sprintf("%s-q%d", m.name, i)) })
}

// compareLists compares what the publisher and the sweeper see.
func (m *machine) compareLists(t *rapid.T) {
	m.both(t, "wanted", func(s Storage) (any, error) {
		all, err := s.Wanted(t.Context(), m.terminals())
		for i := range all {
			all[i].Now = time.Time{}
		}
		return all, err
	})
	m.both(t, "unacked", func(s Storage) (any, error) {
		all, err := s.Unacked(t.Context(), 1_000_000)
		return m.mine(all), err
	})
	m.both(t, "due", func(s Storage) (any, error) {
		due, err := s.Due(t.Context(), 1_000_000)
		mine := map[string]bool{}
		for _, id := range due.Payments {
			if len(id) > len(m.name) && id[:len(m.name)+1] == m.name+"-" {
				mine[id] = true
			}
		}
		return []any{mine, m.mine(due.Terminals)}, err
	})
}

func (m *machine) mine(all []protocol.Identity) []protocol.Identity {
	var mine []protocol.Identity
	for _, id := range all {
		if id.MerchantID == m.name {
			mine = append(mine, id)
		}
	}
	return mine
}

func (m *machine) both(t *rapid.T, what string, read func(Storage) (any, error)) {
	got, err := read(m.real)
	want, wanted := read(m.memory)
	if errors.Is(err, journal.ErrNotFound) && errors.Is(wanted, journal.ErrNotFound) {
		return
	}
	if err != nil || wanted != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%s is\n  %+v, %v, in memory\n  %+v, %v", what, got, err, want, wanted)
	}
}
