package terminal

import (
	"sync"

	"github.com/galla-pay/galla/firmware-sim/cable"
)

// network is the terminal's cable as its two switches have it: it leads somewhere
// while the network switch is on and there is power.
type network struct {
	*cable.Cable

	mu      sync.Mutex
	plugged bool // the network switch
	powered bool // without power there is no network either
}

func newNetwork() *network { return &network{Cable: cable.New(nil), plugged: true} }

// Plug sets the network switch and reports whether that changed it.
func (n *network) Plug(on bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	changed := n.plugged != on
	n.plugged = on
	n.Cable.Plug(n.plugged && n.powered)
	return changed
}

// Power follows the terminal's power.
func (n *network) Power(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.powered = on
	n.Cable.Plug(n.plugged && n.powered)
}

// Plugged reports where the network switch is.
func (n *network) Plugged() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.plugged
}
