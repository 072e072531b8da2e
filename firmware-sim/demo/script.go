package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/galla-pay/galla/firmware-sim/phone"
	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
)

// Bounds of the script.
const (
	// scriptWithin bounds all of it, once the programs are built.
	scriptWithin = 110 * time.Second
	// presentsAgainWithin is from power on to the same QR (DESIGN 3.3), or from
	// the controller's being there, should it have been killed meanwhile.
	presentsAgainWithin = 10 * time.Second
	// expiresSoon and expiresLate are seconds: of the sale that nobody pays, and
	// of the others.
	expiresSoon = 5
	expiresLate = 120
	// expiryTries bounds how often the sale that nobody pays is made anew when a
	// killed controller kept it from the glass.
	expiryTries = 3
)

// errTooLate ends the script's context.
var errTooLate = fmt.Errorf("not within %v", scriptWithin)

// NotSeen says which step of the script was not seen.
type NotSeen struct {
	Step string
	Err  error
}

func (e *NotSeen) Error() string { return "not seen: " + e.Step + ": " + e.Err.Error() }
func (e *NotSeen) Unwrap() error { return e.Err }

// TimedOut reports whether the script's time was over.
func (e *NotSeen) TimedOut() bool { return errors.Is(e.Err, errTooLate) }

// act is one sale of the script, and how it has to end.
type act struct {
	name    string
	sale    Sale
	status  string           // SUCCESS, FAILED, EXPIRED
	outcome protocol.Outcome // what the terminal has to show; "": nothing has to be seen
	card    bool             // it was paid by card, so that the UPI network has nothing of it
	took    time.Duration    // from the sale to the terminal's showing the end
}

// script plays every scene on one terminal and checks them.
type script struct {
	*stage
	c    *counter
	step string // what is being waited for, for NotSeen
	acts []act
}

// play plays the script on all terminals at once and prints what passed. It
// returns nil only when every step was seen on every one.
func (s *stage) play(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, scriptWithin, errTooLate)
	defer cancel()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	s.started.Go(func() {
		select {
		case <-s.controller.gone:
			giveUp(s.controller.Ready(ctx))
		case <-ctx.Done():
		}
	})
	scripts := make([]*script, len(s.counters))
	for i, c := range s.counters {
		scripts[i] = &script{stage: s, c: c}
		if err := scripts[i].run(ctx, scripts[i].terminalReady); err != nil {
			return err
		}
	}
	failed := make([]error, len(scripts))
	var playing sync.WaitGroup
	for i, p := range scripts {
		playing.Go(func() {
			if failed[i] = p.playAll(ctx); failed[i] != nil {
				giveUp(failed[i])
			}
		})
	}
	playing.Wait()
	// The first that failed took the others with it.
	if first := (*NotSeen)(nil); errors.As(context.Cause(ctx), &first) {
		return first
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	s.passed(scripts)
	return nil
}

// playAll plays the scenes one after another, then checks them all.
func (p *script) playAll(ctx context.Context) error {
	for _, scene := range p.scenes() {
		if err := p.run(ctx, scene); err != nil {
			return err
		}
	}
	return p.run(ctx, p.checkAll)
}

// run plays one scene; its error is *NotSeen.
func (p *script) run(ctx context.Context, scene func(context.Context) error) error {
	err := scene(ctx)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return &NotSeen{Step: p.step, Err: err}
}

// passed prints the scenes and what became of them on each panel.
func (s *stage) passed(scripts []*script) {
	table := tabwriter.NewWriter(s.cfg.Out, 0, 0, 3, ' ', 0)
	fmt.Fprint(table, "\n  Passed")
	for _, p := range scripts {
		size := p.c.Device("").Width
		fmt.Fprintf(table, "\t%s %dx%d", p.c.panel, size, p.c.Device("").Height)
	}
	fmt.Fprintln(table)
	for _, name := range scripts[0].names() {
		fmt.Fprint(table, "  "+name)
		for _, p := range scripts {
			fmt.Fprint(table, "\t"+p.cell(name))
		}
		fmt.Fprintln(table)
	}
	_ = table.Flush()
	fmt.Fprintln(s.cfg.Out)
}

// names are the scenes' names in the order in which they were played, each once.
func (p *script) names() (names []string) {
	for i, a := range p.acts {
		if i == 0 || p.acts[i-1].name != a.name {
			names = append(names, a.name)
		}
	}
	return names
}

// cell says how the last sale of that scene ended.
func (p *script) cell(name string) string {
	cell := "-"
	for _, a := range p.acts {
		if a.name == name {
			cell = fmt.Sprintf("%s in %.1f s", a.status, a.took.Seconds())
		}
	}
	return cell
}

func (p *script) now(format string, args ...any) { p.step = fmt.Sprintf(format, args...) }

func (p *script) terminalReady(ctx context.Context) error {
	p.now("terminal %d joins the controller and is ready", p.c.number)
	return p.c.seen.Await(ctx, 0, ready)
}

// begin makes the sale and waits until it is seen as it has to begin.
func (p *script) begin(ctx context.Context, a act, what string, like func(terminal.View) bool) error {
	p.now("%s: the sale is taken", a.name)
	mark := p.c.seen.Count()
	if err := p.sell(ctx, a.sale); err != nil {
		return err
	}
	p.now("%s: terminal %d %s", a.name, p.c.number, what)
	return p.c.seen.Await(ctx, mark, like)
}

// finish pays, or is declined, and waits for status and terminal.
func (p *script) finish(ctx context.Context, a act, decline bool) error {
	p.now("%s: the phone's payment ends as %s", a.name, a.status)
	status, err := p.settle(ctx, p.c, a.sale, decline)
	if err != nil {
		return err
	}
	return p.ended(ctx, a, status)
}

// concluded waits for the end of a payment that needs nobody any more.
func (p *script) concluded(ctx context.Context, a act) error {
	p.now("%s: the status becomes %s", a.name, a.status)
	status, err := p.follow(ctx, a.sale)
	if err != nil {
		return err
	}
	return p.ended(ctx, a, status)
}

func (p *script) ended(ctx context.Context, a act, status Status) error {
	if status.Status != a.status {
		return fmt.Errorf("the status is %s%s", status.Status, because(status))
	}
	p.now("%s: terminal %d shows %s", a.name, p.c.number, a.outcome)
	if err := p.c.seen.Await(ctx, 0, shows(a.sale, a.outcome)); err != nil {
		return err
	}
	a.took = time.Since(p.timeline.Began(a.sale.TransactionID))
	p.acts = append(p.acts, a)
	return nil
}

// awaitQR reads the QR from the glass, as soon as it can be read.
func (p *script) awaitQR(ctx context.Context, c *counter) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	for {
		changed := c.Terminal.Changed()
		picture, _, err := c.PNG()
		if err != nil {
			return "", err
		}
		link, err := phone.ReadPicture(picture)
		if err == nil {
			return link, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", err
		}
	}
}

// dark checks a terminal without power: mode off and a black panel.
func dark(t *terminal.Terminal) error {
	if mode := t.State().Mode; mode != protocol.ModeOff {
		return fmt.Errorf("its mode is %s", mode)
	}
	picture, _, err := t.PNG()
	if err != nil {
		return err
	}
	return allBlack(picture)
}
