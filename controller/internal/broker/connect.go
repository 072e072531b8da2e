package broker

import (
	"crypto/sha256"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/galla-pay/galla/protocol"
)

const (
	// maxKeepAlive, in seconds, bounds how long a dead terminal looks alive:
	// 1.5 times as long (failure matrix T5).
	maxKeepAlive = 120
	// maxToken bounds the password, in bytes; the base64url of 256 bits is 43.
	maxToken = 128
)

// Return codes of CONNACK, MQTT 3.1.1 section 3.2.2.3. A wrong token answers
// notAuthorized, as Mosquitto does, so that terminals need to know one code only.
const (
	connackAccepted      byte = 0
	connackVersion       byte = 1
	connackIdentifier    byte = 2
	connackUnavailable   byte = 3
	connackNotAuthorized byte = 5
)

// refusal is a CONNECT that is turned down: why, and the code to answer.
type refusal struct {
	why  Reason
	code byte
}

// greeting is what a CONNECT says, once it has passed the rules.
type greeting struct {
	id    protocol.Identity
	token [sha256.Size]byte // SHA-256 of the password
	will  []byte            // nil: none
}

// checkConnect is the rule table of a CONNECT (DESIGN section 4; failure matrix
// section 0, T4, T5). It looks at nothing but the packet.
func checkConnect(pk *packets.Packet) (greeting, *refusal) {
	c := &pk.Connect
	if pk.ProtocolVersion != 4 {
		return greeting{}, &refusal{ReasonVersion, connackVersion}
	}
	id, err := protocol.ParseIdentity(c.ClientIdentifier)
	if err != nil {
		return greeting{}, &refusal{ReasonIdentity, connackIdentifier}
	}
	if !c.UsernameFlag || !c.PasswordFlag || len(c.Password) == 0 || len(c.Password) > maxToken {
		return greeting{}, &refusal{ReasonToken, connackNotAuthorized}
	}
	// Binding the client id to the credential is what stops takeover.
	if string(c.Username) != c.ClientIdentifier {
		return greeting{}, &refusal{ReasonIdentity, connackIdentifier}
	}
	if !c.Clean {
		return greeting{}, &refusal{ReasonSession, connackNotAuthorized}
	}
	if c.Keepalive == 0 || c.Keepalive > maxKeepAlive {
		return greeting{}, &refusal{ReasonKeepAlive, connackNotAuthorized}
	}
	g := greeting{id: id, token: sha256.Sum256(c.Password)}
	if c.WillFlag {
		if c.WillTopic != protocol.PresenceTopic(id) || c.WillRetain || c.WillQos > maxQoS || len(c.WillPayload) == 0 {
			return greeting{}, &refusal{ReasonWill, connackNotAuthorized}
		}
		g.will = c.WillPayload
	}
	return g, nil
}
