package broker_test

import (
	"crypto/rand"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/galla-pay/galla/controller/internal/broker"
	"github.com/galla-pay/galla/protocol"
)

// The attacks of failure matrix rows T5 and T6.

func TestT5HugeLengthsAllocateNothing(t *testing.T) {
	// Not parallel: it measures the memory of the process.
	w := start(t, nil)
	good := w.join(t, gina)
	const mayAllocate = 8 << 20 // as it comes, mochi takes 1 GiB for these 20 bytes

	before := allocated()
	for range 4 {
		c := w.dial(t)
		c.bytes([]byte{0x10, 0xff, 0xff, 0xff, 0x7f}) // a CONNECT of 256 MiB
		c.ended()
	}
	w.refused(t, broker.ReasonSize, 4)
	for range 4 {
		c := w.login(t, hari, nil)
		c.bytes([]byte{0x30, 0xff, 0xff, 0xff, 0x7f}) // a PUBLISH of 256 MiB
		c.ended()
	}
	w.refused(t, broker.ReasonSize, 8)
	// As many as are let wait, each with the longest CONNECT that is let in, unfinished.
	var waiting []*raw
	for range 63 {
		c := w.dial(t)
		c.bytes([]byte{0x10, 0x80, 0x20, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60})
		waiting = append(waiting, c)
	}
	until(t, "63 wait", func() bool { return w.Stats().Waiting == 63 })
	if grown := allocated() - before; grown > mayAllocate {
		t.Errorf("the attack allocated %d KiB, want at most %d", grown>>10, mayAllocate>>10)
	}
	good.works()
	for _, c := range waiting {
		_ = c.Close()
	}
}

// allocated is every byte ever allocated, so that a collection hides nothing.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestT5SilentSocketsAreCut(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *broker.Config) {
		c.ConnectTimeout = 250 * time.Millisecond
		c.MaxWaitingPerAddress = 1000
	})
	good := w.join(t, gina)
	halves := []string{
		"",                   // nothing
		"\x10",               // a type
		"\x10\x80",           // half a length
		"\x10\x60\x00\x04MQ", // half a name
		"\x10\x60\x00\x04MQTT\x04\x02\x00\x3c\x00", // half a CONNECT
	}
	silent := make([]*raw, 500)
	for i := range silent {
		silent[i] = w.dial(t)
		silent[i].bytes([]byte(halves[i%len(halves)]))
	}
	good.works()
	w.join(t, hari).works() // somebody new gets in meanwhile
	var all sync.WaitGroup
	for _, c := range silent {
		all.Go(func() {
			one := make([]byte, 1)
			if _, err := c.Read(one); err == nil {
				t.Error("a silent socket was sent something")
			}
			_ = c.Close()
		})
	}
	all.Wait()
	w.refused(t, broker.ReasonSilent, 500)
	until(t, "nobody waits", func() bool { return w.Stats().Waiting == 0 })
	good.works()
}

func TestT5SocketsOfOneAddressAreCapped(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *broker.Config) { c.MaxWaitingPerAddress = 10 })
	good := w.join(t, gina)
	var waiting []*raw
	for range 10 {
		waiting = append(waiting, w.dial(t))
	}
	until(t, "10 wait", func() bool { return w.Stats().Waiting == 10 })
	for range 200 {
		c := w.dial(t)
		c.ended()
	}
	w.refused(t, broker.ReasonAddress, 200)
	good.works()
	// Only sockets that have not logged in count: each login makes room.
	waiting[0].send(w.connectOf(hari, nil))
	if code := waiting[0].connack(); code != 0 {
		t.Fatalf("login: code %d", code)
	}
	until(t, "9 wait", func() bool { return w.Stats().Waiting == 9 })
	w.login(t, anna, nil).alive()
	if n := w.Stats().Terminals; n != 3 {
		t.Errorf("%d terminals, want 3", n)
	}
}

func TestT5KeepAliveIsBetween1And120Seconds(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	for _, row := range []struct {
		seconds uint16
		code    byte
	}{{0, 5}, {1, 0}, {120, 0}, {121, 5}, {65535, 5}} {
		c := w.dial(t)
		c.send(w.connectOf(gina, func(pk *packets.Packet) { pk.Connect.Keepalive = row.seconds }))
		if code := c.connack(); code != row.code {
			t.Errorf("keep-alive %d s: code %d, want %d", row.seconds, code, row.code)
		}
	}
}

func TestT5QuietTerminalIsCutAfterItsKeepAlive(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	c := w.login(t, gina, func(pk *packets.Packet) { pk.Connect.Keepalive = 1 })
	began := time.Now()
	c.ended()
	if took := time.Since(began); took < time.Second {
		t.Errorf("cut after %s, before its keep-alive was over", took)
	}
	w.refused(t, broker.ReasonSilent, 1)
}

func TestT5OversizeMessagesEndTheConnection(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	c := w.login(t, gina, nil)
	biggest := strings.Repeat("x", protocol.MaxMessage)
	c.publish(protocol.ReportTopic(gina), biggest, 1, false)
	c.want(packets.Puback)
	w.await(t, message{gina.String(), broker.KindReport, biggest})
	for _, size := range []int{protocol.MaxMessage + 1, protocol.MaxMessage + 4096, 1 << 20} {
		c := w.login(t, hari, nil)
		c.publish(protocol.ReportTopic(hari), strings.Repeat("y", size), 1, false)
		c.ended()
	}
	w.refused(t, broker.ReasonSize, 3)
	c.alive()
	w.notHeard(t, "y")
}

func TestT5OtherVersionsOfMQTTAreRefused(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	for _, version := range []byte{0, 3, 5, 6, 0x84, 0xff} {
		c := w.dial(t)
		c.bytes([]byte{0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', version, 2, 0, 60, 0, 1, 'x'})
		if code := c.connack(); code != 1 {
			t.Errorf("version %d: code %d, want 1", version, code)
		}
		c.ended()
	}
	c := w.dial(t)
	c.bytes([]byte{0x10, 15, 0, 6, 'M', 'Q', 'I', 's', 'd', 'p', 3, 2, 0, 60, 0, 1, 'x'})
	c.ended()
}

func TestT5GarbageEndsTheConnection(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	good := w.join(t, gina)
	random := make([]byte, 64<<10)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	random[0] = 0x82 // not by chance a CONNECT
	for name, b := range map[string][]byte{
		"random":                 random,
		"HTTP":                   []byte("GET / HTTP/1.1\r\nHost: till\r\n\r\n"),
		"TLS":                    {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc},
		"zeros":                  make([]byte, 4096),
		"length that never ends": {0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80},
		"empty CONNECT":          {0x10, 0},
		"wrong flags":            {0x1f, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 1, 'x'},
		"name is too long":       {0x10, 13, 0xff, 0xff, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 1, 'x'},
		"reserved bit":           {0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 3, 0, 60, 0, 1, 'x'},
		"client id runs out":     {0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 9, 'x'},
		"PUBLISH first":          {0x30, 5, 0, 1, 'x', 'h', 'i'},
		"PINGREQ first":          {0xc0, 0},
	} {
		c := w.dial(t)
		c.bytes(b)
		if before := c.ended(); len(before) > 1 {
			t.Errorf("%s: the broker answered %v", name, before)
		}
	}
	// The same from somebody who has logged in.
	for name, b := range map[string][]byte{
		"type 0":               {0x00, 0},
		"type 15":              {0xf0, 0},
		"second CONNECT":       {0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 1, 'x'},
		"CONNACK":              {0x20, 2, 0, 0},
		"PUBREC":               {0x50, 2, 0, 1},
		"PUBREL":               {0x62, 2, 0, 1},
		"PUBCOMP":              {0x70, 2, 0, 1},
		"PUBLISH of QoS 3":     {0x36, 5, 0, 1, 'x', 0, 1},
		"PUBLISH without id":   {0x32, 5, 0, 1, 'x', 0, 0},
		"topic runs out":       {0x30, 5, 0, 9, 'x', 0, 0},
		"SUBSCRIBE of nothing": {0x82, 2, 0, 1},
		"SUBSCRIBE cut short":  {0x82, 6, 0, 1, 0, 2, 'a', 'b'},
		"SUBSCRIBE of QoS 3":   {0x82, 6, 0, 1, 0, 1, 'a', 3},
	} {
		c := w.login(t, hari, nil)
		c.bytes(b)
		if before := c.ended(); len(before) != 0 {
			t.Errorf("%s: the broker answered %v", name, before)
		}
	}
	good.works()
}

func TestT5ManyFiltersEndTheConnection(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	c := w.login(t, hari, nil)
	filters := make(packets.Subscriptions, 2000)
	for i := range filters {
		filters[i] = packets.Subscription{Filter: "x"}
	}
	c.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Subscribe}, PacketID: 1, Filters: filters})
	c.ended()
	// One at a time is answered, a few times.
	c = w.login(t, hari, nil)
	for range 16 {
		if code := c.subscribe(1, "x"); code != 0x80 {
			t.Fatalf("SUBSCRIBE: code %#x", code)
		}
	}
	c.send(packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Subscribe}, PacketID: 1, Filters: packets.Subscriptions{{Filter: "x"}},
	})
	c.ended()
}

func TestT6RetainedPublishEndsTheConnection(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	good := w.join(t, gina)
	for _, topic := range []string{protocol.ReportTopic(hari), protocol.CommandTopic(hari), protocol.CommandTopic(gina)} {
		for qos := byte(0); qos <= 1; qos++ {
			c := w.login(t, hari, nil)
			c.publish(topic, "PAID", qos, true)
			c.ended()
		}
	}
	w.refused(t, broker.ReasonRetain, 2)
	// A terminal that starts afterwards finds nothing.
	c := w.listen(t, hari, nil)
	c.alive()
	good.works()
	w.notHeard(t, "PAID")
}

func TestT6QoS2IsRefused(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	c := w.login(t, gina, nil)
	c.publish(protocol.ReportTopic(gina), "twice", 2, false)
	c.ended()
	w.refused(t, broker.ReasonQoS, 1)
	c = w.dial(t)
	c.send(w.connectOf(gina, func(pk *packets.Packet) {
		withWill(protocol.PresenceTopic(gina), "gone")(pk)
		pk.Connect.WillQos = 2
	}))
	c.ended()
	// A subscription is granted QoS 1 at most.
	c = w.login(t, gina, nil)
	c.send(packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Subscribe},
		PacketID:    1,
		Filters:     packets.Subscriptions{{Filter: protocol.CommandTopic(gina), Qos: 2}},
	})
	if code := c.want(packets.Suback).ReasonCodes[0]; code != 1 {
		t.Errorf("granted QoS %d, want 1", code)
	}
	if err := w.Publish(protocol.CommandTopic(gina), []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if pk := c.want(packets.Publish); pk.FixedHeader.Qos != 1 {
		t.Errorf("command came with QoS %d, want 1", pk.FixedHeader.Qos)
	}
	w.notHeard(t, "twice")
}
