package broker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime/debug"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// serve talks with one socket from its first byte to its end. Nothing of the
// socket or its session is left when it returns.
//
// Its goroutine waits for as long as the terminal is there, and a goroutine keeps
// the stack that it has once grown to as long as it waits deep in it. So it waits
// here, where little is on the stack, and has others do the work (see hands).
func (b *Broker) serve(s *socket) {
	defer b.served.Done()
	defer b.table.leave(s)
	defer s.shut()
	b.work(s, b.welcome)
	for s.session != nil && s.session.up && s.await(s.session) {
		b.work(s, b.listen)
	}
	if s.session != nil {
		b.protect(s, b.bury) // the goroutine ends next: it may have the stack of it
	}
}

// work has f done about s and returns when it is.
func (b *Broker) work(s *socket, f func(*socket)) {
	s.working.Add(1)
	b.hands.do(func() {
		defer s.working.Done()
		b.protect(s, f)
	})
	s.working.Wait()
}

// protect turns a panic into the end of this one connection.
func (b *Broker) protect(s *socket, f func(*socket)) {
	defer func() {
		if p := recover(); p != nil {
			s.ended = true
			b.refuse(s, ReasonPanic, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	f(s)
}

// welcome is a socket's time before its login, and the login.
func (b *Broker) welcome(s *socket) {
	if err := s.handshake(); err != nil {
		why := ReasonTLS
		if errors.Is(err, os.ErrDeadlineExceeded) {
			why = ReasonSilent
		}
		b.refuse(s, why, "error", err)
		return
	}
	if why := s.greet(); why != "" {
		b.refuse(s, why)
		return
	}
	cl := b.server.NewClient(s, "terminals", "", false)
	if err := b.connect(s, cl); err != nil {
		cl.Stop(nil)
		b.ending(s, err)
	}
}

// connect reads the CONNECT and answers it.
func (b *Broker) connect(s *socket, cl *mqtt.Client) error {
	pk, err := readPacket(cl)
	if err != nil {
		return err
	}
	if code := pk.ConnectValidate(); code != packets.CodeSuccess {
		return code // MQTT 3.1.1 section 3.1.4: closed without an answer
	}
	g, no := checkConnect(&pk)
	if name, certified := s.certifiedAs(); no == nil && certified && name != g.id.String() {
		no = &refusal{ReasonCertificate, connackNotAuthorized}
	}
	if no == nil {
		cl.ParseConnect("terminals", pk)
		// The session keeps the will. Without one here, mochi can neither publish
		// it anywhere nor retain it.
		cl.Properties.Will = mqtt.Will{}
		no = b.login(s, cl, g)
	}
	if no != nil {
		// mochi knows one code only, and a terminal must be able to tell "wrong
		// token" from "come back".
		b.refuse(s, no.why, "client", pk.Connect.ClientIdentifier)
		_ = s.connack(no.code) // the connection ends next
		return errRefused
	}
	s.session.keepAlive = time.Duration(pk.Connect.Keepalive) * time.Second
	if err := s.connack(connackAccepted); err != nil {
		return err
	}
	s.session.up = true
	b.counters.add(&b.counters.logins)
	return nil
}

// listen takes the packet that await has seen begin, and those that have come whole
// with it.
func (b *Broker) listen(s *socket) {
	cl := s.session.client
	for {
		pk, err := readPacket(cl)
		if err == nil {
			err = b.take(s, cl, pk)
		}
		if err != nil || cl.Closed() {
			s.ended = true
			b.ending(s, err)
			return
		}
		if !s.more() {
			return
		}
	}
}

// take is what a terminal said after its CONNECT.
func (b *Broker) take(s *socket, cl *mqtt.Client, pk packets.Packet) error {
	if why := checkPacket(s.session.id, &pk); why != "" {
		b.refuse(s, why)
		return errRefused
	}
	switch pk.FixedHeader.Type {
	case packets.Puback:
		s.session.acknowledged(pk.PacketID)
		return nil
	case packets.Disconnect:
		s.session.goodbye = true
		cl.Stop(nil)
		return nil
	default:
		return b.server.InjectPacket(cl, pk)
	}
}

// readPacket reads one packet the way mochi does.
func readPacket(cl *mqtt.Client) (packets.Packet, error) {
	var head packets.FixedHeader
	if err := cl.ReadFixedHeader(&head); err != nil {
		return packets.Packet{}, err
	}
	return cl.ReadPacket(&head)
}

// ending counts why a connection ends, where nobody has.
func (b *Broker) ending(s *socket, err error) {
	var code packets.Code
	switch {
	case err == nil, s.refused, errors.Is(err, net.ErrClosed):
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.refuse(s, ReasonSilent)
	case errors.Is(err, packets.ErrPacketTooLarge):
		b.refuse(s, ReasonSize)
	case errors.As(err, &code), s.session == nil && !errors.Is(err, io.EOF):
		b.refuse(s, ReasonGarbage)
	}
}

// bury ends a session, removes what mochi has of it, and hands over the last will.
func (b *Broker) bury(sock *socket) {
	s := sock.session
	s.cut()
	b.server.UnsubscribeClient(s.client)
	s.client.Stop(nil)
	b.ending(sock, sock.broken)
	if s.will == nil || !s.up || s.goodbye || b.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, b.config.TakeoverTimeout)
	defer cancel()
	b.report(ctx, s, KindPresence, s.will)
}

// login checks the token and makes the session, or says why not.
func (b *Broker) login(s *socket, cl *mqtt.Client, g greeting) *refusal {
	for {
		kicks := b.table.kickCount()
		ok, err := b.authentic(s, g)
		switch {
		case errors.Is(err, errGone):
			return &refusal{ReasonGone, connackUnavailable}
		case errors.Is(err, errTurn):
			return &refusal{ReasonTurn, connackUnavailable}
		case err != nil:
			b.config.Log.Warn("broker cannot check a token", "terminal", g.id.String(), "error", err)
			return &refusal{ReasonUnknown, connackUnavailable}
		case !ok:
			return &refusal{ReasonToken, connackNotAuthorized}
		}
		fresh := &session{id: g.id, socket: s, client: cl, will: bytes.Clone(g.will), hands: b.hands, done: make(chan struct{}), flaps: new(flaps)}
		fresh.ctx, fresh.cancel = context.WithCancel(b.ctx)
		c := b.table.claim(fresh, kicks, b.config.TakeoverTimeout)
		for range c.cut {
			b.counters.refuse(ReasonTakenOver)
		}
		switch {
		case c.again:
			fresh.cancel()
			continue
		case c.why != "":
			fresh.cancel()
			return &refusal{c.why, connackUnavailable}
		}
		return nil
	}
}

// turnShare: a login waits for its turn for one part in so many of ConnectTimeout. A
// terminal has a few seconds for dialling, login and subscription together, so that
// one which waited longer would be gone soon after it was let in.
const turnShare = 4

// errTurn: it was not its turn in time. The terminal comes again.
var errTurn = errors.New("too many log in at once")

// errGone: who wanted to log in has hung up meanwhile.
var errGone = errors.New("the peer has hung up")

// authentic asks the Authenticator, in its turn. When all terminals come back at
// once, each of them waits for an answer for a few seconds only, and then comes
// again. So few are asked about at a time, that those few are answered soon, and
// nobody who has given up: work that comes too late for everybody is how such a
// herd would never end.
func (b *Broker) authentic(s *socket, g greeting) (bool, error) {
	ctx, cancel := context.WithTimeout(b.ctx, b.config.ConnectTimeout)
	defer cancel()
	select {
	case b.logins <- struct{}{}:
	default:
		turn := time.NewTimer(b.config.ConnectTimeout / turnShare)
		defer turn.Stop()
		select {
		case b.logins <- struct{}{}:
		case <-turn.C:
			return false, errTurn
		case <-ctx.Done():
			return false, ctx.Err()
		}
		if s.gone() {
			<-b.logins
			return false, errGone
		}
	}
	defer func() { <-b.logins }()
	return b.config.Auth(ctx, g.id, g.token)
}
