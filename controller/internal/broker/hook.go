package broker

import (
	"context"
	"errors"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// errRefused ends a connection whose CONNECT has been answered already.
var errRefused = errors.New("connection refused")

// hook is the only hook that mochi is given: hooks are OR-ed, so that a second
// one could only allow more. Whatever it does not answer is denied.
type hook struct {
	mqtt.HookBase
	b *Broker
}

// ID is mochi's name for the hook.
func (*hook) ID() string { return "galla" }

// Provides lists what the hook answers.
func (*hook) Provides(b byte) bool { return b == mqtt.OnACLCheck || b == mqtt.OnPublish }

// OnACLCheck is asked for every subscription, and for every message that a
// terminal sends.
func (h *hook) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	s := socketOf(cl)
	if s == nil || s.session == nil {
		return false
	}
	if write {
		return mayWrite(s.session.id, topic)
	}
	if mayRead(s.session.id, topic) {
		return true
	}
	// Here mochi asks for a SUBSCRIBE, so this is the terminal's own goroutine:
	// nothing else than its command topic is ever delivered to it.
	h.b.note(s, ReasonFilter)
	if s.session.foreign++; s.session.foreign > maxForeign {
		s.session.cut() // it would go on and fill the log
	}
	return false
}

// OnPublish hands a terminal's message over, and lets mochi acknowledge it but
// pass it on to nobody.
func (h *hook) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	s := socketOf(cl)
	if s == nil || s.session == nil || !mayWrite(s.session.id, pk.TopicName) || s.session.ctx.Err() != nil {
		return pk, packets.ErrRejectPacket
	}
	h.b.report(s.session.ctx, s.session, KindReport, pk.Payload)
	return pk, packets.CodeSuccessIgnore
}

// socketOf is nil for a client that nobody here has made.
func socketOf(cl *mqtt.Client) *socket {
	s, _ := cl.Net.Conn.(*socket)
	return s
}

func (b *Broker) report(ctx context.Context, s *session, kind string, payload []byte) {
	b.counters.add(&b.counters.reports)
	b.config.OnReport(ctx, s.id, kind, payload)
}
