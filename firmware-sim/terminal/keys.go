package terminal

import (
	"errors"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/board"
)

// keyQueue is how many keys wait for an agent that has not read them yet. It
// reads each within the time of a write to its disk, so a person never fills it.
const keyQueue = 32

// Why a key is not taken.
var (
	ErrNoPower  = errors.New("the terminal is off")
	ErrNoKeys   = errors.New("this terminal has no keys")
	ErrKeysFull = errors.New("the terminal does not read its keys")
)

// Press presses a key. It never waits for the agent, which does with the key
// what its mode has it do, often nothing. It returns ErrNoKeys on a terminal
// without keys, ErrNoPower without power, and ErrKeysFull when the agent has
// not read the keys before this one.
//
// On a wired terminal the key's contact is closed and opened, and Press returns
// when the driver has made a key of it, after a tenth of a second; ErrKeysFull
// when it has not within five.
func (t *Terminal) Press(key agent.Key) error {
	if t.cfg.Wired {
		return t.finger(key, false)
	}
	return t.press(key)
}

// Hold presses a key for as long as its other meaning takes (board.DefaultHolds);
// a key that has none is pressed. Errors are those of Press.
func (t *Terminal) Hold(key agent.Key) error {
	if t.cfg.Wired {
		return t.finger(key, true)
	}
	if meaning, ok := board.DefaultHolds()[key]; ok {
		key = meaning
	}
	return t.press(key)
}

// press hands a key to the agent.
func (t *Terminal) press(key agent.Key) error {
	if t.cfg.NoKeys {
		return ErrNoKeys
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.power {
		return ErrNoPower
	}
	select {
	case t.keys <- key:
		return nil
	default:
		return ErrKeysFull
	}
}

// hardwareKeys is the agent's end of the keys; nil when there are none.
func (t *Terminal) hardwareKeys() <-chan agent.Key {
	if t.cfg.NoKeys {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.keys
}

// newKeys loses what was pressed and not read: keys are for the agent that runs,
// not for the next one. t.mu is held.
func (t *Terminal) newKeys() { t.keys = make(chan agent.Key, keyQueue) }
