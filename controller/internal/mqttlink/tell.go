package mqttlink

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// signAlone is how many states one goroutine signs by itself: fewer are not worth
// another one's start.
const signAlone = 16

// telling is what this link has told a terminal; there is one for each terminal
// that there is, at most.
type telling struct {
	seq   uint64    // the newest that was published here
	acked uint64    // that the terminal had stored when it was heard here last
	tried time.Time // when it was last its turn to be told; zero: never
}

// errand is what a terminal is to be told.
type errand struct {
	nonce string // to echo, or ""
	// known is what was just committed as its wanted state; nil: that is to be read.
	known *decide.Wanted
}

// pending are terminals to be told, each once, in the order in which they were noted.
type pending struct {
	errands map[protocol.Identity]errand
	order   []protocol.Identity
}

func newPending() pending { return pending{errands: map[protocol.Identity]errand{}} }

// note adds a terminal. One that waits already keeps its place, and its nonce unless
// there is a newer one; what is to be read is read, for that is never older.
func (p *pending) note(id protocol.Identity, e errand) {
	waits, there := p.errands[id]
	if !there {
		p.order = append(p.order, id)
	}
	if there && waits.known == nil {
		e.known = nil
	}
	if e.nonce == "" {
		e.nonce = waits.nonce
	}
	p.errands[id] = e
}

// take takes those that have waited longest, at most limit.
func (p *pending) take(limit int) map[protocol.Identity]errand {
	n := min(limit, len(p.order))
	batch := make(map[protocol.Identity]errand, n)
	for _, id := range p.order[:n] {
		batch[id] = p.errands[id]
		delete(p.errands, id)
	}
	if p.order = p.order[n:]; len(p.order) == 0 {
		p.order = nil
	}
	return batch
}

// Committed is told what the journal committed: terminals whose wanted state
// rose are told at once, and keys that were replaced are worth nothing from
// then on.
func (l *Link) Committed(c decide.Changes) {
	for _, t := range c.Terminals {
		l.keys.changed(t)
	}
	var news []fleet.Terminal
	l.mu.Lock()
	for _, t := range c.Terminals {
		if t.NeedsTelling() && t.Seq > l.told[t.Identity].seq && t.Enrolled() {
			news = append(news, t)
		}
	}
	l.mu.Unlock()
	if len(news) == 0 {
		return
	}
	payments := committed(c)
	for _, t := range news {
		known := l.known(t, payments)
		l.mu.Lock()
		l.note(t.Identity, errand{known: known})
		l.mu.Unlock()
	}
}

// committed are the payments that were committed, by their ids.
func committed(c decide.Changes) map[string]*payment.Payment {
	all := make(map[string]*payment.Payment, len(c.NewPayments)+len(c.Payments))
	for _, some := range [][]payment.Payment{c.NewPayments, c.Payments} {
		for i := range some {
			all[some[i].ID] = &some[i]
		}
	}
	return all
}

// known is what is wanted of a terminal, where all of it was just committed; or nil.
// Now is set when it is told.
func (l *Link) known(t fleet.Terminal, committed map[string]*payment.Payment) *decide.Wanted {
	if l.Merchant == nil {
		return nil
	}
	w := decide.Wanted{Terminal: t, Sale: committed[t.Sale], Result: committed[t.Result]}
	if t.Sale != "" && w.Sale == nil || t.Result != "" && w.Result == nil {
		return nil
	}
	var ok bool
	if w.MerchantName, w.EDC, ok = l.Merchant(t.MerchantID); !ok {
		return nil
	}
	return &w
}

// tell puts a terminal on the list of those to be told.
func (l *Link) tell(id protocol.Identity, nonce string) {
	l.mu.Lock()
	l.note(id, errand{nonce: nonce})
	l.mu.Unlock()
}

// heard notes what a terminal has stored, by its row after it said something.
func (l *Link) heard(row fleet.Terminal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.told[row.Identity]
	t.acked = row.AckedSeq
	l.told[row.Identity] = t
}

// tellStale has a terminal told that has not stored the newest state, unless it was
// told that just now: then what it said has crossed it on the way.
func (l *Link) tellStale(row fleet.Terminal) {
	if !row.NeedsTelling() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.told[row.Identity]; t.seq < row.Seq || time.Since(t.tried) >= underWay {
		l.note(row.Identity, errand{})
	}
}

// note does it; l.mu is held.
func (l *Link) note(id protocol.Identity, e errand) {
	l.pending.note(id, e)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// take takes those to be told now, and how many were taken. It leaves out who hears
// nothing, and will ask when it is back, and whose question waits, for that is answered
// with all that there is to tell.
func (l *Link) take() (batch map[protocol.Identity]errand, taken int) {
	l.mu.Lock()
	batch = l.pending.take(tellBatch)
	now := time.Now()
	for id := range batch {
		t := l.told[id]
		t.tried = now
		l.told[id] = t
	}
	l.mu.Unlock()
	taken = len(batch)
	for id, e := range batch {
		switch {
		case !l.listening(id):
			delete(batch, id)
			l.Counted("publish_failed")
		case e.nonce == "" && l.inbox.asks(id):
			delete(batch, id)
		}
	}
	return batch, taken
}

func (l *Link) tellAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
		for ctx.Err() == nil {
			batch, taken := l.take()
			if taken == 0 {
				break
			}
			if len(batch) > 0 {
				l.tellSome(ctx, batch)
			}
		}
	}
}

// tellSome tells terminals what is wanted of them.
func (l *Link) tellSome(ctx context.Context, batch map[protocol.Identity]errand) {
	wanted := l.inHand(batch)
	if len(wanted) < len(batch) {
		wanted = append(wanted, l.read(ctx, batch)...)
	}
	// A batch has each terminal once, so that its states keep their order.
	var signing sync.WaitGroup
	each := max(signAlone, (len(wanted)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	for len(wanted) > each {
		part := wanted[:each]
		wanted = wanted[each:]
		signing.Go(func() { l.publishAll(part, batch) })
	}
	l.publishAll(wanted, batch)
	signing.Wait()
}

// inHand is what need not be read. That of others is unset in batch.
func (l *Link) inHand(batch map[protocol.Identity]errand) (wanted []decide.Wanted) {
	now, ok := l.clock.now()
	for id, e := range batch {
		if !ok || e.known == nil || e.nonce != "" {
			e.known = nil
			batch[id] = e
			continue
		}
		e.known.Now = now
		wanted = append(wanted, *e.known)
	}
	return wanted
}

// read reads what is wanted of those of whom nothing is known.
func (l *Link) read(ctx context.Context, batch map[protocol.Identity]errand) []decide.Wanted {
	var ids []protocol.Identity
	for id, e := range batch {
		if e.known == nil {
			ids = append(ids, id)
		}
	}
	read, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	wanted, err := l.Reader.Wanted(read, ids)
	if err != nil {
		// Nothing is lost: the terminals' rows say that they are to be
		// told, and the sweep finds them. A terminal that asked, or that
		// waits for facts to be acknowledged, asks again.
		l.Log.Warn("cannot read what terminals are to be told", "error", err)
		return nil
	}
	for _, w := range wanted[:min(1, len(wanted))] {
		l.clock.set(w.Now)
	}
	return wanted
}

// publishAll publishes states.
func (l *Link) publishAll(wanted []decide.Wanted, batch map[protocol.Identity]errand) {
	for _, w := range wanted {
		l.publish(w, batch[w.Terminal.Identity].nonce)
	}
}

func (l *Link) publish(w decide.Wanted, nonce string) {
	id := w.Terminal.Identity
	topic := protocol.CommandTopic(id)
	began := time.Now()
	key, set, version := l.Keys.Current()
	session := w.Terminal.Session
	if (nonce != "" || !l.audience.has(id, session, version)) && !l.publishKeys(id, session, set, version) {
		return
	}
	if nonce != "" {
		l.audience.heard(id, version)
	}
	message, err := key.Sign(protocol.PurposeDown, w.State(nonce))
	if err != nil {
		l.Log.Error("cannot sign a state", "terminal", id, "error", err)
		l.Counted("publish_failed")
		return
	}
	// Life of a payment, step 4: `mqttlink` publishes the signed sale request.
	if err := l.publisher.Publish(topic, message); err != nil {
		l.Counted("publish_failed")
		return
	}
	l.Counted("state_published")
	l.mu.Lock()
	t := l.told[id]
	news := w.Terminal.Seq > t.seq
	t.seq = w.Terminal.Seq
	l.told[id] = t
	l.mu.Unlock()
	if l.Witness != nil && news {
		l.Witness.StatePublished(w, began)
	}
}
