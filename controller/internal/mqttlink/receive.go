package mqttlink

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
)

// maxFacts bounds the facts of one report; a spool never holds so many.
const maxFacts = 256

// Receive takes a message that a broker got on one of a terminal's topics. It
// never blocks: a message for which there is no room is dropped, and the
// terminal sends it again.
func (l *Link) Receive(topic string, payload []byte) {
	id, leaf, err := protocol.ParseTopic(topic)
	if err != nil {
		l.Counted("bad_topic")
		return
	}
	if leaf == "report" && l.Allow != nil && !l.Allow(id) {
		l.Counted("report_limited")
		return
	}
	var h maphash.Hash
	h.SetSeed(l.seed)
	h.WriteString(id.String())
	select {
	case l.queues[h.Sum64()%workers] <- inbound{id, leaf, bytes.Clone(payload)}:
	default:
		l.Counted("report_dropped")
	}
}

func (l *Link) work(ctx context.Context, queue <-chan inbound) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-queue:
			one, cancel := context.WithTimeout(ctx, patience)
			l.handle(one, m)
			cancel()
		}
	}
}

func (l *Link) handle(ctx context.Context, m inbound) {
	up, err := l.keys.open(ctx, m)
	if err != nil {
		l.Counted("report_refused")
		l.Log.Warn("message of a terminal refused", "terminal", m.id, "error", err)
		return
	}
	_, _, newest := l.Keys.Current()
	switch {
	case up.Report != nil && m.leaf == "report" && len(up.Report.Facts) <= maxFacts:
		l.audience.heard(m.id, newest, up.Report.Type == protocol.TypeSync)
		err = l.report(ctx, *up.Report)
	case up.Heartbeat != nil && m.leaf == "report":
		l.audience.heard(m.id, newest, false)
		err = l.heartbeat(ctx, *up.Heartbeat)
	case up.Pull != nil && m.leaf == "report":
		_, err = journal.Do(ctx, l.Journal, decide.Claim{Pull: *up.Pull})
		l.tell(m.id, "") // the answer is in the state
		l.Counted("pull")
	case up.Presence != nil && m.leaf == "presence":
		_, err = journal.Do(ctx, l.Journal, decide.Gone{Presence: *up.Presence})
		l.audience.gone(m.id)
		l.Counted("presence")
	default:
		l.Counted("report_refused")
		return
	}
	if err != nil {
		l.Log.Warn("report of a terminal not taken; it will come again", "terminal", m.id, "error", err)
	}
}

func (l *Link) report(ctx context.Context, r protocol.Report) error {
	t, err := journal.Do(ctx, l.Journal, decide.Report{Report: r})
	if err != nil {
		return err
	}
	if l.Witness != nil {
		for _, f := range r.Facts {
			if f.Kind == protocol.FactShown {
				l.Witness.ResultShown(r.Identity, f.PaymentID)
			}
		}
	}
	switch {
	case r.Type == protocol.TypeSync:
		l.Counted("sync")
		if t.Shared() {
			l.Counted("identity_shared")
			l.Log.Error("two devices have one terminal's identity: revoke it, and enrol the right one again",
				"terminal", r.Identity, "boot", t.Boot)
		}
		l.tell(r.Identity, r.Nonce)
	case len(r.Facts) > 0:
		l.Counted("report")
		l.tell(r.Identity, "") // the state says that the facts are committed
	case t.NeedsTelling():
		l.Counted("report")
		l.tell(r.Identity, "")
	}
	return nil
}

func (l *Link) heartbeat(ctx context.Context, h protocol.Heartbeat) error {
	t, err := journal.Do(ctx, l.Journal, decide.Heartbeat{Heartbeat: h})
	if err == nil && t.NeedsTelling() {
		l.tell(h.Identity, "")
	}
	l.Counted("heartbeat")
	return err
}

// keyAge is how long a key is believed without being read again. Another
// controller may have enrolled the terminal anew or shut it out, and tells
// nobody (failure matrix I11: 5 s).
const keyAge = 3 * time.Second

// keyring remembers the terminals' public keys. A key that does not fit any
// more is read again at once: the terminal may have enrolled anew.
type keyring struct {
	reader Reader
	mu     sync.Mutex
	keys   map[protocol.Identity]knownKey
}

type knownKey struct {
	keys protocol.PublicKeys
	read time.Time
}

func newKeyring(r Reader) *keyring {
	return &keyring{reader: r, keys: map[protocol.Identity]knownKey{}}
}

// changed forgets the key of a terminal that has another one now.
func (k *keyring) changed(t fleet.Terminal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known, ok := k.keys[t.Identity]; ok && (!t.Active || known.keys[protocol.KeyID(t.PublicKey)] == nil) {
		delete(k.keys, t.Identity)
	}
}

func (k *keyring) open(ctx context.Context, m inbound) (protocol.Up, error) {
	k.mu.Lock()
	known, ok := k.keys[m.id]
	k.mu.Unlock()
	if ok && time.Since(known.read) < keyAge {
		up, err := protocol.OpenUp(m.payload, known.keys, m.id)
		if !errors.Is(err, protocol.ErrUnknownKey) {
			return up, err
		}
	}
	known.read = time.Now()
	t, err := k.reader.Terminal(ctx, m.id)
	if err != nil {
		return protocol.Up{}, err
	}
	if !t.Enrolled() || !t.Active {
		return protocol.Up{}, protocol.ErrUnknownKey
	}
	known.keys = protocol.PublicKeys{protocol.KeyID(t.PublicKey): t.PublicKey}
	k.mu.Lock()
	k.keys[m.id] = known
	k.mu.Unlock()
	return protocol.OpenUp(m.payload, known.keys, m.id)
}
