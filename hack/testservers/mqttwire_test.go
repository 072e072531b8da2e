package testservers

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// mqttConn is an MQTT 3.1.1 client of a few bytes, because the attacks below
// are things that a proper client library refuses to send.
type mqttConn struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

type connectOptions struct {
	clientID, username, password string
	keepAlive                    uint16 // seconds
	willTopic                    string
	willRetain                   bool
	persistent                   bool // clean session off
}

// The answers of CONNACK, MQTT 3.1.1 table 3.1, and one for a connection that
// the broker just closes.
const (
	accepted           = 0
	identifierRejected = 2
	notAuthorised      = 5
	closedInstead      = 255
)

// mqttPacket is kind and flags, remaining length, body.
func mqttPacket(head byte, body []byte) []byte {
	b := []byte{head}
	for n := len(body); ; {
		digit := byte(n % 128)
		if n /= 128; n > 0 {
			b = append(b, digit|128)
			continue
		}
		return append(append(b, digit), body...)
	}
}

func mqttString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// mqttConnect sends CONNECT and returns the code of CONNACK.
func mqttConnect(t *testing.T, mq *Mosquitto, o connectOptions) (*mqttConn, byte) {
	t.Helper()
	conn, err := net.Dial("tcp4", mq.Addr())
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	must(t, conn.SetDeadline(time.Now().Add(startLimit)))
	c := &mqttConn{t, conn, bufio.NewReader(conn)}
	var flags byte
	if !o.persistent {
		flags |= 0x02
	}
	if o.willTopic != "" {
		flags |= 0x04 | 0x08 // QoS 1
	}
	if o.willRetain {
		flags |= 0x20
	}
	if o.username != "" {
		flags |= 0x80 | 0x40
	}
	body := append(mqttString(nil, "MQTT"), 4, flags)
	body = binary.BigEndian.AppendUint16(body, o.keepAlive)
	body = mqttString(body, o.clientID)
	if o.willTopic != "" {
		body = mqttString(mqttString(body, o.willTopic), "PAID")
	}
	if o.username != "" {
		body = mqttString(mqttString(body, o.username), o.password)
	}
	c.send(mqttPacket(0x10, body))
	head, answer, err := c.read()
	if err != nil {
		return c, closedInstead
	}
	if head != 0x20 || len(answer) != 2 {
		t.Fatalf("answer to CONNECT is %x %x", head, answer)
	}
	return c, answer[1]
}

func (c *mqttConn) send(packet []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(packet); err != nil {
		c.t.Fatal(err)
	}
}

func (c *mqttConn) read() (head byte, body []byte, err error) {
	if head, err = c.r.ReadByte(); err != nil {
		return 0, nil, err
	}
	size, err := binary.ReadUvarint(c.r) // the same encoding as MQTT's remaining length
	if err != nil {
		return 0, nil, err
	}
	body = make([]byte, size)
	_, err = io.ReadFull(c.r, body)
	return head, body, err
}

// subscribe returns the granted QoS, or 0x80 for a refusal.
func (c *mqttConn) subscribe(topic string) byte {
	c.t.Helper()
	c.send(mqttPacket(0x82, append(mqttString([]byte{0, 1}, topic), 1)))
	head, body, err := c.read()
	if err != nil || head != 0x90 || len(body) != 3 {
		c.t.Fatalf("answer to SUBSCRIBE is %x %x %v", head, body, err)
	}
	return body[2]
}

// publish sends at QoS 1 and waits for PUBACK.
func (c *mqttConn) publish(topic, payload string) error {
	c.t.Helper()
	body := append(mqttString(nil, topic), 0, 7)
	c.send(mqttPacket(0x32, append(body, payload...)))
	head, _, err := c.read()
	if err == nil && head != 0x40 {
		err = errors.New("not a PUBACK")
	}
	return err
}

// next returns the payload of the next PUBLISH.
func (c *mqttConn) next() string {
	c.t.Helper()
	head, body, err := c.read()
	if err != nil || head&0xf0 != 0x30 {
		c.t.Fatalf("waiting for a message: %x %v", head, err)
	}
	topic := int(binary.BigEndian.Uint16(body))
	return string(body[2+topic+2:]) // length, topic, packet id (QoS 1)
}
