package signals

import (
	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// Sound is what a change sounds like: the tone first, then what is said. The zero
// Sound is silence.
type Sound struct {
	Tone   Tone   `json:"tone"`
	Speech Speech `json:"speech"`
}

// IsZero reports silence, without even a caption.
func (s Sound) IsZero() bool { return s.Tone.IsZero() && s.Speech.IsZero() }

// Cue is terminal-ux's sound table: what sounds when the terminal was doing
// before and does now. The zero Status stands for a terminal that was switched
// off.
//
// Only a result that the controller has confirmed speaks an amount, and it is the
// confirmed one. The table has no row for a result that nobody knows, which
// sounds like a fault and says nothing, nor for the self-test, which lets the
// speaker be heard. Muted takes the voice away, never the tones nor the captions.
func Cue(before, now agent.Status) Sound {
	s := change(before, now)
	if !s.Speech.IsZero() {
		s.Speech.Language = LanguageOf(now.Language)
		s.Speech.Muted = now.Muted
	}
	return s
}

func change(before, now agent.Status) Sound {
	switch {
	case now.Mode == protocol.ModeResult && result(before, now):
		return soundOfResult(now)
	case now.Mode != before.Mode || now.PaymentID != before.PaymentID || before.PayMode != "" && now.PayMode != before.PayMode:
		if s := soundOfMode(before, now); !s.IsZero() {
			return s
		}
	}
	switch {
	case before.Mode == "":
		return Sound{} // switched on: nothing was pressed
	case now.Repeats > before.Repeats && !now.Last.Valid():
		return Sound{Tone: softLow()}
	case now.Repeats > before.Repeats:
		return Sound{Speech: Speech{Said: SaidLast, AmountPaise: now.Last}}
	case now.Muted && !before.Muted:
		return Sound{Tone: falling(), Speech: Speech{Said: SaidVoiceOff}}
	case !now.Muted && before.Muted:
		return Sound{Speech: Speech{Said: SaidVoiceOn}}
	case before.Language != "" && LanguageOf(now.Language) != LanguageOf(before.Language):
		return Sound{Speech: Speech{Said: SaidLanguage}}
	}
	return Sound{}
}

// result reports that now is a result that was not there before.
func result(before, now agent.Status) bool {
	return before.Mode != protocol.ModeResult || before.PaymentID != now.PaymentID || before.Result != now.Result
}

func soundOfResult(now agent.Status) Sound {
	switch now.Result {
	case protocol.OutcomeSucceeded:
		s := Sound{Tone: chime()}
		if !now.AmountPaise.Valid() {
			return s
		}
		s.Speech = Speech{Said: SaidReceived, AmountPaise: now.AmountPaise}
		if now.Late {
			s.Speech.Said = SaidLate
			if orderDigits(now.OrderID) {
				s.Speech.Order = now.OrderID
			}
		}
		return s
	case protocol.OutcomeFailed:
		return Sound{Tone: low(), Speech: Speech{Said: SaidFailed}}
	case protocol.OutcomeExpired, protocol.OutcomeCancelled:
		return Sound{Tone: softLow()}
	case protocol.OutcomeUnknown:
		return Sound{Tone: alarm()}
	}
	return Sound{}
}

// soundOfMode is what a mode begins with, for this payment.
func soundOfMode(before, now agent.Status) Sound {
	switch now.Mode {
	case protocol.ModePrompting:
		return Sound{Tone: newBill()}
	case protocol.ModePresenting:
		return Sound{Tone: tick()}
	}
	if now.Mode == before.Mode {
		return Sound{}
	}
	switch now.Mode {
	case protocol.ModeOffline:
		return Sound{Speech: Speech{Said: SaidNoInternet}}
	case protocol.ModeFault:
		return Sound{Tone: alarm()}
	case protocol.ModeTesting:
		return Sound{Tone: chime(), Speech: Speech{Said: SaidSoundTest}}
	}
	if before.Mode == protocol.ModeEnrolling {
		return Sound{Tone: tick()} // claimed
	}
	return Sound{}
}
