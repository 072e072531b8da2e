package agent

import (
	"log/slog"
	"time"

	"github.com/galla-pay/galla/agent/internal/machine"
)

// companionRetry is how long a companion that took no picture is left alone.
const companionRetry = 3 * time.Second

// companion is the small panel beside the one that is paid at. It shows the same in
// few words, and stops nothing: the terminal never waits for it, and that it is
// broken is logged and told in Status. It is the event loop's own.
type companion struct {
	painter *painter
	log     *slog.Logger
	limit   time.Duration // of one drawing, then it counts as broken

	shown  picture
	redraw bool      // hand it over even if it is the same
	handed time.Time // when its painter began; zero: it is free
	broken bool
	again  time.Time // while broken: when it is tried again
}

func newCompanion(hw Hardware, log *slog.Logger) (*companion, error) {
	p, err := newPainter(hw.Companion, hw.CompanionKind, hw.Hidden)
	if err != nil {
		return nil, err
	}
	return &companion{painter: p, log: log, limit: hw.CompanionKind.DrawLimit + drawGrace}, nil
}

// paint hands over what is to be on it, if it is free and that is news. It never
// shows a payment's QR.
func (c *companion) paint(want picture) {
	want.qr = ""
	now := time.Now()
	switch {
	case !c.handed.IsZero():
		return
	case c.broken && now.Before(c.again):
		return
	case !c.broken && !c.redraw && want == c.shown:
		return
	}
	c.shown, c.redraw, c.handed = want, false, now
	c.painter.jobs <- want
}

// answered takes the painter's answer; drawn says that the companion works.
func (c *companion) answered(ev machine.Event) (drawn bool) {
	c.handed = time.Time{}
	switch ev := ev.(type) {
	case machine.DrawFailed:
		c.fails(ev.Reason)
		return false
	case machine.Unpresentable: // none is given to it
		return false
	}
	if c.broken {
		c.log.Info("companion panel works again")
	}
	c.broken = false
	return true
}

// fails notes that it is broken; one line is logged until it works again.
func (c *companion) fails(reason string) {
	if !c.broken {
		c.log.Error("companion panel", "err", reason)
	}
	c.broken, c.again = true, time.Now().Add(companionRetry)
}

// tick notes that it does not answer.
func (c *companion) tick() {
	if !c.handed.IsZero() && !c.broken && time.Since(c.handed) >= c.limit {
		c.fails(notAnswering)
	}
}

// due is when tick or paint has to be called although nothing happened; zero: never.
func (c *companion) due() time.Time {
	switch {
	case !c.handed.IsZero() && !c.broken:
		return c.handed.Add(c.limit)
	case c.handed.IsZero() && c.broken:
		return c.again
	}
	return time.Time{}
}
