package broker_test

import (
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/galla-pay/galla/controller/internal/broker"
	"github.com/galla-pay/galla/protocol"
)

// The attacks of failure matrix section 0 and rows T1, T2, T4; T5 and T6 are in
// flood_test.go. Each
// succeeded, or would have, against mochi as it comes. In each a well-behaved
// terminal keeps working: join(...).works().

// notHeard fails the test when the controller was told anything that contains text.
func (w *world) notHeard(t *testing.T, text string) {
	t.Helper()
	for _, m := range w.all() {
		if strings.Contains(m.payload, text) {
			t.Errorf("the controller was told %v", m)
		}
	}
}

func TestT1WillOnForeignTopicIsRefused(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	victim := w.join(t, gina)
	for _, topic := range []string{
		protocol.CommandTopic(gina),
		protocol.PresenceTopic(gina),
		protocol.ReportTopic(gina),
		protocol.CommandTopic(hari),
		protocol.ReportTopic(hari),
		protocol.PresenceTopic(hari) + "/x",
		"$SYS/broker/version",
		"galla/v1/+/presence",
		"#",
		"",
	} {
		thief := w.dial(t)
		thief.send(w.connectOf(hari, withWill(topic, "PAID")))
		if topic == "" {
			thief.ended() // mochi itself answers a malformed will
			continue
		}
		if code := thief.connack(); code != 5 {
			t.Errorf("will on %q: code %d, want 5", topic, code)
		}
		thief.ended()
	}
	victim.works()
	w.notHeard(t, "PAID")
}

func TestT1RetainedWillIsRefused(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	victim := w.join(t, gina)
	for _, topic := range []string{protocol.PresenceTopic(hari), protocol.CommandTopic(gina)} {
		thief := w.dial(t)
		thief.send(w.connectOf(hari, func(pk *packets.Packet) {
			withWill(topic, "PAID")(pk)
			pk.Connect.WillRetain = true
		}))
		thief.ended()
	}
	victim.works()
	w.notHeard(t, "PAID")
}

func TestT1TakeoverOfClientIDByAnotherUserIsRefused(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	victim := w.join(t, gina)
	thief := w.dial(t)
	thief.send(w.connectOf(hari, func(pk *packets.Packet) { pk.Connect.ClientIdentifier = gina.String() }))
	if code := thief.connack(); code != 2 {
		t.Errorf("hari as client %s: code %d, want 2", gina, code)
	}
	thief.ended()
	select {
	case err := <-victim.lost:
		t.Fatalf("the victim lost its connection: %v", err)
	default:
	}
	victim.works()
	w.refused(t, broker.ReasonIdentity, 1)
}

func TestT1NothingIsQueuedForAnIntruder(t *testing.T) {
	t.Parallel()
	w := start(t, nil)

	// A persistent session is what messages would be queued for.
	away := w.dial(t)
	away.send(w.connectOf(gina, func(pk *packets.Packet) { pk.Connect.Clean = false }))
	if code := away.connack(); code != 5 {
		t.Errorf("persistent session: code %d, want 5", code)
	}
	away.ended()

	// Gina listens, leaves a command unacknowledged and vanishes.
	away = w.listen(t, gina, nil)
	if err := w.Publish(protocol.CommandTopic(gina), []byte("QR of gina")); err != nil {
		t.Fatal(err)
	}
	away.want(packets.Publish)
	_ = away.Close()
	until(t, "gina is gone", func() bool { return len(w.Connected()) == 0 })
	if err := w.Publish(protocol.CommandTopic(gina), []byte("QR of gina")); err != broker.ErrNotListening {
		t.Errorf("Publish to nobody = %v, want ErrNotListening", err)
	}

	thief := w.dial(t)
	thief.send(w.connectOf(hari, func(pk *packets.Packet) { pk.Connect.ClientIdentifier = gina.String() }))
	if before := thief.ended(); len(before) != 1 || before[0].FixedHeader.Type != packets.Connack {
		t.Errorf("the intruder got %v, want one CONNACK", before)
	}
	// Not even gina's own next session gets anything from before.
	back := w.listen(t, gina, nil)
	back.alive()
	if n := w.Stats().Commands; n != 1 {
		t.Errorf("%d commands handed over, want 1", n)
	}
}

func TestT2AnonymousAndWrongTokenAreRefused(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	good := w.join(t, gina)
	nobody := protocol.Identity{MerchantID: "M9", StoreID: "none", TerminalID: "x"}
	for name, spoil := range map[string]func(*packets.Packet){
		"anonymous": func(pk *packets.Packet) {
			pk.Connect.UsernameFlag, pk.Connect.Username = false, nil
			pk.Connect.PasswordFlag, pk.Connect.Password = false, nil
		},
		"no password":         func(pk *packets.Packet) { pk.Connect.PasswordFlag, pk.Connect.Password = false, nil },
		"one byte off":        func(pk *packets.Packet) { pk.Connect.Password[5] ^= 1 },
		"one byte less":       func(pk *packets.Packet) { pk.Connect.Password = pk.Connect.Password[1:] },
		"one byte more":       func(pk *packets.Packet) { pk.Connect.Password = append(pk.Connect.Password, 'x') },
		"longer than a token": func(pk *packets.Packet) { pk.Connect.Password = make([]byte, 129) },
		"another's token":     func(pk *packets.Packet) { pk.Connect.Password = []byte(w.token(gina)) },
		"not enrolled": func(pk *packets.Packet) {
			pk.Connect.ClientIdentifier, pk.Connect.Username = nobody.String(), []byte(nobody.String())
		},
	} {
		c := w.dial(t)
		c.send(w.connectOf(hari, spoil))
		if code := c.connack(); code != 5 {
			t.Errorf("%s: code %d, want 5", name, code)
		}
		c.ended()
	}
	w.refused(t, broker.ReasonToken, 8)
	good.works()
}

func TestT4IdentityIsThreePlainParts(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *broker.Config) { c.Auth = allowAll })
	for _, name := range []string{
		"", "till", "M1.till", "M1.shop.till.x", "M1..till", ".shop.till", "M1.shop.", "M1.shop.till ",
		"M1.shop.#", "M1.+.till", "M1/shop/till", "M1.shop/x.till", "$SYS.shop.till", "M1.shop.til\u00e9", "inline",
		"M1.shop." + strings.Repeat("t", 65),
	} {
		c := w.dial(t)
		c.send(w.connectOf(gina, func(pk *packets.Packet) {
			pk.Connect.ClientIdentifier, pk.Connect.Username = name, []byte(name)
		}))
		if code := c.connack(); code != 2 {
			t.Errorf("identity %q: code %d, want 2", name, code)
		}
		c.ended()
	}
	if ids := w.Connected(); len(ids) != 0 {
		t.Errorf("connected: %v", ids)
	}
}

func TestT4SubscriptionsToForeignTopicsFail(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	good := w.join(t, gina)
	for _, filter := range foreignFilters {
		thief := w.listen(t, hari, nil)
		if code := thief.subscribe(2, filter); code != 0x80 {
			t.Errorf("SUBSCRIBE %q: code %#x, want 0x80", filter, code)
		}
		good.works() // a command to gina: the thief must not see it
		if err := w.Publish(protocol.CommandTopic(hari), []byte("fence")); err != nil {
			t.Fatal(err)
		}
		if got := thief.command(); got != "fence" {
			t.Errorf("after SUBSCRIBE %q hari read %q", filter, got)
		}
		thief.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Disconnect}})
		thief.ended()
	}
}

// foreignFilters is what hari might try to read.
var foreignFilters = []string{
	"#", "+", "+/+/+/+", "galla/#", "galla/v1/#", "galla/v1/+/command", "galla/v1/+/+",
	"galla/v1/M1.shop.till-1/command", "galla/v1/M1.shop.till-1/#", "galla/v1/M1.shop.till-1/report",
	"galla/v1/M1.shop.till-2/#", "galla/v1/M1.shop.till-2/+", "galla/v1/M1.shop.till-2/report",
	"galla/v1/M1.shop.till-2/presence", "galla/v1/M1.shop.till-2/command/x", "galla/v1/M1.shop.till-2/command/#",
	"galla/v1/M1.shop.till-2/command/", "/galla/v1/M1.shop.till-2/command", "galla/v1/M1.shop.till-2/Command",
	"$share/g/galla/v1/M1.shop.till-2/command", "$share/g/galla/v1/+/command", "$share/g/#", "$SHARE/g/#",
	"$SYS/#", "$SYS/broker/version", "$queue/galla/v1/M1.shop.till-1/command", "$CONTROL/dynamic-security/v1",
	"galla/v1/M1.shop.till-/command", strings.Repeat("a/", 8000) + "a",
}

func TestT4PublishesToForeignTopicsEndTheConnection(t *testing.T) {
	t.Parallel()
	topics := []string{
		protocol.CommandTopic(hari), // its own command topic
		protocol.PresenceTopic(hari),
		protocol.ReportTopic(gina), // as another terminal
		protocol.CommandTopic(gina),
		protocol.PresenceTopic(gina),
		protocol.ReportTopic(hari) + "/x",
		protocol.ReportTopic(hari) + "/",
		"galla/v1/M1.shop.till-2/Report",
		"$SYS/broker/version",
		"$CONTROL/dynamic-security/v1",
		"$share/g/" + protocol.ReportTopic(hari),
		"galla/v1/+/report",
		strings.Repeat("a/", 8000) + "a",
	}
	// A broker for each: a terminal that comes back faster than it is let go counts
	// as thrown out, and there is a limit to that.
	for qos := byte(0); qos <= 1; qos++ {
		w := start(t, nil)
		good := w.join(t, gina)
		for _, topic := range topics {
			thief := w.login(t, hari, nil)
			thief.publish(topic, "PAID", qos, false)
			if before := thief.ended(); len(before) != 0 {
				t.Errorf("PUBLISH %.60q QoS %d: got %v before the end, want no PUBACK", topic, qos, before)
			}
		}
		w.refused(t, broker.ReasonTopic, uint64(len(topics)))
		good.works()
		w.notHeard(t, "PAID")
	}
}

func TestT4UnsubscribeOfForeignTopicsEndsTheConnection(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	good := w.join(t, gina)
	for _, filter := range []string{protocol.CommandTopic(gina), "#", strings.Repeat("a/", 8000) + "a"} {
		thief := w.login(t, hari, nil)
		thief.send(packets.Packet{
			FixedHeader: packets.FixedHeader{Type: packets.Unsubscribe},
			PacketID:    1,
			Filters:     packets.Subscriptions{{Filter: filter}},
		})
		thief.ended()
	}
	good.works() // still subscribed
}
