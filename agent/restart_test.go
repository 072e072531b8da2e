package agent_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/protocol"
)

// TestTheLoopSaysThatItIsAlive: at rest, and while the panel hangs; that is no reason
// to cut the power (failure matrix R10).
func TestTheLoopSaysThatItIsAlive(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var last atomic.Int64
		r.cfg.Alive = func() { last.Store(time.Now().UnixNano()) }
		var p *failingPanel
		r.wrap = func(driver agent.Panel) agent.Panel { p = &failingPanel{Panel: driver}; return p }
		r.on()
		check := func(what string) {
			t.Helper()
			for range 60 {
				time.Sleep(time.Second)
				synctest.Wait()
				if silent := time.Since(time.Unix(0, last.Load())); silent > 10*time.Second {
					t.Fatalf("%s: not a word for %v", what, silent)
				}
			}
		}
		check("idle")
		gate := make(chan struct{})
		p.set(false, gate)
		r.offer("A", protocol.PhaseOffered)
		check("the panel hangs")
		p.set(false, nil)
		close(gate)
	})
}

// restarted waits for Run's end, which has to be ErrRestart.
func (r *rig) restarted() {
	r.t.Helper()
	if err := <-r.done; !errors.Is(err, agent.ErrRestart) {
		r.t.Fatalf("Run returned %v", err)
	}
	r.ended()
}

// ended tidies up behind a Run that has returned by itself.
func (r *rig) ended() {
	r.stop()
	r.stop = nil
	_ = r.chip.Close()
	r.chip.Reset()
}

// TestARestartForAnUpdate (failure matrix R23): at once when idle; after the sale
// and its result otherwise. The glass says so, and so does the last report.
func TestARestartForAnUpdate(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		restart := make(chan struct{})
		r.cfg.Restart = restart
		r.on()
		restart <- struct{}{}
		r.want(protocol.ModeUpdating, "")
		r.wantGlass(screen.View{})
		time.Sleep(time.Second)
		r.restarted()
		reported := slices.ContainsFunc(r.ctrl.Ups(), func(up protocol.Up) bool {
			return up.Report != nil && up.Report.Mode == protocol.ModeUpdating
		})
		if !reported {
			t.Error("the controller does not hear of it")
		}

		r.statuses = nil
		r.presenting()
		restart <- struct{}{}
		if s := r.is(); s.Mode != protocol.ModePresenting || !s.UpdateWaits || r.scan() != qrOf("A") {
			t.Fatalf("status is %+v", s)
		}
		time.Sleep(30 * time.Second)
		r.end("A", protocol.OutcomeSucceeded)
		time.Sleep(3 * time.Second)
		r.want(protocol.ModeResult, "A")
		time.Sleep(3 * time.Second)
		r.restarted()
		close(restart) // whoever asks goes away: asked once more
		r.on()
		time.Sleep(time.Second)
		r.restarted()
	})
}

// TestNoInternetIsNotSaidTooSoon: a controller that takes two seconds is no outage; a
// broker that is not there is, after three.
func TestNoInternetIsNotSaidTooSoon(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		offline := func(s agent.Status) bool { return s.Mode == protocol.ModeOffline }
		r.ctrl.Silence(true)
		r.on()
		r.want(protocol.ModeStarting, "")
		time.Sleep(900 * time.Millisecond)
		r.ctrl.Silence(false)
		time.Sleep(1600 * time.Millisecond) // it asks again after 1.6 to 2.4 s
		r.want(protocol.ModeIdle, "")
		if r.ever(offline) {
			t.Error("it said that there is no internet")
		}
		r.off()
		r.statuses = nil
		r.ctrl.Broker.Behave(unreachable)
		r.on()
		time.Sleep(3100 * time.Millisecond)
		r.want(protocol.ModeOffline, "")
	})
}
