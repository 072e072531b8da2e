package board

import (
	"time"

	"github.com/galla-pay/galla/agent"
)

// contact makes presses and releases of what a bouncing contact does.
type contact struct {
	down  bool      // the contact, as far as it counts
	since time.Time // when it last moved while it says otherwise; zero: it does not
}

// see takes the contact as it is at now, and whether it moved since the last time.
// It reports that what counts has changed.
func (c *contact) see(down, moved bool, now time.Time) bool {
	switch {
	case down == c.down:
		c.since = time.Time{}
		return false
	case moved || c.since.IsZero():
		c.since = now
		return false
	case now.Sub(c.since) < Settle:
		return false
	}
	c.down, c.since = down, time.Time{}
	return true
}

// finger is one key: its contact, and how long it has been held.
type finger struct {
	contact
	key     agent.Key
	hold    agent.Key // what a long press means; "": the same as a short one
	holdFor time.Duration
	pressed time.Time // when it went down, while it is down
	spent   bool      // this press has been told, or is none
	stuck   bool      // down since the start
}

// see takes the contact as contact.see does. It returns the key that this makes,
// or "".
func (f *finger) see(down, moved bool, now time.Time) agent.Key {
	changed := f.contact.see(down, moved, now)
	switch {
	case changed && f.down:
		f.pressed, f.spent = now, f.hold == ""
		if f.spent {
			return f.key
		}
	case changed:
		spent := f.spent
		f.spent = true
		if !spent {
			return f.key
		}
	case f.down && !f.spent && now.Sub(f.pressed) >= f.holdFor && f.since.IsZero():
		f.spent = true
		return f.hold
	}
	return ""
}

// wait is how long the key may be left alone.
func (f *finger) wait(now time.Time) time.Duration {
	d := lookEvery
	if !f.since.IsZero() {
		d = Settle - now.Sub(f.since)
	} else if f.down && !f.spent {
		d = min(d, f.holdFor-now.Sub(f.pressed))
	}
	return max(time.Millisecond, d)
}
