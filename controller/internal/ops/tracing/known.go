package tracing

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

const (
	// knownLimit is how many payments are remembered; the oldest is forgotten.
	knownLimit = 16384
	// lookupsLimit is how many are read anew in a second, and lookupTime how long
	// one may take: what strangers name must not cost more.
	lookupsLimit = 50
	lookupTime   = 2 * time.Second
)

// known remembers which payments are traced, and which are not.
type known struct {
	mu       sync.Mutex
	payments map[string]*fact
	oldest   []string // a ring of the keys
	next     int
}

// fact is what is known of a payment.
type fact struct {
	parent   trace.SpanContext // not valid: it is not traced
	merchant string
	terminal protocol.Identity
	ended    time.Time // the result exists since then
	told     time.Time // the result was published here
	shown    bool
}

func newKnown() *known {
	return &known{payments: map[string]*fact{}, oldest: make([]string, knownLimit)}
}

// learn takes in how a payment is now, and returns what is known of it.
func (k *known) learn(p payment.Payment) fact {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.payments[p.ID]
	if f == nil {
		f = &fact{merchant: p.MerchantID}
		f.parent, _ = parse(p.Trace)
		delete(k.payments, k.oldest[k.next])
		k.oldest[k.next], k.payments[p.ID] = p.ID, f
		k.next = (k.next + 1) % knownLimit
	}
	f.ended = p.EndedAt
	if id, ok := p.Identity(); ok {
		f.terminal = id
	}
	return *f
}

func (k *known) get(id string) (fact, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f, ok := k.payments[id]
	if !ok {
		return fact{}, false
	}
	return *f, true
}

// tell notes that a payment's result was published.
func (k *known) tell(id string, at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if f, ok := k.payments[id]; ok && f.told.IsZero() {
		f.told = at
	}
}

// show notes that a payment's result is on glass, and reports whether that is new.
func (k *known) show(id string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	f, ok := k.payments[id]
	if !ok || f.shown {
		return false
	}
	f.shown = true
	return true
}

// fact is what is known of a payment, read where it must be.
func (t *Tracing) fact(ctx context.Context, id string) (fact, bool) {
	if f, ok := t.known.get(id); ok {
		return f, true
	}
	if !protocol.ValidID(id, protocol.MaxIDLength) || !t.lookups.allow(time.Now()) {
		return fact{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	p, err := t.cfg.Find(ctx, id)
	if err != nil || p.ID != id {
		return fact{}, false // no trace, and no need of one
	}
	return t.known.learn(p), true
}

// lookups counts those of a second. Only the maker of spans asks.
type lookups struct {
	since time.Time
	n     int
}

func (l *lookups) allow(now time.Time) bool {
	if now.Sub(l.since) >= time.Second {
		l.since, l.n = now, 0
	}
	l.n++
	return l.n <= lookupsLimit
}
