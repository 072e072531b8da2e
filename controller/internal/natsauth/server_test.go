package natsauth_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"

	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/natsauth"
	"github.com/galla-pay/galla/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test. It is reached only by a failure.
const patience = 60 * time.Second

const (
	account  = "GALLA"
	password = "a password of tests"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pair is a key pair of some kind, and its public half.
func pair(t testing.TB, create func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string) {
	t.Helper()
	kp, err := create()
	must(t, err)
	public, err := kp.PublicKey()
	must(t, err)
	return kp, public
}

// fleetRows are terminals' rows.
type fleetRows struct {
	mu   sync.Mutex
	rows map[protocol.Identity]fleet.Terminal
	err  error // the database is away
}

func (f *fleetRows) Terminal(_ context.Context, id protocol.Identity) (fleet.Terminal, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	row, there := f.rows[id]
	switch {
	case f.err != nil:
		return fleet.Terminal{}, f.err
	case !there:
		return fleet.Terminal{}, journal.ErrNotFound
	}
	return row, nil
}

// enrol has a terminal log in with token from now on.
func (f *fleetRows) enrol(id protocol.Identity, token string) {
	hash := sha256.Sum256([]byte(token))
	f.change(id, func(t *fleet.Terminal) {
		*t = fleet.Terminal{Identity: id, Active: true, PublicKey: make([]byte, 32), TokenHash: hash[:]}
	})
}

func (f *fleetRows) change(id protocol.Identity, change func(*fleet.Terminal)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rows == nil {
		f.rows = map[protocol.Identity]fleet.Terminal{}
	}
	row := f.rows[id]
	change(&row)
	f.rows[id] = row
}

func (f *fleetRows) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// asker is what a NATS server is to us: it asks about a client by a token that it
// signs, and reads the answer as nats-server does (its auth_callout.go).
type asker struct {
	t      testing.TB
	key    nkeys.KeyPair
	id     string
	issuer string
}

func newAsker(t testing.TB, s *natsauth.Service) *asker {
	key, id := pair(t, nkeys.CreateServer)
	return &asker{t, key, id, s.Issuer()}
}

// client is who wants to log in.
type client struct {
	kind, mqttID, username, password string
}

// terminalClient is a terminal that does everything right.
func terminalClient(id protocol.Identity, token string) client {
	return client{"mqtt", natsauth.ClientID(id), id.String(), token}
}

// question is what a server says, and the user's key that it wants signed.
func (a *asker) question(c client, change ...func(*jwt.AuthorizationRequestClaims)) (raw []byte, userKey string) {
	a.t.Helper()
	_, userKey = pair(a.t, nkeys.CreateUser)
	q := jwt.NewAuthorizationRequestClaims(a.issuer)
	q.Audience = "nats-authorization-request"
	q.UserNkey = userKey
	q.Server = jwt.ServerID{Name: "nats-1", Host: "0.0.0.0", ID: a.id, Version: "2.15.2", Cluster: "galla"}
	q.ClientInformation = jwt.ClientInformation{
		Host: "192.0.2.7", ID: 42, User: c.username, Kind: "Client", Type: c.kind, MQTT: c.mqttID,
	}
	q.ConnectOptions = jwt.ConnectOptions{Username: c.username, Password: c.password, Protocol: 1}
	q.Expires = time.Now().Add(5 * time.Second).Unix()
	for _, f := range change {
		f(q)
	}
	text, err := q.Encode(a.key)
	must(a.t, err)
	return []byte(text), userKey
}

// read is what the server makes of an answer: the user, or an error.
func (a *asker) read(answer []byte, userKey string) (*jwt.UserClaims, error) {
	a.t.Helper()
	r, err := jwt.DecodeAuthorizationResponseClaims(string(answer))
	must(a.t, err)
	issues := jwt.CreateValidationResults()
	r.Validate(issues)
	switch {
	case len(issues.Issues) > 0:
		a.t.Fatalf("the answer: %v", issues.Issues[0])
	case r.Subject != userKey, r.Audience != a.id, r.Issuer != a.issuer, r.IssuerAccount != "":
		a.t.Fatalf("the answer is for %s at %s by %s of %q", r.Subject, r.Audience, r.Issuer, r.IssuerAccount)
	case r.Error != "":
		return nil, errors.New(r.Error)
	}
	u, err := jwt.DecodeUserClaims(r.Jwt)
	must(a.t, err)
	issues = jwt.CreateValidationResults()
	u.Validate(issues)
	if len(issues.Issues) > 0 || u.Subject != userKey || u.Issuer != a.issuer || u.IssuerAccount != "" {
		a.t.Fatalf("the user: %v, %+v", issues.Issues, u)
	}
	return u, nil
}

// broker is a server for NATS clients as far as we need one: it takes a login and
// a subscription, and delivers questions. It speaks NATS's text protocol.
type broker struct {
	t        *testing.T
	listener net.Listener
	guests   sync.WaitGroup

	mu      sync.Mutex
	conns   map[net.Conn]bool
	changed chan struct{}
	readers []*guest // who has subscribed to the questions
	logins  []string
	answers map[string]chan []byte // by reply subject
	refuse  bool
}

type guest struct {
	conn net.Conn
	sid  string
	line string // its SUB
}

func newBroker(t *testing.T) *broker {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	b := &broker{t: t, listener: l, conns: map[net.Conn]bool{}, changed: make(chan struct{}), answers: map[string]chan []byte{}}
	b.guests.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			b.conns[conn] = true
			b.mu.Unlock()
			b.guests.Go(func() { b.serve(conn) })
		}
	})
	t.Cleanup(b.kill)
	return b
}

func (b *broker) url() string { return "nats://" + b.listener.Addr().String() }

// kill ends the server and all its connections.
func (b *broker) kill() {
	_ = b.listener.Close()
	b.mu.Lock()
	for conn := range b.conns {
		_ = conn.Close()
	}
	b.mu.Unlock()
	b.guests.Wait()
}

func (b *broker) ring() {
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *broker) serve(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		b.mu.Lock()
		delete(b.conns, conn)
		for i, g := range b.readers {
			if g.conn == conn {
				b.readers = append(b.readers[:i:i], b.readers[i+1:]...)
				break
			}
		}
		b.ring()
		b.mu.Unlock()
	}()
	if _, err := io.WriteString(conn, `INFO {"server_id":"tests","version":"2.15.2","headers":true,"max_payload":1048576,"proto":1}`+"\r\n"); err != nil {
		return
	}
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		switch strings.ToUpper(words[0]) {
		case "CONNECT":
			b.mu.Lock()
			b.logins = append(b.logins, line)
			refuse := b.refuse
			b.mu.Unlock()
			if refuse {
				_, _ = io.WriteString(conn, "-ERR 'Authorization Violation'\r\n")
				return
			}
		case "PING":
			_, _ = io.WriteString(conn, "PONG\r\n")
		case "SUB":
			b.mu.Lock()
			b.readers = append(b.readers, &guest{conn, words[len(words)-1], line})
			b.ring()
			b.mu.Unlock()
		case "PUB", "HPUB":
			size, err := strconv.Atoi(words[len(words)-1])
			if err != nil {
				return
			}
			payload := make([]byte, size+2)
			if _, err := io.ReadFull(in, payload); err != nil {
				return
			}
			b.mu.Lock()
			if c := b.answers[words[1]]; c != nil {
				c <- payload[:size]
			}
			b.mu.Unlock()
		}
	}
}

// reader waits until somebody reads the questions here.
func (b *broker) reader() *guest {
	b.t.Helper()
	limit := time.After(patience)
	for {
		b.mu.Lock()
		next := b.changed
		if len(b.readers) > 0 {
			defer b.mu.Unlock()
			return b.readers[0]
		}
		b.mu.Unlock()
		select {
		case <-next:
		case <-limit:
			b.t.Fatal("nobody reads the questions")
		}
	}
}

// ask puts a question to the first reader and waits for the answer.
func (b *broker) ask(question []byte) []byte {
	b.t.Helper()
	g := b.reader()
	answer := make(chan []byte, 1)
	b.mu.Lock()
	reply := fmt.Sprint("_R_.tests.", len(b.answers))
	b.answers[reply] = answer
	b.mu.Unlock()
	_, err := fmt.Fprintf(g.conn, "MSG $SYS.REQ.USER.AUTH %s %s %d\r\n%s\r\n", g.sid, reply, len(question), question)
	must(b.t, err)
	select {
	case text := <-answer:
		return text
	case <-time.After(patience):
		b.t.Fatal("no answer")
		return nil
	}
}

// newService makes a service that believes those rows.
func newService(t testing.TB, rows *fleetRows, log *slog.Logger, servers ...string) *natsauth.Service {
	t.Helper()
	seed, err := natsauth.NewSeed()
	must(t, err)
	s, err := natsauth.New(natsauth.Config{
		Servers: servers, Username: "galla-auth", Password: password, Seed: seed + "\n", Account: account, Reader: rows, Log: log,
	})
	must(t, err)
	return s
}

// run runs a service until the end of the test, or until stop.
func run(t *testing.T, s *natsauth.Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	stop = func() {
		cancel()
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("Run did not return")
		}
	}
	t.Cleanup(stop)
	return stop
}
