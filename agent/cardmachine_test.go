package agent_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// cardMachine is an agent.CardReader with nothing but memory behind it. As a real
// one it has its own power, and never charges a reference twice.
type cardMachine struct {
	t *testing.T

	mu     sync.Mutex
	wants  *wanted // a Pay that waits for a card
	ledger map[string]verdict
	// breaks is returned by every call while it is set; deaf makes Pay ignore the
	// end of its ctx.
	breaks error
	deaf   bool
	pays   []string // references that cards were wanted for
	lasts  int
	paying int
	// onStarted is called once the terminal has taken note of a card; nil: not.
	onStarted func()
}

type wanted struct {
	ref    string
	amount protocol.Paise
	tap    chan tap
}

// tap is a card held to the machine: its bank answers after a time.
type tap struct {
	verdict
	after time.Duration
}

type verdict struct {
	card protocol.Card
	err  error
}

func newCardMachine(t *testing.T) *cardMachine {
	return &cardMachine{t: t, ledger: map[string]verdict{}}
}

// approves, declines and dies are what a bank says, or not.
func approves(amount protocol.Paise) verdict {
	return verdict{card: protocol.Card{RRN: "632512004217", AmountPaise: amount, Last4: "4242", Network: "VISA", Type: "DEBIT"}}
}

func declines() verdict { return verdict{err: &agent.CardDeclined{Reason: "INSUFFICIENT_FUNDS"}} }

func dies() verdict { return verdict{err: agent.ErrCardNoAnswer} }

// Pay implements agent.CardReader.
func (m *cardMachine) Pay(ctx context.Context, ref string, amount protocol.Paise, started func()) (protocol.Card, error) {
	m.mu.Lock()
	if m.breaks != nil {
		defer m.mu.Unlock()
		return protocol.Card{}, m.breaks
	}
	if v, known := m.ledger[ref]; known {
		m.mu.Unlock()
		m.t.Errorf("a second card is wanted for %s", ref)
		return v.card, v.err
	}
	if m.paying++; m.paying > 1 && !m.deaf {
		m.t.Errorf("%d cards are wanted at once", m.paying)
	}
	w := &wanted{ref, amount, make(chan tap, 1)}
	m.wants, m.pays = w, append(m.pays, ref)
	deaf := m.deaf
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.paying--
		if m.wants == w {
			m.wants = nil
		}
	}()
	done := ctx.Done()
	if deaf {
		done = nil
	}
	select {
	case <-done:
		return protocol.Card{}, ctx.Err()
	case t := <-w.tap:
		started()
		m.mu.Lock()
		notify := m.onStarted
		m.mu.Unlock()
		if notify != nil {
			notify()
		}
		time.Sleep(t.after)
		m.mu.Lock()
		defer m.mu.Unlock()
		return t.card, t.err
	}
}

// Last implements agent.CardReader.
func (m *cardMachine) Last(_ context.Context, ref string) (protocol.Card, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lasts++
	if m.breaks != nil {
		return protocol.Card{}, m.breaks
	}
	v, known := m.ledger[ref]
	if !known {
		return protocol.Card{}, agent.ErrCardUnknownRef
	}
	return v.card, v.err
}

// wantsCard is the reference and amount that a card is wanted for; "" for none.
func (m *cardMachine) wantsCard() string {
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wants == nil {
		return ""
	}
	return fmt.Sprintf("%s %s", m.wants.ref, m.wants.amount)
}

// hold holds a card to the machine.
func (m *cardMachine) hold(v verdict, after time.Duration) {
	m.t.Helper()
	synctest.Wait()
	m.mu.Lock()
	w := m.wants
	if w == nil {
		m.mu.Unlock()
		m.t.Fatal("no card is wanted")
	}
	m.wants, m.ledger[w.ref] = nil, v
	m.mu.Unlock()
	w.tap <- tap{v, after}
	synctest.Wait()
}

// asked is how often it was asked how a payment ended.
func (m *cardMachine) asked() int {
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lasts
}

func (m *cardMachine) notify(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.onStarted = f
}

// knows sets what the machine says of a reference from now on.
func (m *cardMachine) knows(ref string, v verdict) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ledger[ref] = v
}

func (m *cardMachine) set(breaks error, deaf bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.breaks, m.deaf = breaks, deaf
}

var errCable = errors.New("no such device")

// edc runs test with a terminal that has keys and a card machine, and lets orders
// be pulled; it is idle.
func edc(t *testing.T, test func(*testing.T, *rig, *cardMachine)) {
	t.Helper()
	bubble(t, func(t *testing.T, r *rig) {
		m := newCardMachine(t)
		r.keys, r.card = make(chan agent.Key), m
		r.ctrl.Want(func(s *protocol.State) { s.Display.Pull = true })
		r.on()
		r.want(protocol.ModeIdle, "")
		test(t, r, m)
	})
}

// bill is a sale of 245 rupees that has to be accepted, by card or QR.
func bill(payment string, phase protocol.Phase) *protocol.Sale {
	s := sale(payment, phase)
	s.PayModes, s.Prompt = []protocol.PayMode{protocol.PayCard, protocol.PayDQR}, true
	return s
}

// push makes the controller want a bill.
func (r *rig) push(s *protocol.Sale) {
	r.ctrl.Want(func(st *protocol.State) { st.Sale, st.Result = s, nil })
	synctest.Wait()
}

// card brings payment A so far that a card is wanted for it.
func (r *rig) wantCard(m *cardMachine) {
	r.t.Helper()
	r.push(bill("A", protocol.PhaseOffered))
	r.press(agent.KeyAccept, agent.KeyCard)
	r.want(protocol.ModePresenting, "A")
	if got := m.wantsCard(); got != "A ₹245.00" {
		r.t.Fatalf("the card machine wants a card for %q", got)
	}
	r.wantFacts("received A", "accepted A", "presented A CARD")
}
