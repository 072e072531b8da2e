package brokerauth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/galla-pay/galla/protocol"
)

const (
	kickPrefix = "kick." // no token holds a dot
	// kickLifetime is how long a password of a Kicker is good; controllers'
	// clocks may differ by less.
	kickLifetime = 30 * time.Second
	// kickLimit bounds one kick.
	kickLimit = 5 * time.Second
)

// Kicker cuts a terminal's connection at any broker that asks a Door: it logs in
// under the terminal's client id, for which a broker must end the session that
// it has (MQTT 3.1.1, 3.1.4), and leaves. It needs no API of the broker's. Its
// password is made of the secret and good for seconds, so that any controller's
// Door knows it.
//
// It is an enrol.Broker.
type Kicker struct {
	URLs   []string    // mqtt://host:port or mqtts://host:port, of nodes of one cluster
	TLS    *tls.Config // of mqtts; nil means the system's roots
	Secret string      // the Door's
	// ClientID is the client id that terminals have at this broker; nil means their
	// identity.
	ClientID func(protocol.Identity) string

	good atomic.Uint64 // counts on to the node that worked last
}

// Revoke cuts the terminal's connection, if it has one. The terminal can come
// back while its token is good: take that away first. Only nil means that it
// was cut; call again until then.
func (k *Kicker) Revoke(ctx context.Context, id protocol.Identity) error {
	if !id.Valid() {
		return protocol.ErrIdentity
	}
	ctx, cancel := context.WithTimeout(ctx, kickLimit)
	defer cancel()
	err := errBrokerURL
	// A cluster ends the session at whichever node it is; with none that answers
	// it is tried again by whoever wants it cut.
	for n := range k.URLs {
		node := k.URLs[(k.good.Load()+uint64(n))%uint64(len(k.URLs))]
		if err = k.at(ctx, node, id, kickLimit/time.Duration(len(k.URLs))); err == nil {
			k.good.Add(uint64(n))
			return nil
		}
	}
	return fmt.Errorf("kick: %w", errors.Join(err, ctx.Err()))
}

// at does it at one node.
func (k *Kicker) at(ctx context.Context, node string, id protocol.Identity, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := k.dial(ctx, node)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	return k.takeOver(conn, id)
}

// Provision is for a terminal that has a new token: a session of the old one is
// cut. Neither token is needed for that.
func (k *Kicker) Provision(ctx context.Context, id protocol.Identity, _ string) error {
	return k.Revoke(ctx, id)
}

var errBrokerURL = errors.New("the broker's URL must be mqtt://host:port or mqtts://host:port")

func (k *Kicker) dial(ctx context.Context, node string) (net.Conn, error) {
	u, err := url.Parse(node)
	if err != nil || u.Host == "" || u.Scheme != "mqtt" && u.Scheme != "mqtts" {
		return nil, errBrokerURL
	}
	if u.Scheme == "mqtts" {
		return (&tls.Dialer{Config: k.TLS}).DialContext(ctx, "tcp", u.Host)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
}

// takeOver is CONNECT, CONNACK, DISCONNECT.
func (k *Kicker) takeOver(conn net.Conn, id protocol.Identity) error {
	hello := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	hello.ProtocolName, hello.ProtocolVersion = "MQTT", 4
	hello.CleanSession, hello.Keepalive = true, uint16(kickLimit/time.Second)
	hello.ClientIdentifier, hello.Username = id.String(), id.String()
	if k.ClientID != nil {
		hello.ClientIdentifier = k.ClientID(id)
	}
	hello.UsernameFlag, hello.PasswordFlag = true, true
	hello.Password = []byte(newKick(k.Secret, id, time.Now()))
	if err := hello.Write(conn); err != nil {
		return err
	}
	packet, err := packets.ReadPacket(conn)
	if err != nil {
		return err
	}
	switch ack, ok := packet.(*packets.ConnackPacket); {
	case !ok:
		return errors.New("the broker does not answer CONNECT by CONNACK")
	case ack.ReturnCode != packets.Accepted:
		return fmt.Errorf("the broker answers %d: does it ask %s?", ack.ReturnCode, AuthPath)
	}
	// The session is ours, and the terminal's is gone; how ours ends is of no
	// account.
	_ = packets.NewControlPacket(packets.Disconnect).Write(conn)
	return nil
}

func isKick(password string) bool { return strings.HasPrefix(password, kickPrefix) }

// newKick is a password that logs in as id, and lets do nothing that id may not.
func newKick(secret string, id protocol.Identity, now time.Time) string {
	end := binary.BigEndian.AppendUint64(nil, uint64(now.Add(kickLifetime).Unix()))
	return kickPrefix + base64.RawURLEncoding.EncodeToString(append(end, kickMAC(secret, id, end)...))
}

func goodKick(secret string, id protocol.Identity, password string, now time.Time) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimPrefix(password, kickPrefix))
	if err != nil || len(raw) != 8+sha256.Size {
		return false
	}
	end := time.Unix(int64(binary.BigEndian.Uint64(raw[:8])), 0)
	return hmac.Equal(raw[8:], kickMAC(secret, id, raw[:8])) && now.Before(end) && end.Sub(now) <= 2*kickLifetime
}

func kickMAC(secret string, id protocol.Identity, end []byte) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte("galla broker kick 1\x00" + id.String() + "\x00"))
	h.Write(end)
	return h.Sum(nil)
}
