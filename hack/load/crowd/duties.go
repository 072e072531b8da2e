package crowd

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// What a real terminal does, and how often (agent/internal/session).
const (
	beatEvery      = 15 * time.Second
	syncFirstGap   = 2 * time.Second
	syncLastGap    = 5 * time.Second
	syncLeastGap   = 2 * time.Second
	reportFirstGap = 2 * time.Second
	reportLastGap  = 30 * time.Second
	confirmGap     = time.Second
	publishTimeout = 10 * time.Second
	steadyAfter    = 10 * time.Second
)

var errNoPuback = errors.New("the broker does not acknowledge")

// duties are what a connection owes the controller, and when, by the agent's rules:
// one message at a time is under way to the broker, gaps are drawn from 80 % to 120 %
// of what is written above, and a sync says all that a report says.
type duties struct {
	nonce    string // of the open question; "": none
	syncAt   time.Time
	syncGap  time.Duration
	asked    time.Time
	reportAt time.Time // zero: no report is owed
	repGap   time.Duration
	reported time.Time
	beatAt   time.Time

	flight uint16 // the packet that the broker has not acknowledged; 0: none
	since  time.Time
}

// begin is the moment of the subscription: the state is asked for.
func (d *duties) begin(now time.Time) {
	*d = duties{nonce: newNonce(), syncAt: now, beatAt: now.Add(rand.N(beatEvery))}
}

// doubt wants the state asked for. While a question is open, that is enough.
func (d *duties) doubt(now time.Time) {
	if d.nonce == "" {
		d.nonce, d.syncAt = newNonce(), later(now, d.asked.Add(syncLeastGap))
	}
}

// answered reports whether nonce is that of the open question, which it closes.
func (d *duties) answered(nonce string) bool {
	if nonce == "" || nonce != d.nonce {
		return false
	}
	d.nonce, d.syncGap = "", 0
	return true
}

// news: there is something else to say than was said.
func (d *duties) news(now time.Time) { d.reportAt, d.repGap = now, 0 }

// acknowledged: some facts are not owed any more; left is how many are.
func (d *duties) acknowledged(left int, now time.Time) {
	d.reportAt, d.repGap = time.Time{}, 0
	if left > 0 {
		d.reportAt = now
	}
}

// confirm says again what is although it is no news: at once after an answer, and no
// more often than once a second where the controller repeats itself.
func (d *duties) confirm(answer bool, now time.Time) {
	at := now
	if !answer {
		at = later(now, d.reported.Add(confirmGap))
	}
	if d.reportAt.IsZero() || at.Before(d.reportAt) {
		d.reportAt = at
	}
}

// due is the message to send now, if any.
func (d *duties) due(now time.Time) (t protocol.Type, ok bool) {
	switch {
	case d.flight != 0:
		return "", false
	case d.nonce != "" && !now.Before(d.syncAt):
		return protocol.TypeSync, true
	case !d.reportAt.IsZero() && !now.Before(d.reportAt):
		return protocol.TypeReport, true
	case !now.Before(d.beatAt):
		return protocol.TypeHeartbeat, true
	}
	return "", false
}

// sent notes what was sent, in which packet, with so many facts, and when it has to be
// said again; again reports whether it was said before.
func (d *duties) sent(t protocol.Type, packet uint16, facts int, now time.Time) (again bool) {
	d.flight, d.since = packet, now
	switch t {
	case protocol.TypeHeartbeat:
		d.beatAt = now.Add(about(beatEvery))
		return false
	case protocol.TypeSync:
		again = d.syncGap != 0
		d.asked = now
		d.syncGap = grown(d.syncGap, syncFirstGap, syncLastGap, 3, 2)
		d.syncAt = now.Add(about(d.syncGap))
	}
	d.reported = now
	if d.reportAt = (time.Time{}); facts > 0 {
		again = again || d.repGap != 0
		d.repGap = grown(d.repGap, reportFirstGap, reportLastGap, 2, 1)
		d.reportAt = now.Add(about(d.repGap))
	}
	return again
}

// grown is the gap after gap: the first, then times num/den up to the last.
func grown(gap, first, last time.Duration, num, den int64) time.Duration {
	if gap == 0 {
		return first
	}
	return min(gap*time.Duration(num)/time.Duration(den), last)
}

// about is d, give or take a fifth.
func about(d time.Duration) time.Duration { return d*4/5 + rand.N(d*2/5) }

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func newNonce() string { return fmt.Sprintf("N%016X", rand.Uint64()) }

// outage decides when the next try to connect begins, as the agent with one broker
// does: within a second of the loss; in the first minute 1 s to 5 s after the last try
// began; then 5 s to 10 s, 10 s to 20 s, 20 s to 40 s, and 30 s to 60 s from there on.
// A crowd begins with one: all of it gets power together.
type outage struct {
	since time.Time
	tries int
	late  int // of them, after the first minute
}

// wait is how long to wait now, after a try that began at begun; up is when it led to
// a subscription, zero if it did not.
func (o *outage) wait(begun, up, now time.Time) time.Duration {
	if !up.IsZero() {
		begun = now // the link was lost just now
		if now.Sub(up) >= steadyAfter {
			*o = outage{since: now}
		}
	}
	low, high := time.Second, 5*time.Second
	switch {
	case o.tries == 0:
		low, high = 0, time.Second
	case now.Sub(o.since) >= time.Minute:
		high = min(10*time.Second<<o.late, time.Minute)
		if low = high / 2; high < time.Minute {
			o.late++
		}
	}
	o.tries++
	return max(0, low+rand.N(high-low)-now.Sub(begun))
}
