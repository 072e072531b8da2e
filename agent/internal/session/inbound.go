package session

import (
	"errors"
	"sync"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/galla-pay/galla/protocol"
)

// maxInbound bounds the messages that wait to be verified. Each holds at most
// maxPacket bytes.
const maxInbound = 16

// inbound hands messages from paho's goroutine to the connection's. Its handler
// never blocks (libraries: paho).
type inbound struct {
	signal chan struct{}

	mu       sync.Mutex
	messages []message
	dropped  bool // some did not fit
}

type message struct {
	topic    string
	retained bool
	payload  []byte
}

// handle is paho's handler. When the queue is full the oldest goes: the newest
// state is what counts.
func (q *inbound) handle(_ mqtt.Client, m mqtt.Message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.messages) >= maxInbound {
		q.messages = append(q.messages[:0], q.messages[1:]...)
		q.dropped = true
	}
	q.messages = append(q.messages, message{m.Topic(), m.Retained(), m.Payload()})
	select {
	case q.signal <- struct{}{}:
	default:
	}
}

func (q *inbound) take() (messages []message, dropped bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	messages, dropped = q.messages, q.dropped
	q.messages, q.dropped = nil, false
	return messages, dropped
}

// receive verifies what came. A key that is not known, and messages that had to
// be dropped, are doubts: the state is asked for (failure matrix R5, R18).
func (l *link) receive() {
	messages, dropped := l.inbound.take()
	if dropped {
		l.s.trouble.add("more messages at once than can be looked at")
		l.duties.doubt()
	}
	for _, m := range messages {
		err := l.open(m)
		if err == nil {
			continue
		}
		l.s.trouble.add(err.Error())
		if errors.Is(err, protocol.ErrUnknownKey) {
			l.duties.doubt()
		}
	}
}

// Reasons for which a message is dropped before it is opened.
var (
	errTopic    = errors.New("message on another topic than this terminal's")
	errRetained = errors.New("retained message: the protocol has none")
)

// open takes one message, or says why it is ignored. The text never holds any
// of the message.
func (l *link) open(m message) error {
	c := l.s.cfg.Credentials
	switch {
	case m.topic != protocol.CommandTopic(c.Identity):
		return errTopic
	case m.retained:
		return errRetained
	}
	// Most are states, and a sale waits: only what is none is looked at twice.
	st, err := protocol.OpenState(m.payload, c.Keys(), c.Identity)
	switch {
	case err == nil:
		l.s.inbox.put(State{State: st, Answer: l.duties.answered(st.Nonce)})
		return nil
	case protocol.PurposeOf(m.payload) != protocol.PurposeKeys:
		return plain(err)
	}
	updated, err := c.Update(m.payload)
	switch {
	case updated && err != nil: // in use, but not on the disk
		l.s.cfg.Log.Error("new key set is not stored", "err", err)
	case updated:
		l.s.cfg.Log.Info("new key set")
	case err != nil:
		return plain(err)
	}
	return nil
}

// plain is the kind of a protocol error, without what it says of the message.
func plain(err error) error {
	for _, kind := range []error{
		protocol.ErrSignature, protocol.ErrUnknownKey, protocol.ErrForm, protocol.ErrVersion, protocol.ErrNotForUs,
	} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return errors.New("message cannot be opened")
}
