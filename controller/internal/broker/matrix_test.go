package broker_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/galla-pay/galla/controller/internal/broker"
	"github.com/galla-pay/galla/protocol"
)

// TestT4Matrix is identities x topics x verbs over real connections. What is
// allowed is written out below, apart from the broker's own rule, and at the
// end the controller must have heard exactly the allowed messages.
func TestT4Matrix(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	identities := []protocol.Identity{gina, hari, anna, gin}

	var topics []string
	for _, id := range identities {
		for _, leaf := range []string{"command", "report", "presence"} {
			topics = append(topics, "galla/v1/"+id.String()+"/"+leaf)
		}
		topics = append(topics, "galla/v1/"+id.String()+"/command/x", "galla/v1/"+id.String()+"/#")
	}
	topics = append(topics, "#", "+/+/+/+", "galla/v1/+/command", "galla/v1/+/report", "$SYS/broker/version", "x")

	// allowed is the whole truth: verb and topic, for the identity that says it.
	allowed := func(id protocol.Identity, verb, topic string) bool {
		own := "galla/v1/" + id.String()
		switch verb {
		case "publish QoS 0", "publish QoS 1":
			return topic == own+"/report"
		case "subscribe":
			return topic == own+"/command"
		case "will":
			return topic == own+"/presence"
		default:
			return false
		}
	}

	var want []message
	for _, id := range identities {
		for _, topic := range topics {
			for _, verb := range []string{
				"publish QoS 0", "publish QoS 1", "publish retained", "publish $share",
				"subscribe", "subscribe $share", "subscribe with # at the end", "will", "will retained",
			} {
				text := fmt.Sprintf("%s of %s on %s", verb, id, topic)
				got := attempt(t, w, id, verb, topic, text)
				if may := allowed(id, verb, topic); got != may {
					t.Errorf("%s: allowed %v, want %v", text, got, may)
				}
				switch {
				case !allowed(id, verb, topic):
				case verb == "will":
					want = append(want, message{id.String(), broker.KindPresence, text})
				case verb != "subscribe":
					want = append(want, message{id.String(), broker.KindReport, text})
				}
			}
		}
	}
	for _, m := range want {
		w.await(t, m)
	}
	heard := w.all()
	for _, m := range heard {
		if !slices.Contains(want, m) {
			t.Errorf("the controller heard %v", m)
		}
	}
	if len(heard) != len(want) {
		t.Errorf("the controller heard %d messages, want %d", len(heard), len(want))
	}
}

// attempt makes one try over a connection of its own and reports whether the
// broker allowed it.
func attempt(t *testing.T, w *world, id protocol.Identity, verb, topic, text string) bool {
	t.Helper()
	switch verb {
	case "publish QoS 0":
		c := w.login(t, id, nil)
		c.publish(topic, text, 0, false)
		return lives(c)
	case "publish QoS 1", "publish retained", "publish $share":
		c := w.login(t, id, nil)
		if verb == "publish $share" {
			topic = "$share/g/" + topic
		}
		c.publish(topic, text, 1, verb == "publish retained")
		pk, err := c.next()
		return err == nil && pk.FixedHeader.Type == packets.Puback
	case "subscribe", "subscribe $share", "subscribe with # at the end":
		c := w.login(t, id, nil)
		switch verb {
		case "subscribe $share":
			topic = "$share/g/" + topic
		case "subscribe with # at the end":
			topic += "/#"
		}
		if c.subscribe(1, topic) >= 0x80 {
			c.alive()
			return false
		}
		// Granted: then it must also deliver.
		if err := w.Publish(topic, []byte(text)); err != nil {
			t.Fatalf("%s: granted, but %v", text, err)
		}
		return c.command() == text
	case "will", "will retained":
		c := w.dial(t)
		c.send(w.connectOf(id, func(pk *packets.Packet) {
			withWill(topic, text)(pk)
			pk.Connect.WillRetain = verb == "will retained"
		}))
		pk, err := c.next()
		if err != nil || pk.ReasonCode != 0 {
			return false
		}
		_ = c.Close() // without DISCONNECT
		until(t, "the session of "+text+" ends", func() bool { return !slices.Contains(w.Connected(), id) })
		return true
	default:
		t.Fatalf("unknown verb %q", verb)
		return false
	}
}

// lives makes a round trip, or finds that the broker has hung up.
func lives(c *raw) bool {
	c.t.Helper()
	c.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Pingreq}})
	pk, err := c.next()
	return err == nil && pk.FixedHeader.Type == packets.Pingresp
}
