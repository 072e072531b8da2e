package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/galla-pay/galla/firmware-sim/demo"
)

type demoCommand struct {
	Script        bool   `xor:"who" help:"Play every scene on both panels without a person, check them, print what passed, and end."`
	Magic         bool   `xor:"who" help:"Sales end by themselves, as the paise of their amounts say. Off unless it is given."`
	ControllerBin string `placeholder:"PATH" help:"The controller's program. Without it: galla-controller beside galla-sim, else in PATH."`
	Data          string `placeholder:"DIR" help:"Keep database, logs and the terminals' disks here. Without it a fresh directory that is removed at the end."`
	Listen        string `default:"127.0.0.1:8070" placeholder:"HOST:PORT" help:"Where the demo's page is served (${default})."`
	Verbose       bool   `short:"v" help:"Log what the terminals do, on standard error."`
}

// Help is printed below the flags.
func (demoCommand) Help() string {
	return `Nothing leaves this machine. Ports in use are replaced by free ones; the addresses are printed.
Terminal 1 is a Dynamic-QR display of 240x320, terminal 2 an EDC terminal of 320x480.

--script plays on both: a sale that is paid, declined, expired, cancelled; one whose terminal loses
its network, or its power, while the QR is on glass; one that the cashier accepts, one that is
rejected, one paid by card, and an OPEN order that is pulled by its number. Exit status 0 if every
step was seen within 110 s; else 6, or 7 when time ran out, and the step that was not seen is named.

--magic, by the paise of a sale's amount: .00 is paid after 3 s, .01 declined, .02 expires unpaid,
.03 terminal offline, .04 rejected by the cashier (EDC), .05 callback 30 s late, .06 paid after
expiry, .07 callback sent twice, .08 terminal without power while it is paid, .09 cancelled too
late, .10 callback answered 500 once, .11 another sale has to wait. Others are left alone.

Examples:
  galla-sim demo
  galla-sim demo --magic
  galla-sim demo --script
  galla-sim demo --controller-bin ./bin/galla-controller --data ./demo-data`
}

// Run runs the demo until ctx ends or the script is through.
func (c *demoCommand) Run(ctx context.Context, talk console) error {
	cfg := demo.Config{
		ControllerBin: c.ControllerBin,
		DataDir:       c.Data,
		Script:        c.Script,
		Magic:         c.Magic,
		Version:       version,
		Out:           talk.out,
		Page:          c.Listen,
	}
	if c.Verbose {
		cfg.Log = slog.New(slog.NewTextHandler(talk.err, nil))
	}
	err := demo.Run(ctx, cfg)
	var notSeen *demo.NotSeen
	switch {
	case errors.Is(err, demo.ErrNoController):
		return &exitError{exitUsage, err}
	case errors.As(err, &notSeen) && notSeen.TimedOut():
		return &exitError{exitTimeout, err}
	case errors.As(err, &notSeen):
		return &exitError{exitNotSuccessful, err}
	}
	return err
}
