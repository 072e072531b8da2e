package terminal

import (
	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/signals"
)

// LampOf is what the terminal's LED does: package signals says what. Off, and
// what nobody knows, is dark.
func LampOf(s State) signals.Light {
	return signals.LightOf(agent.Status{Mode: s.Mode, PayMode: s.PayMode, Result: s.Result})
}
