package broker

import (
	"bytes"
	"math/bits"
	"sync"

	"github.com/mochi-mqtt/server/v2/packets"
)

// maxInflight bounds commands that a terminal has not acknowledged: a bit each.
const maxInflight = 64

// outbox is the commands on their way to one terminal. It takes the place of mochi's
// queue, whose every client has a goroutine that waits for a command, with a stack
// of 8 KiB; and whose packet ids are given out under the lock that a write to the
// same terminal holds, for as long as that terminal does not read.
type outbox struct {
	mu      sync.Mutex
	unacked uint64 // bit n: the command with the packet id n+1 is not acknowledged
	last    int    // the packet id that was given out last
	waiting [][]byte
	writing bool // a hand writes what waits
}

// send hands a command over, or returns ErrStuck when the terminal has acknowledged
// none of the last 64. It never waits for the terminal.
func (s *session) send(topic string, payload []byte, qos byte) error {
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	if s.unacked == 1<<maxInflight-1 || len(s.waiting) >= maxInflight {
		return ErrStuck
	}
	pk := packets.Packet{
		FixedHeader:     packets.FixedHeader{Type: packets.Publish, Qos: qos},
		ProtocolVersion: 4,
		TopicName:       topic,
		Payload:         payload,
	}
	if qos > 0 {
		pk.PacketID = s.nextID()
	}
	var message bytes.Buffer
	if err := pk.PublishEncode(&message); err != nil {
		return err
	}
	s.waiting = append(s.waiting, message.Bytes())
	if !s.writing {
		s.writing = true
		s.hands.do(s.write)
	}
	return nil
}

// nextID gives out a packet id, 1 to 64, that is on no command under way: the first
// one that is free after the last. mu is held, and one is free.
func (o *outbox) nextID() uint16 {
	after := bits.RotateLeft64(^o.unacked, -o.last)
	n := (o.last + bits.TrailingZeros64(after)) % maxInflight
	o.unacked |= 1 << n
	o.last = n + 1
	return uint16(n + 1)
}

// acknowledged takes a PUBACK. One that nobody waits for changes nothing.
func (s *session) acknowledged(id uint16) {
	if id < 1 || id > maxInflight {
		return
	}
	s.outbox.mu.Lock()
	s.unacked &^= 1 << (id - 1)
	s.outbox.mu.Unlock()
}

// write writes what waits. Nobody else writes commands meanwhile; what mochi
// answers goes between them, each packet whole.
func (s *session) write() {
	for {
		s.outbox.mu.Lock()
		now := s.waiting
		s.waiting = nil
		s.writing = len(now) > 0
		s.outbox.mu.Unlock()
		if len(now) == 0 {
			return
		}
		for _, message := range now {
			if _, err := s.socket.Write(message); err != nil {
				break // the socket is shut, and the next write fails too
			}
		}
	}
}
