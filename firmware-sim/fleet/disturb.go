package fleet

import (
	"context"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent"
)

func isLinked(s agent.Status) bool { return s.Link }

// disturb cuts power and network and sells, at the rates of the spec, until its
// time is over or ctx ends. What was cut is whole again when it returns.
func (p *Part) disturb(ctx context.Context) {
	if p.ForSeconds > 0 {
		limited, cancel := context.WithTimeout(ctx, time.Duration(p.ForSeconds*float64(time.Second)))
		defer cancel()
		ctx = limited
	}
	var busy sync.WaitGroup
	defer busy.Wait()
	busy.Go(func() { p.every(ctx, p.Churn/60, p.cutPower) })
	busy.Go(func() { p.every(ctx, p.Flap/60, p.cutNetwork) })
	busy.Go(func() { p.every(ctx, p.Sales, p.sell) })
	<-ctx.Done()
}

// every does something perSecond times a second, in a goroutine each, until ctx
// ends; it returns when all of them are through.
func (p *Part) every(ctx context.Context, perSecond float64, do func(context.Context)) {
	if perSecond <= 0 {
		return
	}
	var doing sync.WaitGroup
	defer doing.Wait()
	timer := time.NewTimer(p.random.gap(perSecond))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		doing.Go(func() { do(ctx) })
		timer.Reset(p.random.gap(perSecond))
	}
}

func (p *Part) anyone() *member { return p.members[p.random.below(len(p.members))] }

// cutPower takes a terminal's power for a moment.
func (p *Part) cutPower(ctx context.Context) {
	m := p.anyone()
	p.counter.count(func(t *Tally) { t.PowerCuts++ })
	if err := m.PowerOff(); err != nil {
		p.counter.fail("agent did not stop")
		p.log.Error("power off", "error", err)
		return
	}
	pause(ctx, p.random.between(powerLeast, powerMost))
	m.PowerOn(afterPower)
}

// cutNetwork takes a terminal's network for a moment.
func (p *Part) cutNetwork(ctx context.Context) {
	m := p.anyone()
	p.counter.count(func(t *Tally) { t.NetworkCuts++ })
	m.Network(false)
	pause(ctx, p.random.between(networkLeast, networkMost))
	m.Network(true)
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, long time.Duration) {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
