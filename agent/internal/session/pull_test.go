package session

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/internal/session/sessiontest"
	"github.com/galla-pay/galla/protocol"
)

// pulling is a terminal that asks for order 0042.
func pulling(id string) Standing {
	is := idleStanding
	is.Mode, is.Pull = protocol.ModePulling, Pull{ID: id, ShortOrderID: "0042"}
	return is
}

func (r *rig) wantPulls(n int) []protocol.Pull {
	r.t.Helper()
	synctest.Wait()
	all := r.ctrl.Pulls()
	if len(all) != n {
		r.t.Fatalf("%d pulls came, want %d", len(all), n)
	}
	return all
}

// TestAPullIsRepeatedUntilItIsAnswered: every 2 s, the same question; a new one
// at once; none when the event loop has its answer.
func TestAPullIsRepeatedUntilItIsAnswered(t *testing.T) {
	bubble(t, sessiontest.Behaviour{}, func(t *testing.T, r *rig) {
		r.wantPulls(0)
		r.s.Tell(pulling("PULL0001"), false)
		first := r.wantPulls(1)[0]
		if first.PullID != "PULL0001" || first.ShortOrderID != "0042" || first.Session != r.lastReport().Session {
			t.Fatalf("the pull is %+v", first)
		}
		time.Sleep(6 * time.Second)
		for _, p := range r.wantPulls(4) {
			if p != first {
				t.Fatalf("repeated as %+v, want %+v", p, first)
			}
		}
		r.s.Tell(pulling("PULL0002"), false)
		if p := r.wantPulls(5)[4]; p.PullID != "PULL0002" {
			t.Fatalf("the next pull is %+v", p)
		}
		r.s.Tell(idleStanding, false)
		time.Sleep(time.Minute)
		r.wantPulls(5)
		r.noWrong()
	})
}

// TestAPullSurvivesALostLink: it is asked at once on the next connection.
func TestAPullSurvivesALostLink(t *testing.T) {
	bubble(t, sessiontest.Behaviour{}, func(t *testing.T, r *rig) {
		r.ctrl.Broker.Behave(sessiontest.Behaviour{Unreachable: true})
		r.ctrl.Broker.Cut()
		r.s.Tell(pulling("PULL0001"), false)
		time.Sleep(8 * time.Second)
		r.wantPulls(0)
		r.ctrl.Broker.Behave(sessiontest.Behaviour{})
		for len(r.ctrl.Pulls()) == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		var order []protocol.Type
		for _, up := range r.ctrl.Ups() { // there may be a heartbeat among them
			switch {
			case up.Report != nil:
				order = append(order, up.Report.Type)
			case up.Pull != nil:
				order = append(order, up.Pull.Type)
			}
		}
		if order = order[max(0, len(order)-2):]; len(order) != 2 || order[0] != protocol.TypeSync || order[1] != protocol.TypePull {
			t.Fatalf("the last messages are %q, want the sync, then the pull", order)
		}
		r.noWrong()
	})
}

// TestASyncSaysWhatIsHeld: without it an OPEN order would be given back to the
// pool (DESIGN 3.2: HandoverLost). A report does not say it, so it is no news.
func TestASyncSaysWhatIsHeld(t *testing.T) {
	bubble(t, sessiontest.Behaviour{}, func(t *testing.T, r *rig) {
		if sync := r.lastReport(); sync.Type != protocol.TypeSync || sync.Holds != "" {
			t.Fatalf("the first sync is %+v", sync)
		}
		holding := idleStanding
		holding.Holds = "A"
		n := len(r.ups())
		r.s.Tell(holding, false)
		time.Sleep(10 * time.Second)
		if ups := r.ups(); len(ups) != n {
			t.Fatalf("messages are %q", ups[n:])
		}
		r.s.Ask()
		time.Sleep(10 * time.Second)
		if sync := r.lastReport(); sync.Type != protocol.TypeSync || sync.Holds != "A" {
			t.Fatalf("the sync is %+v", sync)
		}
		holding.Mode = protocol.ModePresenting
		r.s.Tell(holding, false)
		if report := r.lastReport(); report.Type != protocol.TypeReport || report.Holds != "" {
			t.Fatalf("the report is %+v", report)
		}
	})
}
