package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/galla-pay/galla/agent"
)

// The exit codes.
const (
	exitGood  = 0
	exitError = 1 // it ran into something
	exitUsage = 2 // it was called or configured wrongly
)

// flags is the command line.
type flags struct {
	Run struct {
		Config    string `help:"Configuration file; galla-agent --help shows one." required:"" placeholder:"FILE" type:"path"`
		LogFormat string `help:"Form of the log on standard error: ${enum}." enum:"text,json" default:"text"`
		Verbose   bool   `help:"Log more." short:"v"`
	} `cmd:"" help:"Run the terminal until SIGTERM. It says no good-bye: its broker tells the controller, as after a power cut."`
	Enroll  enrollFlags `cmd:"" help:"Make this device the terminal that a code was made for: its key is made here and never leaves."`
	Version struct{}    `cmd:"" help:"Print the version."`
}

const description = `The program of a payment terminal: it shows each payment's QR and how the payment ended.

Example configuration:

` + exampleConfig

// command is one call of the program.
type command struct {
	stdout, stderr io.Writer
	// open opens the hardware; closing is what it returns beside it.
	open func(config) (agent.Hardware, func() error, error)
}

// run parses args, does what they say and returns the exit code.
func (c command) run(ctx context.Context, args []string) int {
	var f flags
	asked := false // for help
	parser, err := kong.New(&f,
		kong.Name("galla-agent"),
		kong.Description(description),
		kong.Writers(c.stdout, c.stderr),
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
	}
	cfg, err := readConfig(f.Run.Config)
	if err != nil {
		return c.fail(exitUsage, err)
	}
	hw, done, err := c.open(cfg)
	if err != nil {
		return c.fail(exitError, err)
	}
	a := cfg.agent()
	a.Log = c.logger(f.Run.LogFormat, f.Run.Verbose)
	a.Log.Info("starting", "version", version, "terminal", a.Identity, "panel", hw.Panel)
	err = agent.Run(ctx, a, hw)
	if closeErr := done(); err == nil {
		err = closeErr
	}
	if err != nil {
		return c.fail(exitError, err)
	}
	return exitGood
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

// fail writes one line, whatever err is made of.
func (c command) fail(code int, err error) int {
	fmt.Fprintln(c.stderr, "galla-agent:", strings.ReplaceAll(err.Error(), "\n", "; "))
	return code
}
