// Package mqtt is the part of MQTT 3.1.1 that a terminal speaks, as bytes: what it
// sends is made, and what it gets is taken apart. Who puts terminals under load
// writes and reads them himself, for a client library has a goroutine or two for each
// terminal, and a queue, and its own mind when to send.
//
// Only the load packages use it.
package mqtt

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The packets that a terminal gets, by the upper half of their first byte.
const (
	Connack = 0x20
	Publish = 0x30
	Puback  = 0x40
	Suback  = 0x90
)

// The first bytes of those that it sends.
const (
	firstConnect   = 0x10
	firstPublish1  = 0x32 // QoS 1
	firstSubscribe = 0x82
)

// The flags of a CONNECT.
const (
	cleanSession = 0x02
	withWill     = 0x04 | 0x08 // of QoS 1
	withLogin    = 0x40 | 0x80
)

// longest bounds what is read, in bytes.
const longest = 32 << 10

// Login is what a CONNECT says. Identity is the client id and the user name.
type Login struct {
	Identity, Token string
	KeepAlive       uint16 // seconds
	WillTopic       string // "": it has no last will
	Will            []byte
}

// Packet is the CONNECT.
func (l Login) Packet() []byte {
	flags := byte(withLogin | cleanSession)
	if l.WillTopic != "" {
		flags |= withWill
	}
	body := appendString(nil, "MQTT")
	body = append(body, 4, flags)
	body = binary.BigEndian.AppendUint16(body, l.KeepAlive)
	body = appendString(body, l.Identity)
	if l.WillTopic != "" {
		body = appendString(body, l.WillTopic)
		body = appendString(body, l.Will)
	}
	body = appendString(body, l.Identity)
	return frame(firstConnect, appendString(body, l.Token))
}

// NewSubscribe is a SUBSCRIBE to one topic with QoS 1.
func NewSubscribe(id uint16, topic string) []byte {
	body := binary.BigEndian.AppendUint16(nil, id)
	return frame(firstSubscribe, append(appendString(body, topic), 1))
}

// NewPublish is a PUBLISH of QoS 1.
func NewPublish(id uint16, topic string, payload []byte) []byte {
	body := appendString(nil, topic)
	body = binary.BigEndian.AppendUint16(body, id)
	return frame(firstPublish1, append(body, payload...))
}

// NewPuback acknowledges a PUBLISH.
func NewPuback(id uint16) []byte { return []byte{Puback, 2, byte(id >> 8), byte(id)} }

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

// Packet is one that was read: its first byte, and what follows its length.
type Packet struct {
	First byte
	Body  []byte
}

// Kind is which packet it is.
func (p Packet) Kind() byte { return p.First & 0xf0 }

// Read reads the next one, which may have 32 KiB.
func Read(r *bufio.Reader) (p Packet, err error) {
	if p.First, err = r.ReadByte(); err != nil {
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
	if length > longest {
		return p, fmt.Errorf("the broker sent a packet of %d bytes", length)
	}
	p.Body = make([]byte, length)
	_, err = io.ReadFull(r, p.Body)
	return p, err
}

// Refused is why a CONNACK or a SUBACK is no good answer to what was asked, or nil.
func (p Packet) Refused(want byte) error {
	code := map[byte]int{Connack: 1, Suback: 2}[want]
	switch {
	case p.Kind() != want || len(p.Body) <= code:
		return fmt.Errorf("the broker answered with packet %#x", p.First)
	case want == Connack && p.Body[code] != 0:
		return fmt.Errorf("the broker refused the login with %d", p.Body[code])
	case p.Body[code] > 2:
		return errors.New("the broker refused the subscription")
	}
	return nil
}

// Published takes a PUBLISH apart; id is 0 for one of QoS 0.
func (p Packet) Published() (id uint16, payload []byte, err error) {
	short := errors.New("the broker sent a PUBLISH that is too short")
	if len(p.Body) < 2 {
		return 0, nil, short
	}
	rest := p.Body[2:]
	topic := int(binary.BigEndian.Uint16(p.Body))
	if len(rest) < topic {
		return 0, nil, short
	}
	rest = rest[topic:]
	if p.First&0x06 == 0 {
		return 0, rest, nil
	}
	if len(rest) < 2 {
		return 0, nil, short
	}
	return binary.BigEndian.Uint16(rest), rest[2:], nil
}
