package terminal_test

import (
	"crypto/ed25519"
	"encoding/json"
	"testing"

	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
)

// Nothing but a result signed by the controller, for this terminal, this
// payment and this amount, makes a terminal show PAID. Each forgery is followed
// by a true message on the same connection, so when that one is obeyed the
// forgery has been seen and ignored.
func TestForgedPaid(t *testing.T) {
	t.Parallel()
	s := sale("P1", "TXN-1", 24_500)
	paid := protocol.Result{PaymentID: "P1", MerchantTransactionID: "TXN-1", AmountPaise: 24_500, Outcome: protocol.OutcomeSucceeded}
	state := func(d *desk, seq uint64, result protocol.Result) protocol.State {
		return protocol.State{
			Header: protocol.Header{V: protocol.Version, Type: protocol.TypeState, Identity: d.id},
			Seq:    seq, Result: &result,
		}
	}
	sign := func(t *testing.T, key protocol.SigningKey, purpose protocol.Purpose, message any) []byte {
		t.Helper()
		text, err := key.Sign(purpose, message)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	const higher = 1_000_000
	for _, tt := range []struct {
		name  string
		forge func(t *testing.T, d *desk) [][]byte
	}{
		{"not signed at all", func(t *testing.T, d *desk) [][]byte {
			text, err := json.Marshal(state(d, higher, paid))
			if err != nil {
				t.Fatal(err)
			}
			return [][]byte{text}
		}},
		{"signed by a key that nobody vouches for", func(t *testing.T, d *desk) [][]byte {
			return [][]byte{sign(t, newKey(t), protocol.PurposeDown, state(d, higher, paid))}
		}},
		{"a forged key set first", func(t *testing.T, d *desk) [][]byte {
			forger := newKey(t)
			keys, err := protocol.SignKeySet(forger, 99, forger.Private.Public().(ed25519.PublicKey))
			if err != nil {
				t.Fatal(err)
			}
			return [][]byte{keys, sign(t, forger, protocol.PurposeDown, state(d, higher, paid))}
		}},
		{"a key set signed by the online key", func(t *testing.T, d *desk) [][]byte {
			forger := newKey(t)
			keys, err := protocol.SignKeySet(d.online, 99, forger.Private.Public().(ed25519.PublicKey))
			if err != nil {
				t.Fatal(err)
			}
			return [][]byte{keys, sign(t, forger, protocol.PurposeDown, state(d, higher, paid))}
		}},
		{"a good key under the forger's signature", func(t *testing.T, d *desk) [][]byte {
			forger := newKey(t)
			forger.ID = d.online.ID
			return [][]byte{sign(t, forger, protocol.PurposeDown, state(d, higher, paid))}
		}},
		{"made for another purpose", func(t *testing.T, d *desk) [][]byte {
			return [][]byte{sign(t, d.online, protocol.PurposeUp, state(d, higher, paid))}
		}},
		{"meant for another terminal", func(t *testing.T, d *desk) [][]byte {
			other := state(d, higher, paid)
			other.Identity.TerminalID = "testterminal2"
			return [][]byte{sign(t, d.online, protocol.PurposeDown, other)}
		}},
		{"of another protocol version", func(t *testing.T, d *desk) [][]byte {
			other := state(d, higher, paid)
			other.V = protocol.Version + 1
			return [][]byte{sign(t, d.online, protocol.PurposeDown, other)}
		}},
		{"a byte changed on the way", func(t *testing.T, d *desk) [][]byte {
			text := sign(t, d.online, protocol.PurposeDown, state(d, higher, paid))
			text[len(text)/2] ^= 1
			return [][]byte{text}
		}},
		{"of an older sequence", func(t *testing.T, d *desk) [][]byte {
			return [][]byte{sign(t, d.online, protocol.PurposeDown, state(d, 0, paid))}
		}},
		{"of another payment", func(t *testing.T, d *desk) [][]byte {
			other := paid
			other.PaymentID = "P0"
			return [][]byte{sign(t, d.online, protocol.PurposeDown, state(d, 3, other))}
		}},
		{"of another amount", func(t *testing.T, d *desk) [][]byte {
			other := paid
			other.AmountPaise = 1
			return [][]byte{sign(t, d.online, protocol.PurposeDown, state(d, 3, other))}
		}},
		{"longer than any message", func(t *testing.T, d *desk) [][]byte {
			text := sign(t, d.online, protocol.PurposeDown, state(d, higher, paid))
			return [][]byte{append(text, make([]byte, protocol.MaxMessage)...)}
		}},
		{"noise", func(*testing.T, *desk) [][]byte {
			return [][]byte{nil, []byte("PAID"), []byte("..."), []byte("{}"), {0xff, 0xfe}}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			r := newRig(t, d, nil)
			if err := r.PowerOn(); err != nil {
				t.Fatal(err)
			}
			r.awaitReady()
			d.offer(s)
			r.awaitPresenting(s)
			for _, message := range tt.forge(t, d) {
				d.publish(message)
			}
			// A message of the controller that is of higher sequence than any
			// forgery that it could be mistaken for.
			next := sale("P2", "TXN-2", 100)
			d.want(func(state *protocol.State) { state.Seq, state.Sale, state.Result = 10, next, nil })
			r.awaitPresenting(next)
			if r.everSeen(func(v terminal.View) bool { return v.Result == protocol.OutcomeSucceeded }) {
				t.Fatal("it showed PAID")
			}
			d.want(func(state *protocol.State) {
				state.Sale = nil
				state.Result = &protocol.Result{PaymentID: "P2", MerchantTransactionID: "TXN-2", AmountPaise: 100, Outcome: protocol.OutcomeSucceeded}
			})
			if now := r.awaitMode(protocol.ModeResult); now.Result != protocol.OutcomeSucceeded {
				t.Fatalf("the true result is not shown: %+v", now)
			}
		})
	}
}
