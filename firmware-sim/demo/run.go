package demo

import (
	"context"
	"errors"
	"fmt"

	"github.com/galla-pay/galla/firmware-sim/magic"
)

// Run runs the demo until ctx ends, or until the script is through. It returns
// nil when ctx ended a demo that works or the script saw everything; else
// ErrNoController, *NotSeen with the script's missing step, or why the
// controller cannot be kept running. Everything that it started is gone when it
// returns, the controller too.
func Run(ctx context.Context, cfg Config) (err error) {
	s, err := open(cfg)
	if err != nil {
		return err
	}
	// The stage outlives ctx by a moment: terminals lose their power before the
	// controller is asked to stop.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		err = errors.Join(err, s.powerDown())
		stop()
		err = errors.Join(err, s.close())
	}()
	s.banner()
	if err := s.start(ctx, running); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if cfg.Script {
		return s.play(ctx)
	}
	if err := s.invite(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-s.controller.gone:
		return s.controller.Ready(running)
	}
}

// banner says where everything is.
func (s *stage) banner() {
	out := s.cfg.Out
	fmt.Fprintf(out, "galla-sim demo %s: a sandbox, nothing leaves this machine. Ctrl-C stops it.\n\n", s.cfg.Version)
	fmt.Fprintf(out, "  Page         %s\n", s.pageURL)
	for _, c := range s.counters {
		fmt.Fprintf(out, "  Terminal %d   %s   %s on %s\n", c.number, c.url, c.Identity().TerminalID, c.panel)
	}
	fmt.Fprintf(out, "  API          %s\n", s.till.url)
	fmt.Fprintf(out, "  MQTT         mqtt://%s\n", s.mqtt)
	fmt.Fprintf(out, "  UPI network  http://%s/ledger  (collect requests to accept@upi, decline@upi ...)\n", s.bank.Addr())
	fmt.Fprintf(out, "  Key          merchant %s   salt key %s   index %d\n", sandboxMerchant, sandboxKey, sandboxIndex)
	fmt.Fprintf(out, "  Data         %s\n\n", s.dir)
	if s.cfg.Magic {
		fmt.Fprintln(out, "  Sales end by themselves (--magic). What a sale of these paise does:")
		for _, b := range magic.Table() {
			fmt.Fprintf(out, "    .%02d  %s; it ends %s\n", int(b.Tail), b.Does, b.Ends)
		}
		fmt.Fprintln(out)
	}
}

// invite prints a sale to paste, signed and valid as it stands.
func (s *stage) invite() error {
	c := s.counters[0]
	curl, err := s.till.Curl(newSale(c, 24_500, pageExpiresIn))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.cfg.Out, "\nTry it from another terminal (already signed, good for one sale):\n\n  %s\n\n", curl)
	return err
}
