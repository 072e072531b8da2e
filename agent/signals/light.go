package signals

import (
	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// Colour is that of a light. Its values are in firmware-sim's JSON: never change
// one.
type Colour string

// The colours.
const (
	Dark  Colour = "dark"
	White Colour = "white"
	Blue  Colour = "blue"
	Green Colour = "green" // money came in, and nothing else
	Red   Colour = "red"
	Amber Colour = "amber"
)

// Pattern is how a light moves. Its values are in firmware-sim's JSON: never
// change one.
type Pattern string

// The patterns. Program says what each is over time.
const (
	Off         Pattern = "off"
	Dim         Pattern = "dim"
	Solid       Pattern = "solid"
	Slow        Pattern = "slow" // somebody waits for somebody
	Chase       Pattern = "chase"
	Breathe     Pattern = "breathe"
	DoubleBlink Pattern = "double-blink"
	ThreeBlinks Pattern = "three-blinks"
	OneBlink    Pattern = "one-blink"
)

// Light is what the terminal's LED does. A pattern always goes with the colour,
// so that nobody depends on telling colours apart (terminal-ux: Common rules).
type Light struct {
	Colour  Colour  `json:"colour"`
	Pattern Pattern `json:"pattern"`
}

// LightOf is terminal-ux's LED table. It has no row for checking: that is blue
// like the rest of a payment, and slow, because somebody waits. Nor has it one
// for the keypad, where the cashier is about to take a payment, nor for a result
// that nobody knows, which warns, nor for the self-test, which runs through the
// lamp's steps. A mode that it does not know is dark.
func LightOf(s agent.Status) Light {
	switch s.Mode {
	case protocol.ModeStarting, protocol.ModeUpdating:
		return Light{White, Breathe}
	case protocol.ModeEnrolling:
		return Light{Blue, DoubleBlink}
	case protocol.ModeOffline:
		return Light{Amber, DoubleBlink}
	case protocol.ModeIdle:
		return Light{White, Dim}
	case protocol.ModeTesting:
		return Light{White, Chase}
	case protocol.ModePrompting:
		return Light{Blue, Slow}
	case protocol.ModePulling, protocol.ModeChoosing:
		return Light{Blue, Solid}
	case protocol.ModePresenting:
		if s.PayMode == protocol.PayCard {
			return Light{Blue, Chase}
		}
		return Light{Blue, Solid}
	case protocol.ModeChecking:
		return Light{Blue, Slow}
	case protocol.ModeResult:
		return lightOfResult(s.Result)
	case protocol.ModeFault:
		return Light{Red, Slow}
	}
	return Light{Dark, Off}
}

func lightOfResult(o protocol.Outcome) Light {
	switch o {
	case protocol.OutcomeSucceeded:
		return Light{Green, Solid}
	case protocol.OutcomeFailed:
		return Light{Red, ThreeBlinks}
	case protocol.OutcomeExpired, protocol.OutcomeCancelled:
		return Light{Amber, OneBlink}
	case protocol.OutcomeUnknown:
		return Light{Amber, Slow}
	}
	return Light{Dark, Off}
}
