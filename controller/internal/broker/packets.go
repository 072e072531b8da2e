package broker

import (
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/galla-pay/galla/protocol"
)

const (
	// maxPacket is the longest packet in bytes: a message of protocol.MaxMessage
	// and room for its header and the longest topic.
	maxPacket = protocol.MaxMessage + 256
	// maxQoS: at most "at least once"; "exactly once" means state in the broker.
	maxQoS = 1
	// maxFilters bounds the filters of one SUBSCRIBE; a terminal needs one.
	maxFilters = 8
	// maxForeign bounds the refused subscriptions of one session.
	maxForeign = 16
)

// checkPacket is the rule table of everything that a terminal sends after its
// CONNECT. The empty Reason lets pk pass; any other ends the session. Filters
// of a SUBSCRIBE are not judged here: MQTT has an answer for those, see mayRead.
func checkPacket(id protocol.Identity, pk *packets.Packet) Reason {
	switch pk.FixedHeader.Type {
	case packets.Publish:
		switch {
		case !mayWrite(id, pk.TopicName):
			return ReasonTopic
		case pk.FixedHeader.Retain:
			return ReasonRetain
		case pk.FixedHeader.Qos > maxQoS:
			return ReasonQoS
		case len(pk.Payload) > protocol.MaxMessage:
			return ReasonSize
		}
		return ""
	case packets.Subscribe:
		if len(pk.Filters) > maxFilters {
			return ReasonFilter
		}
		return ""
	case packets.Unsubscribe:
		for i := range pk.Filters {
			if !mayRead(id, pk.Filters[i].Filter) {
				return ReasonTopic
			}
		}
		return ""
	case packets.Puback, packets.Pingreq, packets.Disconnect:
		return ""
	default:
		// A second CONNECT, the packets of QoS 2, and what only a server sends.
		return ReasonPacket
	}
}

// mayWrite and mayRead are the whole access rule (failure matrix T4). Equality
// leaves no room for wildcards, $share, $SYS, prefixes or deep topics.
func mayWrite(id protocol.Identity, topic string) bool { return topic == protocol.ReportTopic(id) }

func mayRead(id protocol.Identity, topic string) bool { return topic == protocol.CommandTopic(id) }
