package broker

import (
	"context"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"

	"github.com/galla-pay/galla/protocol"
)

// session is one terminal's login, from the CONNECT that passed to the end of
// the goroutine that serves its socket.
type session struct {
	id     protocol.Identity
	socket *socket
	client *mqtt.Client
	will   []byte          // nil: none
	ctx    context.Context // ends when the session is cut
	cancel context.CancelFunc
	done   chan struct{} // closed when nothing of the session is left
	flaps  *flaps        // guarded by table.mu; goes from session to session

	hands *hands
	outbox

	cutOnce sync.Once

	// Only the goroutine that serves the socket touches these, and who works for it.
	keepAlive time.Duration
	up        bool // CONNACK was sent
	goodbye   bool // DISCONNECT came: the will is void
	foreign   int  // subscriptions that were refused
}

// cut ends the session at once, from any goroutine, and reports whether this
// call did it.
func (s *session) cut() (did bool) {
	s.cutOnce.Do(func() {
		did = true
		s.cancel()
		s.socket.shut()
	})
	return did
}

// table is who is here: sockets that have not logged in, by address, and
// sessions, by identity.
type table struct {
	maxTerminals, maxWaiting, maxPerAddress int

	mu       sync.Mutex
	closing  bool
	sockets  map[*socket]bool // value: still waiting for its login
	waiting  int
	address  map[string]int // waiting sockets, by the text of the prefix
	sessions map[protocol.Identity]*session
	kicks    uint64 // calls of kick since start
}

func newTable(c Config) *table {
	return &table{
		maxTerminals:  c.MaxTerminals,
		maxWaiting:    c.MaxWaiting,
		maxPerAddress: c.MaxWaitingPerAddress,
		sockets:       map[*socket]bool{},
		address:       map[string]int{},
		sessions:      map[protocol.Identity]*session{},
	}
}

// admit takes in a socket that has not logged in, or says why not.
func (t *table) admit(s *socket) Reason {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := s.address.String()
	switch {
	case t.closing:
		return ReasonClosing
	case t.address[key] >= t.maxPerAddress:
		return ReasonAddress
	case t.waiting >= t.maxWaiting:
		return ReasonWaiting
	}
	t.sockets[s] = true
	t.waiting++
	t.address[key]++
	return ""
}

// loggedIn takes s out of the count of waiting sockets. t.mu is held.
func (t *table) loggedIn(s *socket) {
	if !t.sockets[s] {
		return
	}
	t.sockets[s] = false
	t.waiting--
	key := s.address.String()
	if t.address[key]--; t.address[key] == 0 {
		delete(t.address, key)
	}
}

// leave forgets a socket and its session. It is the last that happens to both.
func (t *table) leave(s *socket) {
	t.mu.Lock()
	t.loggedIn(s)
	delete(t.sockets, s)
	if s.session != nil && t.sessions[s.session.id] == s.session {
		delete(t.sessions, s.session.id)
	}
	t.mu.Unlock()
	if s.session != nil {
		close(s.session.done)
	}
}

// kickCount is to be read before a token is looked up, and given to claim.
func (t *table) kickCount() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kicks
}

// claimed is the outcome of claim.
type claimed struct {
	why   Reason // "" when the session is in the table
	again bool   // somebody was kicked meanwhile: ask the Authenticator once more
	cut   int    // sessions of the same terminal that this one ended
}

// claim makes s the one session of its terminal. The newest login wins: it cuts
// an earlier session and waits, at most for limit, until that has ended and
// its last will has been handed over.
func (t *table) claim(s *session, kicks uint64, limit time.Duration) (c claimed) {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for {
		t.mu.Lock()
		old := t.sessions[s.id]
		switch {
		case t.closing:
			c.why = ReasonClosing
		case t.kicks != kicks:
			// A Kick between the look-up and now may have been for this
			// terminal, when it was not yet in the table.
			c.again = true
		case old != nil && !old.flaps.take(time.Now()):
			c.why = ReasonFlapping
		case old == nil && len(t.sessions) >= t.maxTerminals:
			c.why = ReasonFull
		case old == nil:
			t.sessions[s.id] = s
			t.loggedIn(s.socket)
			s.socket.session = s
			t.mu.Unlock()
			return c
		}
		t.mu.Unlock()
		if c.why != "" || c.again {
			return c
		}

		s.flaps = old.flaps
		if old.cut() {
			c.cut++
		}
		select {
		case <-old.done:
		case <-timeout.C:
			c.why = ReasonBusy
			return c
		}
	}
}

// kick cuts the terminal's session, if there is one.
func (t *table) kick(id protocol.Identity) bool {
	t.mu.Lock()
	t.kicks++
	s := t.sessions[id]
	t.mu.Unlock()
	return s != nil && s.cut()
}

// get returns the terminal's session, or nil.
func (t *table) get(id protocol.Identity) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sessions[id]
}

// identities lists the terminals that are logged in, in no order.
func (t *table) identities() []protocol.Identity {
	t.mu.Lock()
	defer t.mu.Unlock()
	ids := make([]protocol.Identity, 0, len(t.sessions))
	for id := range t.sessions {
		ids = append(ids, id)
	}
	return ids
}

// counts returns sessions and waiting sockets.
func (t *table) counts() (sessions, waiting int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.sessions), t.waiting
}

// close lets nobody in from now on and cuts everybody who is.
func (t *table) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closing = true
	for s := range t.sockets {
		s.shut()
	}
	for _, s := range t.sessions {
		s.cut()
	}
}

const (
	flapBurst  = 20              // takeovers of one terminal that may follow each other at once
	flapRefill = 3 * time.Second // one more each
)

// flaps limits takeovers of one terminal: a copied token would otherwise let two
// devices throw each other out as fast as they can connect (failure matrix
// T5). A shaky link stays below it. The zero value is full.
type flaps struct {
	spent int       // of flapBurst
	since time.Time // spent was right at this time
}

// take spends one takeover, or reports that there is none left at now.
func (f *flaps) take(now time.Time) bool {
	if back := int(now.Sub(f.since) / flapRefill); f.spent > 0 && back > 0 {
		f.spent = max(0, f.spent-back)
		f.since = f.since.Add(time.Duration(back) * flapRefill)
	}
	if f.spent >= flapBurst {
		return false
	}
	if f.spent == 0 {
		f.since = now
	}
	f.spent++
	return true
}
