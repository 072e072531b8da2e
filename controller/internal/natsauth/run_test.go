package natsauth_test

import (
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nkeys"

	"github.com/galla-pay/galla/controller/internal/natsauth"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	return l
}

// TestServersAsk: the service logs in as its own user, reads the questions in one
// queue group, answers them, and goes on to another server when its is lost.
func TestServersAsk(t *testing.T) {
	t.Parallel()
	me := protocoltest.Identity
	rows := &fleetRows{}
	rows.enrol(me, token)
	servers := []*broker{newBroker(t), newBroker(t)}
	s := newService(t, rows, slog.New(slog.DiscardHandler), servers[0].url(), servers[1].url())
	if err := s.Ready(); err == nil {
		t.Error("ready before it runs")
	}
	stop := run(t, s)
	a := newAsker(t, s)
	asked := func(b *broker) {
		t.Helper()
		question, userKey := a.question(terminalClient(me, token))
		if _, err := a.read(b.ask(question), userKey); err != nil {
			t.Error(err)
		}
		question, userKey = a.question(terminalClient(me, "guessed"))
		if _, err := a.read(b.ask(question), userKey); err == nil {
			t.Error("a guessed token lets in")
		}
		must(t, s.Ready())
	}
	at := either(t, servers)
	g := servers[at].reader()
	if want := "SUB $SYS.REQ.USER.AUTH galla "; !strings.HasPrefix(g.line, want) {
		t.Errorf("it says %q, want %q: controllers share the questions", g.line, want)
	}
	if login := servers[at].logins[0]; !strings.Contains(login, `"user":"galla-auth"`) || !strings.Contains(login, `"pass":"`+password+`"`) {
		t.Errorf("it logs in by %s", login)
	}
	asked(servers[at])
	servers[at].kill()
	asked(servers[1-at])

	// A server that names another issuer will not believe us: we are not ready.
	_, a.issuer = pair(t, nkeys.CreateAccount)
	question, _ := a.question(terminalClient(me, token))
	if answer := s.Answer(t.Context(), question); answer != nil {
		t.Errorf("answered %s", answer)
	}
	if err := s.Ready(); err == nil || !strings.Contains(err.Error(), s.Issuer()) {
		t.Errorf("with another issuer than the server's: %v", err)
	}
	a.issuer = s.Issuer()
	asked(servers[1-at])
	stop()
	if err := s.Ready(); err == nil {
		t.Error("ready after it ran")
	}
}

// either waits until somebody reads the questions at one of two servers.
func either(t *testing.T, servers []*broker) int {
	t.Helper()
	for {
		servers[0].mu.Lock()
		first, there := servers[0].changed, len(servers[0].readers) > 0
		servers[0].mu.Unlock()
		if there {
			return 0
		}
		servers[1].mu.Lock()
		second, there := servers[1].changed, len(servers[1].readers) > 0
		servers[1].mu.Unlock()
		if there {
			return 1
		}
		select {
		case <-first:
		case <-second:
		}
	}
}

// TestRefusedByServers: a wrong password is a line in the log, without it, and is
// tried again until it is right.
func TestRefusedByServers(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	b.refuse = true
	log := &lines{said: make(chan struct{}, 1)}
	s := newService(t, &fleetRows{}, slog.New(slog.NewTextHandler(log, nil)), b.url())
	run(t, s)
	<-log.said
	b.mu.Lock()
	b.refuse = false
	b.mu.Unlock()
	b.reader()
	if text := log.String(); strings.Contains(text, password) || !strings.Contains(strings.ToLower(text), "authorization violation") {
		t.Errorf("the log says %s", text)
	}
}

// lines is a log that tells when it was written to.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
	said chan struct{}
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.said <- struct{}{}:
	default:
	}
	return l.text.Write(line)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestConfig: what cannot work is refused before anything is dialled, and no error
// holds a secret.
func TestConfig(t *testing.T) {
	t.Parallel()
	seed, err := natsauth.NewSeed()
	must(t, err)
	user, err := nkeys.CreateUser()
	must(t, err)
	userSeed, err := user.Seed()
	must(t, err)
	good := natsauth.Config{Username: "galla-auth", Password: password, Seed: seed, Account: account}
	with := func(change func(*natsauth.Config)) natsauth.Config {
		c := good
		change(&c)
		return c
	}
	for name, row := range map[string]struct {
		config natsauth.Config
		says   string
	}{
		"good":              {good, ""},
		"with a line's end": {with(func(c *natsauth.Config) { c.Seed += "\n" }), ""},
		"no seed":           {with(func(c *natsauth.Config) { c.Seed = "" }), "which begins with SA"},
		"a user's seed":     {with(func(c *natsauth.Config) { c.Seed = string(userSeed) }), "which begins with SA"},
		"half a seed":       {with(func(c *natsauth.Config) { c.Seed = seed[:20] }), "which begins with SA"},
		"no password":       {with(func(c *natsauth.Config) { c.Password = "" }), "a user and a password"},
		"no account":        {with(func(c *natsauth.Config) { c.Account = "" }), "the account"},
	} {
		_, err := natsauth.New(row.config)
		if (err == nil) != (row.says == "") || err != nil && (!strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), seed[:20])) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for list, says := range map[string]string{
		"nats://a:4222": "", "tls://a:4222,tls://b:4222": "", "nats://[::1]:4222": "", "nats://a:1, nats://b:1": "",
		"": "want nats://HOST:PORT", "a:4222": "want nats://", "mqtt://a:1883": "want nats://", "nats://a": "want nats://",
		"nats://u:secret-word@a:4222": "want nats://", "nats://a:4222/x": "want nats://", "nats://a:1,": "want nats://",
		"nats://a:1,tls://b:1": "not some of each", "nats://a:1,nats://a:1": "is there twice",
		strings.TrimSuffix(strings.Repeat("nats://a:1,", 17), ","): "16 addresses at most",
	} {
		servers, err := natsauth.ParseServers(list)
		if (err == nil) != (says == "") || err != nil && (!strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret-word")) ||
			err == nil && len(servers) != strings.Count(list, "://") {
			t.Errorf("%q: %q, %v", list, servers, err)
		}
	}
}
