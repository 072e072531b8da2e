package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/board"
	"github.com/galla-pay/galla/agent/internal/doctor"
	"github.com/galla-pay/galla/agent/signals"
)

// selftestFlags are those of galla-agent selftest.
type selftestFlags struct {
	Config string `default:"${config}" placeholder:"FILE" type:"path" help:"Configuration file (${default})."`
	JSON   bool   `name:"json" help:"Print one object: terminal, version, code, and parts with name, outcome and detail."`
}

// tested is what --json prints.
type tested struct {
	Terminal string        `json:"terminal"`
	Version  string        `json:"version"`
	Code     string        `json:"code"`
	Parts    []doctor.Part `json:"parts"`
}

// errRuns: a running agent has the panel.
var errRuns = errors.New("galla-agent runs and has the panel: sudo systemctl stop galla-agent, then this again, then sudo systemctl start galla-agent")

// selftest is the verb.
func (c command) selftest(ctx context.Context, f selftestFlags) int {
	cfg, err := readConfig(f.Config)
	if err != nil {
		return c.fail(exitUsage, err)
	}
	ctx, stop := c.untilHangup(ctx)
	defer stop()
	release, inUse, err := doctor.InUse(cfg.DataDir)
	switch {
	case err != nil:
		return c.fail(exitError, err)
	case inUse:
		return c.fail(exitError, errRuns)
	}
	defer release()
	t, closing, err := cfg.openTest(c.host)
	if err != nil {
		return c.fail(exitError, err)
	}
	found, err := t.Run(ctx, func(p doctor.Part) {
		if !f.JSON {
			c.tell(p)
		}
	})
	err = errors.Join(err, closing())
	switch {
	case ctx.Err() != nil:
		return c.fail(exitError, errors.New("stopped; the panel is dark"))
	case err != nil:
		return c.fail(exitError, err)
	}
	all := tested{Terminal: cfg.agent().Identity.String(), Version: version, Code: doctor.Code(found), Parts: found}
	if f.JSON {
		out := json.NewEncoder(c.stdout)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		_ = out.Encode(all)
	} else {
		fmt.Fprintln(c.stdout, all.Code)
	}
	if slices.ContainsFunc(found, func(p doctor.Part) bool { return p.Outcome == doctor.Failed }) {
		return exitError
	}
	return exitGood
}

// tell prints a part for people.
func (c command) tell(p doctor.Part) {
	state := map[doctor.Outcome]doctor.State{doctor.Passed: doctor.Good, doctor.Failed: doctor.Bad}[p.Outcome]
	fmt.Fprintf(c.stdout, "%s %-7s %-7s %s\n", c.mark(state), p.Name, p.Outcome, p.Detail)
}

// openTest opens what the self-test looks at. Only the panel must be there.
func (c *config) openTest(h host) (doctor.SelfTest, func() error, error) {
	none := func(err error) (doctor.SelfTest, func() error, error) { return doctor.SelfTest{}, nil, err }
	if err := h.Init(); err != nil {
		return none(err)
	}
	p := &parts{}
	glass, err := c.Panel.open(h, "panel")
	if err != nil {
		return none(err)
	}
	p.closing = append(p.closing, glass.close)
	t := doctor.SelfTest{
		Panel: glass, Kind: glass.kind, Terminal: c.agent().Identity.String(),
		Language: signals.LanguageOf(c.Language), Volume: c.Sound.volumes().Day,
	}
	quiet := slog.New(slog.DiscardHandler)
	if c.hasKeys() {
		keys, err := c.openKeys(h, map[agent.Key]agent.Key{}, quiet) // a press is told at once
		if err != nil {
			return none(errors.Join(err, p.close()))
		}
		p.closing = append(p.closing, keys.Close)
		t.Keys, t.Pressed = c.keyNames(), keys.Pressed()
	}
	if c.Lamp != nil {
		lamp, err := c.Lamp.open(h, quiet)
		if err != nil {
			return none(errors.Join(err, p.close()))
		}
		p.closing = append(p.closing, lamp.Close)
		t.Lamp = lamp.Play
	}
	if c.Buzzer != nil {
		buzzer, err := c.Buzzer.open(h, quiet)
		if err != nil {
			return none(errors.Join(err, p.close()))
		}
		p.closing = append(p.closing, buzzer.Close)
		t.Buzzer = buzzer.Play
	}
	if c.Sound != nil {
		player := c.Sound.player(true, quiet)
		p.closing = append(p.closing, func() error { player.Close(); return nil })
		t.Speak, t.Mute = player.Play, player.Fault
	}
	return t, p.close, nil
}

// keyNames are the keys that the terminal has, in the order of agent.AllKeys.
func (c *config) keyNames() []agent.Key {
	var names []agent.Key
	for _, key := range agent.AllKeys() {
		if _, has := c.Keys.Pins[string(key)]; has || c.Keypad != nil && onKeypad(string(key)) {
			names = append(names, key)
		}
	}
	return names
}

// onKeypad reports whether the keypad has that key.
func onKeypad(name string) bool {
	return slices.ContainsFunc(board.MatrixKeys(), func(row []agent.Key) bool { return slices.Contains(row, agent.Key(name)) })
}
