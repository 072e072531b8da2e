package cardlink_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/cardlink"
	"github.com/galla-pay/galla/protocol"
	wire "github.com/galla-pay/galla/protocol/cardlink"
)

// A sale, from the wish for a card to the approval that stands: the bank is asked
// once the terminal has the card on its disk, and not before.
func TestASale(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.pay(t.Context())
		r.wantTold("SALE P1 INR24500")
		r.say(of(wire.Waiting))
		time.Sleep(10 * time.Minute) // the customer looks for the card
		if is(p.done) || is(p.started) {
			t.Fatalf("Pay = %v", p.err)
		}
		r.say(of(wire.Read))
		if !is(p.started) {
			t.Fatal("a card was read, and the terminal is not told")
		}
		r.wantTold("SALE P1 INR24500", "NOTED P1")
		r.say(of(wire.Pending))
		time.Sleep(30 * time.Second) // the bank thinks
		r.say(approves(24_500))
		if is(p.done) {
			t.Fatal("an approval that does not stand yet is told")
		}
		r.wantTold("SALE P1 INR24500", "NOTED P1", "TOOK P1")
		r.say(of(wire.Kept))
		if <-p.done; p.err != nil || p.card != approvedCard {
			t.Fatalf("Pay = %+v, %v", p.card, p.err)
		}
		r.say(of(wire.Remove)) // nobody listens, and nobody minds
		if strings.Contains(r.log(), "ERROR") {
			t.Errorf("the log says %s", r.log())
		}
	})
}

// started returns when the card is on the disk; NOTED is not said sooner.
func TestNotedIsSaidAfterTheDisk(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		disk, done := make(chan struct{}), make(chan error, 1)
		r.does(good())
		go func() {
			_, err := r.Pay(t.Context(), "P1", 24_500, func() { <-disk })
			done <- err
		}()
		time.Sleep(5 * time.Second)
		r.wantTold("SALE P1 INR24500")
		close(disk)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		r.wantTold("SALE P1 INR24500", "NOTED P1", "TOOK P1")
	})
}

// What each thing that a reader can say makes of a Pay, and of a Last.
func TestAnswers(t *testing.T) {
	t.Parallel()
	declined := &agent.CardDeclined{Reason: "INSUFFICIENT_FUNDS"}
	reversed := &agent.CardDeclined{Reason: "REVERSED"}
	kept := messages{of(wire.Kept)}
	for name, tt := range map[string]struct {
		noted, took messages
		want        error
		within      time.Duration
	}{
		"approved":                     {messages{approves(24_500)}, kept, nil, 0},
		"after a while":                {messages{of(wire.Pending), approves(24_500)}, kept, nil, 0},
		"said twice":                   {messages{approves(24_500), approves(24_500)}, append(kept, kept...), nil, 0},
		"declined":                     {messages{with(wire.Declined, "INSUFFICIENT_FUNDS")}, nil, declined, 0},
		"taken back":                   {messages{of(wire.Reversed)}, nil, reversed, 0},
		"taken back at the last":       {messages{approves(24_500)}, messages{of(wire.Reversed)}, reversed, 0},
		"nobody knows":                 {messages{of(wire.Unknown)}, nil, agent.ErrCardNoAnswer, 0},
		"another amount":               {messages{approves(24_501)}, kept, agent.ErrCardNoAnswer, 0},
		"a paisa":                      {messages{approves(1)}, kept, agent.ErrCardNoAnswer, 0},
		"it does not stand":            {messages{approves(24_500)}, nil, cardlink.ErrNotKept, 4 * time.Second},
		"it cannot":                    {messages{with(wire.Error, "FAULT")}, nil, cardlink.ErrAnswer, 0},
		"stands what was not approved": {messages{of(wire.Kept), of(wire.Unknown)}, nil, agent.ErrCardNoAnswer, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.does(map[wire.Kind][]wire.Message{
					wire.Sale: {of(wire.Waiting), of(wire.Read)}, wire.Noted: tt.noted, wire.Took: tt.took, wire.Last: tt.noted,
				})
				began := time.Now()
				p := r.pay(t.Context())
				if <-p.done; !same(p.err, tt.want) || (p.err == nil) != (p.card == approvedCard) || !is(p.started) {
					t.Fatalf("Pay = %+v, %v; want %v", p.card, p.err, tt.want)
				}
				if took := time.Since(began); took != tt.within {
					t.Fatalf("Pay took %v, want %v", took, tt.within)
				}
				card, err := r.Last(t.Context(), "P1")
				if !same(err, tt.want) || card != p.card {
					t.Fatalf("Last = %+v, %v; want %v", card, err, tt.want)
				}
				wrong := len(tt.noted) == 1 && tt.noted[0].Kind == wire.Approved && tt.noted[0].AmountPaise != 24_500
				if alarm := strings.Contains(r.log(), "approves another amount"); alarm != wrong {
					t.Fatalf("the log says %s", r.log())
				}
			})
		})
	}
}

// An amount that was not asked for is nothing that the terminal takes note of: it
// says no TOOK, and the reader may give the money back.
func TestAnotherAmountIsNotTaken(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		answers := good()
		answers[wire.Noted], answers[wire.Last] = messages{approves(2_450_000)}, messages{approves(2_450_000)}
		r.does(answers)
		p := r.pay(t.Context())
		<-p.done
		_, err := r.Last(t.Context(), "P1")
		if !errors.Is(p.err, agent.ErrCardNoAnswer) || !errors.Is(err, agent.ErrCardNoAnswer) {
			t.Fatalf("Pay = %v, Last = %v", p.err, err)
		}
		r.wantTold("SALE P1 INR24500", "NOTED P1", "LAST P1")
		if log := r.log(); strings.Count(log, "level=ERROR") != 2 || !strings.Contains(log, "payment=P1 askedPaise=24500 approvedPaise=2450000") {
			t.Fatalf("the log says %s", log)
		}
	})
}

// A reader that knows the reference answers a second Pay as it would Last; the
// terminal is told that a card was read, and none is charged.
func TestAReferenceThatWasUsed(t *testing.T) {
	t.Parallel()
	for _, first := range []messages{{approves(24_500)}, {of(wire.Pending), approves(24_500)}} {
		bubble1(t, func(t *testing.T, r *rig) {
			r.does(map[wire.Kind][]wire.Message{wire.Sale: first, wire.Took: {of(wire.Kept)}})
			p := r.pay(t.Context())
			if <-p.done; p.err != nil || p.card != approvedCard || !is(p.started) {
				t.Fatalf("Pay = %+v, %v", p.card, p.err)
			}
			r.wantTold("SALE P1 INR24500", "TOOK P1")
		})
	}
	for _, first := range []wire.Message{of(wire.Unknown), of(wire.Reversed)} {
		bubble1(t, func(t *testing.T, r *rig) {
			r.does(map[wire.Kind][]wire.Message{wire.Sale: {first}})
			p := r.pay(t.Context())
			if <-p.done; p.err == nil || !is(p.started) {
				t.Fatalf("Pay = %+v, %v", p.card, p.err)
			}
		})
	}
}

// bubble1 is bubble without t.Parallel: t has called it.
func bubble1(t *testing.T, test func(*testing.T, *rig)) {
	t.Helper()
	t.Run("", func(t *testing.T) { bubble(t, test) })
}

// ctx ends the wait for a card: the reader is told, and asks for none any more.
// Until NOTED is said that is so even when a card was read in that very moment.
func TestWithdrawn(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		cancel messages // what the reader says to CANCEL
		takes  time.Duration
	}{
		"at once":              {messages{of(wire.Withdrawn)}, 0},
		"there was none":       {messages{of(wire.None)}, 0},
		"a card was faster":    {messages{of(wire.Read), of(wire.Withdrawn)}, 0},
		"it cannot":            {messages{with(wire.Error, "FAULT")}, 0},
		"it says nothing":      {nil, 800 * time.Millisecond},
		"it speaks of another": {messages{{Kind: wire.Withdrawn, Tag: wire.TagOf("P2")}}, 800 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.does(map[wire.Kind][]wire.Message{wire.Sale: {of(wire.Waiting)}, wire.Cancel: tt.cancel})
				ctx, cancel := context.WithCancel(t.Context())
				p := r.pay(ctx)
				time.Sleep(time.Minute)
				began := time.Now()
				cancel()
				if <-p.done; !errors.Is(p.err, context.Canceled) || is(p.started) || time.Since(began) != tt.takes {
					t.Fatalf("Pay = %v after %v, a card was read: %v", p.err, time.Since(began), is(p.started))
				}
				r.wantTold("SALE P1 INR24500", "CANCEL P1")
			})
		})
	}
}

// Once the bank is asked nothing is cancelled: ctx ends Pay, the approval goes on,
// and Last tells it.
func TestAnApprovalIsNeverCancelled(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		answers := good()
		answers[wire.Noted] = messages{of(wire.Pending)}
		r.does(answers)
		ctx, cancel := context.WithCancel(t.Context())
		p := r.pay(ctx)
		time.Sleep(time.Second)
		cancel()
		if <-p.done; !errors.Is(p.err, context.Canceled) || !is(p.started) {
			t.Fatalf("Pay = %v", p.err)
		}
		if card, err := r.Last(t.Context(), "P1"); err != nil || card != approvedCard {
			t.Fatalf("Last = %+v, %v", card, err)
		}
		r.wantTold("SALE P1 INR24500", "NOTED P1", "LAST P1", "TOOK P1")
	})
}

// A sale that is withdrawn while the terminal writes the card to its disk is not
// charged: NOTED is not said.
func TestWithdrawnWhileTheCardIsNoted(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		answers := good()
		answers[wire.Cancel] = messages{of(wire.Withdrawn)}
		r.does(answers)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := r.Pay(ctx, "P1", 24_500, cancel)
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("Pay = %v", err)
		}
		r.wantTold("SALE P1 INR24500", "CANCEL P1")
	})
}

// Every wait ends: for the first word, for the bank, for the question how it
// ended.
func TestLimits(t *testing.T) {
	t.Parallel()
	took := func(t *testing.T, r *rig, answers map[wire.Kind][]wire.Message, want error, limit time.Duration) {
		t.Helper()
		r.does(answers)
		began := time.Now()
		p := r.pay(t.Context())
		if <-p.done; !errors.Is(p.err, want) || time.Since(began) != limit {
			t.Fatalf("Pay = %v after %v, want %v after %v", p.err, time.Since(began), want, limit)
		}
	}
	t.Run("no first word", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *rig) {
			took(t, r, map[wire.Kind][]wire.Message{wire.Cancel: {of(wire.None)}}, cardlink.ErrNoWord, 5*time.Second)
			r.wantTold("SALE P1 INR24500", "CANCEL P1")
		})
	})
	t.Run("no word from the bank", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *rig) {
			answers := good()
			answers[wire.Noted] = messages{of(wire.Pending)}
			took(t, r, answers, agent.ErrCardNoAnswer, 2*time.Minute)
		})
	})
	t.Run("a reader that only talks", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *rig) {
			answers := good()
			answers[wire.Noted] = messages{of(wire.Read), of(wire.Pending), of(wire.Waiting)}
			r.does(answers)
			p := r.pay(t.Context())
			for range 200 {
				r.say(of(wire.Read), of(wire.Pending), of(wire.Waiting), of(wire.Remove))
				time.Sleep(time.Second)
				if is(p.done) {
					break
				}
			}
			if !is(p.done) || !errors.Is(p.err, agent.ErrCardNoAnswer) {
				t.Fatalf("Pay = %v", p.err)
			}
			r.wantTold("SALE P1 INR24500", "NOTED P1")
		})
	})
	t.Run("it stops by itself", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *rig) {
			took(t, r, map[wire.Kind][]wire.Message{wire.Sale: {of(wire.Waiting), of(wire.Withdrawn)}}, cardlink.ErrStopped, 0)
		})
	})
	t.Run("it is busy", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *rig) {
			took(t, r, map[wire.Kind][]wire.Message{wire.Sale: {with(wire.Error, wire.CodeBusy)}}, cardlink.ErrAnswer, 0)
		})
	})
	t.Run("Last", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *rig) {
			began := time.Now()
			if _, err := r.Last(t.Context(), "P1"); !errors.Is(err, cardlink.ErrNoWord) || time.Since(began) != 5*time.Second {
				t.Fatalf("Last = %v after %v", err, time.Since(began))
			}
			r.does(map[wire.Kind][]wire.Message{wire.Last: {of(wire.Pending)}})
			began = time.Now()
			if _, err := r.Last(t.Context(), "P1"); !errors.Is(err, agent.ErrCardNoAnswer) || time.Since(began) != 10*time.Second {
				t.Fatalf("Last = %v after %v", err, time.Since(began))
			}
			r.does(map[wire.Kind][]wire.Message{wire.Last: {of(wire.None)}})
			if _, err := r.Last(t.Context(), "P1"); !errors.Is(err, agent.ErrCardUnknownRef) {
				t.Fatalf("Last = %v", err)
			}
		})
	})
	t.Run("Check", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *rig) {
			began := time.Now()
			if _, err := r.Check(t.Context()); !errors.Is(err, cardlink.ErrNoWord) || time.Since(began) != 5*time.Second {
				t.Fatalf("Check = %v after %v", err, time.Since(began))
			}
			r.does(map[wire.Kind][]wire.Message{wire.Status: {{Kind: wire.State, Doing: wire.Idle}}})
			if doing, err := r.Check(t.Context()); err != nil || doing != wire.Idle {
				t.Fatalf("Check = %s, %v", doing, err)
			}
		})
	})
}

// What no sale has is not asked for, and the reader is not told of it.
func TestNoSuchSale(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for _, tt := range []struct {
			ref    string
			amount protocol.Paise
		}{{"", 1}, {"P 1", 1}, {"P1", 0}, {"P1", -1}, {"P1", protocol.MaxPaise + 1}, {strings.Repeat("P", 65), 1}, {"₹", 1}} {
			if _, err := r.Pay(t.Context(), tt.ref, tt.amount, func() { t.Error("started") }); !errors.Is(err, cardlink.ErrRef) {
				t.Errorf("Pay(%q, %d) = %v", tt.ref, tt.amount, err)
			}
		}
		if _, err := r.Last(t.Context(), ""); !errors.Is(err, cardlink.ErrRef) {
			t.Errorf("Last = %v", err)
		}
		synctest.Wait()
		r.wantTold()
	})
}
