package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/galla-pay/galla/firmware-sim/fleet"
	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
)

type fleetCommand struct {
	Terminals      int           `default:"100" placeholder:"N" help:"How many (${default}); without --admin-token-file no more than the sandbox has."`
	Controller     string        `default:"http://127.0.0.1:8080" placeholder:"URL" help:"The sandbox controller where they enrol (${default})."`
	Merchant       string        `default:"MERCHANTUAT" placeholder:"ID" help:"Whose terminals they are (${default})."`
	AdminTokenFile string        `placeholder:"FILE" help:"An administrator's token, as galla-controller token create prints it: the fleet makes its store FLEET and as many terminals as it takes."`
	SaltKey        string        `default:"sandbox-merchant-key" placeholder:"KEY" help:"The merchant's salt key, for sales; the default is the sandbox's."`
	SaltKeyFile    string        `placeholder:"FILE" help:"Read the salt key from this file instead."`
	SaltIndex      int           `default:"1" placeholder:"N" help:"Its index (${default})."`
	Churn          string        `default:"0/min" placeholder:"N/min" help:"Power cuts in all of the fleet, a minute or, as N/s, a second (${default})."`
	Flap           string        `default:"0/min" placeholder:"N/min" help:"Network cuts, likewise (${default})."`
	Sales          string        `default:"0/s" placeholder:"N/s" help:"Sales, each paid by a customer who reads the glass, a second or, as N/min, a minute (${default})."`
	For            time.Duration `default:"60s" placeholder:"TIME" help:"How long that goes on once all are connected (${default}); 0s: until Ctrl-C."`
	Processes      int           `placeholder:"N" help:"Share them out over so many processes. Without it as few as it takes for their sockets."`
	Panel          string        `default:"st7789" placeholder:"KIND" help:"Panel of each (${default})."`
	Seed           uint64        `placeholder:"N" help:"Of what is left to chance; it is printed. Without it another each time."`
	Listen         string        `default:"127.0.0.1:0" placeholder:"HOST:PORT" help:"Where the fleet can be looked at (any free port)."`
	JSON           bool          `name:"json" help:"Print the report as one JSON object."`
	Verbose        bool          `short:"v" help:"Log what the agents do, on standard error."`

	Part bool `hidden:"" help:"Be a part of a fleet, told what to do on standard input."`
}

// Help is printed below the flags.
func (fleetCommand) Help() string {
	return `Real agents, each with its memory for a disk. A glass is drawn only while somebody looks at it, or a
sale is on it. Every ten seconds a line on standard error says how it goes; Ctrl-C ends it with the
report. At the end all have 60 s to be connected, and every PAID that was on a screen is compared
with what the controller says.

Served at --listen:
  GET  /terminals                   what each is doing
  GET  /terminals/{n}/panel.png     one glass, drawn now
  GET  /tally                       the counts so far

Exit status: 0 all were connected, what was paid succeeded and no PAID was false; 2 usage, 4 the
token is refused, 5 controller unreachable, 6 not so.

Examples:
  galla-sim fleet --terminals 3 --sales 1/s
  galla-controller token create fleet --role admin --json | jq -r .token > fleet.token
  galla-sim fleet --terminals 2000 --admin-token-file fleet.token --churn 60/min --flap 600/min --sales 5/s --for 2m
  galla-sim fleet --terminals 5000 --admin-token-file fleet.token --processes 4 --json > report.json`
}

var rateForm = regexp.MustCompile(`^(\d{1,7}(?:\.\d{1,3})?)/(s|min)$`)

// rate reads N/min or N/s as so many in that unit.
func rate(flag, text, unit string) (float64, error) {
	found := rateForm.FindStringSubmatch(text)
	if found == nil {
		return 0, usage("%s %q: it must be a number with /s or /min, like 10/min", flag, text)
	}
	n, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		return 0, usage("%s %q: %v", flag, text, err)
	}
	switch {
	case found[2] == unit:
		return n, nil
	case unit == "min":
		return n * 60, nil
	}
	return n / 60, nil
}

// config checks the flags; every mistake names its flag.
func (c *fleetCommand) config(talk console) (cfg fleet.Config, err error) {
	cfg = fleet.Config{
		Controller: strings.TrimRight(c.Controller, "/"), Merchant: c.Merchant, SaltKey: c.SaltKey, SaltIndex: c.SaltIndex,
		Terminals: c.Terminals, Processes: c.Processes, For: c.For, Seed: c.Seed, Panel: c.Panel,
		Software: "galla-sim " + version, Progress: talk.err, Errors: talk.err, Log: c.logger(talk),
	}
	switch {
	case c.Terminals < 1 || c.Terminals > fleet.MaxTerminals:
		return cfg, usage("--terminals %d: 1 to %d", c.Terminals, fleet.MaxTerminals)
	case c.Processes < 0 || c.Processes > 256:
		return cfg, usage("--processes %d: 1 to 256", c.Processes)
	case c.For < 0 || c.For > 7*24*time.Hour:
		return cfg, usage("--for %v: up to 168h", c.For)
	case c.SaltIndex < 1 || c.SaltIndex > 99:
		return cfg, usage("--salt-index %d: 1 to 99", c.SaltIndex)
	case !protocol.ValidID(c.Merchant, protocol.MaxIDLength):
		return cfg, usage("--merchant %q: 1 to %d letters, digits, _ and -", c.Merchant, protocol.MaxIDLength)
	case !slices.Contains(terminal.PanelKinds(), c.Panel):
		return cfg, usage("--panel %q: known are %s", c.Panel, strings.Join(terminal.PanelKinds(), ", "))
	}
	if err := checkURL("--controller", c.Controller, "http", "https"); err != nil {
		return cfg, err
	}
	if cfg.Churn, err = rate("--churn", c.Churn, "min"); err != nil {
		return cfg, err
	}
	if cfg.Flap, err = rate("--flap", c.Flap, "min"); err != nil {
		return cfg, err
	}
	if cfg.Sales, err = rate("--sales", c.Sales, "s"); err != nil {
		return cfg, err
	}
	if c.SaltKeyFile != "" {
		if cfg.SaltKey, err = secret("--salt-key-file", c.SaltKeyFile); err != nil {
			return cfg, err
		}
	}
	if c.AdminTokenFile != "" {
		if cfg.AdminToken, err = secret("--admin-token-file", c.AdminTokenFile); err != nil {
			return cfg, err
		}
		if strings.ContainsAny(cfg.AdminToken, " \t\r\n") {
			return cfg, usage("--admin-token-file %s: it holds no token", c.AdminTokenFile)
		}
	}
	if cfg.Seed == 0 {
		cfg.Seed = rand.Uint64()
	}
	self, err := os.Executable()
	if err != nil {
		return cfg, err
	}
	cfg.Child = []string{self, "fleet", "--part"}
	if c.Verbose {
		cfg.Child = append(cfg.Child, "-v")
	}
	return cfg, nil
}

// secret reads a secret from a file, without the line's end.
func secret(flag, file string) (string, error) {
	text, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return "", usage("%s: %v", flag, err)
	}
	if value := strings.TrimSpace(string(text)); value != "" {
		return value, nil
	}
	return "", usage("%s %s: the file is empty", flag, file)
}

func (c *fleetCommand) logger(talk console) *slog.Logger {
	level := slog.LevelError
	if c.Verbose {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(talk.err, &slog.HandlerOptions{Level: level}))
}

// Run runs the fleet until its time is over or ctx ends.
func (c *fleetCommand) Run(ctx context.Context, talk console) error {
	if c.Part {
		return fleet.Child(ctx, os.Stdin, talk.out, c.logger(talk))
	}
	cfg, err := c.config(talk)
	if err != nil {
		return err
	}
	if cfg.Listen, err = listenAt(c.Listen); err != nil {
		return err
	}
	defer func(l net.Listener) { _ = l.Close() }(cfg.Listen)
	fmt.Fprintf(talk.err, "fleet: seed %d; look at http://%s/terminals\n", cfg.Seed, cfg.Listen.Addr())
	report, err := fleet.Run(ctx, cfg)
	switch {
	case errors.Is(err, fleet.ErrUnreachable):
		return &exitError{exitUnreachable, fmt.Errorf("--controller %s: %w", c.Controller, err)}
	case errors.Is(err, fleet.ErrAdmin) && strings.Contains(err.Error(), "HTTP 40"):
		return &exitError{exitRefused, fmt.Errorf("--admin-token-file: %w", err)}
	case errors.Is(err, fleet.ErrSalt):
		return &exitError{exitRefused, err}
	case errors.Is(err, fleet.ErrAdmin):
		return &exitError{exitUsage, err}
	case report.Terminals == 0 && err != nil:
		return err
	}
	if printErr := c.print(talk.out, report); printErr != nil {
		return printErr
	}
	switch {
	case err != nil:
		return err
	case !report.Good():
		return &exitError{exitNotSuccessful, errors.New("the fleet did not end as it must")}
	}
	return nil
}

// exitRefused is the exit code of credentials that are refused (terminal-ux: CLI
// verbs).
const exitRefused = 4

func (c *fleetCommand) print(out io.Writer, report fleet.Report) error {
	if !c.JSON {
		report.Fprint(out)
		return nil
	}
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", text)
	return err
}
