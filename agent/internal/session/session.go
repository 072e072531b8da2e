package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent/internal/identity"
	"github.com/galla-pay/galla/protocol"
)

// Config says who talks to whom.
type Config struct {
	Credentials *identity.Credentials
	// Brokers are used instead of those of the enrolment when there are any. Several
	// are the nodes of one cluster: any of them leads to the controllers.
	Brokers  []string
	Software string // version, told in each sync
	Panel    string // kind of panel, told in each sync
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
	Log      *slog.Logger
}

// Standing is what a terminal says of itself.
type Standing struct {
	Epoch     string
	AckSeq    uint64
	Mode      protocol.Mode
	PaymentID string
	Facts     []protocol.Fact // all that are not acknowledged, oldest first
	// Holds is the payment of the sale that is stored; a sync tells it.
	Holds string
	// Pull is the order that is asked for; its ID is empty when none is.
	Pull Pull
}

// Pull is a question for an OPEN order. It is asked until the event loop has its
// answer, or gives up: then Standing has another, or none.
type Pull struct {
	ID           string // of 8 to 40 letters, digits, _ and -
	ShortOrderID string
}

// equal reports whether both make the same report. Cards of facts are compared
// as what they are: the spool never changes one.
func (s Standing) equal(o Standing) bool {
	return s.Epoch == o.Epoch && s.AckSeq == o.AckSeq && s.Mode == o.Mode && s.PaymentID == o.PaymentID &&
		slices.Equal(s.Facts, o.Facts)
}

// Event is Up, Down or State.
type Event interface{ event() }

// Up: connected and subscribed; the state has been asked for.
type Up struct{}

// Down: the connection is lost. It is made again without end. Contested: it was
// taken away again and again right after it was made, so another device seems to
// have this terminal's identity.
type Down struct {
	Err       error
	Contested bool
}

// State is what the controller wants: its signature is good, and it is for this
// terminal. Answer: it carries the nonce of the last sync.
type State struct {
	State  protocol.State
	Answer bool
}

func (Up) event()    {}
func (Down) event()  {}
func (State) event() {}

// Session is a terminal's connection, over all reconnects. Make one with New.
type Session struct {
	cfg     Config
	boot    string // told in each sync: see protocol.Report
	inbox   inbox
	trouble complaints
	nats    bool // the broker is NATS, see clientID; Run's alone

	mu      sync.Mutex
	now     Standing
	ask     bool
	confirm bool
	said    chan struct{} // holds one token when any of the three changed
}

// New checks cfg. Nothing is dialled before Run.
func New(cfg Config) (*Session, error) {
	if len(cfg.Brokers) == 0 {
		cfg.Brokers = cfg.Credentials.Brokers
	}
	if err := identity.CheckBrokers(cfg.Brokers); err != nil {
		return nil, err
	}
	return &Session{
		cfg:     cfg,
		boot:    newNonce(),
		inbox:   inbox{signal: make(chan struct{}, 1)},
		trouble: complaints{log: cfg.Log},
		said:    make(chan struct{}, 1),
	}, nil
}

// Tell says what is. Only the newest is reported. With confirm it is reported
// although nothing changed: the controller repeated itself, or has answered.
func (s *Session) Tell(now Standing, confirm bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !confirm && s.now.equal(now) && s.now.Holds == now.Holds && s.now.Pull == now.Pull {
		return
	}
	now.Facts = slices.Clone(now.Facts)
	s.now, s.confirm = now, s.confirm || confirm
	s.wake()
}

// Ask wants the whole state of the controller: there is a doubt. While a
// question is open it changes nothing.
func (s *Session) Ask() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ask = true
	s.wake()
}

// wake tells the connection's goroutine to look; s.mu is held.
func (s *Session) wake() {
	select {
	case s.said <- struct{}{}:
	default:
	}
}

// standing is what Tell said last, and what is wanted beside it, once.
func (s *Session) standing() (now Standing, ask, confirm bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ask, confirm = s.ask, s.confirm
	s.ask, s.confirm = false, false
	return s.now, ask, confirm
}

// News holds a token when Take has something.
func (s *Session) News() <-chan struct{} { return s.inbox.signal }

// Take returns what happened since the last call, in order: of states only those
// that matter, see inbox.
func (s *Session) Take() []Event { return s.inbox.take() }

// Run keeps the terminal connected until ctx ends. Then the socket is closed
// without a farewell, so that the broker publishes the last will. It returns
// within a second, with all its goroutines gone.
//
// It stays with a broker while the link to it lives. Whatever ends that, another one
// that was not found unreachable is tried first: the one that was lost may be gone.
func (s *Session) Run(ctx context.Context) {
	nodes := newNodes(s.cfg.Credentials.Identity, s.cfg.Brokers)
	outage := outage{brokers: len(nodes), since: time.Now()}
	var rival rival
	for try := 1; ctx.Err() == nil; try++ {
		node := nodes.next()
		node.try = try
		broker := node.url
		begun := time.Now()
		up, err := s.connect(ctx, broker)
		if ctx.Err() != nil {
			return
		}
		if !up.IsZero() {
			node.fate = fateLost
			s.cfg.Log.Warn("link lost", "broker", broker, "after", time.Since(up).Round(time.Second), "err", err)
			contested, news := rival.lost(up, time.Now(), err)
			if news {
				s.cfg.Log.Error("another device seems to have this terminal's identity: the broker ends each connection right after it was made. "+
					"If no copy of this device's data is in use by mistake, revoke the terminal and enrol it again",
					"terminal", s.cfg.Credentials.Identity, "boot", s.boot)
			}
			s.inbox.put(Down{Err: err, Contested: contested})
		} else {
			node.fate = fateUnreachable
			s.trouble.add("connect to " + broker + ": " + err.Error())
		}
		select {
		case <-ctx.Done():
		case <-time.After(outage.wait(begun, up, time.Now())):
		}
	}
}

// errNotGranted: the broker took the subscription and did not grant it.
var errNotGranted = errors.New("broker does not let this terminal read its own topic")

// complaints logs what goes wrong again and again: the first of a kind at once,
// then at most one line a minute.
type complaints struct {
	log *slog.Logger

	mu    sync.Mutex
	last  time.Time
	total int // since the start
	kinds map[string]int
}

const complainEvery = time.Minute

// add counts one of that kind.
func (c *complaints) add(kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kinds == nil {
		c.kinds = map[string]int{}
	}
	_, known := c.kinds[kind]
	if !known && len(c.kinds) >= 32 {
		kind = "others"
	}
	c.kinds[kind]++
	c.total++
	if now := time.Now(); c.last.IsZero() || now.Sub(c.last) >= complainEvery {
		c.last = now
		c.log.Warn("went wrong", "what", fmt.Sprint(c.kinds), "total", c.total)
		c.kinds = nil
	}
}
