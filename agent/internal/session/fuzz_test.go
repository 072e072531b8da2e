package session

import (
	"bytes"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// FuzzFramer: how a broker's bytes are cut up makes no difference, and what the
// framer lets pass does the library no harm: no panic, and no packet that is
// longer than promised.
func FuzzFramer(f *testing.F) {
	f.Add([]byte{0x20, 2, 0, 0, 0x90, 3, 0, 1, 1, 0xd0, 0, 0x40, 2, 0, 1}, uint8(1))
	f.Add([]byte{0x32, 7, 0, 1, 'a', 0, 9, 'h', 'i'}, uint8(3))
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0x7f}, uint8(2))
	f.Add([]byte{0x90, 4, 0, 1, 1, 1}, uint8(5))
	f.Fuzz(func(t *testing.T, raw []byte, size uint8) {
		var whole, pieces framer
		errWhole := whole.see(raw)
		var errPieces error
		step := int(size) + 1
		for at := 0; at < len(raw) && errPieces == nil; at += step {
			errPieces = pieces.see(raw[at:min(at+step, len(raw))])
		}
		if (errWhole == nil) != (errPieces == nil) {
			t.Fatalf("whole: %v, in pieces of %d: %v", errWhole, step, errPieces)
		}
		if errWhole != nil {
			return
		}
		if whole != pieces {
			t.Fatalf("whole: %+v, in pieces: %+v", whole, pieces)
		}
		for r := bytes.NewReader(raw); r.Len() > 0; {
			before := r.Len()
			p, err := packets.ReadPacket(r)
			if err != nil {
				return // the library ends the connection
			}
			if n := before - r.Len(); n > maxPacket+5 {
				t.Fatalf("a packet of %d bytes passed", n)
			}
			if s, ok := p.(*packets.SubackPacket); ok && len(s.ReturnCodes) != 1 {
				t.Fatalf("a SUBACK of %d codes passed", len(s.ReturnCodes))
			}
		}
	})
}
