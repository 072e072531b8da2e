package sessiontest

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// Broker is an MQTT 3.1.1 broker for one client, without a network. Its zero
// value is ready: it lets anybody in. All methods may be called at any time.
type Broker struct {
	// OnMessage is told what the client published, and its last will when it
	// went without a DISCONNECT; set it before the first Dial.
	OnMessage func(topic string, payload []byte)

	mu       sync.Mutex
	behave   Behaviour
	dials    []time.Time
	connects []packets.ConnectPacket
	client   *client          // the one that has subscribed
	open     map[*client]bool // all connections
	all      sync.WaitGroup
}

// Behaviour is how a broker treats its client. The zero value is well.
type Behaviour struct {
	Unreachable bool // dialling fails
	BlackHole   bool // dialling never ends
	Mute        bool // it accepts connections and says nothing
	Connack     byte // CONNACK's return code; 0 accepts
	NoDots      bool // a client id with a dot is rejected, as NATS does
	Suback      byte // SUBACK's return code; 0x80 refuses
	NoSuback    bool // SUBSCRIBE is not answered
	NoPuback    bool // PUBLISH is not acknowledged
	Deaf        bool // it reads nothing after CONNECT
}

// Behave changes the broker's behaviour from now on.
func (b *Broker) Behave(how Behaviour) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.behave = how
}

func (b *Broker) behaviour() Behaviour {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.behave
}

// Dials returns when the client dialled.
func (b *Broker) Dials() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]time.Time(nil), b.dials...)
}

// Connects returns the CONNECT packets that came.
func (b *Broker) Connects() []packets.ConnectPacket {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]packets.ConnectPacket(nil), b.connects...)
}

// errUnreachable is what dialling says of a broker that is not there.
var errUnreachable = errors.New("connection refused")

// Dial is the client's way to the broker, whatever the address.
func (b *Broker) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	b.mu.Lock()
	b.dials = append(b.dials, time.Now())
	how := b.behave
	b.mu.Unlock()
	switch {
	case how.Unreachable:
		return nil, errUnreachable
	case how.BlackHole:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ours, theirs := net.Pipe()
	b.Serve(ours)
	return theirs, nil
}

// Serve takes a connection that came over a real network, and returns at once.
func (b *Broker) Serve(conn net.Conn) {
	c := &client{broker: b, conn: conn, out: make(chan packets.ControlPacket, 64), gone: make(chan struct{})}
	b.mu.Lock()
	if b.open == nil {
		b.open = map[*client]bool{}
	}
	b.open[c] = true
	b.mu.Unlock()
	b.all.Add(2)
	go c.read()
	go c.write()
}

// Publish sends payload to the client, if it is connected and has subscribed to
// that topic; it tells.
func (b *Broker) Publish(topic string, payload []byte) bool {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload, p.Qos, p.MessageID = topic, payload, 1, 1
	return b.PublishPacket(p)
}

// PublishPacket sends any PUBLISH to a client that has subscribed.
func (b *Broker) PublishPacket(p *packets.PublishPacket) bool {
	b.mu.Lock()
	c := b.client
	b.mu.Unlock()
	return c != nil && c.send(p)
}

// SendRaw sends bytes to the client as they are.
func (b *Broker) SendRaw(raw []byte) {
	b.mu.Lock()
	c := b.client
	b.mu.Unlock()
	if c != nil {
		_, _ = c.conn.Write(raw)
	}
}

// Cut breaks the connection, if there is one.
func (b *Broker) Cut() {
	b.mu.Lock()
	c := b.client
	b.mu.Unlock()
	if c != nil {
		c.end()
	}
}

// Connected reports whether a client is connected and has subscribed.
func (b *Broker) Connected() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.client != nil
}

// Close ends everything and waits for it.
func (b *Broker) Close() {
	b.Behave(Behaviour{Unreachable: true})
	b.mu.Lock()
	var open []*client
	for c := range b.open {
		open = append(open, c)
	}
	b.mu.Unlock()
	for _, c := range open {
		c.end()
	}
	b.all.Wait()
}

// client is one connection.
type client struct {
	broker *Broker
	conn   net.Conn
	out    chan packets.ControlPacket
	once   sync.Once
	gone   chan struct{}
	will   *packets.ConnectPacket
}

// send queues a packet; a client that does not read loses it.
func (c *client) send(p packets.ControlPacket) bool {
	select {
	case c.out <- p:
		return true
	case <-c.gone:
	default:
	}
	return false
}

func (c *client) end() {
	c.once.Do(func() {
		close(c.gone)
		_ = c.conn.Close()
		b := c.broker
		b.mu.Lock()
		delete(b.open, c)
		if b.client == c {
			b.client = nil
		}
		b.mu.Unlock()
	})
}

func (c *client) write() {
	defer c.broker.all.Done()
	for {
		select {
		case <-c.gone:
			return
		case p := <-c.out:
			if p.Write(c.conn) != nil {
				return
			}
		}
	}
}

func (c *client) read() {
	b := c.broker
	defer b.all.Done()
	defer func() {
		c.end()
		if w := c.will; w != nil && b.OnMessage != nil {
			b.OnMessage(w.WillTopic, w.WillMessage)
		}
	}()
	for {
		if how := b.behaviour(); how.Deaf && c.will != nil {
			<-c.gone
			return
		}
		packet, err := packets.ReadPacket(c.conn)
		if err != nil {
			return
		}
		how := b.behaviour()
		if how.Mute {
			continue
		}
		switch p := packet.(type) {
		case *packets.ConnectPacket:
			b.mu.Lock()
			b.connects = append(b.connects, *p)
			b.mu.Unlock()
			ack := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
			ack.ReturnCode = how.Connack
			if how.NoDots && strings.Contains(p.ClientIdentifier, ".") {
				ack.ReturnCode = packets.ErrRefusedIDRejected
			}
			c.send(ack)
			if ack.ReturnCode != 0 {
				continue
			}
			if p.WillFlag {
				c.will = p
			}
		case *packets.SubscribePacket:
			if how.NoSuback {
				continue
			}
			ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
			ack.MessageID = p.MessageID
			for _, qos := range p.Qoss {
				ack.ReturnCodes = append(ack.ReturnCodes, max(qos, how.Suback))
			}
			if how.Suback != 0x80 {
				b.mu.Lock()
				b.client = c
				b.mu.Unlock()
			}
			c.send(ack)
		case *packets.PublishPacket:
			if p.Qos > 0 && !how.NoPuback {
				ack := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
				ack.MessageID = p.MessageID
				c.send(ack)
			}
			if b.OnMessage != nil {
				b.OnMessage(p.TopicName, p.Payload)
			}
		case *packets.PingreqPacket:
			c.send(packets.NewControlPacket(packets.Pingresp))
		case *packets.DisconnectPacket:
			c.will = nil
			return
		}
	}
}
