package broker_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/galla-pay/galla/protocol"
)

// raw is an MQTT client that does exactly what it is told, right or wrong.
type raw struct {
	net.Conn
	t testing.TB
}

// dial opens a socket and says nothing.
func (w *world) dial(t testing.TB) *raw {
	t.Helper()
	c, err := net.DialTimeout("tcp", w.addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	return adopt(t, c)
}

func adopt(t testing.TB, c net.Conn) *raw {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &raw{Conn: c, t: t}
}

// connectOf is a CONNECT that the broker accepts, for change to spoil.
func (w *world) connectOf(id protocol.Identity, change func(*packets.Packet)) packets.Packet {
	pk := packets.Packet{
		FixedHeader:     packets.FixedHeader{Type: packets.Connect},
		ProtocolVersion: 4,
		Connect: packets.ConnectParams{
			ProtocolName:     []byte("MQTT"),
			ClientIdentifier: id.String(),
			UsernameFlag:     true,
			Username:         []byte(id.String()),
			PasswordFlag:     true,
			Password:         []byte(w.token(id)),
			Clean:            true,
			Keepalive:        60,
		},
	}
	if change != nil {
		change(&pk)
	}
	return pk
}

// withWill asks for a last will on topic.
func withWill(topic string, payload string) func(*packets.Packet) {
	return func(pk *packets.Packet) {
		pk.Connect.WillFlag = true
		pk.Connect.WillTopic = topic
		pk.Connect.WillPayload = []byte(payload)
		pk.Connect.WillQos = 1
	}
}

// login connects as id and fails the test unless it is let in.
func (w *world) login(t testing.TB, id protocol.Identity, change func(*packets.Packet)) *raw {
	t.Helper()
	c := w.dial(t)
	c.send(w.connectOf(id, change))
	if code := c.connack(); code != 0 {
		t.Fatalf("login of %s refused with code %d", id, code)
	}
	return c
}

// listen logs in and subscribes to the terminal's command topic.
func (w *world) listen(t testing.TB, id protocol.Identity, change func(*packets.Packet)) *raw {
	t.Helper()
	c := w.login(t, id, change)
	if code := c.subscribe(1, protocol.CommandTopic(id)); code != 1 {
		t.Fatalf("%s may not subscribe to its command topic: code %#x", id, code)
	}
	return c
}

// send writes a packet, and does not mind that the broker has hung up.
func (c *raw) send(pk packets.Packet) {
	c.t.Helper()
	var buf bytes.Buffer
	var err error
	pk.ProtocolVersion = max(pk.ProtocolVersion, 4)
	switch pk.FixedHeader.Type {
	case packets.Connect:
		err = pk.ConnectEncode(&buf)
	case packets.Publish:
		err = pk.PublishEncode(&buf)
	case packets.Puback:
		err = pk.PubackEncode(&buf)
	case packets.Pubrel:
		pk.FixedHeader.Qos = 1
		err = pk.PubrelEncode(&buf)
	case packets.Subscribe:
		pk.FixedHeader.Qos = 1
		err = pk.SubscribeEncode(&buf)
	case packets.Unsubscribe:
		pk.FixedHeader.Qos = 1
		err = pk.UnsubscribeEncode(&buf)
	case packets.Pingreq:
		err = pk.PingreqEncode(&buf)
	case packets.Disconnect:
		err = pk.DisconnectEncode(&buf)
	default:
		c.t.Fatalf("test cannot encode packet type %d", pk.FixedHeader.Type)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.bytes(buf.Bytes())
}

func (c *raw) bytes(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("the broker does not read")
	}
}

// next reads one packet, or returns the error that ended the connection.
func (c *raw) next() (packets.Packet, error) {
	c.t.Helper()
	one := make([]byte, 1)
	read := func() (byte, error) {
		_, err := io.ReadFull(c.Conn, one)
		return one[0], err
	}
	first, err := read()
	if err != nil {
		return packets.Packet{}, err
	}
	pk := packets.Packet{ProtocolVersion: 4}
	if err := pk.FixedHeader.Decode(first); err != nil {
		c.t.Fatalf("broker sent header %#x: %v", first, err)
	}
	n, _, err := packets.DecodeLength(byteReader(read))
	if err != nil {
		return packets.Packet{}, err
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(c.Conn, body); err != nil {
		return packets.Packet{}, err
	}
	pk.FixedHeader.Remaining = n
	switch pk.FixedHeader.Type {
	case packets.Connack:
		err = pk.ConnackDecode(body)
	case packets.Publish:
		err = pk.PublishDecode(body)
	case packets.Puback:
		err = pk.PubackDecode(body)
	case packets.Suback:
		err = pk.SubackDecode(body)
	case packets.Unsuback:
		err = pk.UnsubackDecode(body)
	}
	if err != nil {
		c.t.Fatalf("broker sent a bad packet of type %d: %v", pk.FixedHeader.Type, err)
	}
	return pk, nil
}

type byteReader func() (byte, error)

func (r byteReader) ReadByte() (byte, error) { return r() }

// want reads the next packet, which must be of kind.
func (c *raw) want(kind byte) packets.Packet {
	c.t.Helper()
	pk, err := c.next()
	if err != nil {
		c.t.Fatalf("waiting for %s: %v", packets.PacketNames[kind], err)
	}
	if pk.FixedHeader.Type != kind {
		c.t.Fatalf("got %s, want %s", packets.PacketNames[pk.FixedHeader.Type], packets.PacketNames[kind])
	}
	return pk
}

func (c *raw) connack() byte {
	c.t.Helper()
	return c.want(packets.Connack).ReasonCode
}

// ended waits for the broker to end the connection. Packets before that are
// returned; what matters is that nothing comes after.
func (c *raw) ended() (before []packets.Packet) {
	c.t.Helper()
	for {
		pk, err := c.next()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.t.Fatal("the broker keeps the connection")
		}
		if err != nil {
			return before
		}
		before = append(before, pk)
	}
}

// alive makes a round trip.
func (c *raw) alive() {
	c.t.Helper()
	c.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Pingreq}})
	c.want(packets.Pingresp)
}

// publish sends, and for QoS 1 does not wait.
func (c *raw) publish(topic, payload string, qos byte, retain bool) {
	c.t.Helper()
	pk := packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: qos, Retain: retain},
		TopicName:   topic,
		Payload:     []byte(payload),
	}
	if qos > 0 {
		pk.PacketID = 7
	}
	c.send(pk)
}

// subscribe returns the code of the SUBACK.
func (c *raw) subscribe(packetID uint16, filter string) byte {
	c.t.Helper()
	c.send(packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Subscribe},
		PacketID:    packetID,
		Filters:     packets.Subscriptions{{Filter: filter, Qos: 1}},
	})
	return c.want(packets.Suback).ReasonCodes[0]
}

// command reads the next command and acknowledges it.
func (c *raw) command() string {
	c.t.Helper()
	pk := c.want(packets.Publish)
	c.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Puback}, PacketID: pk.PacketID})
	return string(pk.Payload)
}
