package crowd

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"sync"
	"time"
)

const usageText = `Connects light terminals to a galla-controller and a PostgreSQL that it starts,
sells at them, kills the controller with its broker under that load and starts it
again, and says how long each took, what a terminal costs, and whether a sale was
lost. Each terminal is a socket of this process and one of the controller's: 10,000
need a limit of more than 10,000 open files in both.

  go run ./hack/load terminals                              10,000 and 1,000 sales a second
  go run ./hack/load terminals -terminals 1000 -rate 100    less

`

// Run is the command; the package comment says what it does. The error is about
// something that could not be measured, or ctx's.
func Run(ctx context.Context, args []string, out io.Writer) error {
	o := Options{}
	asJSON := false
	f := flag.NewFlagSet("terminals", flag.ContinueOnError)
	f.SetOutput(out)
	f.Usage = func() {
		fmt.Fprint(out, usageText)
		f.PrintDefaults()
	}
	f.IntVar(&o.Terminals, "terminals", 10_000, "how many")
	f.Float64Var(&o.Rate, "rate", 1000, "sales a `second`, at each terminal in turn")
	f.DurationVar(&o.For, "for", 15*time.Second, "how long they sell before the controller is killed")
	f.DurationVar(&o.Idle, "idle", 15*time.Second, "how long they do nothing first, for the CPU time of that")
	f.BoolVar(&o.Verify, "verify", false, "have terminals check the signature of every state, which costs this program 0.1 ms each")
	f.StringVar(&o.Controller, "controller", "", "start this `binary` instead of building the controller")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%q is no flag; -h lists them", f.Arg(0))
	}
	if !asJSON {
		o.Progress = out
	}
	report, err := Measure(ctx, o)
	if err != nil {
		return err
	}
	if !asJSON {
		return report.print(out)
	}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(report)
}

// Options say how large the crowd is and what it does.
type Options struct {
	Terminals  int           // 1 to 50,000
	Rate       float64       // sales a second, above 0
	For, Idle  time.Duration // 0 leaves that part out
	Verify     bool
	Controller string    // a binary; "": it is built
	Progress   io.Writer // nil: nothing is said meanwhile
}

const (
	mostTerminals = 50_000 // that have an address, and a name of five digits
	mostRate      = 20_000
	// stormLimit and herdLimit are how long all may take to be in sync. A storm that
	// takes longer is an error, for nothing can be measured then; a herd is reported
	// as far as it came. Its goal is 60 s.
	stormLimit = 3 * time.Minute
	herdLimit  = 90 * time.Second
	// settleLimit is how long is waited for the last sales to arrive, once nobody
	// sells any more: longer than a terminal waits before it says a report again.
	settleLimit = 90 * time.Second
	// besideHerd is how long they sell before the kill and after all are back, at most.
	besideHerd = 3 * time.Second
)

func (o Options) check() error {
	switch {
	case o.Terminals < 1 || o.Terminals > mostTerminals:
		return fmt.Errorf("-terminals: want 1 to %d", mostTerminals)
	case o.Rate <= 0 || o.Rate > mostRate:
		return fmt.Errorf("-rate: want above 0, up to %d a second", mostRate)
	case o.For < 0 || o.Idle < 0 || o.For > time.Hour || o.Idle > time.Hour:
		return errors.New("-for and -idle: want 0 to 1h")
	}
	return nil
}

// Measure runs all parts and stops what it started.
func Measure(ctx context.Context, o Options) (r Report, err error) {
	if err := o.check(); err != nil {
		return r, err
	}
	say := func(form string, args ...any) {
		if o.Progress != nil {
			fmt.Fprintf(o.Progress, form+"\n", args...)
		}
	}
	say("starting PostgreSQL and the controller, and enrolling %d terminals ...", o.Terminals)
	h, err := openHouse(ctx, o.Controller)
	if err != nil {
		return r, err
	}
	defer h.close()
	began := time.Now()
	c := &counts{}
	crowd, err := h.gather(ctx, o.Terminals, o.Verify, c)
	if err != nil {
		return r, err
	}
	m := &measuring{Options: o, house: h, crowd: crowd, counts: c, report: &r, say: say}
	r.Terminals, r.Rate, r.Enrolled = o.Terminals, o.Rate, time.Since(began).Seconds()
	if r.Memory.Nobody, err = h.memory(ctx); err != nil {
		return r, err
	}

	work, stop := context.WithCancel(ctx)
	var living sync.WaitGroup
	defer func() {
		stop()
		living.Wait()
	}()
	m.spent, _ = cpu(h.process.Pid()) // 0 where /proc does not tell
	storm := time.Now()
	for _, t := range crowd {
		living.Go(func() { t.live(work) })
	}
	living.Go(func() { m.beat(work) })
	for _, part := range []func(context.Context) error{
		func(ctx context.Context) error { return m.storm(ctx, storm) }, m.idle, m.sell, m.herd,
	} {
		if err := part(ctx); err != nil {
			return r, err
		}
	}
	r.Repeats, r.Strange, r.Ends = c.repeats.Load(), c.strange.Load(), c.reasons()
	return r, nil
}

// measuring is a run under way.
type measuring struct {
	Options
	house  *house
	crowd  []*terminal
	counts *counts
	report *Report
	say    func(form string, args ...any)
	spent  time.Duration // the controller's CPU time before the storm
}

// beat gives every terminal its turn to do what is due, about once a second.
func (m *measuring) beat(ctx context.Context) {
	const parts = 50
	tick := time.NewTicker(time.Second / parts)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		for i := n % parts; i < len(m.crowd); i += parts {
			m.crowd[i].due(now)
		}
	}
}

// errNotTogether: not all came in time.
var errNotTogether = errors.New("not all came in time")

// together waits until all are in sync, and returns how long after since the last of
// them was subscribed and was in sync.
func (m *measuring) together(ctx context.Context, since time.Time, limit time.Duration) (subscribed, synced time.Duration, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errNotTogether)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for int(m.counts.synced.Load()) < len(m.crowd) {
		select {
		case <-tick.C:
		case <-m.house.process.Over():
			return 0, 0, fmt.Errorf("the controller ended:\n%s", m.house.log)
		case <-ctx.Done():
			return 0, 0, fmt.Errorf("%d of %d terminals are connected and %d in sync after %v: %w; they lost their connections like this: %v",
				m.counts.subscribed.Load(), len(m.crowd), m.counts.synced.Load(), time.Since(since).Round(time.Second), context.Cause(ctx), m.counts.reasons())
		}
	}
	for _, t := range m.crowd {
		at := t.moments()
		subscribed, synced = max(subscribed, at.subscribed.Sub(since)), max(synced, at.synced.Sub(since))
	}
	return subscribed, synced, nil
}

func (m *measuring) storm(ctx context.Context, since time.Time) error {
	subscribed, synced, err := m.together(ctx, since, stormLimit)
	if err != nil {
		return err
	}
	m.report.Storm = Storm{Subscribed: subscribed.Seconds(), Synced: synced.Seconds(), Failures: m.counts.failures.Load() + m.counts.lost.Load()}
	if spent, err := cpu(m.house.process.Pid()); err == nil {
		m.report.Storm.Micros = float64((spent - m.spent).Microseconds()) / float64(len(m.crowd))
	}
	m.say("all were subscribed after %.1f s and in sync after %.1f s", subscribed.Seconds(), synced.Seconds())
	m.report.Memory.Idle, err = m.house.memory(ctx)
	return err
}

// idle measures what terminals cost that only beat.
func (m *measuring) idle(ctx context.Context) error {
	if m.Idle == 0 {
		return nil
	}
	used, err := m.used(ctx, m.Idle)
	m.report.Idle = Idle{m.Idle.Seconds(), used.Seconds() / m.Idle.Seconds()}
	return err
}

// used is the controller's CPU time while a time passes.
func (m *measuring) used(ctx context.Context, passes time.Duration) (time.Duration, error) {
	before, err := cpu(m.house.process.Pid())
	if err != nil {
		return 0, err
	}
	select {
	case <-time.After(passes):
	case <-m.house.process.Over():
		return 0, fmt.Errorf("the controller ended:\n%s", m.house.log)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	after, err := cpu(m.house.process.Pid())
	return after - before, err
}

// selling sells until the function that it returns is called.
func (m *measuring) selling(prefix string) (d *desk, stop func()) {
	d = newDesk("http://"+m.house.api, prefix, salts(), m.crowd)
	open, closed := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.sell(open, m.Rate)
	}()
	return d, func() {
		closed()
		<-done
	}
}

// sell measures sales that nothing disturbs.
func (m *measuring) sell(ctx context.Context) error {
	if m.For == 0 {
		return nil
	}
	m.say("selling at %.0f a second for %v ...", m.Rate, m.For)
	d, stop := m.selling("SALE")
	used, err := m.used(ctx, m.For)
	stop()
	if err != nil {
		return err
	}
	if m.report.Sales, err = m.checked(ctx, d); err == nil && m.report.Sales.Asked > 0 {
		m.report.Sales.Micros = float64(used.Microseconds()) / float64(m.report.Sales.Asked)
	}
	return err
}

// herd kills the controller under load, starts it again and waits until all are back.
func (m *measuring) herd(ctx context.Context) error {
	m.say("killing the controller, with its broker, while they sell ...")
	d, stop := m.selling("HERD")
	defer stop()
	beside := besideHerd
	if m.For > 0 {
		beside = min(beside, m.For)
	}
	if _, err := m.used(ctx, beside); err != nil {
		return err
	}
	killed := time.Now()
	if err := m.house.process.Kill(); err != nil {
		return err
	}
	if err := m.house.start(ctx); err != nil {
		return err
	}
	ready := time.Since(killed)
	subscribed, synced, err := m.together(ctx, killed, herdLimit)
	away := 0
	if errors.Is(err, errNotTogether) {
		away = len(m.crowd) - int(m.counts.synced.Load())
		subscribed, synced = time.Since(killed), time.Since(killed)
		m.say("%v", err)
	} else if err != nil {
		return err
	}
	m.say("the controller was ready again after %.1f s; after %.1f s %d were not in sync", ready.Seconds(), synced.Seconds(), away)
	m.report.Herd = Herd{Ready: ready.Seconds(), Subscribed: subscribed.Seconds(), Synced: synced.Seconds(), Away: away}
	if _, err := m.used(ctx, beside); err != nil {
		return err
	}
	stop()
	if m.report.Herd.Sales, err = m.checked(ctx, d); err != nil {
		return err
	}
	m.report.Memory.Again, err = m.house.memory(ctx)
	return err
}

// checked waits for the last sales of a desk to arrive and says what became of all.
func (m *measuring) checked(ctx context.Context, d *desk) (Sales, error) {
	limit, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !d.settled() {
		select {
		case <-tick.C:
			continue
		case <-limit.Done():
		}
		break
	}
	if ctx.Err() != nil {
		return Sales{}, ctx.Err()
	}
	return d.tally(ctx)
}
