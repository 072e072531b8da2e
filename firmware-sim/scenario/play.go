package scenario

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/protocol"
)

// Config says on what a scenario is played.
type Config struct {
	// Controller is the base URL of a sandbox that is there; "" starts one.
	Controller string
	// ControllerBin is its program then; "" looks where demo.FindController does.
	ControllerBin string
	Software      string       // the version that terminals tell
	Log           *slog.Logger // nil: nothing is logged
	// Told is told every step when it is through; nil: nobody.
	Told func(Played)
}

// Played is a step that was played.
type Played struct {
	Scenario string `json:"scenario"`
	Line     int    `json:"line"`
	Step     string `json:"step"`
	OK       bool   `json:"ok"`
	Ms       int64  `json:"ms"`
	Error    string `json:"error,omitempty"`
}

// Failed says which step did not go as it has to.
type Failed struct {
	File string
	Line int // 0: what is checked at the end
	Text string
	Err  error
	late bool
}

// Error implements error.
func (f *Failed) Error() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: in the end: %v", f.File, f.Err)
	}
	return fmt.Sprintf("%s:%d: %s: %v", f.File, f.Line, f.Text, f.Err)
}

// Unwrap returns why.
func (f *Failed) Unwrap() error { return f.Err }

// TimedOut reports whether it was waited for, and the time was over.
func (f *Failed) TimedOut() bool { return f.late }

// joinWithin is how long the terminals have to be ready at the beginning.
const joinWithin = time.Minute

// Play plays the scenario. It returns nil when every step went as it has to and
// all agreed in the end; *Failed when not; *Error when the file wants what the
// configuration does not give; or why it could not begin. Nothing that it started
// is left.
func (s *Scenario) Play(ctx context.Context, cfg Config) (err error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Told == nil {
		cfg.Told = func(Played) {}
	}
	for _, step := range s.Steps {
		if step.ours && cfg.Controller != "" {
			return &Error{s.Name, step.Line, step.Text, "this takes a controller of the scenario's own; leave --controller away"}
		}
	}
	w, err := open(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.begin(ctx, s, cfg); err != nil {
		return err
	}
	for _, step := range s.Steps {
		began := time.Now()
		failed := w.play(ctx, step)
		told := Played{Scenario: s.Name, Line: step.Line, Step: step.Text, OK: failed == nil, Ms: time.Since(began).Milliseconds()}
		if failed != nil {
			failed.File, told.Error = s.Name, failed.Err.Error()
		}
		cfg.Told(told)
		if failed != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return failed
		}
	}
	if err := w.agree(ctx); err != nil {
		return &Failed{File: s.Name, Err: err}
	}
	return nil
}

// begin starts the controller, if it is ours, and the terminals that the file
// names, and waits until they are ready.
func (w *world) begin(ctx context.Context, s *Scenario, cfg Config) error {
	ctx, cancel := context.WithTimeout(ctx, joinWithin)
	defer cancel()
	if w.controller != nil {
		if err := w.controller.start(ctx); err != nil {
			return err
		}
	} else if err := w.reach(ctx); err != nil {
		return err
	}
	for _, step := range s.Steps {
		for _, name := range step.do.terminals() {
			if w.counters[name] != nil {
				continue
			}
			if err := w.addTerminal(name, cfg.Software); err != nil {
				return err
			}
			if err := w.counters[name].PowerOn(); err != nil {
				return err
			}
		}
	}
	ready := appearance{word: "idle"}
	for name, c := range w.counters {
		if err := (await{name, ready}).do(ctx, w); err != nil {
			return fmt.Errorf("%s does not get ready: %w", name, err)
		}
		c.mark = c.seen.Count()
	}
	return nil
}

// ErrUnreachable says that there is no controller at the address.
var ErrUnreachable = errors.New("the controller does not answer")

// reach asks whether the controller is there.
func (w *world) reach(ctx context.Context) error {
	probe := &controller{url: w.url, probe: w.client}
	if !probe.ready(ctx) {
		return fmt.Errorf("%w at %s", ErrUnreachable, w.url)
	}
	return nil
}

// play takes one step.
func (w *world) play(ctx context.Context, step Step) *Failed {
	limit := w.patience
	switch do := step.do.(type) { // these take the time that they say
	case wait:
		limit += do.long
	case keeps:
		limit += do.long
	case cable:
		limit += do.long
	case plug:
		limit += do.long
	case process:
		limit += readyWithin
	}
	if !step.watches {
		for _, c := range w.counters {
			c.mark = c.seen.Count()
		}
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := step.do.do(bounded, w); err != nil {
		return &Failed{Line: step.Line, Text: step.Text, Err: err, late: errors.Is(bounded.Err(), context.DeadlineExceeded)}
	}
	return nil
}

// agree checks what must hold in every scenario: see the package comment. A
// controller that is down by then cannot be asked, and is started.
func (w *world) agree(ctx context.Context) error {
	if w.controller != nil {
		if w.controller.cmd == nil {
			if err := w.controller.start(ctx); err != nil {
				return err
			}
		} else if err := w.controller.hold(false); err != nil {
			return err
		}
	}
	statuses := map[string]string{} // by transaction id
	for _, p := range w.payments {
		status, err := w.till.Status(ctx, p.id)
		if err != nil {
			return fmt.Errorf("the status of %s: %w", p.name, err)
		}
		statuses[p.id] = status.Status
		if err := w.once(p, status.Status); err != nil {
			return err
		}
		told, _ := w.catcher.Got(p.id)
		for _, c := range told {
			if c.Status.Status != status.Status || c.EventID != told[0].EventID {
				return fmt.Errorf("the status of %s is %s; a callback says %s, event %s, another was %s",
					p.name, status.Status, c.Status.Status, c.EventID, told[0].EventID)
			}
		}
	}
	for name, c := range w.counters {
		views, _ := c.seen.After(0)
		for _, v := range views {
			if v.Mode == protocol.ModeResult && v.Result == protocol.OutcomeSucceeded && statuses[v.MerchantTransactionID] != "SUCCESS" {
				return fmt.Errorf("%s showed %s as paid, which is %q", name, w.about(v.MerchantTransactionID), statuses[v.MerchantTransactionID])
			}
		}
	}
	if n := w.catcher.Refused(); n > 0 {
		return fmt.Errorf("%d callbacks were not signed with the merchant's key", n)
	}
	return nil
}

// once checks that a payment was accepted of its customers once at most, and not
// at all when it did not succeed.
func (w *world) once(p *payment, status string) error {
	accepted := 0
	ledger := w.wallet.Network.Ledger()
	for _, entry := range ledger.Entries {
		if slices.Contains(p.tries, entry.TxnID) && entry.State == npci.Paid {
			accepted++
		}
	}
	switch {
	case accepted > 1:
		return fmt.Errorf("the customers of %s paid %d times", p.name, accepted)
	case accepted == 1 && status != "SUCCESS":
		return fmt.Errorf("a customer paid %s, which is %s", p.name, status)
	case len(ledger.Contradictions) > 0:
		return fmt.Errorf("the controller contradicted itself: %v", ledger.Contradictions)
	}
	return nil
}
