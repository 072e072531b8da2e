package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent/internal/identity"
	"github.com/galla-pay/galla/agent/internal/machine"
	"github.com/galla-pay/galla/agent/internal/session"
	"github.com/galla-pay/galla/agent/internal/spool"
)

const (
	spoolFile = "spool.db"
	// stopLimit is how long Run waits for its goroutines when ctx has ended; a
	// panel that hangs in a transfer may keep one longer, or a card reader that is
	// in the middle of an approval.
	stopLimit = 900 * time.Millisecond
	// reasonUnreachable is shown while no controller answers an enrolment.
	reasonUnreachable = "CONTROLLER_UNREACHABLE"
)

// terminal is the event loop's own. Nothing here is touched by another goroutine.
type terminal struct {
	cfg     Config
	kind    string    // of the panel
	start   time.Time // the machine's 0
	m       machine.Machine
	spool   *spool.Spool
	link    *session.Session // nil until there are credentials
	painter *painter
	second  *companion         // nil: none
	hidden  func() bool        // nobody looks at the panels
	keys    <-chan Key         // nil: none
	look    <-chan struct{}    // somebody looks now; nil: nobody ever says so
	restart <-chan struct{}    // nil: nobody asks
	tested  chan machine.Event // what came of the parts of a self-test
	desk    *desk
	spawn   func(func(context.Context))

	ending    bool // Restart is to be done
	fits      fit  // of the newest QR
	status    Status
	confirm   bool          // the controller wants to hear from us, news or not
	shown     picture       // what was handed to the painter last
	drawn     subject       // what is on the glass
	redraw    bool          // hand it over even if it is the same
	handed    time.Time     // when the painter began; zero: it is free
	drawLimit time.Duration // when it counts as broken
	overdue   bool          // it was handed something, and has been counted as broken
}

// Run runs the terminal until ctx ends; it returns nil then, or why it could not
// start or go on. See the package comment for what ending ctx means: Run
// returns within a second, and leaves no goroutine behind.
func Run(ctx context.Context, cfg Config, hw Hardware) error {
	cfg, err := cfg.check(hw)
	if err != nil {
		return err
	}
	if hw.Hidden == nil {
		hw.Hidden = func() bool { return false }
	}
	p, err := newPainter(hw.Panel, hw.Kind, hw.Hidden)
	if err != nil {
		return err
	}
	t := &terminal{
		cfg: cfg, kind: hw.Kind.Name, drawLimit: hw.Kind.DrawLimit + drawGrace, start: time.Now(),
		painter: p, hidden: hw.Hidden, keys: hw.Keys, look: hw.Look, restart: cfg.Restart,
		tested: make(chan machine.Event),
	}
	if hw.Companion != nil {
		if t.second, err = newCompanion(hw, cfg.Log); err != nil {
			return err
		}
	}
	opened, err := t.openSpool()
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	defer t.spool.Close()
	store, err := identity.Open(identity.Options{Dir: cfg.DataDir, KeyFile: cfg.KeyFile, Wall: cfg.Wall})
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	credentials, err := store.Load(cfg.Identity)
	switch {
	case errors.Is(err, identity.ErrNotEnrolled) && cfg.Enrol:
	case errors.Is(err, identity.ErrNotEnrolled):
		return fmt.Errorf("agent: %s has no credentials in %q, and may not enrol by itself", cfg.Identity, cfg.DataDir)
	case err != nil:
		return fmt.Errorf("agent: %w", err)
	}

	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer waitFor(&running, cfg)
	defer cancel()
	spawn := func(run func(context.Context)) {
		running.Add(1)
		go func() { defer running.Done(); run(ctx) }()
	}
	t.spawn = spawn
	spawn(p.run)
	if t.second != nil {
		spawn(t.second.painter.run)
	}
	t.desk = newDesk(hw.Card, cfg.Log, spawn)
	t.m = machine.New(t.spool.Memory(), machine.Parts{Keys: hw.Keys != nil, Card: hw.Card != nil, NoQR: !hw.Kind.ShowsQR})
	t.flush()
	if opened != nil { // the disk does not take writes
		t.step(machine.StoreFailed{Reason: opened.Error()})
	}
	return t.loop(ctx, store, credentials, spawn)
}

// openSpool opens the spool. An error with which the terminal can work, in part,
// is opened; another is err.
func (t *terminal) openSpool() (opened, err error) {
	if t.cfg.DataDir == "" {
		t.spool = spool.InMemory()
		return nil, nil
	}
	t.spool, opened = spool.Open(filepath.Join(t.cfg.DataDir, spoolFile))
	if t.spool == nil {
		return nil, opened
	}
	if moved := t.spool.MovedAside(); moved != "" {
		t.cfg.Log.Error("the spool could not be read: what was not reported is lost", "movedTo", moved, "epoch", t.spool.Epoch())
	}
	if opened != nil {
		t.cfg.Log.Error("the spool cannot be written", "err", opened)
	}
	return opened, nil
}

// waitFor bounds the wait for the goroutines of a terminal that was stopped.
func waitFor(running *sync.WaitGroup, cfg Config) {
	done := make(chan struct{})
	go func() { running.Wait(); close(done) }()
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
		cfg.Log.Error("something does not stop: a panel that hangs, or a card reader?")
	}
}

// loop is the event loop.
func (t *terminal) loop(ctx context.Context, store *identity.Store, credentials *identity.Credentials, spawn func(func(context.Context))) error {
	enrolled := make(chan enrolment, 1)
	if credentials != nil {
		enrolled <- enrolment{credentials: credentials}
	} else {
		t.step(machine.Enrolling{})
		t.enrol(store, enrolled, spawn)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	var news <-chan struct{}      // of the link, once there is one
	var second chan machine.Event // of the companion, if there is one
	if t.second != nil {
		second = t.second.painter.answers
	}
	for ctx.Err() == nil { // without power nothing is done any more
		if t.cfg.Alive != nil {
			t.cfg.Alive()
		}
		timer.Reset(t.wake())
		select {
		case <-ctx.Done():
			return nil
		case e := <-enrolled:
			switch {
			case e.refused != "":
				t.step(machine.EnrolRefused{Reason: e.refused})
			case e.err != nil:
				return fmt.Errorf("agent: %w", e.err)
			default:
				if err := t.connect(e.credentials, spawn); err != nil {
					return fmt.Errorf("agent: %w", err)
				}
				news = t.link.News()
			}
		case <-news:
			for _, ev := range t.link.Take() {
				t.heard(ev)
			}
		case ev := <-t.painter.answers:
			t.handed, t.overdue = time.Time{}, false
			if _, ok := ev.(machine.Drawn); ok {
				t.drawn = t.shown.of
			}
			t.step(ev)
		case ev := <-second:
			t.companionDrew(ev)
		case ev := <-t.tested:
			t.step(ev)
		case _, ok := <-t.restart:
			if !ok {
				t.restart = nil // once is enough
			}
			t.step(machine.RestartWanted{})
		case _, ok := <-t.look:
			if !ok {
				t.look = nil
			}
			t.redraw = true
			if t.second != nil {
				t.second.redraw = true
			}
			t.flush()
		case key, ok := <-t.keys:
			if !ok {
				t.keys = nil
				continue
			}
			t.step(t.pressed(key))
		case e := <-t.desk.events:
			t.desk.hear(e)
			if e.ev != nil {
				t.do(e.ev)
			}
			close(e.heard)
			t.flush()
		case <-timer.C:
			t.tick()
		}
		if t.ending {
			return ErrRestart
		}
	}
	return nil
}

// enrolment is what came of asking for credentials, or of one try.
type enrolment struct {
	credentials *identity.Credentials
	refused     string // one try failed
	err         error  // it cannot go on
}

// enrol asks for credentials until there are some.
func (t *terminal) enrol(store *identity.Store, enrolled chan<- enrolment, spawn func(func(context.Context))) {
	cfg := t.cfg
	spawn(func(ctx context.Context) {
		tell := func(e enrolment) {
			select {
			case enrolled <- e:
			case <-ctx.Done():
			}
		}
		e := identity.Enroller{
			Controller: cfg.Controller,
			Identity:   cfg.Identity,
			Store:      store,
			Dial:       cfg.Dial,
			Log:        cfg.Log,
			Failed: func(err error) {
				reason := reasonUnreachable
				if refusal := (*identity.Refusal)(nil); errors.As(err, &refusal) {
					reason = refusal.Code
				}
				tell(enrolment{refused: reason})
			},
		}
		credentials, err := e.Run(ctx)
		tell(enrolment{credentials: credentials, err: err})
	})
}

// connect starts the session: the terminal knows who it is.
func (t *terminal) connect(credentials *identity.Credentials, spawn func(func(context.Context))) error {
	link, err := session.New(session.Config{
		Credentials: credentials,
		Brokers:     t.cfg.Brokers,
		Software:    t.cfg.Software,
		Panel:       t.kind,
		Dial:        t.cfg.Dial,
		Log:         t.cfg.Log,
	})
	if err != nil {
		return err
	}
	t.link = link
	t.step(machine.Ready{})
	spawn(link.Run)
	return nil
}

// heard takes an event of the session.
func (t *terminal) heard(ev session.Event) {
	switch ev := ev.(type) {
	case session.Down:
		t.step(machine.LinkLost{Contested: ev.Contested})
	case session.State:
		t.step(machine.Received{State: ev.State, Answer: ev.Answer, Unfit: t.unfit(ev.State.Sale)})
	}
}
