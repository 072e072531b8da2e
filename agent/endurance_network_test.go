package agent_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// screens are what was on the glass, one word for each time that mode, payment or
// result changed, without what the link does to the idle screen.
func (r *rig) screens() (all []string) {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.statuses {
		word := fmt.Sprintf("%s %s %s", s.Mode, s.PaymentID, s.Result)
		switch s.Mode {
		case protocol.ModeStarting, protocol.ModeOffline, protocol.ModeIdle:
			word = "idle"
		}
		if len(all) == 0 || all[len(all)-1] != word {
			all = append(all, word)
		}
	}
	return all
}

// flap lets the network come and go n times, half of every gap each.
func (r *rig) flap(n int, gap time.Duration) {
	for range n {
		r.ctrl.Broker.Behave(unreachable)
		r.ctrl.Broker.Cut()
		time.Sleep(gap / 2)
		r.ctrl.Broker.Behave(well)
		time.Sleep(gap / 2)
	}
}

// TestFlapping (failure matrix R24): the network comes and goes every second, for
// an hour of sales. Each sale is shown once and each fact told once; and the
// terminal tries less and less often, at moments that no other terminal shares.
func TestFlapping(t *testing.T) {
	var tried [2][]time.Duration
	t.Cleanup(func() {
		if slices.Equal(tried[0], tried[1]) {
			t.Error("two terminals try at the same moments")
		}
	})
	for i := range tried {
		t.Run(fmt.Sprint("terminal ", i+1), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.unseen()
				begun := time.Now()
				var want []string
				screens := []string{"idle"}
				const n = 12 // each flaps for five minutes
				for sale := range n {
					id := fmt.Sprintf("P%d", sale)
					r.offer(id, protocol.PhaseOffered)
					r.ctrl.Want(func(s *protocol.State) { s.Sale.LeftMillis, s.Sale.TotalMillis = 280_000, 280_000 })
					r.flap(240, time.Second)
					r.offer(id, protocol.PhasePaying)
					r.flap(20, time.Second)
					r.end(id, protocol.OutcomeSucceeded)
					r.flap(40, time.Second)
					time.Sleep(90 * time.Second) // it heals, and the terminal is there at the latest now
					want = append(want, "received "+id, "presented "+id+" DQR", "shown "+id)
					screens = append(screens, "presenting "+id+" ", "checking "+id+" ", "result "+id+" succeeded", "idle")
					r.wantFacts(want...)
				}
				// A sale that ended between two moments of a network was never checked.
				got := r.screens()
				full := slices.DeleteFunc(slices.Clone(screens), func(s string) bool { return !slices.Contains(got, s) })
				if !slices.Equal(got, full) {
					t.Errorf("the glass showed\n%q, want\n%q", got, full)
				}
				results := 0
				for _, s := range got {
					if len(s) > 6 && s[:6] == "result" {
						results++
					}
				}
				if results != n {
					t.Errorf("%d results of %d sales", results, n)
				}
				dials := r.ctrl.Broker.Dials()
				for _, d := range dials {
					tried[i] = append(tried[i], d.Sub(begun))
				}
				// Without backing off there would be 3,600 tries: see session's outage.
				if len(dials) > 700 {
					t.Errorf("%d tries in %v", len(dials), time.Since(begun))
				}
			})
		})
	}
}

// TestTheBrokerDiesForEver: in the middle of a sale, with another one beside it.
// The QR stays, the terminal goes on at the other broker within seconds, and stays
// there.
func TestTheBrokerDiesForEver(t *testing.T) {
	for name, dies := range map[string]func(context.Context) error{
		"refused":   func(context.Context) error { return errors.New("connection refused") },
		"swallowed": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				var mu sync.Mutex
				var dialled []string
				dead := false
				living := map[string]string{"one.example:1883": "two.example:1883", "two.example:1883": "one.example:1883"}
				r.cfg.Brokers = []string{"mqtt://one.example:1883", "mqtt://two.example:1883"}
				r.cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
					mu.Lock()
					dialled = append(dialled, address)
					gone := dead && address == dialled[0]
					mu.Unlock()
					if gone {
						return nil, dies(ctx)
					}
					return r.ctrl.Broker.Dial(ctx, network, address)
				}
				r.presenting()
				time.Sleep(10 * time.Second)
				mu.Lock()
				dead = true
				mu.Unlock()
				r.ctrl.Broker.Cut()
				lost := time.Now()
				r.end("A", protocol.OutcomeSucceeded) // nobody is there to hear it
				for !paid(r.is()) {
					if r.is().Mode != protocol.ModePresenting || r.scan() != qrOf("A") {
						t.Fatalf("meanwhile: %+v", r.is())
					}
					time.Sleep(100 * time.Millisecond)
					if time.Since(lost) > 12*time.Second {
						t.Fatalf("PAID is not shown; it tried %q", dialled)
					}
				}
				r.wantFacts("received A", "presented A DQR", "shown A")
				// The next time it looks whether the other one is back; then it knows.
				for _, first := range []string{dialled[0], living[dialled[0]]} {
					time.Sleep(time.Minute)
					r.want(protocol.ModeIdle, "")
					mu.Lock()
					before := len(dialled)
					mu.Unlock()
					r.ctrl.Broker.Cut()
					time.Sleep(time.Minute)
					r.want(protocol.ModeIdle, "")
					if again := dialled[before:]; len(again) == 0 || again[0] != first {
						t.Errorf("the next time it tries %q, want %s", again, first)
					}
				}
			})
		})
	}
}

// TestAnotherDeviceOnTheGlass (failure matrix T2): while another device takes the
// connection away again and again, sales go on as over a network that flaps, and
// none is shown twice.
func TestAnotherDeviceOnTheGlass(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.unseen()
		r.offer("A", protocol.PhaseOffered)
		r.want(protocol.ModePresenting, "A")
		for range 20 {
			for !r.ctrl.Broker.Connected() {
				time.Sleep(100 * time.Millisecond)
			}
			time.Sleep(time.Second)
			r.ctrl.Broker.Cut()
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		r.end("A", protocol.OutcomeSucceeded)
		time.Sleep(time.Minute)
		r.wantFacts("received A", "presented A DQR", "shown A")
		if !r.ever(func(s agent.Status) bool { return paid(s) && s.PaymentID == "A" }) {
			t.Error("PAID was not shown")
		}
	})
}
