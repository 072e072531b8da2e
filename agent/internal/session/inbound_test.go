package session

import (
	"encoding/binary"
	"testing"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// TestTheInboundQueueIsBounded: paho's goroutine is never held up, memory does
// not grow, the newest messages stay, and the loss is known.
func TestTheInboundQueueIsBounded(t *testing.T) {
	t.Parallel()
	q := inbound{signal: make(chan struct{}, 1)}
	for n := range uint32(1000) {
		q.handle(nil, arrived{payload: binary.BigEndian.AppendUint32(nil, n)})
	}
	messages, dropped := q.take()
	if len(messages) != maxInbound || !dropped {
		t.Fatalf("%d messages wait, dropped %v", len(messages), dropped)
	}
	for i, m := range messages {
		if n := binary.BigEndian.Uint32(m.payload); n != uint32(1000-maxInbound+i) {
			t.Fatalf("message %d is the %d. that came", i, n)
		}
	}
	if messages, dropped = q.take(); len(messages) != 0 || dropped {
		t.Fatalf("taken twice: %d messages, dropped %v", len(messages), dropped)
	}
}

// arrived is a message as paho hands it over.
type arrived struct {
	mqtt.Message
	payload []byte
}

func (a arrived) Topic() string   { return "topic" }
func (a arrived) Retained() bool  { return false }
func (a arrived) Payload() []byte { return a.payload }
