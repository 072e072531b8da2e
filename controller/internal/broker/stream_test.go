package broker_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/galla-pay/galla/controller/internal/broker"
	"github.com/galla-pay/galla/protocol"
)

// A terminal that reads nothing holds nobody up who has something to tell it
// (Publish: it never waits for the terminal).
func TestPublishDoesNotWaitForATerminalThatDoesNotRead(t *testing.T) {
	t.Parallel()
	door := newPipes()
	w := startOn(t, door, func(c *broker.Config) { c.WriteTimeout = time.Hour })
	deaf := adopt(t, door.dial(t))
	deaf.send(w.connectOf(gina, nil))
	if code := deaf.connack(); code != 0 {
		t.Fatalf("login: code %d", code)
	}
	if code := deaf.subscribe(1, protocol.CommandTopic(gina)); code != 1 {
		t.Fatalf("subscribe: code %d", code)
	}
	said := make(chan error, 1)
	go func() {
		for n := range 64 {
			if err := w.Publish(protocol.CommandTopic(gina), []byte("hello")); err != nil {
				said <- fmt.Errorf("command %d: %w", n, err)
				return
			}
		}
		said <- w.Publish(protocol.CommandTopic(gina), []byte("one too many"))
	}()
	select {
	case err := <-said:
		if !errors.Is(err, broker.ErrStuck) {
			t.Errorf("%v, want 64 commands taken and then ErrStuck", err)
		}
	case <-time.After(patience):
		t.Fatal("Publish waits for the terminal")
	}
	deaf.ended()
}

// TCP keeps bytes in order and nothing else. However a terminal's packets are cut,
// the broker takes them as they were meant.
func TestHowTheBytesAreCutDoesNotMatter(t *testing.T) {
	t.Parallel()
	// The last reports are around the size of what is read ahead.
	reports := []string{"first", "", "third"}
	for n := 80; n < 140; n++ {
		reports = append(reports, fmt.Sprintf("%0*d", n, n))
	}
	session := func(w *world) []byte {
		var all bytes.Buffer
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		connect := w.connectOf(gina, withWill(protocol.PresenceTopic(gina), "gone"))
		must(connect.ConnectEncode(&all))
		subscribe := packets.Packet{
			FixedHeader: packets.FixedHeader{Type: packets.Subscribe, Qos: 1}, ProtocolVersion: 4, PacketID: 1,
			Filters: packets.Subscriptions{{Filter: protocol.CommandTopic(gina), Qos: 1}},
		}
		must(subscribe.SubscribeEncode(&all))
		for i, text := range reports {
			report := packets.Packet{
				FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1}, ProtocolVersion: 4, PacketID: uint16(i + 2),
				TopicName: protocol.ReportTopic(gina), Payload: []byte(text),
			}
			must(report.PublishEncode(&all))
			puback := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Puback}, PacketID: 9}
			must(puback.PubackEncode(&all))
		}
		ping := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Pingreq}}
		must(ping.PingreqEncode(&all))
		return all.Bytes()
	}
	for _, piece := range []int{1, 2, 3, 5, 16, 17, 127, 128, 129, 130, 1000, 1 << 20} {
		t.Run(fmt.Sprint(piece), func(t *testing.T) {
			t.Parallel()
			w := start(t, nil)
			c, whole := w.dial(t), session(w)
			go func() {
				for len(whole) > 0 {
					n := min(piece, len(whole))
					if _, err := c.Write(whole[:n]); err != nil {
						t.Errorf("write: %v", err)
						return
					}
					whole = whole[n:]
				}
			}()
			if code := c.connack(); code != 0 {
				t.Fatalf("login: code %d", code)
			}
			if got := c.want(packets.Suback).ReasonCodes[0]; got != 1 {
				t.Errorf("subscribe: code %d", got)
			}
			for i := range reports {
				if got := c.want(packets.Puback).PacketID; got != uint16(i+2) {
					t.Fatalf("report %d is acknowledged as %d", i+2, got)
				}
			}
			c.want(packets.Pingresp)
			heard := w.all()
			for i, text := range reports {
				if heard[i] != (message{gina.String(), broker.KindReport, text}) {
					t.Errorf("report %d is %v", i, heard[i])
				}
			}
			_ = c.Close()
			w.await(t, message{gina.String(), broker.KindPresence, "gone"})
		})
	}
}
