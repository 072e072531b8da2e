package agent_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// TestOnePayment is the terminal's part of the life of a payment, steps 5 to 9,
// seen from both ends: pixels here, facts there.
func TestOnePayment(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.on()
		r.want(protocol.ModeIdle, "")
		if !r.is().Link || !r.chip.Lit() || r.scan() != "" {
			t.Fatalf("idle: %+v, light %v, QR %q", r.is(), r.chip.Lit(), r.scan())
		}
		r.offer("A", protocol.PhaseOffered)
		r.want(protocol.ModePresenting, "A")
		if got := r.scan(); got != qrOf("A") {
			t.Fatalf("a phone reads %q", got)
		}
		if s := r.is(); s.MerchantTransactionID != "M-A" || s.AmountPaise != 24500 {
			t.Fatalf("status is %+v", s)
		}
		r.wantFacts("received A", "presented A DQR")

		time.Sleep(20 * time.Second)
		r.offer("A", protocol.PhasePaying)
		r.want(protocol.ModeChecking, "A")
		if got := r.scan(); got != "" {
			t.Fatalf("a phone still reads %q", got)
		}
		r.end("A", protocol.OutcomeSucceeded)
		r.want(protocol.ModeResult, "A")
		if !paid(r.is()) {
			t.Fatalf("status is %+v", r.is())
		}
		r.wantFacts("received A", "presented A DQR", "shown A")
		time.Sleep(3900 * time.Millisecond)
		r.want(protocol.ModeResult, "A")
		time.Sleep(200 * time.Millisecond)
		r.want(protocol.ModeIdle, "")

		r.offer("B", protocol.PhaseOffered)
		r.offer("C", protocol.PhaseOffered) // the newest is on the glass
		if got := r.scan(); got != qrOf("C") {
			t.Fatalf("a phone reads %q", got)
		}
		time.Sleep(time.Minute)
		r.want(protocol.ModeChecking, "C")
		r.end("C", protocol.OutcomeExpired)
		r.want(protocol.ModeResult, "C")
		time.Sleep(4 * time.Second)
		r.want(protocol.ModeIdle, "")
	})
}

// TestStatusIsToldOnEveryChangeAndOnlyThen: and only once the glass shows it,
// so the modes that a start passes through in no time may not be told.
func TestStatusIsToldOnEveryChangeAndOnlyThen(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		start := time.Now()
		r.presenting()
		time.Sleep(30 * time.Second)
		r.end("A", protocol.OutcomeFailed)
		time.Sleep(10 * time.Second)
		r.want(protocol.ModeIdle, "")
		told := r.statuses[slices.IndexFunc(r.statuses, func(s agent.Status) bool { return s.Mode == protocol.ModeIdle }):]
		var modes []string
		for i, s := range told {
			modes = append(modes, string(s.Mode))
			if i > 0 && s == told[i-1] {
				t.Errorf("told twice: %+v", s)
			}
		}
		if got := strings.Join(modes, " "); got != "idle presenting result idle" {
			t.Fatalf("modes are %q", got)
		}
		since := told[1].Since.Sub(start)
		if shown := told[2].Since.Sub(start); shown-since != 30*time.Second {
			t.Errorf("presenting since %v, result since %v", since, shown)
		}
	})
}

// TestPresentedIsWhatThePanelSays: the fact waits for Draw to return (PRD: the
// QR is on glass), and a sale that was replaced meanwhile is not reported.
func TestPresentedIsWhatThePanelSays(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var p *failingPanel
		r.wrap = func(driver agent.Panel) agent.Panel { p = &failingPanel{Panel: driver}; return p }
		r.on()
		gate := make(chan struct{})
		p.set(false, gate)
		r.offer("A", protocol.PhaseOffered)
		time.Sleep(2 * time.Second)
		r.wantFacts("received A")
		r.offer("B", protocol.PhaseOffered)
		gate <- struct{}{} // A is on the glass, for a moment
		r.wantFacts("received A", "received B")
		gate <- struct{}{}
		r.wantFacts("received A", "received B", "presented B DQR")
		p.set(false, nil)
		close(gate)
	})
}

// TestTheBarMovesOnceASecond: while presenting, each second a little of the
// glass is sent, and nothing else (terminal-ux: redraw only what changed).
func TestTheBarMovesOnceASecond(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.presenting()
		time.Sleep(100 * time.Millisecond)
		for range 30 {
			synctest.Wait()
			before, version := r.chip.Stats().Bytes, r.chip.Version()
			time.Sleep(time.Second)
			synctest.Wait()
			if r.chip.Version() == version {
				t.Fatal("the bar stands still")
			}
			if sent := r.chip.Stats().Bytes - before; sent > 240*320*2/10 {
				t.Fatalf("%d bytes for one second", sent)
			}
		}
		if got := r.scan(); got != qrOf("A") {
			t.Fatalf("a phone reads %q", got)
		}
		// A terminal at rest sends nothing.
		r.end("A", protocol.OutcomeCancelled)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		before := r.chip.Stats().Bytes
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if sent := r.chip.Stats().Bytes - before; sent != 0 {
			t.Errorf("idle, it sends %d bytes to the panel", sent)
		}
	})
}

// TestPowerCutWhilePresenting: within 10 s of power-on the same QR is back, with
// the time that is left (DESIGN 3.3).
func TestPowerCutWhilePresenting(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.presenting()
		time.Sleep(10 * time.Second)
		r.off()
		if r.chip.Lit() || len(r.ctrl.Wills()) != 1 {
			t.Fatalf("light %v, wills %+v", r.chip.Lit(), r.ctrl.Wills())
		}
		time.Sleep(15 * time.Second)
		r.ctrl.Want(func(s *protocol.State) {
			s.Sale = sale("A", protocol.PhasePresented)
			s.Sale.LeftMillis = 35_000
		})
		on := time.Now()
		r.on()
		r.want(protocol.ModePresenting, "A")
		if got := r.scan(); got != qrOf("A") {
			t.Fatalf("a phone reads %q", got)
		}
		if took := time.Since(on); took > 10*time.Second {
			t.Fatalf("it took %v", took)
		}
		time.Sleep(34 * time.Second)
		r.want(protocol.ModePresenting, "A")
		time.Sleep(2 * time.Second)
		r.want(protocol.ModeChecking, "A")
		r.wantFacts("received A", "presented A DQR") // not again
	})
}

// TestPowerCutAndPaidMeanwhile: PAID is shown once, for the sale that the disk
// remembers; a terminal that remembers none shows none.
func TestPowerCutAndPaidMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.presenting()
		r.off()
		r.end("A", protocol.OutcomeSucceeded)
		r.on()
		r.want(protocol.ModeResult, "A")
		if !paid(r.is()) {
			t.Fatalf("status is %+v", r.is())
		}
		r.wantFacts("received A", "presented A DQR", "shown A")
		r.off()
		r.statuses = nil
		r.on()
		r.want(protocol.ModeIdle, "")
		r.off()
		r.statuses = nil
		r.cfg.DataDir = t.TempDir() // another disk
		if _, err := r.ctrl.Enrol(r.cfg.DataDir); err != nil {
			t.Fatal(err)
		}
		r.on()
		r.want(protocol.ModeIdle, "")
		if r.ever(paid) {
			t.Fatal("PAID for a sale that this terminal never had")
		}
	})
}

// TestReportsSurviveAPowerCut: what was not acknowledged is told after boot
// (failure matrix S10, T).
func TestReportsSurviveAPowerCut(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.on()
		// The sale arrives, then the controller is gone before it hears of it.
		r.offer("A", protocol.PhaseOffered)
		r.wantFacts("received A", "presented A DQR")
		r.ctrl.Silence(true)
		r.ctrl.Broker.Cut()
		r.off()
		r.ctrl.Silence(false)
		r.ctrl.Restore(1, func(s *protocol.State) { s.Sale = sale("A", protocol.PhaseOffered) })
		r.on()
		r.want(protocol.ModePresenting, "A")
		time.Sleep(5 * time.Second)
		facts := strings.Join(r.ctrl.Facts()[2:], ", ")
		if !strings.Contains(facts, "presented A DQR") {
			t.Fatalf("the restored controller hears only %q", facts)
		}
	})
}

func TestTheLinkGoesAndComes(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		down := func() {
			how := r.ctrl.Broker
			how.Behave(unreachable)
			how.Cut()
			synctest.Wait()
		}
		r.on()
		r.want(protocol.ModeIdle, "")
		down()
		r.want(protocol.ModeOffline, "")
		r.ctrl.Broker.Behave(well)
		time.Sleep(6 * time.Second)
		r.want(protocol.ModeIdle, "")

		r.offer("A", protocol.PhaseOffered)
		time.Sleep(10 * time.Second)
		down()
		r.want(protocol.ModePresenting, "A")
		if r.is().Link || r.scan() != qrOf("A") {
			t.Fatalf("without a link: %+v, QR %q", r.is(), r.scan())
		}
		time.Sleep(49 * time.Second)
		r.want(protocol.ModePresenting, "A")
		time.Sleep(2 * time.Second)
		r.want(protocol.ModeChecking, "A") // never FAILED by itself
		r.end("A", protocol.OutcomeSucceeded)
		r.want(protocol.ModeChecking, "A")
		r.ctrl.Broker.Behave(well)
		time.Sleep(20 * time.Second)
		if !r.ever(paid) {
			t.Fatalf("PAID did not come with the link: %+v", r.is())
		}
		r.want(protocol.ModeIdle, "")
	})
}

// TestFlappingLink is failure matrix R24: nothing on the glass moves but the bar,
// nothing is told twice.
func TestFlappingLink(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.presenting()
		r.offer("A", protocol.PhasePresented)
		for range 40 {
			time.Sleep(time.Second)
			r.ctrl.Broker.Cut()
			if got := r.scan(); got != qrOf("A") {
				t.Fatalf("a phone reads %q", got)
			}
		}
		time.Sleep(6 * time.Second)
		r.want(protocol.ModePresenting, "A")
		r.wantFacts("received A", "presented A DQR")
		if n := len(r.ctrl.Broker.Connects()); n > 40 {
			t.Errorf("%d connections in 46 seconds", n)
		}
	})
}

// TestAQRThatDoesNotFit is refused with the reason.
func TestAQRThatDoesNotFit(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.on()
		r.ctrl.Want(func(s *protocol.State) {
			s.Sale = sale("A", protocol.PhaseOffered)
			s.Sale.QR += strings.Repeat("x", 1500)
		})
		r.want(protocol.ModeIdle, "")
		r.wantFacts("refused A QR_DOES_NOT_FIT") // at once, before anything else
		r.offer("B", protocol.PhaseOffered)
		r.want(protocol.ModePresenting, "B")
	})
}

// TestTheControllerHearsThatItWasHeard: an answered sync is confirmed at once, a
// repeated state soon; both need no change here.
func TestTheControllerHearsThatItWasHeard(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		reports := func() (n int) {
			synctest.Wait()
			for _, up := range r.ctrl.Ups() {
				if up.Report != nil && up.Report.Type == protocol.TypeReport && up.Report.AckSeq == r.ctrl.State().Seq {
					n++
				}
			}
			return n
		}
		r.on()
		r.off()
		r.on() // its disk has the state already
		before := reports()
		if before < 2 {
			t.Fatalf("%d reports confirm two answers", before)
		}
		time.Sleep(10 * time.Second)
		r.ctrl.Repeat()
		time.Sleep(2 * time.Second)
		if got := reports(); got != before+1 {
			t.Fatalf("%d reports confirm a repeated state", got-before)
		}
	})
}

// TestARestoredController: its numbers begin again; the terminal follows.
func TestARestoredController(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for range 20 {
			r.ctrl.Want(func(*protocol.State) {})
		}
		r.presenting()
		r.ctrl.Restore(3, func(s *protocol.State) { s.Sale = sale("B", protocol.PhaseOffered) })
		r.ctrl.Repeat() // a lower number: a doubt, so it is asked
		time.Sleep(3 * time.Second)
		r.want(protocol.ModePresenting, "B")
		r.end("B", protocol.OutcomeSucceeded)
		if !paid(r.is()) {
			t.Fatalf("status is %+v", r.is())
		}
	})
}
