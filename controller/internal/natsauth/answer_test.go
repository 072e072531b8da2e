package natsauth_test

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"pgregory.net/rapid"

	"github.com/galla-pay/galla/controller/internal/brokerauth"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/natsauth"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

const token = "a token of tests"

// TestWhoMayComeIn: a terminal with its own client id, user name and newest token,
// over MQTT, and nobody else (DESIGN section 4). Whoever is refused learns nothing
// of why; the log does.
func TestWhoMayComeIn(t *testing.T) {
	t.Parallel()
	me := protocoltest.Identity
	other := me
	other.TerminalID = "another"
	with := func(change func(*client)) client {
		c := terminalClient(me, token)
		change(&c)
		return c
	}
	for name, row := range map[string]struct {
		client client
		rows   func(*fleetRows)
		log    string // "" where it is let in
	}{
		"a terminal":                       {client: terminalClient(me, token)},
		"a wrong token":                    {client: terminalClient(me, "guessed"), log: "the token is not the last that was given"},
		"no token":                         {client: terminalClient(me, ""), log: "the token is not the last that was given"},
		"another's token":                  {client: terminalClient(me, "of another"), log: "the token is not the last that was given"},
		"another's client id":              {client: with(func(c *client) { c.mqttID = natsauth.ClientID(other) }), log: "client id and user name differ"},
		"a client id with dots":            {client: with(func(c *client) { c.mqttID = "m:s" }), log: "client id and user name differ"},
		"no client id":                     {client: with(func(c *client) { c.mqttID = "" }), log: "client id and user name differ"},
		"a user name that is no identity":  {client: client{"mqtt", "admin", "admin", token}, log: "the user name is no terminal's"},
		"wildcards":                        {client: client{"mqtt", "*:*:*", "*.*.*", token}, log: "the user name is no terminal's"},
		"a wildcard for the rest":          {client: client{"mqtt", ">", ">", token}, log: "the user name is no terminal's"},
		"nobody":                           {client: client{kind: "mqtt"}, log: "the user name is no terminal's"},
		"a NATS client with a token":       {client: with(func(c *client) { c.kind = "nats" }), log: "a terminal speaks MQTT"},
		"a websocket with a token":         {client: with(func(c *client) { c.kind = "websocket" }), log: "a terminal speaks MQTT"},
		"a terminal that nobody knows":     {client: with(func(c *client) { c.mqttID, c.username = "m:s:t", "m.s.t" }), log: "there is no such terminal"},
		"a terminal that is shut out":      {client: terminalClient(me, token), rows: func(f *fleetRows) { f.change(me, func(t *fleet.Terminal) { t.Active = false }) }, log: "not active"},
		"a terminal that never enrolled":   {client: terminalClient(me, token), rows: func(f *fleetRows) { f.change(me, func(t *fleet.Terminal) { t.TokenHash = nil }) }, log: "not enrolled"},
		"no token where none was given":    {client: terminalClient(me, ""), rows: func(f *fleetRows) { f.change(me, func(t *fleet.Terminal) { t.TokenHash = nil }) }, log: "not enrolled"},
		"while the database is away":       {client: terminalClient(me, token), rows: func(f *fleetRows) { f.fail(errors.New("the database is away")) }, log: "the database is away"},
		"a kick that we have not made":     {client: terminalClient(me, "kick.AAAA"), log: "not a kick of ours"},
		"a kick while the database is off": {client: terminalClient(me, "kick.AAAA"), rows: func(f *fleetRows) { f.fail(errors.New("the database is away")) }, log: "not a kick of ours"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			rows := &fleetRows{}
			rows.enrol(me, token)
			rows.enrol(other, "of another")
			if row.rows != nil {
				row.rows(rows)
			}
			s := newService(t, rows, slog.New(slog.NewTextHandler(&log, nil)), "nats://127.0.0.1:4222")
			a := newAsker(t, s)
			question, userKey := a.question(row.client)
			u, err := a.read(s.Answer(t.Context(), question), userKey)
			if row.log != "" {
				if err == nil || err.Error() != "not authorized" || !strings.Contains(log.String(), row.log) {
					t.Errorf("answered %v, %v; the log says %q", u, err, log.String())
				}
				return
			}
			must(t, err)
			want := jwt.Permissions{
				Pub: jwt.Permission{Allow: jwt.StringList{
					"galla.v1.MERCHANTUAT//teststore1//testterminal1.report", "galla.v1.MERCHANTUAT//teststore1//testterminal1.presence",
				}},
				Sub: jwt.Permission{Allow: jwt.StringList{"galla.v1.MERCHANTUAT//teststore1//testterminal1.command", "$MQTT.sub.*"}},
			}
			if !slices.Equal(u.Pub.Allow, want.Pub.Allow) || !slices.Equal(u.Sub.Allow, want.Sub.Allow) ||
				len(u.Pub.Deny)+len(u.Sub.Deny) > 0 || u.Resp != nil {
				t.Errorf("it may\n%+v\nwant\n%+v", u.Permissions, want)
			}
			if u.Audience != account || u.Name != me.String() || !slices.Equal(u.AllowedConnectionTypes, []string{"MQTT"}) ||
				u.BearerToken || u.Expires != 0 {
				t.Errorf("%+v", u)
			}
			if strings.Contains(log.String(), token) {
				t.Errorf("the log holds the token: %s", &log)
			}
		})
	}
}

// TestQuestionsThatAreNone get no answer, whoever sends them: what a server did
// not sign for us, now, is nothing to us.
func TestQuestionsThatAreNone(t *testing.T) {
	t.Parallel()
	me := protocoltest.Identity
	rows := &fleetRows{}
	rows.enrol(me, token)
	var log bytes.Buffer
	s := newService(t, rows, slog.New(slog.NewTextHandler(&log, nil)), "nats://127.0.0.1:4222")
	a := newAsker(t, s)
	asked := func(change func(*jwt.AuthorizationRequestClaims)) []byte {
		raw, _ := a.question(terminalClient(me, token), change)
		return raw
	}
	good, _ := a.question(terminalClient(me, token))
	user := jwt.NewUserClaims(func() string { _, p := pair(t, nkeys.CreateUser); return p }())
	issuer, _ := pair(t, nkeys.CreateAccount)
	other, err := user.Encode(issuer)
	must(t, err)
	parts := bytes.Split(good, []byte("."))
	forged := bytes.Join([][]byte{parts[0], parts[1], bytes.Repeat([]byte("A"), len(parts[2]))}, []byte("."))
	_, strangerID := pair(t, nkeys.CreateServer)
	_, issuerOfOthers := pair(t, nkeys.CreateAccount)
	for name, raw := range map[string][]byte{
		"nothing":                  nil,
		"no token":                 []byte("hello"),
		"another kind of token":    []byte(other),
		"a signature of nobody":    forged,
		"cut off":                  good[:len(good)/2],
		"too long":                 asked(func(q *jwt.AuthorizationRequestClaims) { q.ConnectOptions.Name = strings.Repeat("x", 64<<10) }),
		"for somebody else":        asked(func(q *jwt.AuthorizationRequestClaims) { q.Audience = "somebody" }),
		"for another issuer":       asked(func(q *jwt.AuthorizationRequestClaims) { q.Subject = issuerOfOthers }),
		"of another server":        asked(func(q *jwt.AuthorizationRequestClaims) { q.Server.ID = strangerID }),
		"without a key":            asked(func(q *jwt.AuthorizationRequestClaims) { q.UserNkey = "" }),
		"with a key of an account": asked(func(q *jwt.AuthorizationRequestClaims) { q.UserNkey = issuerOfOthers }),
		"after its time":           asked(func(q *jwt.AuthorizationRequestClaims) { q.Expires = time.Now().Add(-2 * time.Second).Unix() }),
	} {
		if answer := s.Answer(t.Context(), raw); answer != nil {
			t.Errorf("%s: answered %s", name, answer)
		}
	}
	if s.Answer(t.Context(), good) == nil {
		t.Error("a good question gets no answer")
	}
	if lines := strings.Count(log.String(), "\n"); lines != 1 {
		t.Errorf("%d lines are logged within a minute; want 1:\n%s", lines, &log)
	}
}

// TestAKick comes in as the terminal whom it cuts, for a moment, and may do
// nothing; at every controller with the same seed.
func TestAKick(t *testing.T) {
	t.Parallel()
	me := protocoltest.Identity
	s := newService(t, &fleetRows{}, slog.New(slog.DiscardHandler), "nats://127.0.0.1:4222")
	again, err := natsauth.New(s.Config)
	must(t, err)
	if s.KickSecret() != again.KickSecret() || len(s.KickSecret()) < brokerauth.MinSecret || strings.Contains(s.Seed, s.KickSecret()) {
		t.Fatal("the secret is another, or short")
	}
	a := newAsker(t, again)
	hello := kickHello(t, &brokerauth.Kicker{Secret: s.KickSecret(), ClientID: natsauth.ClientID}, me)
	question, userKey := a.question(client{"mqtt", hello.ClientIdentifier, hello.Username, string(hello.Password)})
	u, err := a.read(again.Answer(t.Context(), question), userKey)
	must(t, err)
	if !slices.Equal(u.Pub.Deny, []string{">"}) || !slices.Equal(u.Sub.Deny, []string{">"}) || len(u.Pub.Allow)+len(u.Sub.Allow) > 0 {
		t.Errorf("it may %+v", u.Permissions)
	}
	if left := time.Until(time.Unix(u.Expires, 0)); left <= 0 || left > time.Minute {
		t.Errorf("it may stay for %v", left)
	}
	if hello.ClientIdentifier != "MERCHANTUAT:teststore1:testterminal1" {
		t.Errorf("it cuts the session of %q", hello.ClientIdentifier)
	}
}

// kickHello is the CONNECT of a kick.
func kickHello(t *testing.T, k *brokerauth.Kicker, id protocol.Identity) *paho.ConnectPacket {
	t.Helper()
	l := listen(t)
	defer l.Close()
	k.URLs = []string{"mqtt://" + l.Addr().String()}
	revoked := make(chan error, 1)
	go func() { revoked <- k.Revoke(t.Context(), id) }()
	conn, err := l.Accept()
	must(t, err)
	packet, err := paho.ReadPacket(conn)
	must(t, err)
	must(t, conn.Close())
	if err := <-revoked; err == nil {
		t.Error("a broker that hangs up has cut nobody")
	}
	return packet.(*paho.ConnectPacket)
}

// TestSubjects: topics as nats-server writes them (its mqttToNATSSubjectConversion).
func TestSubjects(t *testing.T) {
	t.Parallel()
	for topic, want := range map[string]string{
		protocol.CommandTopic(protocoltest.Identity): "galla.v1.MERCHANTUAT//teststore1//testterminal1.command",
		"galla/v1/a.b.c/report":                      "galla.v1.a//b//c.report",
		"galla/v1/A_1.B-2.c/presence":                "galla.v1.A_1//B-2//c.presence",
		"foo/bar":                                    "foo.bar",
		"foo.bar/baz":                                "foo//bar.baz",
	} {
		if got := natsauth.SubjectOf(topic); got != want {
			t.Errorf("%s: %s, want %s", topic, got, want)
		}
	}
}

// TestOnlyItsOwn: whatever identities there are, no terminal is ever granted a
// subject of another, and none with a wildcard but for what it is itself
// delivered.
func TestOnlyItsOwn(t *testing.T) {
	t.Parallel()
	part := rapid.StringMatching(`[A-Za-z0-9_-]{1,6}`)
	identity := rapid.Custom(func(t *rapid.T) protocol.Identity {
		return protocol.Identity{MerchantID: part.Draw(t, "m"), StoreID: part.Draw(t, "s"), TerminalID: part.Draw(t, "t")}
	})
	rapid.Check(t, func(t *rapid.T) {
		one, two := identity.Draw(t, "one"), identity.Draw(t, "two")
		p := natsauth.Permissions(brokerauth.Guest{ID: one})
		all := slices.Concat(p.Pub.Allow, p.Sub.Allow)
		if len(p.Pub.Allow) != 2 || len(p.Sub.Allow) != 2 || len(p.Pub.Deny)+len(p.Sub.Deny) != 0 {
			t.Fatalf("%+v", p)
		}
		for _, subject := range all {
			issues := jwt.CreateValidationResults()
			jwt.Subject(subject).Validate(issues)
			if len(issues.Issues) > 0 || subject != "$MQTT.sub.*" && (jwt.Subject(subject).HasWildCards() || strings.Count(subject, ".") != 3) {
				t.Fatalf("%s: %v", subject, issues.Issues)
			}
		}
		publish, subscribe := brokerauth.Topics(two)
		for _, topic := range slices.Concat(publish, subscribe) {
			if one != two && slices.Contains(all, natsauth.SubjectOf(topic)) {
				t.Fatalf("%s may use %s", one, topic)
			}
		}
		if one != two && natsauth.ClientID(one) == natsauth.ClientID(two) {
			t.Fatalf("%s and %s have one client id", one, two)
		}
	})
}

// FuzzQuestion: whatever comes, it is answered for a good server's question or not
// at all, and never lets anybody in.
func FuzzQuestion(f *testing.F) {
	s := newService(f, &fleetRows{}, slog.New(slog.DiscardHandler), "nats://127.0.0.1:4222")
	a := newAsker(f, s)
	good, _ := a.question(terminalClient(protocoltest.Identity, token))
	f.Add(good)
	f.Add([]byte("eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.e30.AAAA"))
	f.Add([]byte("..."))
	f.Fuzz(func(t *testing.T, raw []byte) {
		answer := s.Answer(t.Context(), raw)
		if answer == nil {
			return
		}
		r, err := jwt.DecodeAuthorizationResponseClaims(string(answer))
		must(t, err)
		if r.Error == "" || r.Jwt != "" {
			t.Fatalf("somebody comes in: %s", answer)
		}
	})
}
