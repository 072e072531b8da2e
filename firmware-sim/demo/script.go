package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/galla-pay/galla/firmware-sim/phone"
	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
)

// Bounds of the script.
const (
	// scriptWithin bounds all of it, once the programs are built.
	scriptWithin = 90 * time.Second
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

// TimedOut reports whether the script's 90 seconds were over.
func (e *NotSeen) TimedOut() bool { return errors.Is(e.Err, errTooLate) }

// act is one sale of the script, and how it has to end.
type act struct {
	name    string
	counter *counter
	sale    Sale
	status  string           // SUCCESS, FAILED, EXPIRED
	outcome protocol.Outcome // what the terminal has to show
}

// script plays the four sales and checks them.
type script struct {
	*stage
	step string // what is being waited for, for NotSeen
	acts []act
}

// play returns nil only when every step was seen.
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
	p := &script{stage: s}
	for _, scene := range []func(context.Context) error{
		p.terminalsReady, p.paid, p.declined, p.expired, p.powerLost, p.checkAll,
	} {
		if err := scene(ctx); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return &NotSeen{Step: p.step, Err: err}
		}
	}
	return nil
}

func (p *script) now(format string, args ...any) { p.step = fmt.Sprintf(format, args...) }

func (p *script) terminalsReady(ctx context.Context) error {
	for _, c := range p.counters {
		p.now("terminal %d joins the controller and is ready", c.number)
		if err := c.seen.Await(ctx, 0, ready); err != nil {
			return err
		}
	}
	return nil
}

// begin makes the sale and waits until its QR is on glass.
func (p *script) begin(ctx context.Context, a act) error {
	p.now("%s: the sale is taken", a.name)
	mark := a.counter.seen.Count()
	if err := p.sell(ctx, a.sale); err != nil {
		return err
	}
	p.now("%s: terminal %d presents the QR", a.name, a.counter.number)
	return a.counter.seen.Await(ctx, mark, presents(a.sale))
}

// finish pays, or is declined, and waits for status and terminal.
func (p *script) finish(ctx context.Context, a act, decline bool) error {
	p.now("%s: the phone's payment ends as %s", a.name, a.status)
	status, err := p.settle(ctx, a.counter, a.sale, decline)
	if err != nil {
		return err
	}
	return p.ended(ctx, a, status)
}

func (p *script) ended(ctx context.Context, a act, status Status) error {
	if status.Status != a.status {
		return fmt.Errorf("the status is %s%s", status.Status, because(status))
	}
	p.now("%s: terminal %d shows %s", a.name, a.counter.number, a.outcome)
	if err := a.counter.seen.Await(ctx, 0, shows(a.sale, a.outcome)); err != nil {
		return err
	}
	p.acts = append(p.acts, a)
	return nil
}

func (p *script) paid(ctx context.Context) error {
	c := p.counters[0]
	a := act{"paid", c, newSale(c, 24_500, expiresLate), "SUCCESS", protocol.OutcomeSucceeded}
	if err := p.begin(ctx, a); err != nil {
		return err
	}
	return p.finish(ctx, a, false)
}

func (p *script) declined(ctx context.Context) error {
	c := p.counters[1]
	a := act{"declined", c, newSale(c, 1_23_456, expiresLate), "FAILED", protocol.OutcomeFailed}
	if err := p.begin(ctx, a); err != nil {
		return err
	}
	return p.finish(ctx, a, true)
}

// expired is the sale that nobody pays. When the controller was killed, its few
// seconds may be over before it is on glass; its end is checked all the same,
// and another one is made.
func (p *script) expired(ctx context.Context) error {
	c := p.counters[0]
	for try := 1; ; try++ {
		// It has a few seconds only; they are not to be spent under the last
		// sale's PAID.
		p.now("expired: terminal %d is ready again", c.number)
		if err := c.seen.Await(ctx, c.seen.Count()-1, ready); err != nil {
			return err
		}
		a := act{"expired", c, newSale(c, 9_900, expiresSoon), "EXPIRED", protocol.OutcomeExpired}
		before, _ := p.controller.Restarts()
		p.now("expired: the sale is taken")
		if err := p.sell(ctx, a.sale); err != nil {
			return err
		}
		p.now("expired: the status becomes EXPIRED")
		status, err := p.follow(ctx, a.sale)
		if err != nil {
			return err
		}
		after, _ := p.controller.Restarts()
		if !c.seen.Has(presents(a.sale)) && after > before && try < expiryTries && status.Status == a.status {
			p.timeline.Add(whoDemo, a.sale.TransactionID, "was over before it was on glass, because the controller was down; once more")
			a.outcome = "" // nothing was shown, so nothing has to be
			p.acts = append(p.acts, a)
			continue
		}
		p.now("expired: terminal %d presents the QR", c.number)
		if !c.seen.Has(presents(a.sale)) {
			return errors.New("it was over before it was on glass")
		}
		return p.ended(ctx, a, status)
	}
}

// powerLost is the sale whose terminal loses its power with the QR on glass.
func (p *script) powerLost(ctx context.Context) error {
	c := p.counters[1]
	a := act{"power lost", c, newSale(c, 7_950, expiresLate), "SUCCESS", protocol.OutcomeSucceeded}
	if err := p.begin(ctx, a); err != nil {
		return err
	}
	p.now("power lost: the QR can be read from the glass")
	before, err := p.awaitQR(ctx, c)
	if err != nil {
		return err
	}
	p.now("power lost: the terminal goes dark")
	if err := c.PowerOff(); err != nil {
		return err
	}
	if err := dark(c.Terminal); err != nil {
		return err
	}
	p.now("power lost: the terminal presents the same QR again within %v", presentsAgainWithin)
	mark := c.seen.Count()
	on := time.Now()
	if err := c.PowerOn(); err != nil {
		return err
	}
	if err := c.seen.Await(ctx, mark, presents(a.sale)); err != nil {
		return err
	}
	since := on
	if _, readyAt := p.controller.Restarts(); readyAt.After(on) {
		since = readyAt
	}
	if took := time.Since(since); took > presentsAgainWithin {
		return fmt.Errorf("it took %v", took.Round(time.Millisecond))
	}
	after, err := p.awaitQR(ctx, c)
	if err != nil {
		return err
	}
	if after != before {
		return fmt.Errorf("the QR is another one: %q, it was %q", after, before)
	}
	p.timeline.Add(whoDemo, a.sale.TransactionID, "same QR again %d ms after power on", time.Since(on).Milliseconds())
	return p.finish(ctx, a, false)
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
