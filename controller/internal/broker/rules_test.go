package broker

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/galla-pay/galla/protocol"
)

var till = protocol.Identity{MerchantID: "M1", StoreID: "shop", TerminalID: "till-1"}

// goodConnect is what a terminal sends.
func goodConnect() packets.Packet {
	return packets.Packet{
		FixedHeader:     packets.FixedHeader{Type: packets.Connect},
		ProtocolVersion: 4,
		Connect: packets.ConnectParams{
			ClientIdentifier: "M1.shop.till-1",
			UsernameFlag:     true,
			Username:         []byte("M1.shop.till-1"),
			PasswordFlag:     true,
			Password:         []byte("secret"),
			Clean:            true,
			Keepalive:        30,
			WillFlag:         true,
			WillTopic:        "galla/v1/M1.shop.till-1/presence",
			WillQos:          1,
			WillPayload:      []byte("gone"),
		},
	}
}

// TestConnectRules is the rule table: one thing wrong in each row.
func TestConnectRules(t *testing.T) {
	t.Parallel()
	type connect = packets.ConnectParams
	for _, row := range []struct {
		name  string
		spoil func(pk *packets.Packet, c *connect)
		why   Reason
		code  byte
	}{
		{"nothing wrong", func(*packets.Packet, *connect) {}, "", 0},
		{"no will", func(_ *packets.Packet, c *connect) { c.WillFlag, c.WillTopic, c.WillPayload = false, "", nil }, "", 0},
		{"will of QoS 0", func(_ *packets.Packet, c *connect) { c.WillQos = 0 }, "", 0},
		{"longest keep-alive", func(_ *packets.Packet, c *connect) { c.Keepalive = 120 }, "", 0},
		{"longest token", func(_ *packets.Packet, c *connect) { c.Password = make([]byte, 128) }, "", 0},

		{"MQTT 3.1", func(pk *packets.Packet, _ *connect) { pk.ProtocolVersion = 3 }, ReasonVersion, 1},
		{"MQTT 5", func(pk *packets.Packet, _ *connect) { pk.ProtocolVersion = 5 }, ReasonVersion, 1},
		{"no client id", func(_ *packets.Packet, c *connect) { c.ClientIdentifier = "" }, ReasonIdentity, 2},
		{"both not an identity", func(_ *packets.Packet, c *connect) {
			c.ClientIdentifier, c.Username = "till", []byte("till")
		}, ReasonIdentity, 2},
		{"another's client id", func(_ *packets.Packet, c *connect) { c.ClientIdentifier = "M1.shop.till-2" }, ReasonIdentity, 2},
		{"another's name", func(_ *packets.Packet, c *connect) { c.Username = []byte("M1.shop.till-2") }, ReasonIdentity, 2},
		{"name in other letters", func(_ *packets.Packet, c *connect) { c.Username = []byte("m1.shop.till-1") }, ReasonIdentity, 2},
		{"no name", func(_ *packets.Packet, c *connect) { c.UsernameFlag, c.Username = false, nil }, ReasonToken, 5},
		{"no token", func(_ *packets.Packet, c *connect) { c.PasswordFlag, c.Password = false, nil }, ReasonToken, 5},
		{"empty token", func(_ *packets.Packet, c *connect) { c.Password = nil }, ReasonToken, 5},
		{"token too long", func(_ *packets.Packet, c *connect) { c.Password = make([]byte, 129) }, ReasonToken, 5},
		{"session kept", func(_ *packets.Packet, c *connect) { c.Clean = false }, ReasonSession, 5},
		{"no keep-alive", func(_ *packets.Packet, c *connect) { c.Keepalive = 0 }, ReasonKeepAlive, 5},
		{"keep-alive too long", func(_ *packets.Packet, c *connect) { c.Keepalive = 121 }, ReasonKeepAlive, 5},
		{"will to its command topic", func(_ *packets.Packet, c *connect) { c.WillTopic = "galla/v1/M1.shop.till-1/command" }, ReasonWill, 5},
		{"will to its report topic", func(_ *packets.Packet, c *connect) { c.WillTopic = "galla/v1/M1.shop.till-1/report" }, ReasonWill, 5},
		{"will to another", func(_ *packets.Packet, c *connect) { c.WillTopic = "galla/v1/M1.shop.till-2/presence" }, ReasonWill, 5},
		{"will below its topic", func(_ *packets.Packet, c *connect) { c.WillTopic += "/x" }, ReasonWill, 5},
		{"retained will", func(_ *packets.Packet, c *connect) { c.WillRetain = true }, ReasonWill, 5},
		{"will of QoS 2", func(_ *packets.Packet, c *connect) { c.WillQos = 2 }, ReasonWill, 5},
		{"empty will", func(_ *packets.Packet, c *connect) { c.WillPayload = nil }, ReasonWill, 5},
	} {
		pk := goodConnect()
		row.spoil(&pk, &pk.Connect)
		g, no := checkConnect(&pk)
		switch {
		case row.why == "" && no != nil:
			t.Errorf("%s: refused: %v", row.name, *no)
		case row.why == "":
			if g.id != till || g.token != sha256.Sum256(pk.Connect.Password) || string(g.will) != string(pk.Connect.WillPayload) {
				t.Errorf("%s: read as %v", row.name, g)
			}
		case no == nil:
			t.Errorf("%s: let in", row.name)
		case *no != refusal{row.why, row.code}:
			t.Errorf("%s: refused for %v, want %v", row.name, *no, refusal{row.why, row.code})
		}
	}
}

// TestPacketRules is the rule table of what may follow.
func TestPacketRules(t *testing.T) {
	t.Parallel()
	publish := func(topic string, qos byte, retain bool, size int) packets.Packet {
		return packets.Packet{
			FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: qos, Retain: retain},
			TopicName:   topic,
			Payload:     make([]byte, size),
		}
	}
	filters := func(kind byte, filters ...string) packets.Packet {
		pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: kind}}
		for _, f := range filters {
			pk.Filters = append(pk.Filters, packets.Subscription{Filter: f})
		}
		return pk
	}
	const own = "galla/v1/M1.shop.till-1/"
	for _, row := range []struct {
		name string
		pk   packets.Packet
		want Reason
	}{
		{"report", publish(own+"report", 1, false, 10), ""},
		{"report of QoS 0", publish(own+"report", 0, false, 0), ""},
		{"largest report", publish(own+"report", 1, false, 16<<10), ""},
		{"report too large", publish(own+"report", 1, false, 16<<10+1), ReasonSize},
		{"report of QoS 2", publish(own+"report", 2, false, 1), ReasonQoS},
		{"retained report", publish(own+"report", 1, true, 1), ReasonRetain},
		{"its command topic", publish(own+"command", 1, false, 1), ReasonTopic},
		{"its presence, not as a will", publish(own+"presence", 1, false, 1), ReasonTopic},
		{"below its report topic", publish(own+"report/x", 1, false, 1), ReasonTopic},
		{"no topic", publish("", 1, false, 1), ReasonTopic},
		{"deep topic", publish(strings.Repeat("/", 8000), 1, false, 1), ReasonTopic},
		{"subscribe", filters(packets.Subscribe, own+"command"), ""},
		{"subscribe to anything: answered with a code", filters(packets.Subscribe, "#"), ""},
		{"subscribe to eight", filters(packets.Subscribe, strings.Split(strings.Repeat(own+"command ", 8), " ")[:8]...), ""},
		{"subscribe to nine", filters(packets.Subscribe, strings.Split(strings.Repeat(own+"command ", 9), " ")[:9]...), ReasonFilter},
		{"unsubscribe", filters(packets.Unsubscribe, own+"command"), ""},
		{"unsubscribe from another's", filters(packets.Unsubscribe, own+"command", "galla/v1/M1.shop.till-2/command"), ReasonTopic},
		{"PUBACK", filters(packets.Puback), ""},
		{"PINGREQ", filters(packets.Pingreq), ""},
		{"DISCONNECT", filters(packets.Disconnect), ""},
		{"reserved", filters(packets.Reserved), ReasonPacket},
		{"CONNECT", filters(packets.Connect), ReasonPacket},
		{"CONNACK", filters(packets.Connack), ReasonPacket},
		{"PUBREC", filters(packets.Pubrec), ReasonPacket},
		{"PUBREL", filters(packets.Pubrel), ReasonPacket},
		{"PUBCOMP", filters(packets.Pubcomp), ReasonPacket},
		{"SUBACK", filters(packets.Suback), ReasonPacket},
		{"UNSUBACK", filters(packets.Unsuback), ReasonPacket},
		{"PINGRESP", filters(packets.Pingresp), ReasonPacket},
		{"AUTH", filters(packets.Auth), ReasonPacket},
	} {
		if got := checkPacket(till, &row.pk); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}
