package natsauth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/galla-pay/galla/controller/internal/brokerauth"
	"github.com/galla-pay/galla/protocol"
)

const (
	// requestAudience is who a server's question is for.
	requestAudience = "nats-authorization-request"
	// mqttClient is how a server calls a client that speaks MQTT.
	mqttClient = "mqtt"
	// deliveries are the subjects on which a server delivers messages of QoS 1 to
	// a client's own subscriptions. The client cannot subscribe to them itself: no
	// MQTT filter may begin like this, and it may use nothing but MQTT.
	deliveries = "$MQTT.sub.*"
	// refusal is all that a client learns.
	refusal = "not authorized"
	// kickLasts is how long a Kicker may stay; it goes at once.
	kickLasts = 30 * time.Second
)

// answer is what a question gets; nil for one that is none, or whose server has
// given up.
func (s *Service) answer(ctx context.Context, raw []byte) []byte {
	q, err := readQuestion(raw, s.public, time.Now())
	s.stranger.Store(errors.Is(err, errIssuer))
	if err != nil {
		s.refusals.add("a question that is none", err.Error())
		return nil
	}
	user, err := s.admit(ctx, q)
	if err != nil {
		s.refusals.add("a client is not let in", err.Error())
	}
	r := jwt.NewAuthorizationResponseClaims(q.UserNkey)
	r.Audience = q.Server.ID
	if r.Jwt = user; user == "" {
		r.Error = refusal
	}
	text, err := r.Encode(s.issuer)
	if err != nil {
		s.Log.Error("an answer to NATS could not be signed", "error", err)
		return nil
	}
	return []byte(text)
}

// errIssuer: what we sign the server will not believe.
var errIssuer = errors.New("the server's configuration names another issuer")

// readQuestion reads what a server signed. Its key is its own: who may ask is who
// may publish in the callout's account.
func readQuestion(raw []byte, issuer string, now time.Time) (*jwt.AuthorizationRequestClaims, error) {
	if len(raw) > maxRequest {
		return nil, errors.New("too long")
	}
	q, err := jwt.DecodeAuthorizationRequestClaims(string(raw))
	if err != nil {
		return nil, err
	}
	switch {
	case q.Audience != requestAudience:
		return nil, errors.New("it is for somebody else")
	case q.Subject != issuer:
		return nil, fmt.Errorf("%w: %s", errIssuer, q.Subject)
	case !nkeys.IsValidPublicServerKey(q.Issuer) || q.Issuer != q.Server.ID:
		return nil, errors.New("it is not signed by the server that asks")
	case !nkeys.IsValidPublicUserKey(q.UserNkey):
		return nil, errors.New("it names no key of the user")
	case q.Expires != 0 && now.Unix() > q.Expires:
		return nil, errors.New("it is too late: is a clock wrong, or the database slow?")
	}
	return q, nil
}

var errNotMQTT = errors.New("denied: a terminal speaks MQTT")

// admit makes the user whom a server is to let in, or says why there is none.
func (s *Service) admit(ctx context.Context, q *jwt.AuthorizationRequestClaims) (string, error) {
	if q.ClientInformation.Type != mqttClient {
		return "", errNotMQTT
	}
	guest, err := s.admission.Admit(ctx, brokerauth.Login{
		ClientID: strings.ReplaceAll(q.ClientInformation.MQTT, ":", "."), Username: q.ConnectOptions.Username, Password: q.ConnectOptions.Password,
	})
	if err != nil {
		if guest.ID.Valid() { // as such it can be quoted
			return "", fmt.Errorf("%s: %w", guest.ID, err)
		}
		return "", err
	}
	u := jwt.NewUserClaims(q.UserNkey)
	u.Audience = s.Account // where a server without operators places the user
	u.Name = guest.ID.String()
	u.Permissions = permissions(guest)
	u.AllowedConnectionTypes = jwt.StringList{jwt.ConnectionTypeMqtt}
	if guest.Kick {
		u.Expires = time.Now().Add(kickLasts).Unix()
	}
	return u.Encode(s.issuer)
}

// ClientID is a terminal's client id at NATS, which rejects those with a dot; its
// user name is its identity as everywhere.
func ClientID(id protocol.Identity) string { return id.ColonID() }

// permissions are a guest's topics as subjects. What is not allowed is denied as
// soon as anything is allowed; a kick, which is allowed nothing, is denied all.
func permissions(guest brokerauth.Guest) jwt.Permissions {
	if guest.Kick {
		all := jwt.Permission{Deny: jwt.StringList{">"}}
		return jwt.Permissions{Pub: all, Sub: all}
	}
	var p jwt.Permissions
	publish, subscribe := brokerauth.Topics(guest.ID)
	for _, topic := range publish {
		p.Pub.Allow.Add(subjectOf(topic))
	}
	for _, topic := range subscribe {
		p.Sub.Allow.Add(subjectOf(topic))
	}
	p.Sub.Allow.Add(deliveries)
	return p
}

// subjectOf is a topic of the terminal protocol as NATS knows it: levels are
// parted by dots, and a dot inside a level is two strokes. Topics hold neither an
// empty level nor one of NATS's wildcards: protocol.Identity lets none in.
func subjectOf(topic string) string {
	levels := strings.Split(topic, "/")
	for i, level := range levels {
		levels[i] = strings.ReplaceAll(level, ".", "//")
	}
	return strings.Join(levels, ".")
}
