package apidoc

import (
	"reflect"
	"strconv"

	"github.com/galla-pay/galla/protocol"
)

// topic is one of a terminal's three.
type topic struct {
	name, doc string
	messages  []topicMessage
}

// topicMessage is a message with who signs it and what for.
type topicMessage struct {
	name    string
	typ     protocol.Type
	value   any
	purpose protocol.Purpose
	signer  string
	summary string
}

// topics are all that a terminal has to do with (DESIGN section 4).
func topics() []topic {
	const online, device = "an online key of the controller, from the newest key set", "the device's own key, which it enrolled with"
	return []topic{
		{"command", "Where the terminal reads. It subscribes to this topic alone, by its exact name.", []topicMessage{
			{"state", protocol.TypeState, protocol.State{}, protocol.PurposeDown, online, "All that the controller wants of the terminal. The newest wins; nothing depends on how many came."},
			{"keys", protocol.TypeKeys, protocol.KeySet{}, protocol.PurposeKeys, "the root key, which the terminal pinned when it enrolled", "The keys that may sign states. A terminal never goes back to a lower version."},
		}},
		{"report", "Where the terminal writes.", []topicMessage{
			{"sync", protocol.TypeSync, protocol.Report{}, protocol.PurposeUp, device, "Asks for the whole state: on every connect and after every doubt."},
			{"report", protocol.TypeReport, protocol.Report{}, protocol.PurposeUp, device, "What is: the mode, and every fact that is not yet acknowledged."},
			{"pull", protocol.TypePull, protocol.Pull{}, protocol.PurposeUp, device, "Asks for an OPEN order that the cashier typed the short id of."},
			{"heartbeat", protocol.TypeHeartbeat, protocol.Heartbeat{}, protocol.PurposeUp, device, "Still here, and which state it has."},
		}},
		{"presence", "Where the broker publishes the terminal's last will.", []topicMessage{
			{"presence", protocol.TypePresence, protocol.Presence{}, protocol.PurposeUp, device, "The connection of that session is gone. Signed beforehand, when it began."},
		}},
	}
}

// title is the message's name as a schema's.
func (m topicMessage) title() string { return reflect.TypeOf(m.value).Name() }

// envelopeDoc says how a message is signed.
func (m topicMessage) envelopeDoc() string {
	return "A compact JWS (EdDSA, kid, typ " + string(m.purpose) + ") by " + m.signer + ". The payload below is what is signed; " + strconv.Itoa(protocol.MaxMessage) + " bytes at most in all."
}

// topicTypes are the schemas of the messages' Go types.
func topicTypes() *types {
	t := &types{}
	for _, topic := range topics() {
		for _, m := range topic.messages {
			t.of(m.value, answered)
		}
	}
	return t
}

// asyncapi is the AsyncAPI 3 document, from a terminal's point of view.
func asyncapi(version string) ordered {
	t := topicTypes()
	var channels, operations, messages, schemas ordered
	mqtt := ordered{{"mqtt", ordered{{"qos", 1}, {"retain", false}, {"bindingVersion", "0.2.0"}}}}
	for _, topic := range topics() {
		var carried ordered
		var refs []any
		for _, m := range topic.messages {
			carried = append(carried, member{m.name, ref("#/components/messages/" + m.name)})
			refs = append(refs, ref("#/channels/"+topic.name+"/messages/"+m.name))
			messages = append(messages, member{m.name, ordered{
				{"name", m.name}, {"title", m.title()}, {"summary", m.summary}, {"description", m.envelopeDoc()},
				{"contentType", "application/jose"}, {"payload", payloadOf(m)},
				{"x-jws", ordered{{"alg", "EdDSA"}, {"typ", m.purpose}, {"signedBy", m.signer}}},
			}})
		}
		channels = append(channels, member{topic.name, ordered{
			{"address", "galla/v1/{identity}/" + topic.name}, {"title", topic.name}, {"description", topic.doc},
			{"parameters", ordered{{"identity", ordered{
				{"description", "The terminal's identity, merchantId.storeId.terminalId; it is its MQTT client id and user name too."},
				{"examples", []string{"MERCHANTUAT.teststore1.testterminal1"}},
			}}}},
			{"messages", carried},
		}})
		action, name, summary := "send", "send", "Tell the controller"
		switch topic.name {
		case "command":
			action, name, summary = "receive", "receive", "Do what the controller wants"
		case "presence":
			name, summary = "leave", "Let the broker tell that the connection is gone"
		}
		operations = append(operations, member{name, ordered{
			{"action", action}, {"channel", ref("#/channels/" + topic.name)}, {"summary", summary}, {"bindings", mqtt}, {"messages", refs},
		}})
	}
	for _, s := range t.made {
		schemas = append(schemas, member{s.name, s.schema})
	}
	return ordered{
		{"asyncapi", "3.0.0"},
		{"info", ordered{
			{"title", "Galla terminals"}, {"version", version},
			{"description", "What a Galla terminal and its controller say to each other over MQTT 3.1.1, from the terminal's point of view. Clean sessions, QoS 1, nothing retained. The terminal's password is the token that it enrolled for. Messages are of protocol version " + strconv.Itoa(protocol.Version) + ", key sets of version " + strconv.Itoa(protocol.KeySetVersion) + "."},
			{"license", ordered{{"name", "Apache-2.0"}}},
		}},
		{"defaultContentType", "application/jose"},
		{"channels", channels},
		{"operations", operations},
		{"components", ordered{{"messages", messages}, {"schemas", schemas}}},
	}
}

func ref(to string) ordered { return ordered{{"$ref", to}} }

// payloadOf narrows a message's schema to its type: a sync is a report.
func payloadOf(m topicMessage) ordered {
	return ordered{
		{"allOf", []any{ref("#/components/schemas/" + m.title())}},
		{"properties", ordered{{"type", ordered{{"const", m.typ}}}}},
	}
}
