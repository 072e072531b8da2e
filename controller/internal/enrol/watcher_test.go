package enrol

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// post is a database of revocations and a broker, of one controller.
type post struct {
	mu      sync.Mutex
	revoked []Revocation
	down    bool // the database
	broken  bool // the broker
	hangs   bool // the broker
	calls   map[protocol.Identity][]time.Time
}

func (p *post) Revoked(context.Context) ([]Revocation, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return nil, errors.New("the database is away")
	}
	return append([]Revocation(nil), p.revoked...), nil
}

func (p *post) Revoke(ctx context.Context, id protocol.Identity) error {
	p.mu.Lock()
	p.calls[id] = append(p.calls[id], time.Now())
	broken, hangs := p.broken, p.hangs
	p.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	if broken {
		return errors.New("the broker is away")
	}
	return nil
}

func (p *post) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *post) called(id protocol.Identity) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.calls[id])
}

func till(n int) protocol.Identity {
	return protocol.Identity{MerchantID: "M", StoreID: "s", TerminalID: fmt.Sprint("till", n)}
}

// watched runs a watcher in a bubble until the test's end.
func watched(t *testing.T, test func(t *testing.T, p *post)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &post{calls: map[protocol.Identity][]time.Time{}}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		p.revoked = []Revocation{{Identity: till(0), At: time.Now()}}
		go func() {
			defer close(done)
			(&Watcher{Storage: p, Broker: p, Log: discard}).Run(ctx)
		}()
		test(t, p)
		stop()
		<-done
	})
}

// TestRevocationsAreCarriedOut: what another process revoked is cut within the
// promised time, once; what was revoked before the start, at the start.
func TestRevocationsAreCarriedOut(t *testing.T) {
	t.Parallel()
	if Within > 5*time.Second || Within > Settle {
		t.Fatalf("a revocation takes up to %v", Within) // failure matrix I11
	}
	watched(t, func(t *testing.T, p *post) {
		synctest.Wait()
		if p.called(till(0)) != 1 {
			t.Error("what was revoked before the start was not carried out")
		}
		for n := 1; n <= 50; n++ {
			time.Sleep(137 * time.Millisecond)
			p.set(func() { p.revoked = append(p.revoked, Revocation{Identity: till(n), At: time.Now()}) })
		}
		time.Sleep(time.Minute)
		p.set(func() {
			for _, r := range p.revoked {
				if calls := p.calls[r.Identity]; len(calls) != 1 || calls[0].Sub(r.At) > Within {
					t.Errorf("%s, revoked at %v, was cut at %v", r.Identity, r.At, calls)
				}
			}
		})
		// Once more, after it was enrolled anew.
		p.set(func() { p.revoked = p.revoked[1:] })
		time.Sleep(10 * time.Second)
		p.set(func() { p.revoked = append(p.revoked, Revocation{Identity: till(0), At: time.Now()}) })
		time.Sleep(10 * time.Second)
		if p.called(till(0)) != 2 {
			t.Errorf("cut %d times in two revocations", p.called(till(0)))
		}
		// And again without an enrolment in between.
		p.set(func() { p.revoked[len(p.revoked)-1].At = time.Now() })
		time.Sleep(10 * time.Second)
		if p.called(till(0)) != 3 {
			t.Errorf("cut %d times in three revocations", p.called(till(0)))
		}
	})
}

// TestWhatFailsIsTriedAgain: neither a database nor a broker that is away, nor
// one that does not answer, loses a revocation.
func TestWhatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(p *post, on bool){
		"the database is away":       func(p *post, on bool) { p.down = on },
		"the broker is away":         func(p *post, on bool) { p.broken = on },
		"the broker does not answer": func(p *post, on bool) { p.hangs = on },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			watched(t, func(t *testing.T, p *post) {
				synctest.Wait()
				p.set(func() {
					spoil(p, true)
					p.revoked = append(p.revoked, Revocation{Identity: till(1), At: time.Now()})
				})
				time.Sleep(20 * time.Second)
				p.set(func() { spoil(p, false) })
				before := p.called(till(1))
				time.Sleep(20 * time.Second)
				if n := p.called(till(1)) - before; n != 1 {
					t.Errorf("cut %d times once all works again", n)
				}
				if p.called(till(0)) != 1 {
					t.Error("what was done was done again")
				}
			})
		})
	}
}
