package broker_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/broker"
	"github.com/galla-pay/galla/protocol"
)

// When all come at once, few are asked about at a time, and nobody who has given up
// waiting: whoever still waits is let in.
func TestAHerdIsLetInByTurns(t *testing.T) {
	t.Parallel()
	var asked, now, most atomic.Int64
	open := make(chan struct{})
	w := start(t, func(c *broker.Config) {
		c.ConnectTimeout, c.MaxWaitingPerAddress = patience, 1000
		c.Auth = func(ctx context.Context, _ protocol.Identity, _ [32]byte) (bool, error) {
			asked.Add(1)
			for n := now.Add(1); n > most.Load(); n = now.Load() {
				most.Store(n)
			}
			defer now.Add(-1)
			select {
			case <-open:
				return true, nil
			case <-ctx.Done():
				return false, ctx.Err()
			}
		}
	})
	const herd, busy, impatient = 600, 512, 50
	members := make([]*raw, herd)
	for n := range members {
		members[n] = w.dial(t)
		members[n].send(w.connectOf(w.crowdMember(n), nil))
		if n < busy {
			until(t, fmt.Sprint(n+1, " are asked about"), func() bool { return asked.Load() == int64(n+1) })
		}
	}
	until(t, "all wait", func() bool { return w.Stats().Waiting == herd })
	for _, c := range members[busy : busy+impatient] {
		_ = c.Close()
	}
	close(open)
	var all sync.WaitGroup
	for _, c := range append(members[:busy:busy], members[busy+impatient:]...) {
		all.Go(func() {
			if code := c.connack(); code != 0 {
				t.Errorf("refused with %d", code)
			}
		})
	}
	all.Wait()
	w.refused(t, broker.ReasonGone, impatient)
	if asked.Load() != herd-impatient || most.Load() > busy {
		t.Errorf("%d were asked about, %d at once; want %d and at most %d", asked.Load(), most.Load(), herd-impatient, busy)
	}
}

// Whoever cannot be asked about soon is told to come again, not to wait until it is
// too late.
func TestAHerdIsNotLeftWaiting(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *broker.Config) {
		c.ConnectTimeout, c.MaxWaitingPerAddress = 2*time.Second, 1000
		c.Auth = func(ctx context.Context, _ protocol.Identity, _ [32]byte) (bool, error) {
			<-ctx.Done() // a database that is stuck
			return false, ctx.Err()
		}
	})
	var herd []*raw
	for n := range 520 {
		c := w.dial(t)
		c.send(w.connectOf(w.crowdMember(n), nil))
		herd = append(herd, c)
	}
	w.refused(t, broker.ReasonTurn, 8)
	w.refused(t, broker.ReasonUnknown, 512)
	for _, c := range herd {
		if code := c.connack(); code != 3 {
			t.Errorf("refused with %d, want 3: come back", code)
		}
	}
}
