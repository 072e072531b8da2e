package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/alecthomas/kong"
)

// The exit codes.
const (
	exitGood  = 0
	exitError = 1 // it ran into something
	exitUsage = 2 // it was called or configured wrongly
)

// flags is the command line.
type flags struct {
	Run      runFlags      `cmd:"" help:"Run the terminal until SIGTERM. It says no good-bye: its broker tells the controller, as after a power cut."`
	Doctor   doctorFlags   `cmd:"" help:"Look at everything that this terminal is made of, and say what to do where it is not well. Exit code 0: all is; 1: it is not."`
	Selftest selftestFlags `cmd:"" help:"Try panel, keys, lamp, buzzer and voice, with a person who looks and listens. Exit code 1: a part failed."`
	Screen   screenFlags   `cmd:"" help:"Draw what the terminal shows in a state, as PNG. It needs no hardware."`
	Enroll   enrollFlags   `cmd:"" help:"Make this device the terminal that a code was made for: its key is made here and never leaves."`
	Version  struct{}      `cmd:"" help:"Print the version."`
}

const description = `The program of a payment terminal: it shows each payment's QR and how the payment ended.

Example configuration:

` + exampleConfig

// command is one call of the program.
type command struct {
	stdout, stderr io.Writer
	host           host
	// colour: standard output is a terminal of somebody who wants colours.
	colour bool
	// hangups tells of each SIGHUP until ctx ends: the terminal is to end for an
	// update, once it is idle; other verbs end at once. nil: nobody does.
	hangups func(ctx context.Context) <-chan struct{}
	// environ is os.Getenv: systemd tells there where it listens.
	environ func(string) string
}

// run parses args, does what they say and returns the exit code.
func (c command) run(ctx context.Context, args []string) int {
	var f flags
	asked := false // for help
	parser, err := kong.New(&f,
		kong.Name("galla-agent"),
		kong.Description(description),
		kong.Writers(c.stdout, c.stderr),
		kong.Vars{"config": configPath},
		kong.Exit(func(int) { asked = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		return c.fail(exitError, err)
	}
	parsed, err := parser.Parse(args)
	switch {
	case asked:
		return exitGood
	case err != nil:
		return c.fail(exitUsage, fmt.Errorf("%w (try --help)", err))
	case parsed.Command() == "version":
		fmt.Fprintln(c.stdout, "galla-agent", version)
		return exitGood
	case parsed.Command() == "enroll":
		return c.enroll(ctx, f.Enroll)
	case parsed.Command() == "doctor":
		return c.doctor(ctx, f.Doctor)
	case parsed.Command() == "selftest":
		return c.selftest(ctx, f.Selftest)
	case strings.HasPrefix(parsed.Command(), "screen"):
		return c.screen(f.Screen)
	}
	return c.terminal(ctx, f.Run)
}

func (c command) logger(format string, verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(c.stderr, options))
	}
	return slog.New(slog.NewTextHandler(c.stderr, options))
}

// untilHangup ends ctx also when whoever started this is gone, by a connection
// that was cut: what holds the panel must leave it dark. stop frees what it takes.
func (c command) untilHangup(ctx context.Context) (until context.Context, stop func()) {
	until, stop = context.WithCancel(ctx)
	if c.hangups == nil {
		return until, stop
	}
	gone := c.hangups(until)
	go func() {
		select {
		case <-gone:
			stop()
		case <-until.Done():
		}
	}()
	return until, stop
}

// fail writes one line, whatever err is made of.
func (c command) fail(code int, err error) int {
	fmt.Fprintln(c.stderr, "galla-agent:", oneLine(err))
	return code
}
