package terminal

import "github.com/galla-pay/galla/protocol"

// Lamp is what the terminal's LED does. A pattern always goes with the colour,
// so that nobody depends on telling colours apart (terminal-ux: Common rules).
type Lamp struct {
	Colour  string `json:"colour"`  // dark, white, blue, green, red, amber
	Pattern string `json:"pattern"` // off, dim, solid, slow, breathe, double-blink, three-blinks, one-blink
}

// LampOf is terminal-ux's LED table. outcome counts only in mode result. The
// table has no row for checking; it is blue like the rest of a payment, and
// slow, because somebody waits.
func LampOf(mode protocol.Mode, outcome protocol.Outcome) Lamp {
	switch mode {
	case protocol.ModeStarting:
		return Lamp{"white", "breathe"}
	case protocol.ModeEnrolling:
		return Lamp{"blue", "double-blink"}
	case protocol.ModeOffline:
		return Lamp{"amber", "double-blink"}
	case protocol.ModeIdle:
		return Lamp{"white", "dim"}
	case protocol.ModePresenting:
		return Lamp{"blue", "solid"}
	case protocol.ModeChecking:
		return Lamp{"blue", "slow"}
	case protocol.ModeResult:
		switch outcome {
		case protocol.OutcomeSucceeded:
			return Lamp{"green", "solid"}
		case protocol.OutcomeFailed:
			return Lamp{"red", "three-blinks"}
		case protocol.OutcomeExpired, protocol.OutcomeCancelled:
			return Lamp{"amber", "one-blink"}
		}
		return Lamp{"dark", "off"}
	case protocol.ModeFault:
		return Lamp{"red", "slow"}
	}
	return Lamp{"dark", "off"}
}
