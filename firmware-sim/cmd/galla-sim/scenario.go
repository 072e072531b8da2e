package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/galla-pay/galla/firmware-sim/demo"
	"github.com/galla-pay/galla/firmware-sim/scenario"
)

type scenarioCommand struct {
	Files         []string `arg:"" optional:"" name:"file" help:"Files, or names of those that --list shows."`
	List          bool     `help:"List the scenarios that are in this program."`
	All           bool     `help:"Play all of those."`
	Print         bool     `help:"Print the files instead of playing them."`
	Controller    string   `placeholder:"URL" help:"Play against a sandbox controller that is there. Without it each scenario has its own."`
	ControllerBin string   `placeholder:"PATH" help:"The controller's program. Without it: galla-controller beside galla-sim, else in PATH."`
	JSON          bool     `name:"json" help:"Print one JSON object a step."`
	Verbose       bool     `short:"v" help:"Log what the terminals do, on standard error."`
}

// Help is printed below the flags.
func (scenarioCommand) Help() string {
	var b strings.Builder
	b.WriteString(`A line is a step, # begins a comment. Terminals are T1 (240x320), T2 (320x480) and T3 (240x320);
payments P1, P2 ... as they are asked for. The steps:

`)
	for _, v := range scenario.Grammar() {
		fmt.Fprintf(&b, "  %s\n      %s\n", v.Form, v.Does)
	}
	b.WriteString(`
Checked at every end: no terminal showed PAID for what did not succeed, nobody paid twice, callbacks
and status say the same.

Exit status: 0 all went as it has to, 2 usage or a mistake in a file, 3 there is no such scenario,
5 controller unreachable, 6 a step went otherwise, 7 a step was waited for in vain.

Examples:
  galla-sim scenario --list
  galla-sim scenario s05-power-cut
  galla-sim scenario --print s05-power-cut > mine.scenario && galla-sim scenario mine.scenario
  galla-sim scenario --all --json`)
	return b.String()
}

// exitNotFound is the exit code of a name that there is not (terminal-ux: CLI
// verbs).
const exitNotFound = 3

// chosen is a scenario that was asked for, with its text.
type chosen struct {
	*scenario.Scenario
	text string
}

// choose reads what was asked for; a file goes before a name.
func (c *scenarioCommand) choose() ([]chosen, error) {
	names := c.Files
	if c.All {
		all, err := scenario.Library()
		if err != nil {
			return nil, err
		}
		for _, s := range all {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 {
		return nil, usage("no scenario is named; galla-sim scenario --list shows those that there are")
	}
	var all []chosen
	for _, name := range names {
		text, err := os.ReadFile(filepath.Clean(name))
		if err == nil {
			s, err := scenario.Parse(name, strings.NewReader(string(text)))
			if err != nil {
				return nil, &exitError{exitUsage, err}
			}
			all = append(all, chosen{s, string(text)})
			continue
		}
		s, known, ok := scenario.Find(name)
		if !ok {
			return nil, &exitError{exitNotFound, fmt.Errorf("%q is neither a file (%w) nor one of galla-sim scenario --list", name, err)}
		}
		all = append(all, chosen{s, known})
	}
	return all, nil
}

// Run plays what was asked for, one after another, until one fails.
func (c *scenarioCommand) Run(ctx context.Context, talk console) error {
	if c.List {
		return c.list(talk.out)
	}
	if c.Controller != "" {
		if err := checkURL("--controller", c.Controller, "http", "https"); err != nil {
			return err
		}
	}
	all, err := c.choose()
	if err != nil {
		return err
	}
	for _, s := range all {
		if c.Print {
			fmt.Fprint(talk.out, s.text)
			continue
		}
		if err := c.play(ctx, talk, s.Scenario); err != nil {
			return err
		}
	}
	return nil
}

func (c *scenarioCommand) list(out io.Writer) error {
	all, err := scenario.Library()
	if err != nil {
		return err
	}
	for _, s := range all {
		if c.JSON {
			line, err := json.Marshal(map[string]string{"name": s.Name, "about": s.About})
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "%s\n", line)
			continue
		}
		fmt.Fprintf(out, "%s\n    %s\n", s.Name, s.About)
	}
	return nil
}

// play plays one and prints its steps.
func (c *scenarioCommand) play(ctx context.Context, talk console, s *scenario.Scenario) error {
	cfg := scenario.Config{Controller: c.Controller, ControllerBin: c.ControllerBin, Software: "galla-sim " + version}
	if c.Verbose {
		cfg.Log = slog.New(slog.NewTextHandler(talk.err, nil))
	}
	if !c.JSON {
		fmt.Fprintf(talk.out, "%s\n    %s\n", s.Name, s.About)
	}
	cfg.Told = func(p scenario.Played) {
		if c.JSON {
			if line, err := json.Marshal(p); err == nil {
				fmt.Fprintf(talk.out, "%s\n", line)
			}
			return
		}
		sign := "ok"
		if !p.OK {
			sign = "--"
		}
		fmt.Fprintf(talk.out, "  %s %7.2f s  %s\n", sign, (time.Duration(p.Ms) * time.Millisecond).Seconds(), p.Step)
	}
	err := s.Play(ctx, cfg)
	var failed *scenario.Failed
	var mistake *scenario.Error
	switch {
	case err == nil:
		return c.passed(talk.out, s)
	case errors.Is(err, demo.ErrNoController), errors.As(err, &mistake):
		return &exitError{exitUsage, err}
	case errors.Is(err, scenario.ErrUnreachable):
		return &exitError{exitUnreachable, fmt.Errorf("--controller: %w", err)}
	case errors.As(err, &failed) && failed.TimedOut():
		return &exitError{exitTimeout, err}
	case errors.As(err, &failed):
		return &exitError{exitNotSuccessful, err}
	}
	return err
}

// passed says that a scenario went as it has to.
func (c *scenarioCommand) passed(out io.Writer, s *scenario.Scenario) error {
	if !c.JSON {
		_, err := fmt.Fprintf(out, "  passed: %d steps, and all agree\n\n", len(s.Steps))
		return err
	}
	line, err := json.Marshal(struct {
		Scenario string `json:"scenario"`
		Passed   bool   `json:"passed"`
		Steps    int    `json:"steps"`
	}{s.Name, true, len(s.Steps)})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", line)
	return err
}
