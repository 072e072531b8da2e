package crowd

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The packets of MQTT 3.1.1 that a terminal sends or gets, by their first byte.
const (
	packetConnect   = 0x10
	packetConnack   = 0x20
	packetPublish1  = 0x32 // QoS 1
	packetPuback    = 0x40
	packetSubscribe = 0x82
	packetSuback    = 0x90
	kindMask        = 0xf0
)

// connectFlags: user name, password, last will of QoS 1, clean session.
const connectFlags = 0x80 | 0x40 | 0x08 | 0x04 | 0x02

// longestPacket bounds what is read, in bytes.
const longestPacket = 32 << 10

// packet is one that was read: its first byte, and what follows its length.
type packet struct {
	first byte
	body  []byte
}

// appendString writes a string as MQTT does, with its length before it.
func appendString[S string | []byte](b []byte, s S) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

// frame puts the first byte and the length before a body.
func frame(first byte, body []byte) []byte {
	b := make([]byte, 0, len(body)+5)
	b = append(b, first)
	for n := len(body); ; {
		low := byte(n & 0x7f)
		if n >>= 7; n == 0 {
			return append(append(b, low), body...)
		}
		b = append(b, low|0x80)
	}
}

// connect is a CONNECT with a last will.
func connect(id, token string, keepAlive uint16, willTopic string, will []byte) []byte {
	body := appendString(nil, "MQTT")
	body = append(body, 4, connectFlags)
	body = binary.BigEndian.AppendUint16(body, keepAlive)
	body = appendString(body, id)
	body = appendString(body, willTopic)
	body = appendString(body, will)
	body = appendString(body, id)
	return frame(packetConnect, appendString(body, token))
}

// subscribe is a SUBSCRIBE to one topic with QoS 1.
func subscribe(id uint16, topic string) []byte {
	body := binary.BigEndian.AppendUint16(nil, id)
	return frame(packetSubscribe, append(appendString(body, topic), 1))
}

// publish is a PUBLISH of QoS 1.
func publish(id uint16, topic string, payload []byte) []byte {
	body := appendString(nil, topic)
	body = binary.BigEndian.AppendUint16(body, id)
	return frame(packetPublish1, append(body, payload...))
}

// puback acknowledges a PUBLISH.
func puback(id uint16) []byte { return []byte{packetPuback, 2, byte(id >> 8), byte(id)} }

// readPacket reads the next one.
func readPacket(r *bufio.Reader) (p packet, err error) {
	if p.first, err = r.ReadByte(); err != nil {
		return p, err
	}
	length := 0
	for shift := 0; ; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return p, err
		}
		length |= int(b&0x7f) << shift
		if b&0x80 == 0 {
			break
		}
		if shift == 21 {
			return p, errors.New("the broker sent a packet with an endless length")
		}
	}
	if length > longestPacket {
		return p, fmt.Errorf("the broker sent a packet of %d bytes", length)
	}
	p.body = make([]byte, length)
	_, err = io.ReadFull(r, p.body)
	return p, err
}

// published takes a PUBLISH apart; id is 0 for one of QoS 0.
func (p packet) published() (id uint16, payload []byte, err error) {
	short := errors.New("the broker sent a PUBLISH that is too short")
	if len(p.body) < 2 {
		return 0, nil, short
	}
	rest := p.body[2:]
	topic := int(binary.BigEndian.Uint16(p.body))
	if len(rest) < topic {
		return 0, nil, short
	}
	rest = rest[topic:]
	if p.first&0x06 == 0 {
		return 0, rest, nil
	}
	if len(rest) < 2 {
		return 0, nil, short
	}
	return binary.BigEndian.Uint16(rest), rest[2:], nil
}
