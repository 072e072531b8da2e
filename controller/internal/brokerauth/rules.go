package brokerauth

import (
	"slices"

	"github.com/galla-pay/galla/protocol"
)

// The actions that a broker asks for, in EMQX's words.
const (
	actionPublish   = "publish"
	actionSubscribe = "subscribe"
)

// request is what a client wants to do, as the broker wrote it; "" where it
// wrote nothing.
type request struct{ action, topic, qos, retain string }

// allowed reports whether a terminal may do it: its own Topics, at QoS 0 or 1,
// nothing retained, no wildcard (DESIGN section 4). What is not told is denied:
// QoS always, retain where something is published. A broker asks for a last will
// as for any other message when it publishes it.
func (r request) allowed(id protocol.Identity) bool {
	if r.qos != "0" && r.qos != "1" {
		return false
	}
	publish, subscribe := Topics(id)
	switch r.action {
	case actionPublish:
		return r.retain == "false" && slices.Contains(publish, r.topic)
	case actionSubscribe:
		return slices.Contains(subscribe, r.topic)
	}
	return false
}
