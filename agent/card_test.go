package agent_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// TestABillByCard: the card machine's yes is reported, and PAID waits for the
// controller.
func TestABillByCard(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, m *cardMachine) {
		r.wantCard(m)
		if s := r.is(); s.PayMode != protocol.PayCard || r.scan() != "" {
			t.Fatalf("status is %+v, a phone reads %q", s, r.scan())
		}
		time.Sleep(10 * time.Second)
		m.hold(approves(24500), 3*time.Second)
		r.want(protocol.ModeChecking, "A")
		r.wantFacts("received A", "accepted A", "presented A CARD", "card_read A")
		time.Sleep(4 * time.Second)
		r.want(protocol.ModeChecking, "A")
		r.wantFacts("received A", "accepted A", "presented A CARD", "card_read A", "card_approved A 632512004217")
		if r.ever(paid) {
			t.Fatal("PAID on the card machine's word")
		}
		r.end("A", protocol.OutcomeSucceeded)
		if !paid(r.is()) {
			t.Fatalf("status is %+v", r.is())
		}
		if n := m.asked(); n != 0 {
			t.Errorf("it was asked %d times for what it had said", n)
		}
	})
}

func TestADeclinedCard(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, m *cardMachine) {
		r.wantCard(m)
		m.hold(declines(), time.Second)
		time.Sleep(2 * time.Second)
		r.want(protocol.ModeChecking, "A")
		r.wantFacts("received A", "accepted A", "presented A CARD", "card_read A", "card_declined A INSUFFICIENT_FUNDS")
		r.end("A", protocol.OutcomeFailed)
		r.want(protocol.ModeResult, "A")
	})
}

// TestACardThatNobodyKnowsOf: asked after 2, 5, 10, 30 s, then every minute, and
// the truth is told when it comes.
func TestACardThatNobodyKnowsOf(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, m *cardMachine) {
		r.wantCard(m)
		m.hold(dies(), time.Second)
		time.Sleep(1500 * time.Millisecond)
		facts := []string{"received A", "accepted A", "presented A CARD", "card_read A", "card_unknown A"}
		r.wantFacts(facts...)
		for i, gap := range []time.Duration{2, 5, 10, 30, 60} {
			if m.asked() != i {
				t.Fatalf("asked %d times before the wait of %d s", m.lasts, gap)
			}
			time.Sleep(gap * time.Second)
			synctest.Wait()
		}
		r.wantFacts(facts...)
		m.knows("A", approves(24500))
		time.Sleep(61 * time.Second)
		r.wantFacts(append(facts, "card_approved A 632512004217")...)
		asked := m.asked()
		time.Sleep(2 * time.Minute)
		if m.asked() != asked {
			t.Error("it goes on asking")
		}
		r.want(protocol.ModeChecking, "A")
		r.end("A", protocol.OutcomeUnknown) // the controller frees the terminal
		if s := r.is(); s.Mode != protocol.ModeResult || s.Result != protocol.OutcomeUnknown {
			t.Fatalf("status is %+v", s)
		}
		time.Sleep(9 * time.Second)
		r.want(protocol.ModeIdle, "")
	})
}

// TestAWithdrawnCard: nobody waits for a card of a sale that is gone; one that
// was read in that very moment is told all the same.
func TestAWithdrawnCard(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, m *cardMachine) {
		r.wantCard(m)
		r.end("A", protocol.OutcomeCancelled)
		if got := m.wantsCard(); got != "" {
			t.Fatalf("a card is still wanted for %s", got)
		}
		r.want(protocol.ModeResult, "A")
		time.Sleep(4 * time.Second)

		// Superseded: the next sale gets the reader.
		r.push(bill("B", protocol.PhaseOffered))
		r.press(agent.KeyAccept, agent.KeyCard)
		r.push(bill("C", protocol.PhaseOffered))
		r.press(agent.KeyAccept, agent.KeyCard)
		if got := m.wantsCard(); got != "C ₹245.00" {
			t.Fatalf("a card is wanted for %q", got)
		}
		time.Sleep(61 * time.Second)
		r.want(protocol.ModeChecking, "C")
		if got := m.wantsCard(); got != "" {
			t.Fatalf("a card is wanted for %s, whose time is up", got)
		}
		// Read, and cancelled before the bank has answered.
		r.push(bill("D", protocol.PhaseOffered))
		r.press(agent.KeyAccept, agent.KeyCard)
		m.hold(approves(24500), 5*time.Second)
		r.end("D", protocol.OutcomeCancelled)
		time.Sleep(6 * time.Second)
		facts := r.ctrl.Facts()
		if !slices.Contains(facts, "card_approved D 632512004217") || r.ever(paid) {
			t.Fatalf("facts are %q, PAID %v", facts, r.ever(paid))
		}
	})
}

// TestACardAndAPowerCut: a card is never charged twice, and what became of it is
// told, wherever the power went.
func TestACardAndAPowerCut(t *testing.T) {
	back := func(r *rig, phase protocol.Phase) {
		r.off()
		r.ctrl.Want(func(s *protocol.State) {
			s.Sale = bill("A", phase)
			s.Sale.Prompt, s.Sale.Chosen = false, protocol.PayCard
		})
		r.on()
	}
	t.Run("before a card", func(t *testing.T) {
		edc(t, func(t *testing.T, r *rig, m *cardMachine) {
			r.wantCard(m)
			back(r, protocol.PhasePresented)
			r.want(protocol.ModePresenting, "A")
			if got := m.wantsCard(); got != "A ₹245.00" || m.asked() != 1 {
				t.Fatalf("a card is wanted for %q, after %d questions", got, m.asked())
			}
		})
	})
	t.Run("in the middle of an approval", func(t *testing.T) {
		edc(t, func(t *testing.T, r *rig, m *cardMachine) {
			r.wantCard(m)
			r.ctrl.Silence(true)
			m.hold(approves(24500), 500*time.Millisecond)
			r.off()
			r.ctrl.Silence(false)
			back(r, protocol.PhasePresented) // the controller has not heard of the card
			r.want(protocol.ModeChecking, "A")
			r.wantTold("received A", "accepted A", "presented A CARD", "card_read A", "card_approved A 632512004217")
		})
	})
	t.Run("after the answer", func(t *testing.T) {
		edc(t, func(t *testing.T, r *rig, m *cardMachine) {
			r.wantCard(m)
			r.ctrl.Silence(true)
			m.hold(declines(), 0)
			back(r, protocol.PhasePaying)
			r.ctrl.Silence(false)
			time.Sleep(6 * time.Second)
			r.want(protocol.ModeChecking, "A")
			r.wantTold("received A", "accepted A", "presented A CARD", "card_read A", "card_declined A INSUFFICIENT_FUNDS")
		})
	})
	t.Run("the sale ended meanwhile", func(t *testing.T) {
		edc(t, func(t *testing.T, r *rig, m *cardMachine) {
			r.wantCard(m)
			m.hold(dies(), 0)
			r.off()
			m.knows("A", approves(24500))
			r.end("A", protocol.OutcomeCancelled)
			r.on()
			time.Sleep(time.Second)
			if facts := r.ctrl.Facts(); !slices.Contains(facts, "card_approved A 632512004217") {
				t.Fatalf("facts are %q", facts)
			}
		})
	})
}

// wantTold is wantFacts, but for repeats: after a power cut the card machine is
// asked once more, and a fact that is told twice changes nothing.
func (r *rig) wantTold(facts ...string) {
	r.t.Helper()
	synctest.Wait()
	var told []string
	for _, f := range r.ctrl.Facts() {
		if !slices.Contains(told, f) {
			told = append(told, f)
		}
	}
	if !slices.Equal(told, facts) {
		r.t.Fatalf("facts are %q, want %q", told, facts)
	}
}

// TestACardIsOnTheDiskBeforeTheBankIsAsked: started returns no sooner.
func TestACardIsOnTheDiskBeforeTheBankIsAsked(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, m *cardMachine) {
		r.wantCard(m)
		m.mu.Lock()
		w := m.wants
		m.mu.Unlock()
		r.ctrl.Silence(true)
		m.knows("A", dies())
		started := make(chan struct{})
		m.set(nil, false)
		m.notify(func() {
			r.stop() // the power goes the moment that started is back
			close(started)
		})
		w.tap <- tap{verdict: dies()}
		<-started
		r.off()
		r.ctrl.Silence(false)
		m.set(errCable, false)
		r.on()
		if facts := r.ctrl.Facts(); !slices.Contains(facts, "card_read A") {
			t.Fatalf("facts are %q", facts)
		}
	})
}

// TestACardMachineThatFails: unplugged, it is tried again while a card is wanted;
// deaf to the end of the waiting, it holds up nobody.
func TestACardMachineThatFails(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, m *cardMachine) {
		m.set(errCable, false)
		r.push(bill("A", protocol.PhaseOffered))
		r.press(agent.KeyAccept, agent.KeyCard)
		time.Sleep(10 * time.Second)
		r.want(protocol.ModePresenting, "A")
		m.set(nil, true)
		time.Sleep(4 * time.Second)
		if got := m.wantsCard(); got != "A ₹245.00" {
			t.Fatalf("a card is wanted for %q", got)
		}
		m.mu.Lock()
		stale := m.wants
		m.mu.Unlock()
		r.push(bill("B", protocol.PhaseOffered))
		r.press(agent.KeyAccept, agent.KeyCard)
		time.Sleep(4 * time.Second)
		if got := m.wantsCard(); got != "B ₹245.00" {
			t.Fatalf("a card is wanted for %q", got)
		}
		// The deaf call reads a card at last: it is told.
		m.knows("A", approves(24500))
		stale.tap <- tap{verdict: approves(24500)}
		time.Sleep(time.Second)
		if facts := r.ctrl.Facts(); !slices.Contains(facts, "card_approved A 632512004217") {
			t.Fatalf("facts are %q", facts)
		}
		m.hold(approves(24500), 0)
		r.want(protocol.ModeChecking, "B")
	})
}

// TestACardMachineThatHangs: it read a card and never comes back. After two
// minutes it is asked beside that.
func TestACardMachineThatHangs(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, m *cardMachine) {
		r.wantCard(m)
		m.hold(approves(24500), 130*time.Second)
		time.Sleep(121 * time.Second)
		facts := []string{"received A", "accepted A", "presented A CARD", "card_read A", "card_approved A 632512004217"}
		r.wantFacts(facts...)
		time.Sleep(10 * time.Second)
		r.is()
		for _, fact := range r.ctrl.Facts()[len(facts):] { // its late answer is the same
			if fact != "card_read A" && fact != facts[4] {
				t.Errorf("it says also %q", fact)
			}
		}
	})
}

// TestNoCardNumberGoesThrough: whatever field a card machine puts it into, it is
// in no message, not in the log, and not on the disk (failure matrix T23).
func TestNoCardNumberGoesThrough(t *testing.T) {
	const number = "4012888888881881"
	for name, v := range map[string]verdict{
		"last4":             {card: protocol.Card{RRN: "632512004217", AmountPaise: 24500, Last4: number, Network: "VISA", Type: "DEBIT"}},
		"network":           {card: protocol.Card{RRN: "632512004217", AmountPaise: 24500, Last4: "1881", Network: number, Type: "DEBIT"}},
		"type":              {card: protocol.Card{RRN: "632512004217", AmountPaise: 24500, Last4: "1881", Network: "VISA", Type: number}},
		"rrn":               {card: protocol.Card{RRN: number, AmountPaise: 24500, Last4: "1881", Network: "VISA", Type: "DEBIT"}},
		"reason":            {err: &agent.CardDeclined{Reason: "card " + number}},
		"reason, in groups": {err: &agent.CardDeclined{Reason: "4012 8888 8888 1881"}},
	} {
		t.Run(name, func(t *testing.T) {
			edc(t, func(t *testing.T, r *rig, m *cardMachine) {
				r.off()
				var log bytes.Buffer
				r.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
				r.on()
				r.wantCard(m)
				m.hold(v, 0)
				time.Sleep(5 * time.Second)
				r.off()
				said, err := json.Marshal(r.ctrl.Ups())
				if err != nil {
					t.Fatal(err)
				}
				facts := r.ctrl.Facts()
				if last := facts[len(facts)-1]; !strings.HasPrefix(last, "card_") || last == "card_read A" {
					t.Fatalf("the outcome was not told: %q", facts)
				}
				for what, text := range map[string]string{"messages": string(said), "log": log.String(), "disk": r.disk()} {
					if plain := strings.NewReplacer(" ", "", "-", "").Replace(text); strings.Contains(plain, number) {
						t.Errorf("the card number is in the %s", what)
					}
				}
			})
		})
	}
}
