package natsauth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/galla-pay/galla/controller/internal/brokerauth"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/protocol"
)

const (
	// subject is where servers ask, and queueGroup how controllers share it.
	subject    = "$SYS.REQ.USER.AUTH"
	queueGroup = "galla"
	// waiting bounds the questions that are held; what comes above it is dropped,
	// and its server lets nobody in.
	waiting = 1024
	// workers answer at the same time: most of an answer is one read of the
	// database.
	workers = 8
	// patience bounds one answer. A server waits 2 s unless it is told otherwise.
	patience = 3 * time.Second
	// maxRequest bounds a question, in bytes: a client's certificates may be in it.
	maxRequest = 64 << 10
	// Waits towards the servers.
	connectTimeout = 2 * time.Second
	retryEvery     = 500 * time.Millisecond
	pingEvery      = 5 * time.Second
	maxServers     = 16
)

// Config is what the service needs.
type Config struct {
	Servers  []string // of ParseServers
	Username string   // one of the callout's auth_users, in its account
	Password string
	TLS      *tls.Config // of tls://; nil means the system's roots
	// Seed is the issuer's: an nkey of an account (SA...). The servers'
	// configuration holds its public half, and every controller has the same.
	Seed string
	// Account is the name of the account that terminals come into.
	Account string
	Reader  interface {
		// Terminal returns a terminal's row, or journal.ErrNotFound.
		Terminal(ctx context.Context, id protocol.Identity) (fleet.Terminal, error)
	}
	Log *slog.Logger
}

// Service answers the servers. Run it.
type Service struct {
	Config
	admission brokerauth.Admission
	issuer    nkeys.KeyPair
	public    string // the issuer's public key
	refusals  refusals
	connected atomic.Bool
	stranger  atomic.Bool // the last question was for another issuer
}

// ParseServers reads addresses of NATS servers for NATS clients: nats://HOST:PORT
// or tls://HOST:PORT, 1 to 16 of one scheme, separated by commas. The error does
// not quote them: they may hold a password, which belongs elsewhere.
func ParseServers(list string) ([]string, error) {
	servers := strings.Split(list, ",")
	if len(servers) > maxServers {
		return nil, fmt.Errorf("want %d addresses at most, not %d", maxServers, len(servers))
	}
	for i, text := range servers {
		text = strings.TrimSpace(text)
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Hostname() == "" || u.Port() == "" || u.Scheme != "nats" && u.Scheme != "tls" ||
			u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "":
			return nil, errors.New("want nats://HOST:PORT or tls://HOST:PORT, several separated by commas")
		case i > 0 && !strings.HasPrefix(servers[0], u.Scheme+"://"):
			return nil, errors.New("want all addresses with nats:// or all with tls://, not some of each")
		case slices.Contains(servers[:i], text):
			return nil, fmt.Errorf("%s://%s is there twice", u.Scheme, u.Host)
		}
		servers[i] = text
	}
	return servers, nil
}

// New checks the configuration; nothing is dialled before Run.
func New(c Config) (*Service, error) {
	issuer, err := nkeys.FromSeed([]byte(strings.TrimSpace(c.Seed)))
	if err != nil {
		return nil, errNoSeed
	}
	public, err := issuer.PublicKey()
	if err != nil || !nkeys.IsValidPublicAccountKey(public) {
		return nil, errNoSeed
	}
	switch {
	case c.Username == "" || c.Password == "":
		return nil, errors.New("a user and a password are needed")
	case c.Account == "":
		return nil, errors.New("the account that terminals come into is missing")
	}
	s := &Service{Config: c, issuer: issuer, public: public, refusals: refusals{log: c.Log}}
	s.admission = brokerauth.Admission{Reader: c.Reader, Secret: s.KickSecret()}
	return s, nil
}

var errNoSeed = errors.New("want the seed of an account's nkey, which begins with SA (nk -gen account)")

// NewSeed draws a seed for Config.
func NewSeed() (string, error) {
	pair, err := nkeys.CreateAccount()
	if err != nil {
		return "", err
	}
	seed, err := pair.Seed()
	return string(seed), err
}

// Issuer is the public half of the seed: the issuer of the servers' auth_callout.
func (s *Service) Issuer() string { return s.public }

// KickSecret is the secret of a brokerauth.Kicker whom this service believes. It
// comes from the seed, so that it is the same at every controller.
func (s *Service) KickSecret() string {
	h := hmac.New(sha256.New, []byte(strings.TrimSpace(s.Seed)))
	h.Write([]byte("galla nats kick 1"))
	return hex.EncodeToString(h.Sum(nil))
}

// Ready says what keeps us from answering, for /readyz: there is no server, or
// the servers ask another issuer than ours.
func (s *Service) Ready() error {
	switch {
	case !s.connected.Load():
		return errors.New("not connected to " + s.String() + ", which asks who may come in")
	case s.stranger.Load():
		return errors.New("the servers' auth_callout names another issuer than " + s.public)
	}
	return nil
}

// String is the servers' addresses.
func (s *Service) String() string { return strings.Join(s.Servers, ", ") }

// Run connects, and answers until ctx ends. The connection is made again,
// without end, at the next server whenever it is lost.
func (s *Service) Run(ctx context.Context) {
	questions := make(chan *nats.Msg, waiting)
	c, err := nats.Connect(strings.Join(s.Servers, ","), s.options(ctx)...)
	if err == nil {
		_, err = c.ChanQueueSubscribe(subject, queueGroup, questions)
	}
	if err != nil { // not for a server that is away: that is tried again
		s.Log.Error("NATS cannot ask who may come in", "servers", s.String(), "error", err)
		if c != nil {
			c.Close()
		}
		<-ctx.Done()
		return
	}
	defer c.Close()
	defer s.connected.Store(false)
	var working sync.WaitGroup
	for range workers {
		working.Go(func() { s.work(ctx, questions) })
	}
	working.Wait()
}

// dialer dials until ctx ends; nats.go knows no context.
type dialer struct {
	net.Dialer
	ctx context.Context
}

// Dial implements nats.CustomDialer.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(d.ctx, network, address)
}

func (s *Service) options(ctx context.Context) []nats.Option {
	options := []nats.Option{
		nats.Name("galla-controller"), nats.UserInfo(s.Username, s.Password), nats.NoEcho(),
		nats.SetCustomDialer(dialer{net.Dialer{Timeout: connectTimeout}, ctx}),
		nats.Timeout(connectTimeout), nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(1),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(), nats.IgnoreDiscoveredServers(),
		nats.ReconnectWait(retryEvery), nats.ReconnectJitter(retryEvery, retryEvery),
		nats.ReconnectBufSize(-1), // an answer that comes late is worth nothing
		nats.ConnectHandler(func(c *nats.Conn) { s.up(c) }),
		nats.ReconnectHandler(func(c *nats.Conn) { s.up(c) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if s.connected.Swap(false) {
				s.Log.Warn("connection to NATS lost, which asks who may come in", "error", err)
			}
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { s.refusals.add("cannot reach NATS to be asked", err.Error()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			s.refusals.add("NATS says", err.Error())
		}),
	}
	if strings.HasPrefix(s.Servers[0], "tls://") {
		conf := s.TLS
		if conf == nil {
			conf = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		options = append(options, nats.Secure(conf))
	}
	return options
}

func (s *Service) up(c *nats.Conn) {
	s.connected.Store(true)
	s.Log.Info("NATS asks us who may come in", "server", c.ConnectedUrl(), "issuer", s.public, "account", s.Account)
}

func (s *Service) work(ctx context.Context, questions <-chan *nats.Msg) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-questions:
			one, cancel := context.WithTimeout(ctx, patience)
			if answer := s.answer(one, m.Data); answer != nil && m.Reply != "" {
				// What cannot be sent is a server that is away: it has let nobody in.
				_ = m.Respond(answer)
			}
			cancel()
		}
	}
}
