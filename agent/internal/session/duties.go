package session

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/galla-pay/galla/protocol"
)

const (
	// A sync is repeated until it is answered: after 2 s, 3 s, then every 5 s.
	syncFirstGap = 2 * time.Second
	syncLastGap  = 5 * time.Second
	// A new question is not asked sooner than this after the last.
	syncLeastGap = 2 * time.Second
	// A report is repeated until its facts are acknowledged: after 2 s, 4 s,
	// 8 s, 16 s, then every 30 s.
	reportFirstGap = 2 * time.Second
	reportLastGap  = 30 * time.Second
	// A pull is repeated until it is answered.
	pullGap = 2 * time.Second
	// A controller that repeats itself is answered no more often than this.
	confirmLeastGap = time.Second
	// Heartbeat: see protocol.Heartbeat.
	beatEvery = 15 * time.Second
	// A message that the broker does not acknowledge for this long means that
	// the connection is dead.
	publishTimeout = 10 * time.Second
)

// duties are what a connection owes the controller, and when. All gaps but the
// least ones and a pull's, for which somebody waits, are drawn from 80 % to 120 %
// of what is written above, so that terminals do not fall into step. The zero value owes a sync at once.
type duties struct {
	nonce    string // of the open question; empty: none
	syncAt   time.Time
	syncGap  time.Duration
	asked    time.Time // the last time
	doubted  bool      // a question is wanted
	accepted bool      // an answer came, and was not yet confirmed
	told     Standing  // what was reported last
	toldOnce bool
	reportAt time.Time // zero: no report is owed
	repGap   time.Duration
	reported time.Time // the last time
	beatAt   time.Time
	pull     Pull // that is asked; its ID is empty when none is
	pullAt   time.Time
}

// begin is the moment of the subscription: the state is asked for.
func (d *duties) begin(now time.Time) {
	d.nonce, d.syncAt = newNonce(), now
	d.beatAt = now.Add(rand.N(beatEvery))
}

// doubt wants the state asked for. While a question is open, that is enough.
func (d *duties) doubt() { d.doubted = d.nonce == "" }

// answered reports whether nonce is that of the open question, which it closes.
func (d *duties) answered(nonce string) bool {
	if nonce == "" || nonce != d.nonce {
		return false
	}
	d.nonce, d.syncAt, d.syncGap, d.doubted = "", time.Time{}, 0, false
	d.accepted = true
	return true
}

// look takes over what the event loop wants said.
func (d *duties) look(now time.Time, is Standing, ask, confirm bool) {
	if ask {
		d.doubt()
	}
	if d.doubted && d.nonce == "" {
		d.doubted = false
		d.nonce, d.syncAt = newNonce(), later(now, d.asked.Add(syncLeastGap))
	}
	if d.pull != is.Pull {
		d.pull, d.pullAt = is.Pull, now
	}
	switch {
	case d.toldOnce && d.told.equal(is):
	case d.toldOnce && onlyAcked(d.told, is):
		d.told = is
		d.reportAt, d.repGap = time.Time{}, 0
		if len(is.Facts) > 0 {
			d.reportAt = now
		}
	default:
		d.reportAt, d.repGap = now, 0
	}
	if !confirm {
		return
	}
	at := later(now, d.reported.Add(confirmLeastGap))
	if d.accepted {
		d.accepted, at = false, now
	}
	if d.reportAt.IsZero() || at.Before(d.reportAt) {
		d.reportAt = at
	}
}

// onlyAcked reports whether is differs from was only by facts that are not owed
// any more: that is no news to the controller.
func onlyAcked(was, is Standing) bool {
	n := len(was.Facts) - len(is.Facts)
	if n <= 0 || !slices.Equal(was.Facts[n:], is.Facts) {
		return false
	}
	was.Facts = is.Facts
	return was.equal(is)
}

// due is the message to send now, if any. A sync says all that a report says.
func (d *duties) due(now time.Time) (t protocol.Type, ok bool) {
	switch {
	case d.nonce != "" && !now.Before(d.syncAt):
		return protocol.TypeSync, true
	case d.pull.ID != "" && !now.Before(d.pullAt):
		return protocol.TypePull, true
	case !d.reportAt.IsZero() && !now.Before(d.reportAt):
		return protocol.TypeReport, true
	case !now.Before(d.beatAt):
		return protocol.TypeHeartbeat, true
	}
	return "", false
}

// next is when to look again.
func (d *duties) next() time.Time {
	at := d.beatAt
	if d.nonce != "" && d.syncAt.Before(at) {
		at = d.syncAt
	}
	if !d.reportAt.IsZero() && d.reportAt.Before(at) {
		at = d.reportAt
	}
	if d.pull.ID != "" && d.pullAt.Before(at) {
		at = d.pullAt
	}
	return at
}

// sent notes what was sent, and when it has to be repeated.
func (d *duties) sent(now time.Time, t protocol.Type, is Standing) {
	switch t {
	case protocol.TypeHeartbeat:
		d.beatAt = now.Add(about(beatEvery))
		return
	case protocol.TypePull:
		d.pullAt = now.Add(pullGap)
		return
	case protocol.TypeSync:
		d.asked = now
		d.syncGap = grown(d.syncGap, syncFirstGap, syncLastGap, 3, 2)
		d.syncAt = now.Add(about(d.syncGap))
	}
	d.told, d.toldOnce, d.reported = is, true, now
	if d.reportAt = (time.Time{}); len(is.Facts) > 0 {
		d.repGap = grown(d.repGap, reportFirstGap, reportLastGap, 2, 1)
		d.reportAt = now.Add(about(d.repGap))
	}
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
