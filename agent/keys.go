package agent

import (
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/galla-pay/galla/agent/internal/machine"
	"github.com/galla-pay/galla/agent/internal/screen"
)

// Key is a key of the terminal. Its values are written in configurations and in
// the paths of firmware-sim: never change one.
type Key string

// The keys of a terminal that asks its cashier (DESIGN 3.3: prompting, choosing,
// pulling).
const (
	KeyAccept Key = machine.KeyAccept // "accept": the prompt's yes
	KeyReject Key = machine.KeyReject // "reject": the prompt's no, and the choice's
	KeyCard   Key = machine.KeyCard   // "card": the customer pays by card
	KeyDQR    Key = machine.KeyDQR    // "dqr": the customer pays by QR
	Key0      Key = "0"
	Key1      Key = "1" // the upper row of a choice, too: the QR
	Key2      Key = "2" // the lower row: the card
	Key3      Key = "3"
	Key4      Key = "4"
	Key5      Key = "5"
	Key6      Key = "6"
	Key7      Key = "7"
	Key8      Key = "8"
	Key9      Key = "9"
	KeyOK     Key = machine.KeyOK    // "ok": asks for the order whose digits were typed
	KeyClear  Key = machine.KeyClear // "clear": takes a digit away, or leaves the keypad; rejects a choice
	// What a long press of a key means, or a key of its own.
	KeyRepeat   Key = machine.KeyRepeat   // "repeat": says the last payment again, idle
	KeyLanguage Key = machine.KeyLanguage // "language": the next language
	KeyMute     Key = machine.KeyMute     // "mute": the voice off, or on again
	KeyTest     Key = machine.KeyTest     // "test": the self-test, idle or offline; again: leaves it
)

// AllKeys are the keys there are, in the order of the list above. The slice is
// the caller's.
func AllKeys() []Key {
	return []Key{
		KeyAccept, KeyReject, KeyCard, KeyDQR,
		Key0, Key1, Key2, Key3, Key4, Key5, Key6, Key7, Key8, Key9,
		KeyOK, KeyClear, KeyRepeat, KeyLanguage, KeyMute, KeyTest,
	}
}

// ParseKey is the key of that name; the error names those that there are.
func ParseKey(name string) (Key, error) {
	for _, k := range AllKeys() {
		if string(k) == name {
			return k, nil
		}
	}
	return "", fmt.Errorf("agent: there is no key %q: known are %v", name, AllKeys())
}

// pressed is the machine's event for a key. Each is given a pull id of its own,
// 26 characters of A-Z and 2-7, and the language that follows the one which is
// shown, unless that is configured.
func (t *terminal) pressed(k Key) machine.Event {
	p := machine.Pressed{Key: string(k), PullID: rand.Text()}
	if k == KeyLanguage && t.cfg.Language == "" {
		all := screen.Languages()
		p.Language = string(all[(slices.Index(all, languageOf(t.m, t.cfg))+1)%len(all)])
	}
	return p
}
