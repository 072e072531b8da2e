package agent

import (
	"time"

	"github.com/galla-pay/galla/agent/internal/machine"
	"github.com/galla-pay/galla/agent/internal/session"
)

// now is the machine's time: monotonic, from the start of Run.
func (t *terminal) now() time.Duration { return time.Since(t.start) }

// step takes the machine through one event, does what it wants done, and shows
// and tells what follows.
func (t *terminal) step(ev machine.Event) {
	t.do(ev)
	t.flush()
}

// do carries effects out in order. A Save is answered before the next one.
func (t *terminal) do(ev machine.Event) {
	before := t.m
	next, effects := machine.Step(t.m, t.now(), ev)
	t.m = next
	t.logStep(before, ev)
	acked := false
	for _, e := range effects {
		switch e := e.(type) {
		case machine.Ack:
			waiting := len(t.spool.Facts())
			t.spool.Ack(e.Epoch, e.N)
			acked = len(t.spool.Facts()) < waiting
		case machine.Save:
			t.save(e)
		case machine.Tell:
			t.spool.Tell(e.Facts)
		case machine.Ask:
			if t.link != nil {
				t.link.Ask()
			}
		case machine.Confirm:
			// A repeat that acknowledges answers a report, and wants none.
			t.confirm = t.confirm || e.Answer || !acked
		case machine.Redraw:
			t.redraw = true
			if t.overdue {
				t.do(machine.DrawFailed{Reason: notAnswering})
			}
		case machine.RunSelfTest:
			t.selfTest(e.Run)
		case machine.Restart:
			t.ending = true
		case machine.Alarm:
			t.cfg.Log.Error("signed nonsense from the controller", "what", e.Text)
		}
	}
}

func (t *terminal) save(e machine.Save) {
	if err := t.spool.Save(e.Memory, e.Facts); err != nil {
		t.cfg.Log.Error("spool refuses", "err", err)
		t.do(machine.StoreFailed{Reason: err.Error(), Facts: e.Facts})
		return
	}
	t.do(machine.Stored{})
}

// logStep tells an operator where the terminal is going.
func (t *terminal) logStep(before machine.Machine, ev machine.Event) {
	if f, ok := ev.(machine.DrawFailed); ok {
		t.cfg.Log.Error("panel", "err", f.Reason)
	}
	if before.Mode == t.m.Mode && before.Payment().PaymentID == t.m.Payment().PaymentID {
		return
	}
	t.cfg.Log.Info("mode", "from", before.Mode, "to", t.m.Mode, "event", ev.Kind(),
		"payment", t.m.Payment().PaymentID, "result", resultOf(t.m), "reason", t.m.Reason())
}

// flush shows and tells what follows from the machine.
func (t *terminal) flush() {
	t.paint()
	t.desk.want(t.m.Call(t.now()))
	if t.link != nil {
		t.link.Tell(session.Standing{
			Epoch:     t.spool.Epoch(),
			AckSeq:    t.spool.Memory().Seq,
			Mode:      t.m.Mode,
			PaymentID: t.m.Payment().PaymentID,
			Facts:     t.spool.Facts(),
			Holds:     t.spool.Memory().Sale.PaymentID,
			Pull:      session.Pull(t.m.Keypad.Pull),
		}, t.confirm)
		t.confirm = false
	}
	if !t.onGlass() {
		return // the painter's answer brings us here again
	}
	if s := t.statusNow(); s != t.status {
		t.status = s
		if t.cfg.Status != nil {
			t.cfg.Status(s)
		}
	}
}

func (t *terminal) statusNow() Status {
	s := statusOf(t.m, t.cfg, t.start)
	s.CompanionBroken = t.second != nil && t.second.broken
	return s
}

// onGlass reports whether the glass shows what the machine is about, or will not
// soon: whoever is told of a status may look at the panel.
func (t *terminal) onGlass() bool {
	if t.m.Panel != "" || t.overdue {
		return true
	}
	about := subjectOf(t.m, t.cfg)
	return t.shown.of == about && (t.handed.IsZero() || t.drawn == about)
}

// paint hands the painter what is to be on the glass, if it is free and that is
// news. If it is not free, its answer brings us here again.
func (t *terminal) paint() {
	want := pictureOf(t.m, t.cfg, t.now())
	if t.second != nil {
		t.second.paint(want)
	}
	if !t.handed.IsZero() || t.m.Panel != "" && !t.redraw {
		return // it is busy; or broken, and it is not yet time to try again
	}
	if want == t.shown && !t.redraw {
		return
	}
	t.shown, t.redraw, t.handed = want, false, time.Now()
	t.painter.jobs <- want
}

// wake is how long the loop may sleep.
func (t *terminal) wake() time.Duration {
	now := t.now()
	at := now + time.Hour
	if t.m.Until != 0 {
		at = min(at, t.m.Until)
	}
	if next := nextPicture(t.m, now); next != 0 && t.handed.IsZero() && !t.hidden() {
		at = min(at, next)
	}
	if t.second != nil {
		if due := t.second.due(); !due.IsZero() {
			at = min(at, due.Sub(t.start))
		}
	}
	if t.cfg.Alive != nil {
		at = min(at, now+aliveEvery)
	}
	if !t.handed.IsZero() && !t.overdue {
		at = min(at, t.handed.Add(t.drawLimit).Sub(t.start))
	}
	if due := t.m.CallDue(now); due != 0 {
		at = min(at, due)
	}
	if due := t.desk.due(); !due.IsZero() {
		at = min(at, due.Sub(t.start))
	}
	return max(0, at-now)
}

const notAnswering = "panel does not answer"

// aliveEvery is how long the loop sleeps at most where somebody listens for it.
const aliveEvery = 5 * time.Second

// tick is what falls due with the time.
func (t *terminal) tick() {
	if t.second != nil {
		t.second.tick()
	}
	if !t.handed.IsZero() && !t.overdue && time.Since(t.handed) >= t.drawLimit {
		t.overdue = true
		t.do(machine.DrawFailed{Reason: notAnswering})
	}
	if t.m.Until != 0 && t.now() >= t.m.Until {
		t.do(machine.Tick{})
	}
	t.flush()
}
