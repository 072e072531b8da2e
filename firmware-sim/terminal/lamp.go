package terminal

import "github.com/galla-pay/galla/protocol"

// Lamp is what the terminal's LED does. A pattern always goes with the colour,
// so that nobody depends on telling colours apart (terminal-ux: Common rules).
type Lamp struct {
	Colour  string `json:"colour"`  // dark, white, blue, green, red, amber
	Pattern string `json:"pattern"` // off, dim, solid, slow, chase, breathe, double-blink, three-blinks, one-blink
}

// LampOf is terminal-ux's LED table. It has no row for checking: that is blue
// like the rest of a payment, and slow, because somebody waits. Nor has it one
// for the keypad, where the cashier is about to take a payment, nor for a result
// that nobody knows, which warns.
func LampOf(s State) Lamp {
	switch s.Mode {
	case protocol.ModeStarting:
		return Lamp{"white", "breathe"}
	case protocol.ModeEnrolling:
		return Lamp{"blue", "double-blink"}
	case protocol.ModeOffline:
		return Lamp{"amber", "double-blink"}
	case protocol.ModeIdle:
		return Lamp{"white", "dim"}
	case protocol.ModePrompting:
		return Lamp{"blue", "slow"}
	case protocol.ModePulling, protocol.ModeChoosing:
		return Lamp{"blue", "solid"}
	case protocol.ModePresenting:
		if s.PayMode == protocol.PayCard {
			return Lamp{"blue", "chase"}
		}
		return Lamp{"blue", "solid"}
	case protocol.ModeChecking:
		return Lamp{"blue", "slow"}
	case protocol.ModeResult:
		switch s.Result {
		case protocol.OutcomeSucceeded:
			return Lamp{"green", "solid"}
		case protocol.OutcomeFailed:
			return Lamp{"red", "three-blinks"}
		case protocol.OutcomeExpired, protocol.OutcomeCancelled:
			return Lamp{"amber", "one-blink"}
		case protocol.OutcomeUnknown:
			return Lamp{"amber", "slow"}
		}
		return Lamp{"dark", "off"}
	case protocol.ModeFault:
		return Lamp{"red", "slow"}
	}
	return Lamp{"dark", "off"}
}
