package agent_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// stage is a step of a sale on a terminal with keys, and what is on the glass
// after it.
type stage struct {
	name string
	do   func(r *rig)
	mode protocol.Mode
}

// asked is a sale that the cashier is asked about.
func asked(payment string) func(r *rig) {
	return func(r *rig) {
		r.ctrl.Want(func(s *protocol.State) {
			s.Sale, s.Result = sale(payment, protocol.PhaseOffered), nil
			s.Sale.Prompt = true
		})
	}
}

// life is a sale from the offer to the idle screen.
var life = []stage{
	{"offered", asked("A"), protocol.ModePrompting},
	{"accepted", func(r *rig) { r.press(agent.KeyAccept) }, protocol.ModePresenting},
	{"paying", func(r *rig) {
		r.ctrl.Want(func(s *protocol.State) { s.Sale.Phase = protocol.PhasePaying })
	}, protocol.ModeChecking},
	{"paid", func(r *rig) { r.end("A", protocol.OutcomeSucceeded) }, protocol.ModeResult},
	{"over", func(*rig) { time.Sleep(5 * time.Second) }, protocol.ModeIdle},
}

// TestPowerCutAtEveryStage: the power goes after each stage of a sale, in every
// combination, before or after the controller has heard what the terminal had to
// say. Within 10 s of power-on the terminal is where it was, the sale goes on to
// its end, PAID is on the glass once, and every fact is told, once. The spool's own
// test cuts the power within its writes.
func TestPowerCutAtEveryStage(t *testing.T) {
	for cuts := range 1 << len(life) {
		for _, heard := range []bool{true, false} {
			t.Run(fmt.Sprintf("cuts %05b, heard %v", cuts, heard), func(t *testing.T) {
				bubble(t, func(t *testing.T, r *rig) {
					r.keys = make(chan agent.Key)
					var deaf atomic.Bool
					hears := r.ctrl.Broker.OnMessage
					r.ctrl.Broker.OnMessage = func(topic string, payload []byte) {
						if !deaf.Load() {
							hears(topic, payload)
						}
					}
					r.unseen()
					for i, s := range life {
						cut := cuts&(1<<i) != 0
						deaf.Store(cut && !heard)
						s.do(r)
						r.want(s.mode, map[bool]string{true: "", false: "A"}[s.mode == protocol.ModeIdle])
						if !cut {
							continue
						}
						r.off()
						time.Sleep(2 * time.Second)
						deaf.Store(false)
						r.unseen()
						time.Sleep(9 * time.Second)
						switch s := r.is(); {
						case s.Mode == protocol.ModeFault, s.Mode == protocol.ModeOffline, s.Mode == protocol.ModeStarting, !s.Link:
							t.Fatalf("after power-on it is %+v", s)
						case life[i].mode == protocol.ModeResult: // PAID was on the glass before, or is again
						case s.Mode != life[i].mode:
							t.Fatalf("after power-on it is %s, and was %s", s.Mode, life[i].mode)
						}
					}
					time.Sleep(time.Minute)
					r.want(protocol.ModeIdle, "")
					if !r.ever(paid) {
						t.Error("PAID never was on the glass")
					}
					want := []string{"received A", "accepted A", "presented A DQR", "shown A"}
					got := r.ctrl.Facts()
					slices.Sort(want)
					slices.Sort(got)
					if !slices.Equal(got, want) {
						t.Errorf("facts are %q, want %q", got, want)
					}
				})
			})
		}
	}
}

// TestPaidOnceOverPowerCuts: the power goes again and again while PAID is on the
// glass. It is there once more at most: a terminal whose disk says that it was
// shown does not show it again.
func TestPaidOnceOverPowerCuts(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.presenting()
		r.end("A", protocol.OutcomeSucceeded)
		for range 5 {
			r.off()
			time.Sleep(time.Second)
			r.on()
			synctest.Wait()
		}
		times, was := 0, false
		for _, s := range r.statuses {
			if paid(s) && !was {
				times++
			}
			was = paid(s)
		}
		if times > 2 {
			t.Errorf("PAID is shown %d times", times)
		}
		r.wantFacts("received A", "presented A DQR", "shown A")
	})
}
