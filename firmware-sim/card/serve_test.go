package card_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/cardlink"
	"github.com/galla-pay/galla/firmware-sim/card"
	"github.com/galla-pay/galla/protocol"
	wire "github.com/galla-pay/galla/protocol/cardlink"
)

// over runs test with a reader and a terminal's real driver of it, over a line in
// memory.
func over(t *testing.T, cfg card.Config, test func(*testing.T, *card.Reader, *card.Piped)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, err := card.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		p := card.Pipe(r, slog.New(slog.DiscardHandler))
		defer p.Close()
		test(t, r, p)
	})
}

// start is a Pay over the line.
func start(ctx context.Context, reader agent.CardReader, ref string, amount protocol.Paise) *paying {
	p := &paying{started: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.card, p.err = reader.Pay(ctx, ref, amount, func() { close(p.started) })
	}()
	return p
}

// What each card comes to over the written protocol: for the Pay that saw it, for
// Last right then, and for Last in the end, and in the ledger.
func TestOutcomesOverTheLine(t *testing.T) {
	t.Parallel()
	const thinks = 3 * time.Second
	removed, reversed := &agent.CardDeclined{Reason: "CARD_REMOVED"}, &agent.CardDeclined{Reason: "REVERSED"}
	for _, tt := range []struct {
		outcome   card.Outcome
		delay     time.Duration
		takes     time.Duration
		pay, then error
		ledger    card.Result
	}{
		{card.Approve, 0, 0, nil, nil, card.Approved},
		{card.Approve, thinks, thinks, nil, nil, card.Approved},
		{card.Decline, 0, 0, insufficient, insufficient, card.Declined},
		{card.Decline, thinks, thinks, insufficient, insufficient, card.Declined},
		{card.Timeout, thinks, thinks, agent.ErrCardNoAnswer, agent.ErrCardNoAnswer, card.NoAnswer},
		{card.Late, thinks, 0, agent.ErrCardNoAnswer, nil, card.Approved},
		{card.Remove, 0, 0, removed, removed, card.Declined},
		{card.Reverse, thinks, 0, agent.ErrCardNoAnswer, reversed, card.Reversed},
	} {
		t.Run(string(tt.outcome)+" after "+tt.delay.String(), func(t *testing.T) {
			over(t, card.Config{}, func(t *testing.T, r *card.Reader, line *card.Piped) {
				p := start(t.Context(), line, "P1", 24_500)
				if synctest.Wait(); r.Doing() != card.Waiting {
					t.Fatalf("the reader is %s", r.Doing())
				}
				began := time.Now()
				if _, err := r.Tap(t.Context(), card.Tap{Outcome: tt.outcome, Delay: tt.delay, Last4: "0007", Network: "RUPAY", Type: "CREDIT"}); err != nil {
					t.Fatal(err)
				}
				<-p.done
				if !is(p.started) || !same(p.err, tt.pay) || time.Since(began) != tt.takes || r.Doing() != card.Idle {
					t.Fatalf("Pay = %v after %v, the reader is %s", p.err, time.Since(began), r.Doing())
				}
				time.Sleep(time.Minute)
				last, err := line.Last(t.Context(), "P1")
				entry := r.Ledger()[0]
				if !same(err, tt.then) || entry.Outcome != tt.ledger || len(r.Ledger()) != 1 {
					t.Fatalf("Last = %v, the ledger has %+v", err, r.Ledger())
				}
				want := protocol.Card{}
				if tt.then == nil {
					want = protocol.Card{RRN: entry.RRN, AmountPaise: 24_500, Last4: "0007", Network: "RUPAY", Type: "CREDIT"}
				}
				if last != want || tt.pay == nil && p.card != want {
					t.Fatalf("Last = %+v, Pay = %+v; want %+v", last, p.card, want)
				}
				if taken := entry.Outcome == card.Approved; taken != (tt.then == nil) {
					t.Fatalf("the ledger has %s, the terminal was told %v", entry.Outcome, err)
				}
			})
		})
	}
}

// The bank is not asked before the terminal has the card on its disk; if it never
// has, not at all, and a card may be read again.
func TestTheBankWaitsForTheTerminal(t *testing.T) {
	over(t, card.Config{}, func(t *testing.T, r *card.Reader, line *card.Piped) {
		disk, done := make(chan struct{}), make(chan error, 1)
		go func() { _, err := line.Pay(t.Context(), "P1", 24_500, func() { <-disk }); done <- err }()
		if _, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(9 * time.Second)
		if got := r.Ledger()[0].Outcome; got != card.Asked {
			t.Fatalf("after 9 s it is %s", got)
		}
		time.Sleep(2 * time.Second)
		if got := r.Ledger()[0]; got.Outcome != card.Declined || got.Reason != wire.CodeNotAuthorised {
			t.Fatalf("after 11 s it is %+v", got)
		}
		close(disk)
		if err := <-done; !same(err, &agent.CardDeclined{Reason: wire.CodeNotAuthorised}) {
			t.Fatalf("Pay = %v", err)
		}
		if _, err := line.Last(t.Context(), "P1"); !same(err, &agent.CardDeclined{Reason: wire.CodeNotAuthorised}) {
			t.Fatalf("Last = %v", err)
		}
		p := start(t.Context(), line, "P1", 24_500)
		if _, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve}); err != nil {
			t.Fatal(err)
		}
		if <-p.done; p.err != nil {
			t.Fatal(p.err)
		}
		if l := r.Ledger(); len(l) != 2 || l[0].Outcome != card.Declined || l[1].Outcome != card.Approved {
			t.Fatalf("the ledger has %+v", l)
		}
	})
}

// A sale that is withdrawn leaves the reader free, and nothing is charged, also
// when a card is held to it in that very moment.
func TestWithdrawnOverTheLine(t *testing.T) {
	t.Parallel()
	taps := 0
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			r := open(t)
			line := card.Pipe(r, slog.New(slog.DiscardHandler))
			defer line.Close()
			ctx, cancel := context.WithCancel(t.Context())
			p := start(ctx, line, "P1", 24_500)
			synctest.Wait()
			hand, tired := context.WithTimeout(t.Context(), time.Second)
			defer tired()
			go cancel()
			_, err := r.Tap(hand, card.Tap{Outcome: card.Approve, Delay: time.Second})
			<-p.done
			if !errors.Is(p.err, context.Canceled) {
				t.Fatalf("Pay = %v", p.err)
			}
			time.Sleep(12 * time.Second)
			_, lastErr := line.Last(t.Context(), "P1")
			switch {
			case err != nil && !errors.Is(lastErr, agent.ErrCardUnknownRef):
				t.Fatalf("no card was read, Last = %v", lastErr)
			case err == nil:
				taps++
				approved := r.Ledger()[0].Outcome == card.Approved
				if approved != (lastErr == nil) || approved && !is(p.started) {
					t.Fatalf("Last = %v, the ledger has %+v, the terminal was told: %v", lastErr, r.Ledger(), is(p.started))
				}
			}
			if r.Doing() != card.Idle {
				t.Fatalf("the reader is %s", r.Doing())
			}
			// And the next sale gets a card.
			p = start(t.Context(), line, "P2", 100)
			if _, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve}); err != nil {
				t.Fatal(err)
			}
			if <-p.done; p.err != nil {
				t.Fatal(p.err)
			}
		})
	}
	t.Logf("a card was read in %d of 50", taps)
}

// A terminal that goes in the middle of an approval: the bank answers all the
// same, and Last tells it over the next line. Before the bank is asked, or before
// there is a card, nothing is charged.
func TestTheTerminalGoes(t *testing.T) {
	t.Parallel()
	t.Run("while the bank thinks", func(t *testing.T) {
		over(t, card.Config{}, func(t *testing.T, r *card.Reader, line *card.Piped) {
			p := start(t.Context(), line, "P1", 24_500)
			if _, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve, Delay: 15 * time.Second}); err != nil {
				t.Fatal(err)
			}
			<-p.started
			synctest.Wait()
			if err := line.Close(); err != nil || !is(p.done) || p.err == nil {
				t.Fatalf("Close = %v, Pay = %v", err, p.err)
			}
			next := card.Pipe(r, slog.New(slog.DiscardHandler))
			defer next.Close()
			if _, err := next.Last(t.Context(), "P1"); !errors.Is(err, agent.ErrCardNoAnswer) { // ten seconds later
				t.Fatalf("Last = %v", err)
			}
			began := time.Now()
			got, err := next.Last(t.Context(), "P1")
			if err != nil || got.RRN != r.Ledger()[0].RRN || time.Since(began) == 0 {
				t.Fatalf("Last = %+v, %v after %v", got, err, time.Since(began))
			}
		})
	})
	t.Run("before there is a card", func(t *testing.T) {
		over(t, card.Config{}, func(t *testing.T, r *card.Reader, line *card.Piped) {
			p := start(t.Context(), line, "P1", 24_500)
			synctest.Wait()
			_ = line.Close()
			<-p.done
			if synctest.Wait(); r.Doing() != card.Idle {
				t.Fatalf("the reader is %s", r.Doing())
			}
		})
	})
	t.Run("before the bank is asked", func(t *testing.T) {
		over(t, card.Config{}, func(t *testing.T, r *card.Reader, line *card.Piped) {
			disk := make(chan struct{})
			done := make(chan struct{})
			go func() { defer close(done); _, _ = line.Pay(t.Context(), "P1", 24_500, func() { <-disk }) }()
			if _, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			_ = line.Close()
			close(disk)
			<-done
			if synctest.Wait(); r.Ledger()[0].Outcome != card.Declined {
				t.Fatalf("the ledger has %+v", r.Ledger())
			}
		})
	})
}

// Another sale takes the place of one that waits for a card, and of none that has
// one; the same sale may be said again, with the same amount.
func TestSalesOverTheLine(t *testing.T) {
	over(t, card.Config{}, func(t *testing.T, r *card.Reader, line *card.Piped) {
		first := start(t.Context(), line, "P1", 24_500)
		synctest.Wait()
		second := start(t.Context(), line, "P2", 100)
		if <-first.done; !errors.Is(first.err, cardlink.ErrStopped) {
			t.Fatalf("Pay = %v", first.err)
		}
		if entry, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve, Delay: time.Minute}); err != nil || entry.Ref != "P2" {
			t.Fatalf("Tap = %+v, %v", entry, err)
		}
		<-second.started
		synctest.Wait()
		if _, err := line.Pay(t.Context(), "P3", 1, func() { t.Error("started") }); !errors.Is(err, cardlink.ErrAnswer) || err.Error() != "card reader: it cannot: BUSY" {
			t.Fatalf("Pay = %v", err)
		}
		if doing, err := line.Check(t.Context()); err != nil || doing != wire.Busy {
			t.Fatalf("Check = %s, %v", doing, err)
		}
		again := start(t.Context(), line, "P2", 100)
		if <-second.done; second.err != nil {
			t.Fatal(second.err)
		}
		if <-again.done; again.err != nil || again.card != second.card || !is(again.started) || len(r.Ledger()) != 1 {
			t.Fatalf("Pay = %+v, %v; the ledger has %+v", again.card, again.err, r.Ledger())
		}
		if _, err := line.Pay(t.Context(), "P2", 101, func() { t.Error("started") }); !errors.Is(err, cardlink.ErrAnswer) {
			t.Fatalf("Pay of another amount = %v", err)
		}
	})
}

// A card that is taken out: before the bank was asked the reader says no; after,
// the outcome is open until Last.
func TestTakenOut(t *testing.T) {
	t.Parallel()
	t.Run("too early", func(t *testing.T) {
		over(t, card.Config{}, func(t *testing.T, r *card.Reader, line *card.Piped) {
			if _, err := r.Remove(); !errors.Is(err, card.ErrNoCard) {
				t.Fatalf("Remove = %v", err)
			}
			disk, done := make(chan struct{}), make(chan error, 1)
			go func() { _, err := line.Pay(t.Context(), "P1", 24_500, func() { <-disk }); done <- err }()
			if _, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if _, err := r.Remove(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			close(disk)
			if err := <-done; !same(err, &agent.CardDeclined{Reason: "CARD_REMOVED"}) {
				t.Fatalf("Pay = %v", err)
			}
			if e := r.Ledger()[0]; e.Outcome != card.Declined || e.Reason != "CARD_REMOVED" || e.RRN != "" {
				t.Fatalf("the ledger has %+v", e)
			}
		})
	})
	t.Run("while the bank thinks", func(t *testing.T) {
		over(t, card.Config{}, func(t *testing.T, r *card.Reader, line *card.Piped) {
			p := start(t.Context(), line, "P1", 24_500)
			if _, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve, Delay: 5 * time.Second}); err != nil {
				t.Fatal(err)
			}
			<-p.started
			synctest.Wait()
			if entry, err := r.Tap(t.Context(), card.Tap{Outcome: card.Remove}); err != nil || entry.Outcome != card.Asked {
				t.Fatalf("Tap = %+v, %v", entry, err)
			}
			if <-p.done; !errors.Is(p.err, agent.ErrCardNoAnswer) {
				t.Fatalf("Pay = %v", p.err)
			}
			if got, err := line.Last(t.Context(), "P1"); err != nil || got.RRN != r.Ledger()[0].RRN {
				t.Fatalf("Last = %+v, %v", got, err)
			}
		})
	})
}

// An approval that no terminal takes note of is given back; one that a terminal
// has stands for ever, also for the next reader of that ledger.
func TestReverses(t *testing.T) {
	t.Parallel()
	cfg := card.Config{ReverseAfter: 30 * time.Second}
	t.Run("nobody has it", func(t *testing.T) {
		cfg := cfg
		cfg.File = filepath.Join(t.TempDir(), "reader.jsonl")
		over(t, cfg, func(t *testing.T, r *card.Reader, line *card.Piped) {
			p := start(t.Context(), line, "P1", 24_500)
			if _, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve, Delay: time.Second}); err != nil {
				t.Fatal(err)
			}
			<-p.started
			synctest.Wait()
			_ = line.Close()
			time.Sleep(30 * time.Second)
			if got := r.Ledger()[0].Outcome; got != card.Approved {
				t.Fatalf("it is %s", got)
			}
			time.Sleep(2 * time.Second)
			if got := r.Ledger()[0].Outcome; got != card.Reversed {
				t.Fatalf("it is %s", got)
			}
			for _, reader := range []*card.Reader{r, reopen(t, cfg)} {
				next := card.Pipe(reader, slog.New(slog.DiscardHandler))
				if _, err := next.Last(t.Context(), "P1"); !same(err, &agent.CardDeclined{Reason: "REVERSED"}) {
					t.Fatalf("Last = %v", err)
				}
				if _, err := reader.Last(t.Context(), "P1"); !same(err, &agent.CardDeclined{Reason: "REVERSED"}) {
					t.Fatalf("Last beside it = %v", err)
				}
				_ = next.Close()
			}
		})
	})
	t.Run("the terminal has it", func(t *testing.T) {
		cfg := cfg
		cfg.File = filepath.Join(t.TempDir(), "reader.jsonl")
		over(t, cfg, func(t *testing.T, r *card.Reader, line *card.Piped) {
			for ref, tap := range map[string]card.Tap{"P1": {Outcome: card.Approve}, "P2": {Outcome: card.Late, Delay: time.Second}} {
				p := start(t.Context(), line, ref, 24_500)
				if _, err := r.Tap(t.Context(), tap); err != nil {
					t.Fatal(err)
				}
				<-p.done
				time.Sleep(2 * time.Second)
				if _, err := line.Last(t.Context(), ref); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Hour)
			next := reopen(t, cfg)
			if !reflect.DeepEqual(next.Ledger(), r.Ledger()) || next.Ledger()[0].Outcome != card.Approved || next.Ledger()[1].Outcome != card.Approved {
				t.Fatalf("the ledger has %+v, the next reader's %+v", r.Ledger(), next.Ledger())
			}
		})
	})
}

func reopen(t *testing.T, cfg card.Config) *card.Reader {
	t.Helper()
	r, err := card.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A reader that is switched off between the card and the bank has charged nobody:
// the next one of its ledger says so.
func TestSwitchedOffBeforeTheBank(t *testing.T) {
	cfg := card.Config{File: filepath.Join(t.TempDir(), "reader.jsonl")}
	over(t, cfg, func(t *testing.T, r *card.Reader, line *card.Piped) {
		disk := make(chan struct{})
		defer close(disk)
		go func() { _, _ = line.Pay(t.Context(), "P1", 24_500, func() { <-disk }) }()
		if _, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		next := reopen(t, cfg)
		if _, err := next.Last(t.Context(), "P1"); !same(err, &agent.CardDeclined{Reason: wire.CodeNotAuthorised}) {
			t.Fatalf("Last = %v", err)
		}
	})
}

// Over TCP: a newer connection counts, an older one is hung up.
func TestServe(t *testing.T) {
	t.Parallel()
	r := open(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx, listener) }()
	half, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	open, err := cardlink.Address("tcp://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	driver := cardlink.New(cardlink.Config{Open: open})
	defer driver.Close()
	p := start(t.Context(), driver, "P1", 24_500)
	if _, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve}); err != nil {
		t.Fatal(err)
	}
	if <-p.done; p.err != nil {
		t.Fatal(p.err)
	}
	if _, err := io.Copy(io.Discard, half); err != nil { // it ends
		t.Logf("hung up: %v", err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		t.Fatal("it still listens")
	}
}
