package session

import (
	"errors"
	"io"
	"syscall"
	"time"
)

const (
	// A link that was taken away sooner than this after it was made looks as if
	// another client had come with the same id.
	contestedLife = 5 * time.Second
	// So many of them within contestedWithin are no accident.
	contestedTimes  = 5
	contestedWithin = 2 * time.Minute
)

// rival notices that another device connects with this terminal's identity
// (failure matrix T2). A broker has one connection for a client id: the newest
// takes it from the one before. Two devices that both want to stay do so to each
// other again and again; what a device with a stolen identity may do beside that
// is the controller's to notice, by the boot ids.
//
// Only what the other side has ended counts. A network that comes and goes makes
// waits that end in a limit of our own.
type rival struct {
	thrown []time.Time // when, at most contestedTimes, oldest first
	is     bool
}

// lost takes the end of a link that was made at up. contested: another device
// seems to be there; news: that was not so before.
func (r *rival) lost(up, now time.Time, why error) (contested, news bool) {
	switch {
	case now.Sub(up) >= steadyAfter: // that is not how a quarrel goes
		*r = rival{}
	case now.Sub(up) < contestedLife && endedByPeer(why):
		r.thrown = append(r.thrown, now)
		r.thrown = r.thrown[max(0, len(r.thrown)-contestedTimes):]
	}
	was := r.is
	r.is = r.is || len(r.thrown) == contestedTimes && now.Sub(r.thrown[0]) <= contestedWithin
	return r.is, r.is && !was
}

// endedByPeer reports whether a link ended because the broker wanted it to.
func endedByPeer(why error) bool {
	return errors.Is(why, io.EOF) || errors.Is(why, io.ErrUnexpectedEOF) || errors.Is(why, syscall.ECONNRESET) || errors.Is(why, errThrownOff)
}
