package mqttlink

import (
	"context"
	"sync"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
)

// beatsGather is how long a heartbeat waits for others. Ten thousand terminals send
// seven hundred a second; each by itself would be a transaction, though nobody waits
// for any of them (performance: idle terminals). It is little beside fleet.Silence.
const beatsGather = 500 * time.Millisecond

// beatsWave is how many of them are decided at once: a batch of the journal's.
const beatsWave = 256

// beats are heartbeats that wait to be decided together: of each terminal the last, so
// that there are never more than terminals. Their signatures are good. Those that
// wait when the link ends, or that the database does not take, are lost, which does no
// harm: a terminal says four times that it is there before it counts as silent.
type beats struct {
	mu      sync.Mutex
	waiting map[protocol.Identity]beat
	signal  chan struct{} // has a token while some wait
}

type beat struct {
	key string // that signed it
	protocol.Heartbeat
}

func newBeats() *beats {
	return &beats{waiting: map[protocol.Identity]beat{}, signal: make(chan struct{}, 1)}
}

func (b *beats) add(one beat) {
	b.mu.Lock()
	b.waiting[one.Identity] = one
	b.mu.Unlock()
	select {
	case b.signal <- struct{}{}:
	default:
	}
}

// forget forgets what a terminal said: it has said more since.
func (b *beats) forget(id protocol.Identity) {
	b.mu.Lock()
	delete(b.waiting, id)
	b.mu.Unlock()
}

// take takes all that wait.
func (b *beats) take() map[protocol.Identity]beat {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.waiting
	b.waiting = make(map[protocol.Identity]beat, len(all))
	return all
}

// heartbeat takes a heartbeat. One that says more than that its terminal is there is
// decided at once: what it has stored is news, or is not what it was told here, which
// is answered by the state. All others wait for each other.
func (l *Link) heartbeat(ctx context.Context, one beat) error {
	l.mu.Lock()
	known := l.told[one.Identity]
	l.mu.Unlock()
	if one.AckSeq == known.acked && one.AckSeq >= known.seq {
		l.beats.add(one)
		return nil
	}
	l.beats.forget(one.Identity)
	return l.beat(ctx, one)
}

// keepBeats decides what waits, until ctx ends.
func (l *Link) keepBeats(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.beats.signal:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(beatsGather):
		}
		l.beatAll(ctx, l.beats.take())
	}
}

// beatAll decides heartbeats. More than beatsWave at once would stand before others in
// the journal's queue, for whom somebody waits.
func (l *Link) beatAll(ctx context.Context, all map[protocol.Identity]beat) {
	var wave sync.WaitGroup
	room := make(chan struct{}, beatsWave)
	for id, one := range all {
		select {
		case <-ctx.Done():
			return
		case room <- struct{}{}:
		}
		wave.Go(func() {
			defer func() { <-room }()
			l.taken(id, l.beat(ctx, one))
		})
	}
	wave.Wait()
}

// beat decides one heartbeat.
func (l *Link) beat(ctx context.Context, one beat) error {
	t, err := journal.Do(ctx, l.Journal, signedBy(one.Identity, one.key, decide.Heartbeat{Heartbeat: one.Heartbeat}))
	if err != nil {
		return err
	}
	l.heard(t)
	l.tellStale(t)
	l.Counted("heartbeat")
	return nil
}
