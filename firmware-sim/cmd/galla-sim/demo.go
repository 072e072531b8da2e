package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/galla-pay/galla/firmware-sim/demo"
)

type demoCommand struct {
	Script        bool   `help:"Play four sales without a person, check them, and end."`
	ControllerBin string `placeholder:"PATH" help:"The controller's program. Without it: galla-controller beside galla-sim, else in PATH."`
	Data          string `placeholder:"DIR" help:"Keep database, logs and the terminals' disks here. Without it a fresh directory that is removed at the end."`
	Listen        string `default:"127.0.0.1:8070" placeholder:"HOST:PORT" help:"Where the demo's page is served (${default})."`
	Verbose       bool   `short:"v" help:"Log what the terminals do, on standard error."`
}

// Help is printed below the flags.
func (demoCommand) Help() string {
	return `Nothing leaves this machine. Ports in use are replaced by free ones; the addresses are printed.

--script plays a sale that is paid, one that is declined, one that expires, and one whose terminal
loses its power while the QR is on glass, comes back and is paid. Exit status 0 if every step was
seen within 90 s; else 6, or 7 when time ran out, and the step that was not seen is named.

Examples:
  galla-sim demo
  galla-sim demo --script
  galla-sim demo --controller-bin ./bin/galla-controller --data ./demo-data`
}

// Run runs the demo until ctx ends or the script is through.
func (c *demoCommand) Run(ctx context.Context, talk console) error {
	cfg := demo.Config{
		ControllerBin: c.ControllerBin,
		DataDir:       c.Data,
		Script:        c.Script,
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
