package broker_test

import (
	"io"
	"strings"
	"testing"

	"github.com/galla-pay/galla/controller/internal/broker"
	"github.com/galla-pay/galla/protocol"
)

// FuzzStranger sends bytes before any login. Nobody may get in by them, nothing
// may be heard, nothing may panic (checked at the end by startOn).
func FuzzStranger(f *testing.F) {
	f.Add([]byte("\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x"))
	f.Add([]byte("\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01x\x00\x00"))
	f.Add([]byte("\x10\x2b\x00\x04MQTT\x04\xc2\x00\x3c\x00\x0eM1.shop.till-1\x00\x0eM1.shop.till-1\x00\x01x"))
	f.Add([]byte("\x10\x36\x00\x04MQTT\x04\xee\x00\x3c\x00\x0eM1.shop.till-1\x00\x01#\x00\x04PAID\x00\x0eM1.shop.till-1\x00\x01x"))
	f.Add([]byte("\x10\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := newPipes()
		w := startOn(t, l, nil)
		talk(t, l, b)
		until(t, "the socket is gone", func() bool { s := w.Stats(); return s.Sockets == 1 && s.Waiting == 0 })
		if s := w.Stats(); s.Logins != 0 || s.Terminals != 0 || s.Reports != 0 {
			t.Errorf("a stranger got in: %+v", s)
		}
	})
}

// FuzzTerminal sends bytes after gina has logged in. Whatever is heard must be
// gina's report, and must stand in the bytes behind gina's own report topic.
func FuzzTerminal(f *testing.F) {
	topic := protocol.ReportTopic(gina)
	name := string([]byte{0, byte(len(topic))}) + topic
	f.Add([]byte("\x30" + string([]byte{byte(len(name) + 4)}) + name + "sync"))
	f.Add([]byte("\x32" + string([]byte{byte(len(name) + 6)}) + name + "\x00\x01sync"))
	f.Add([]byte("\x82\x06\x00\x01\x00\x01#\x01\xa2\x05\x00\x01\x00\x01#\xc0\x00\xe0\x00"))
	f.Add([]byte("\x40\x02\x00\x01\x50\x02\x00\x01\x62\x02\x00\x01\x70\x02\x00\x01"))
	f.Add([]byte("\x3d\xff\x7f\x00\x01x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := newPipes()
		w := startOn(t, l, nil)
		c := adopt(t, l.dial(t))
		c.send(w.connectOf(gina, nil))
		c.connack()
		go func() { _, _ = io.Copy(io.Discard, c) }()
		_, _ = c.Write(b) // fails when the broker has had enough
		_ = c.Close()
		until(t, "gina is gone", func() bool { return len(w.Connected()) == 0 })
		for _, m := range w.all() {
			if m.from != gina.String() || m.kind != broker.KindReport || len(m.payload) > protocol.MaxMessage {
				t.Errorf("heard %v", m)
			}
			if !follows(string(b), topic, m.payload) {
				t.Errorf("heard %q, which nobody sent", m.payload)
			}
		}
	})
}

// follows reports whether payload stands in b directly behind topic, or with
// the two bytes of a packet id between.
func follows(b, topic, payload string) bool {
	for {
		_, rest, found := strings.Cut(b, topic)
		if !found {
			return false
		}
		if strings.HasPrefix(rest, payload) || len(rest) >= 2 && strings.HasPrefix(rest[2:], payload) {
			return true
		}
		b = rest
	}
}

// talk writes b to a new connection and hangs up.
func talk(t *testing.T, l *pipes, b []byte) {
	t.Helper()
	c := adopt(t, l.dial(t))
	go func() { _, _ = io.Copy(io.Discard, c) }()
	_, _ = c.Write(b) // fails when the broker has had enough
	_ = c.Close()
}
