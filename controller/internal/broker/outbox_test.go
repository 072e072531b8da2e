package broker

import (
	"testing"

	"pgregory.net/rapid"
)

// A packet id is on one command at a time, and all 64 can be out at once (MQTT 3.1.1
// section 2.3.1). An acknowledgement that nobody waits for changes nothing.
func TestPacketIDsOfCommands(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, out := &session{}, map[uint16]bool{}
		for range rapid.IntRange(1, 300).Draw(t, "turns") {
			if len(out) < maxInflight && rapid.IntRange(0, 2).Draw(t, "acknowledge or send") > 0 {
				id := s.nextID()
				if id < 1 || id > maxInflight || out[id] {
					t.Fatalf("id %d is given out, with %v out", id, out)
				}
				out[id] = true
				continue
			}
			id, before := uint16(rapid.IntRange(0, maxInflight+2).Draw(t, "id")), s.unacked
			s.acknowledged(id)
			if !out[id] && s.unacked != before {
				t.Fatalf("an acknowledgement of %d, which is not out, changed %b to %b", id, before, s.unacked)
			}
			delete(out, id)
		}
	})
}
