package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/firmware-sim/magic/wallet"
	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/merchantapi"
)

// Bounds of a part.
const (
	// startsAtOnce bounds how many terminals join at the same time: a shop opens in
	// the morning, it is not plugged in with all others.
	startsAtOnce = 32
	// joinLimit is how long one may keep a place among those.
	joinLimit = 10 * time.Second
	// HealWithin is how long the terminals have to be connected, all of them, after
	// the last disturbance (failure matrix R24: 1,000 devices within 60 s).
	HealWithin = 60 * time.Second
	// Power stays away, and the network, for so long.
	powerLeast, powerMost     = 500 * time.Millisecond, 3 * time.Second
	networkLeast, networkMost = 200 * time.Millisecond, 3 * time.Second
	// checksAtOnce bounds the questions for statuses at the end.
	checksAtOnce = 8
	saltIndexMax = 99
)

// Phases of a part, in their order.
const (
	phaseJoining = "joining"
	phaseRunning = "running"
	phaseHealing = "healing"
	phaseChecks  = "checking"
	phaseDone    = "done"
)

// Spec says what a part does. In JSON it is the line that a child is told.
type Spec struct {
	Controller string              `json:"controller"`
	Merchant   string              `json:"merchant"`
	SaltKey    string              `json:"saltKey"`
	SaltIndex  int                 `json:"saltIndex"`
	First      int                 `json:"first"` // the number of the first terminal, from 1
	Identities []protocol.Identity `json:"identities"`
	Churn      float64             `json:"churn"`      // power cuts a minute
	Flap       float64             `json:"flap"`       // network cuts a minute
	Sales      float64             `json:"sales"`      // a second
	ForSeconds float64             `json:"forSeconds"` // from when all are connected; 0: until it is told to stop
	Seed       uint64              `json:"seed"`
	Panel      string              `json:"panel"`
	Software   string              `json:"software"`
}

// Part is the terminals of one process. Make one with newPart.
type Part struct {
	Spec
	members []*member
	counter counter
	till    *merchantapi.Client
	client  *http.Client
	wallet  *wallet.Wallet
	log     *slog.Logger
	random  *locked
	phase   atomic.Pointer[string]
	base    usage         // before there were terminals
	changed chan struct{} // holds one value when something changed since it was read

	mu    sync.Mutex
	shown map[paid]int // by what a screen showed as paid: terminals
	asked []asked      // sales, to be looked up in the end
}

// newPart makes a part whose terminals have no power.
func newPart(spec Spec, log *slog.Logger) (*Part, error) {
	kind, err := panel.Lookup(spec.Panel)
	if err != nil {
		return nil, err
	}
	// One connection for each sale that may be under way, no more.
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	p := &Part{
		Spec: spec, client: client, log: log,
		wallet:  &wallet.Wallet{Network: &npci.Client{BaseURL: spec.Controller, HTTP: client}},
		random:  &locked{random: rand.New(rand.NewPCG(spec.Seed, uint64(spec.First)))},
		shown:   map[paid]int{},
		changed: make(chan struct{}, 1),
	}
	p.enter(phaseJoining)
	p.till, err = merchantapi.New(merchantapi.Config{
		BaseURL: spec.Controller, MerchantID: spec.Merchant, SaltKey: spec.SaltKey, SaltIndex: spec.SaltIndex, HTTP: client,
	})
	if err != nil {
		return nil, err
	}
	p.base = measure()
	for i, id := range spec.Identities {
		m := newMember(spec.First+i, id, kind)
		m.controller, m.software, m.log = spec.Controller, spec.Software, log
		m.counter, m.showed, m.changed = &p.counter, p.showed, p.tell
		p.members = append(p.members, m)
	}
	return p, nil
}

func (p *Part) enter(phase string) { p.phase.Store(&phase) }

// Phase is what the part is at.
func (p *Part) Phase() string { return *p.phase.Load() }

func (p *Part) tell() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// showed notes a payment that a screen shows as paid.
func (p *Part) showed(what paid) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shown[what]++
}

// Run runs the part until its time is over, or until stop is closed; then it
// checks what happened, takes the power away and returns the tally. Nothing of it
// is left then. ctx ends all of it at once, without checks.
func (p *Part) Run(ctx context.Context, stop <-chan struct{}) (Tally, error) {
	defer p.client.CloseIdleConnections()
	running, end := context.WithCancel(ctx)
	defer end()
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-stop:
			end()
		case <-running.Done():
		}
	})
	p.join(running)
	p.enter(phaseRunning)
	p.disturb(running)
	end()
	watching.Wait()
	stopped := ctx.Err()
	select {
	case <-stop:
		stopped = errStopped
	default:
	}
	if ctx.Err() == nil {
		p.enter(phaseHealing)
		if stopped == nil {
			p.heal(ctx)
		}
		p.weigh()
		p.enter(phaseChecks)
		p.check(ctx)
	}
	tally := p.Tally()
	p.enter(phaseDone)
	return tally, p.powerDown()
}

// errStopped says that somebody stopped it before its time.
var errStopped = errors.New("stopped")

// Tally is what was counted so far.
func (p *Part) Tally() Tally {
	t := p.counter.tally()
	t.Terminals = len(p.members)
	for _, m := range p.members {
		if m.Connected() {
			t.Connected++
		}
	}
	p.mu.Lock()
	for _, n := range p.shown {
		t.Shown += n
	}
	p.mu.Unlock()
	return t
}

// join switches everything on, and returns when all are connected, or every one
// had its time, or ctx ends.
func (p *Part) join(ctx context.Context) {
	places := make(chan struct{}, startsAtOnce)
	var joining sync.WaitGroup
	defer joining.Wait()
	for _, m := range p.members {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		joining.Go(func() {
			defer func() { <-places }()
			ctx, cancel := context.WithTimeout(ctx, joinLimit)
			defer cancel()
			m.PowerOn(afterStart)
			if _, err := m.Await(ctx, isLinked); err != nil && errors.Is(err, context.DeadlineExceeded) {
				p.counter.fail("not connected in " + joinLimit.String())
			}
		})
	}
}

// heal waits until every terminal is connected.
func (p *Part) heal(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, HealWithin)
	defer cancel()
	for _, m := range p.members {
		if _, err := m.Await(ctx, isLinked); err != nil {
			p.counter.fail("not connected in the end")
			p.log.Error("not connected in the end", "terminal", m.id, "mode", m.State().Mode)
		}
	}
}

// powerDown takes the power of all, and forgets them.
func (p *Part) powerDown() error {
	errs := make([]error, len(p.members))
	var off sync.WaitGroup
	for i, m := range p.members {
		off.Go(func() { errs[i] = m.PowerOff() })
	}
	off.Wait()
	return errors.Join(errs...)
}

// locked is a source of chance for many goroutines.
type locked struct {
	mu     sync.Mutex
	random *rand.Rand
}

// between is a duration from least to most.
func (l *locked) between(least, most time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return least + time.Duration(l.random.Int64N(int64(most-least)))
}

// gap is the time until the next of events that come perSecond a second, as
// independent ones do.
func (l *locked) gap(perSecond float64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Duration(l.random.ExpFloat64() / perSecond * float64(time.Second))
}

// below is a number from 0 to n-1.
func (l *locked) below(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.random.IntN(n)
}

// usage is what a process needs.
type usage struct {
	bytes      int64
	goroutines int
}

// measure looks at this process, after a garbage collection.
func measure() usage {
	runtime.GC()
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(samples)
	bytes := samples[0].Value.Uint64() - samples[1].Value.Uint64() - samples[2].Value.Uint64()
	return usage{bytes: int64(bytes), goroutines: runtime.NumGoroutine()}
}

// weigh counts what the terminals need.
func (p *Part) weigh() {
	now := measure()
	p.counter.count(func(t *Tally) {
		t.Bytes, t.Goroutines = now.bytes-p.base.bytes, now.goroutines-p.base.goroutines
	})
}

// check says whether spec can be run.
func (s Spec) check() error {
	switch {
	case len(s.Identities) == 0:
		return errors.New("there are no terminals")
	case s.Churn < 0 || s.Flap < 0 || s.Sales < 0 || s.ForSeconds < 0:
		return errors.New("rates and times cannot be negative")
	case s.SaltIndex < 1 || s.SaltIndex > saltIndexMax:
		return fmt.Errorf("a salt key's index is 1 to %d", saltIndexMax)
	}
	return nil
}
