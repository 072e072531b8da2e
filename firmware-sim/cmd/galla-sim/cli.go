package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/alecthomas/kong"
)

// Exit codes (terminal-ux: CLI verbs).
const (
	exitOK            = 0
	exitFailed        = 1
	exitUsage         = 2
	exitUnreachable   = 5
	exitNotSuccessful = 6
	exitTimeout       = 7
)

// exitError is an error that ends the program with a code of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// usage is a mistake in what was asked for.
func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// cli is everything that can be typed.
type cli struct {
	Version kong.VersionFlag `help:"Print the version and exit."`

	Terminal terminalCommand `cmd:"" help:"Run one simulated terminal: the real agent on an emulated panel, in a browser."`
	Phone    struct {
		Pay payCommand `cmd:"" help:"Scan the QR on a terminal's panel and pay it."`
	} `cmd:"" help:"Be the customer."`
	Card        cardCommand     `cmd:"" help:"Be a card reader beside a terminal: over TCP or a serial line."`
	Npci        npciCommand     `cmd:"" help:"Be the UPI network and the customers' banks: collect requests, refunds, questions."`
	Demo        demoCommand     `cmd:"" help:"Run controller, two terminals, a till, a phone and a callback catcher on this machine."`
	Fleet       fleetCommand    `cmd:"" help:"Run many terminals at once: real agents, with power cuts, network cuts and sales."`
	Scenario    scenarioCommand `cmd:"" help:"Play scripted mishaps: what people do, what breaks, what has to be seen."`
	VersionVerb versionCommand  `cmd:"" name:"version" help:"Print the version."`
}

const about = `Galla without hardware, bank or shop.

Examples:
  galla-sim demo                        everything on this machine; Ctrl-C stops it
  galla-sim demo --script               the same without a person; exit status 0 if all went well
  galla-sim terminal --terminal testterminal1
  galla-sim scenario --list             mishaps that are written down, and played
  galla-sim fleet --terminals 100       many terminals at once
  galla-sim phone pay --panel http://127.0.0.1:8090/panel.png --upi http://127.0.0.1:8080`

// console is where a command talks: data on out, talk on err.
type console struct {
	out, err io.Writer
}

// Run is the program: it returns the exit code when ctx ended or the command is
// done.
func Run(ctx context.Context, args []string, out, errOut io.Writer) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("galla-sim"),
		kong.Description(about),
		kong.UsageOnError(),
		kong.Writers(out, errOut),
		kong.Vars{"version": "galla-sim " + version},
		// --help and --version want to end the program where they are; what is
		// parsed after them no longer counts.
		kong.Exit(func(code int) {
			if exited < 0 {
				exited = code
			}
		}),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		fmt.Fprintln(errOut, "galla-sim:", err)
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintf(errOut, "galla-sim: %v\nSee: galla-sim --help\n", err)
		return exitUsage
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run(console{out, errOut})
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(errOut, "galla-sim %s: %v\n", parsed.Command(), err)
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.code
	}
	return exitFailed
}

// versionCommand is the verb for --version.
type versionCommand struct{}

func (versionCommand) Run(talk console) error {
	_, err := fmt.Fprintln(talk.out, "galla-sim", version)
	return err
}
