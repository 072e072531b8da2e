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
func (*hook) Provides(b byte) bool {
	switch b {
	case mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnSessionEstablished,
		mqtt.OnPacketRead, mqtt.OnACLCheck, mqtt.OnPublish:
		return true
	default:
		return false
	}
}

// OnConnect is the login. It answers a refusal itself, because mochi knows one
// code only and a terminal must be able to tell "wrong token" from "come back".
func (h *hook) OnConnect(cl *mqtt.Client, pk packets.Packet) error {
	s := socketOf(cl)
	if s == nil {
		return errRefused
	}
	g, no := checkConnect(&pk)
	if name, certified := s.certifiedAs(); no == nil && certified && name != g.id.String() {
		no = &refusal{ReasonCertificate, connackNotAuthorized}
	}
	if no == nil {
		no = h.b.login(s, cl, g)
	}
	if no != nil {
		h.b.refuse(s, no.why, "client", pk.Connect.ClientIdentifier)
		s.connack(no.code)
		return errRefused
	}
	// The session keeps the will. Without one here, mochi can neither publish
	// it anywhere nor retain it.
	cl.Properties.Will = mqtt.Will{}
	return nil
}

// OnConnectAuthenticate confirms what OnConnect decided.
func (h *hook) OnConnectAuthenticate(cl *mqtt.Client, _ packets.Packet) bool {
	s := socketOf(cl)
	return s != nil && s.session != nil
}

// OnSessionEstablished: CONNACK was sent.
func (h *hook) OnSessionEstablished(cl *mqtt.Client, _ packets.Packet) {
	s := socketOf(cl)
	s.session.up = true
	h.b.counters.add(&h.b.counters.logins)
}

// OnPacketRead sees every packet before mochi does anything with it.
func (h *hook) OnPacketRead(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	s := socketOf(cl)
	if s == nil {
		return pk, packets.ErrRejectPacket // the only error that mochi heeds here
	}
	if s.session == nil {
		return pk, nil // the CONNECT: greet and mochi let nothing else be first
	}
	if why := checkPacket(s.session.id, &pk); why != "" {
		h.b.refuse(s, why)
		return pk, packets.ErrRejectPacket
	}
	switch pk.FixedHeader.Type {
	case packets.Subscribe, packets.Unsubscribe:
		// mochi keeps the ids of both directions in one table and would refuse
		// an id that one of its own messages has. MQTT 3.1.1 section 2.3.1 has two.
		cl.State.Inflight.Delete(pk.PacketID)
	case packets.Disconnect:
		s.session.goodbye = true
	}
	return pk, nil
}

// OnACLCheck is asked for every subscription, and again for every message in
// either direction.
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
	if cl.Net.Inline {
		return pk, nil // the controller's own, on its way down
	}
	s := socketOf(cl)
	if s == nil || s.session == nil || !mayWrite(s.session.id, pk.TopicName) || s.session.ctx.Err() != nil {
		return pk, packets.ErrRejectPacket
	}
	h.b.report(s.session.ctx, s.session, KindReport, pk.Payload)
	return pk, packets.CodeSuccessIgnore
}

// socketOf is nil for the inline client only, which none of the rules are about.
func socketOf(cl *mqtt.Client) *socket {
	s, _ := cl.Net.Conn.(*socket)
	return s
}

func (b *Broker) report(ctx context.Context, s *session, kind string, payload []byte) {
	b.counters.add(&b.counters.reports)
	b.config.OnReport(ctx, s.id, kind, payload)
}
