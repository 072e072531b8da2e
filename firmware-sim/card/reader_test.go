package card_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/firmware-sim/card"
	"github.com/galla-pay/galla/protocol"
	"go.uber.org/goleak"
)

// A check of these properties plays whole sales; -rapid.checks asks for more.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "20"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// open is a reader whose ledger is in memory.
func open(t *testing.T) *card.Reader {
	t.Helper()
	r, err := card.Open(card.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// paying is a Pay under way.
type paying struct {
	started chan struct{} // closed when the card was read
	done    chan struct{} // closed when Pay is back
	card    protocol.Card
	err     error
}

func pay(ctx context.Context, r *card.Reader, ref string, amount protocol.Paise) *paying {
	p := &paying{started: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.card, p.err = r.Pay(ctx, ref, amount, func() { close(p.started) })
	}()
	return p
}

// is reports, in a bubble at rest, whether a channel is closed.
func is(c <-chan struct{}) bool {
	synctest.Wait()
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// same compares errors as the agent does: a decline by its reason.
func same(got, want error) bool {
	var no, wantNo *agent.CardDeclined
	if errors.As(want, &wantNo) {
		return errors.As(got, &no) && *no == *wantNo
	}
	return errors.Is(got, want)
}

var insufficient = &agent.CardDeclined{Reason: "INSUFFICIENT_FUNDS"}

// What each card comes to: for the Pay that saw it, for Last right then, and for
// Last once the bank has had its time.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	const thinks = 3 * time.Second
	for _, tt := range []struct {
		outcome        card.Outcome
		delay          time.Duration
		takes          time.Duration // from the card to the end of Pay
		pay, now, then error         // nil: approved
		ledger         card.Result   // in the end
	}{
		{card.Approve, 0, 0, nil, nil, nil, card.Approved},
		{card.Approve, thinks, thinks, nil, agent.ErrCardNoAnswer, nil, card.Approved},
		{card.Decline, 0, 0, insufficient, insufficient, insufficient, card.Declined},
		{card.Decline, thinks, thinks, insufficient, agent.ErrCardNoAnswer, insufficient, card.Declined},
		{card.Timeout, 0, 0, agent.ErrCardNoAnswer, agent.ErrCardNoAnswer, agent.ErrCardNoAnswer, card.NoAnswer},
		{card.Timeout, thinks, thinks, agent.ErrCardNoAnswer, agent.ErrCardNoAnswer, agent.ErrCardNoAnswer, card.NoAnswer},
		{card.Late, 0, 0, agent.ErrCardNoAnswer, nil, nil, card.Approved},
		{card.Late, thinks, 0, agent.ErrCardNoAnswer, agent.ErrCardNoAnswer, nil, card.Approved},
	} {
		t.Run(fmt.Sprintf("%s after %v", tt.outcome, tt.delay), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := open(t)
				p := pay(t.Context(), r, "P1", 24_500)
				if is(p.started) || r.Doing() != card.Waiting {
					t.Fatalf("before there is a card the reader is %s", r.Doing())
				}
				began := time.Now()
				entry, err := r.Tap(t.Context(), card.Tap{Outcome: tt.outcome, Last4: "0007", Network: "RUPAY", Type: "CREDIT", Delay: tt.delay})
				if err != nil || entry.Ref != "P1" || entry.AmountPaise != 24_500 || entry.Last4 != "0007" {
					t.Fatalf("Tap = %+v, %v", entry, err)
				}
				if !is(p.started) {
					t.Fatal("a card was read, and the terminal is not told")
				}
				if tt.takes > 0 && (is(p.done) || r.Doing() != card.Busy) {
					t.Fatalf("before the bank answers the reader is %s", r.Doing())
				}
				if _, err := r.Last(t.Context(), "P1"); !same(err, tt.now) {
					t.Fatalf("Last right after the card = %v, want %v", err, tt.now)
				}
				<-p.done
				if took := time.Since(began); took != tt.takes {
					t.Fatalf("Pay took %v, want %v", took, tt.takes)
				}
				if !same(p.err, tt.pay) {
					t.Fatalf("Pay = %v, want %v", p.err, tt.pay)
				}
				if r.Doing() != card.Idle {
					t.Fatalf("after Pay the reader is %s", r.Doing())
				}
				time.Sleep(tt.delay + time.Hour)
				last, err := r.Last(t.Context(), "P1")
				if !same(err, tt.then) {
					t.Fatalf("Last in the end = %v, want %v", err, tt.then)
				}
				ledger := r.Ledger()
				if len(ledger) != 1 || ledger[0].Outcome != tt.ledger || ledger[0].Ref != "P1" || ledger[0].AmountPaise != 24_500 {
					t.Fatalf("the ledger has %+v", ledger)
				}
				if tt.then == nil {
					want := protocol.Card{RRN: ledger[0].RRN, AmountPaise: 24_500, Last4: "0007", Network: "RUPAY", Type: "CREDIT"}
					if last != want || len(want.RRN) != 12 {
						t.Fatalf("Last says %+v, want %+v", last, want)
					}
					if tt.pay == nil && p.card != want {
						t.Fatalf("Pay said %+v, want %+v", p.card, want)
					}
				} else if ledger[0].RRN != "" {
					t.Fatalf("a reference number without an approval: %+v", ledger[0])
				}
			})
		})
	}
}

// Until a card was read, ctx ends everything, and nothing has happened.
func TestNoCard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		p := pay(ctx, r, "P1", 24_500)
		if is(p.done) {
			t.Fatal("Pay does not wait for a card")
		}
		cancel()
		<-p.done
		if !errors.Is(p.err, context.Canceled) || is(p.started) || r.Doing() != card.Idle || len(r.Ledger()) != 0 {
			t.Fatalf("Pay = %v, the reader is %s with %v", p.err, r.Doing(), r.Ledger())
		}
		if _, err := r.Last(t.Context(), "P1"); !errors.Is(err, agent.ErrCardUnknownRef) {
			t.Fatalf("Last = %v, want unknown", err)
		}
		if _, err := r.Pay(ctx, "P1", 24_500, func() { t.Error("started") }); !errors.Is(err, context.Canceled) {
			t.Fatalf("Pay without power = %v", err)
		}
		if _, err := r.Last(ctx, "P1"); !errors.Is(err, context.Canceled) {
			t.Fatalf("Last without power = %v", err)
		}
		// And the same sale may ask again.
		p = pay(t.Context(), r, "P1", 24_500)
		if _, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve}); err != nil {
			t.Fatal(err)
		}
		if <-p.done; p.err != nil {
			t.Fatal(p.err)
		}
	})
}

// Power is cut while the bank is asked: the terminal is gone at once, the bank
// answers all the same, and Last tells it (failure matrix: the reader is another
// box).
func TestPowerCutUnderWay(t *testing.T) {
	t.Parallel()
	for _, outcome := range []card.Outcome{card.Approve, card.Decline} {
		t.Run(string(outcome), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := open(t)
				power, cut := context.WithCancel(t.Context())
				p := pay(power, r, "P1", 24_500)
				if _, err := r.Tap(t.Context(), card.Tap{Outcome: outcome, Delay: time.Minute}); err != nil {
					t.Fatal(err)
				}
				<-p.started
				began := time.Now()
				cut()
				<-p.done
				if !errors.Is(p.err, context.Canceled) || time.Since(began) != 0 || r.Doing() != card.Idle {
					t.Fatalf("Pay = %v after %v, the reader is %s", p.err, time.Since(began), r.Doing())
				}
				if _, err := r.Last(t.Context(), "P1"); !errors.Is(err, agent.ErrCardNoAnswer) {
					t.Fatalf("Last while the bank is asked = %v", err)
				}
				// The terminal may also ask the reader for the payment itself: it is
				// the same one.
				p = pay(t.Context(), r, "P1", 24_500)
				<-p.done
				got, err := r.Last(t.Context(), "P1")
				if p.card != got || !same(p.err, err) || time.Since(began) != time.Minute {
					t.Fatalf("Pay = %v, %v after %v; Last = %v, %v", p.card, p.err, time.Since(began), got, err)
				}
				if (err == nil) != (outcome == card.Approve) || len(r.Ledger()) != 1 {
					t.Fatalf("Last = %v, the ledger has %v", err, r.Ledger())
				}
			})
		})
	}
}

// A reference is charged once, however often it is asked for.
func TestAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		outcome card.Outcome
		want    error
	}{
		{card.Approve, nil},
		{card.Decline, insufficient},
		{card.Timeout, agent.ErrCardNoAnswer},
		{card.Late, nil},
	} {
		t.Run(string(tt.outcome), func(t *testing.T) {
			t.Parallel()
			r := open(t)
			p := pay(t.Context(), r, "P1", 24_500)
			if _, err := r.Tap(t.Context(), card.Tap{Outcome: tt.outcome}); err != nil {
				t.Fatal(err)
			}
			<-p.done
			again := pay(t.Context(), r, "P1", 24_500)
			<-again.done
			<-again.started
			if !same(again.err, tt.want) {
				t.Fatalf("Pay again = %v, want %v", again.err, tt.want)
			}
			if tt.outcome == card.Approve && again.card != p.card {
				t.Fatalf("Pay again says %+v, at first %+v", again.card, p.card)
			}
			if _, err := r.Pay(t.Context(), "P1", 24_501, func() { t.Error("started") }); !errors.Is(err, card.ErrOtherAmount) {
				t.Fatalf("another amount = %v", err)
			}
			if n := len(r.Ledger()); n != 1 {
				t.Fatalf("%d cards were read", n)
			}
		})
	}
}

func TestPayRefuses(t *testing.T) {
	t.Parallel()
	r := open(t)
	for _, tt := range []struct {
		ref    string
		amount protocol.Paise
	}{{"", 1}, {"P1", 0}, {"P1", -1}, {string(make([]byte, 65)), 1}} {
		if _, err := r.Pay(t.Context(), tt.ref, tt.amount, func() { t.Error("started") }); !errors.Is(err, card.ErrRef) {
			t.Errorf("Pay(%.10q, %d) = %v", tt.ref, tt.amount, err)
		}
	}
}

// A card is held to the reader until it asks for one, or until the hand is
// tired.
func TestTapWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := open(t)
		began := time.Now()
		hand, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := r.Tap(hand, card.Tap{Outcome: card.Approve}); !errors.Is(err, card.ErrNotAsked) || time.Since(began) != 2*time.Second {
			t.Fatalf("Tap = %v after %v", err, time.Since(began))
		}
		tapped := make(chan error, 1)
		go func() {
			_, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve})
			tapped <- err
		}()
		synctest.Wait()
		p := pay(t.Context(), r, "P1", 24_500)
		<-p.done
		if err := <-tapped; err != nil || p.err != nil {
			t.Fatalf("Tap = %v, Pay = %v", err, p.err)
		}
	})
}

// Everybody who shows what the reader does is told of every change.
func TestChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var seen []card.Doing
		var r *card.Reader
		r, err := card.Open(card.Config{Changed: func() {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, r.Doing())
		}})
		if err != nil {
			t.Fatal(err)
		}
		p := pay(t.Context(), r, "P1", 24_500)
		if _, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve, Delay: time.Second}); err != nil {
			t.Fatal(err)
		}
		<-p.done
		ctx, cancel := context.WithCancel(t.Context())
		p = pay(ctx, r, "P2", 24_500)
		synctest.Wait()
		cancel()
		<-p.done
		mu.Lock()
		defer mu.Unlock()
		if got, want := fmt.Sprint(seen), "[waiting busy idle waiting idle]"; got != want {
			t.Fatalf("it was %s, want %s", got, want)
		}
	})
}
