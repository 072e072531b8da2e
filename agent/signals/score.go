package signals

import (
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

const (
	// RemindEvery is how often a new bill is told while nobody takes it
	// (terminal-ux: "repeats at 10 s").
	RemindEvery = 10 * time.Second
	// OutageGrace is how long an outage lasts before it is told: the terminal is
	// offline for a moment at every start, and a network that comes and goes would
	// have it talk without end.
	OutageGrace = 5 * time.Second
)

// Score is Cue with a memory: it reminds of a bill that nobody takes, and tells an
// outage once, when it has lasted. Time is handed in, as it has passed since any
// fixed moment; it never runs back. The zero value is ready. It is used by one
// goroutine at a time.
type Score struct {
	now    agent.Status
	remind time.Duration // when to tell the bill again; 0: never
	tell   time.Duration // when to tell the outage; 0: never
	outage bool          // an outage lasts, told or not
}

// Status takes what the terminal does now and says what sounds.
func (s *Score) Status(now agent.Status, at time.Duration) Sound {
	before := s.now
	s.now = now
	sound := Cue(before, now)
	if now.Mode == protocol.ModePrompting {
		if before.Mode != now.Mode || before.PaymentID != now.PaymentID {
			s.remind = at + RemindEvery
		}
	} else {
		s.remind = 0
	}
	if sound.Speech.Said == SaidNoInternet {
		sound.Speech = Speech{}
	}
	switch {
	case now.Link:
		s.outage, s.tell = false, 0
	case now.Mode == protocol.ModeOffline && !s.outage:
		s.outage, s.tell = true, at+OutageGrace
	}
	return sound
}

// Due is when Tick has something to say; false: nothing is to come.
func (s *Score) Due() (time.Duration, bool) {
	switch {
	case s.remind == 0:
		return s.tell, s.tell != 0
	case s.tell == 0:
		return s.remind, true
	}
	return min(s.remind, s.tell), true
}

// Tick says what sounds because time has passed. Before Due it is silence.
func (s *Score) Tick(at time.Duration) Sound {
	switch {
	case s.remind != 0 && at >= s.remind:
		s.remind = at + RemindEvery
		return Sound{Tone: newBill()}
	case s.tell != 0 && at >= s.tell:
		s.tell = 0
		if s.now.Mode != protocol.ModeOffline {
			s.outage = false // told at the next time that the glass says so
			return Sound{}
		}
		return Sound{Speech: Speech{Said: SaidNoInternet, Language: LanguageOf(s.now.Language), Muted: s.now.Muted}}
	}
	return Sound{}
}
