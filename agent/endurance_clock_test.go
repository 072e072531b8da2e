package agent_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// TestWallClocks (failure matrix T18, column K): the wall clock is ten years late or
// early from the start, or jumps by ten years or an hour in the middle of a sale,
// and the broker's certificate lives for two hours. The terminal connects, takes a
// sale and shows its QR for as long as it was told, neither a second more nor less;
// it connects again after the jump, and shows PAID.
func TestWallClocks(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, row := range []struct {
		name        string
		first, then time.Duration
	}{
		{"right", 0, 0},
		{"ten years late", -10 * year, -10 * year},
		{"ten years early", 10 * year, 10 * year},
		{"jumps ten years back", 0, -10 * year},
		{"jumps ten years ahead", 0, 10 * year},
		{"jumps an hour back", 0, -time.Hour},
		{"jumps an hour ahead", 0, 59 * time.Minute},
		{"is set right, ten years ahead", -10 * year, 0},
		{"is set right, ten years back", 10 * year, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, t.TempDir())
			var wrong, asked atomic.Int64
			wrong.Store(int64(row.first))
			w.cfg.Wall = func() time.Time {
				asked.Add(1)
				return time.Now().Add(time.Duration(wrong.Load()))
			}
			w.on()
			w.wait("connected", idle)
			if asked.Load() == 0 {
				t.Error("nobody asked the wall clock")
			}
			// A clock that counted would be wrong by the best part of an hour. A machine
			// may be slow.
			const left, slow = 2500 * time.Millisecond, 10 * time.Minute
			offered := time.Now()
			w.offer("A", left)
			shown := w.wait("QR", func(s agent.Status) bool { return s.Mode == protocol.ModePresenting })
			if ends := shown.Ends.Sub(offered); ends < left-time.Second || ends > left+slow {
				t.Errorf("the QR is to end after %v", ends)
			}
			wrong.Store(int64(row.then))
			w.ctrl.Repeat() // so that it has something to do, and looks at its clock
			w.wait("the QR's end", func(s agent.Status) bool { return s.Mode == protocol.ModeChecking })
			if took := time.Since(offered); took < left-time.Second || took > left+slow {
				t.Errorf("the QR was on the glass for %v, of %v", took, left)
			}
			w.ctrl.Broker.Cut()
			w.wait("the link is lost", func(s agent.Status) bool { return !s.Link })
			w.wait("the link is back", func(s agent.Status) bool { return s.Link })
			w.end("A", protocol.OutcomeSucceeded)
			if s := w.wait("PAID", paid); s.PaymentID != "A" {
				t.Errorf("PAID for %q", s.PaymentID)
			}
			w.off() // and from the power switch, too
			w.on()
			w.wait("connected after a power cut", idle)
			for _, err := range w.ctrl.Wrong() {
				t.Errorf("the controller was told nonsense: %v", err)
			}
		})
	}
}
