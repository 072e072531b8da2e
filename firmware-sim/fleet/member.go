package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/firmware-sim/cable"
	"github.com/galla-pay/galla/protocol"
)

const (
	// stopLimit bounds the wait for an agent that lost its power: it promises to be
	// gone within a second, on a machine that is not busy.
	stopLimit = 15 * time.Second
	// restartAfter is how long an agent that gave up stays down, as under the
	// service manager of a real terminal.
	restartAfter = 2 * time.Second
)

// paid is a payment that a screen showed as paid.
type paid struct {
	ID     string
	Amount protocol.Paise
}

// member is one terminal of a part.
type member struct {
	n          int // in the whole fleet, from 1
	id         protocol.Identity
	controller string
	software   string
	log        *slog.Logger
	cable      *cable.Cable
	glass      *glass
	counter    *counter
	showed     func(paid) // told every payment that is on the glass as paid
	changed    func()     // told every change

	hands sync.Mutex // one person works the plugs at a time

	mu      sync.Mutex
	status  agent.Status
	heard   time.Time // when the status came
	powered bool
	since   time.Time // when it could begin to connect; zero: it need not
	after   string    // what since is counted from
	synced  time.Time // since when it has been in sync; zero: it is not
	boot    int       // counts power cycles; a status of an older one is not heard
	selling bool
	news    chan struct{} // closed at the next change
	stop    context.CancelFunc
	stopped chan struct{}
}

func newMember(n int, id protocol.Identity, kind panel.Kind) *member {
	return &member{n: n, id: id, cable: newCable(n), glass: newGlass(kind), news: make(chan struct{})}
}

// State is what a member is doing, as GET /terminals tells it.
type State struct {
	Number                int              `json:"number"`
	Identity              string           `json:"identity"`
	Mode                  protocol.Mode    `json:"mode"`
	Link                  bool             `json:"link"`
	LinkSince             time.Time        `json:"linkSince,omitzero"` // when that began: in sync with the controller
	MerchantTransactionID string           `json:"merchantTransactionId"`
	AmountPaise           protocol.Paise   `json:"amountPaise"`
	Result                protocol.Outcome `json:"result"`
}

// State returns what it is doing.
func (m *member) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := State{
		Number: m.n, Identity: m.id.String(), Mode: protocol.ModeOff,
	}
	if m.powered {
		s.Mode, s.Link, s.LinkSince, s.Result = m.status.Mode, m.status.Link, m.synced, m.status.Result
		s.MerchantTransactionID, s.AmountPaise = m.status.MerchantTransactionID, m.status.AmountPaise
	}
	return s
}

// Connected reports whether it is in sync with the controller.
func (m *member) Connected() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.powered && m.status.Link
}

// Boots counts how often its power came or went.
func (m *member) Boots() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.boot
}

// Look returns its status, when that came, and a channel that is closed at the
// next change.
func (m *member) Look() (agent.Status, time.Time, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.powered {
		return agent.Status{Mode: protocol.ModeOff}, m.heard, m.news
	}
	return m.status, m.heard, m.news
}

// Await returns when like holds, with the time at which that was told, or ctx's
// error.
func (m *member) Await(ctx context.Context, like func(agent.Status) bool) (time.Time, error) {
	for {
		status, at, news := m.Look()
		if like(status) {
			return at, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		}
	}
}

// change applies f and wakes everybody who waits.
func (m *member) change(f func()) {
	m.mu.Lock()
	f()
	close(m.news)
	m.news = make(chan struct{})
	m.mu.Unlock()
	m.changed()
}

// PowerOn boots it.
func (m *member) PowerOn(after string) {
	m.hands.Lock()
	defer m.hands.Unlock()
	if m.stopped != nil {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	m.stop, m.stopped = stop, make(chan struct{})
	m.cable.Plug(true)
	var boot int
	m.change(func() {
		m.boot++
		boot, m.powered, m.since, m.after = m.boot, true, time.Now(), after
		m.status, m.synced = agent.Status{Mode: protocol.ModeStarting}, time.Time{}
	})
	go func(stopped chan struct{}) {
		defer close(stopped)
		m.run(ctx, boot)
	}(m.stopped)
}

// PowerOff cuts it off and returns when the agent is gone; an error says that it
// is not.
func (m *member) PowerOff() error {
	m.hands.Lock()
	defer m.hands.Unlock()
	if m.stopped == nil {
		return nil
	}
	m.cable.Plug(false)
	m.change(func() {
		m.boot++
		m.powered, m.since = false, time.Time{}
	})
	m.stop()
	m.glass.powerCut()
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case <-m.stopped:
		m.stopped = nil
		return nil
	case <-limit.C:
		return fmt.Errorf("the agent of %s did not stop within %v", m.id, stopLimit)
	}
}

// Network plugs the network in or out. A terminal without power has none anyway.
func (m *member) Network(in bool) {
	m.hands.Lock()
	defer m.hands.Unlock()
	if m.stopped == nil {
		return
	}
	m.change(func() {
		m.since, m.after = time.Time{}, ""
		if in && !m.status.Link {
			m.since, m.after = time.Now(), afterNetwork
		}
	})
	m.cable.Plug(in)
}

// run is its computer while it has power.
func (m *member) run(ctx context.Context, boot int) {
	for {
		err := agent.Run(ctx, agent.Config{
			Identity:   m.id,
			Controller: m.controller,
			Enrol:      true,
			Software:   m.software,
			Dial:       m.cable.Dial,
			Status:     func(s agent.Status) { m.hear(boot, s) },
			Log:        m.log,
		}, agent.Hardware{Panel: m.glass, Kind: m.glass.kind, Hidden: m.glass.Hidden, Look: m.glass.look})
		if ctx.Err() != nil {
			return
		}
		m.counter.fail("agent gave up")
		m.log.Error("agent gave up", "terminal", m.id, "error", err)
		wait := time.NewTimer(restartAfter)
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
	}
}

// hear takes over what the agent of that boot says of itself.
func (m *member) hear(boot int, s agent.Status) {
	now := time.Now()
	var kind string
	var took time.Duration
	m.mu.Lock()
	if boot != m.boot {
		m.mu.Unlock()
		return
	}
	switch {
	case s.Link && !m.since.IsZero():
		kind, took, m.since = m.after, now.Sub(m.since), time.Time{}
	case !s.Link && m.status.Link && m.since.IsZero() && m.cable.Plugged():
		m.since, m.after = now, afterLoss
	}
	if s.Link != m.status.Link {
		if m.synced = now; !s.Link {
			m.synced = time.Time{}
		}
	}
	news := s.Result == protocol.OutcomeSucceeded && (m.status.Result != s.Result || m.status.MerchantTransactionID != s.MerchantTransactionID)
	m.status, m.heard = s, now
	close(m.news)
	m.news = make(chan struct{})
	m.mu.Unlock()
	if kind != "" {
		m.counter.connected(kind, took)
	}
	if news {
		m.showed(paid{s.MerchantTransactionID, s.AmountPaise})
	}
	m.changed()
}
