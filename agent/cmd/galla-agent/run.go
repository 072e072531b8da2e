package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/internal/watchdog"
	"github.com/galla-pay/galla/agent/signals"
)

// runFlags are those of galla-agent run.
type runFlags struct {
	Config    string `help:"Configuration file; galla-agent --help shows one." required:"" placeholder:"FILE" type:"path"`
	LogFormat string `help:"Form of the log on standard error: ${enum}." enum:"text,json" default:"text"`
	Verbose   bool   `help:"Log more." short:"v"`
}

// terminal is the verb run: the terminal, until ctx ends or a restart is due.
func (c command) terminal(ctx context.Context, f runFlags) int {
	cfg, err := readConfig(f.Config)
	if err != nil {
		return c.fail(exitUsage, err)
	}
	log := c.logger(f.LogFormat, f.Verbose)
	dog, err := watchdog.New(c.environ, os.Getpid(), log)
	if err != nil {
		return c.fail(exitUsage, err)
	}
	defer dog.Close()
	opened, err := cfg.open(c.host, log)
	if err != nil {
		return c.fail(exitError, err)
	}
	conductor := signals.NewConductor(opened.signals)
	a := cfg.agent()
	a.Log, a.Alive = log, dog.Alive
	if c.hangups != nil {
		a.Restart = c.hangups(ctx)
	}
	a.Status = func(s agent.Status) {
		conductor.Status(s)
		dog.Status(standing(s))
	}
	log.Info("starting", "version", version, "terminal", a.Identity, "panel", opened.Panel)
	err = agent.Run(ctx, a, opened.Hardware)
	dog.Stopping()
	conductor.Close()
	closing := opened.close()
	switch {
	case errors.Is(err, agent.ErrRestart):
		log.Info("ending for an update") // whoever started this starts the new one
		return exitGood
	case err == nil:
		err = closing
	}
	if err != nil {
		return c.fail(exitError, err)
	}
	return exitGood
}

// standing is what systemctl status says of the terminal. It names no payment.
func standing(s agent.Status) string {
	line := string(s.Mode)
	if s.Reason != "" {
		line += ", " + s.Reason
	}
	if !s.Link {
		line += ", no link"
	}
	if s.UpdateWaits {
		line += ", restarts when idle"
	}
	return line
}

// parts are what a terminal is made of, opened.
type parts struct {
	agent.Hardware
	signals signals.Parts
	closing []func() error // in the order of opening
}

// close closes everything, the last first.
func (p *parts) close() error {
	var errs []error
	for i := len(p.closing) - 1; i >= 0; i-- {
		errs = append(errs, p.closing[i]())
	}
	p.closing = nil
	return errors.Join(errs...)
}

// open opens all that the configuration names. Without panel or keys, as they are
// named, there is no terminal; what else cannot be opened is logged, and stops no
// payment.
func (c *config) open(h host, log *slog.Logger) (_ *parts, err error) {
	p := &parts{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if err := h.Init(); err != nil {
		return nil, err
	}
	glass, err := c.Panel.open(h, "panel")
	if err != nil {
		return nil, err
	}
	p.Panel, p.Kind = glass, glass.kind
	p.closing = append(p.closing, glass.close)
	if c.hasKeys() {
		keys, err := c.openKeys(h, nil, log)
		if err != nil {
			return nil, err
		}
		p.Keys = keys.Pressed()
		p.closing = append(p.closing, keys.Close)
	}
	if err := c.openCard(p, log); err != nil {
		return nil, err
	}
	for _, optional := range []struct {
		name string
		open func(*parts, host, *slog.Logger) error
	}{{"companion", c.openCompanion}, {"lamp", c.openLamp}, {"buzzer", c.openBuzzer}, {"sound", c.openSound}} {
		if err := optional.open(p, h, log); err != nil {
			log.Warn("the terminal works without it", "part", optional.name, "err", err)
		}
	}
	return p, nil
}

func (c *config) openCompanion(p *parts, h host, _ *slog.Logger) error {
	if c.Companion == nil {
		return nil
	}
	glass, err := c.Companion.open(h, "companion")
	if err != nil {
		return err
	}
	p.Companion, p.CompanionKind = glass, glass.kind
	p.closing = append(p.closing, glass.close)
	return nil
}

func (c *config) openLamp(p *parts, h host, log *slog.Logger) error {
	if c.Lamp == nil {
		return nil
	}
	lamp, err := c.Lamp.open(h, log)
	if err != nil {
		return err
	}
	p.signals.Light, p.signals.DarkIdle = lamp.Play, c.Lamp.DarkIdle
	p.closing = append(p.closing, lamp.Close)
	return nil
}

func (c *config) openBuzzer(p *parts, h host, log *slog.Logger) error {
	p.signals.Volume = c.Sound.volumes()
	if c.Buzzer == nil {
		return nil
	}
	buzzer, err := c.Buzzer.open(h, log)
	if err != nil {
		return err
	}
	p.signals.Tone = buzzer.Play
	p.closing = append(p.closing, buzzer.Close)
	return nil
}

// volumes are how loud the terminal is; also where the configuration has no table
// sound.
func (c *soundConfig) volumes() signals.Volume {
	v := signals.DefaultVolume()
	if c == nil {
		return v
	}
	if c.Volume != nil {
		v.Day = *c.Volume
		v.Quiet = min(v.Quiet, v.Day)
	}
	if c.QuietVolume != nil {
		v.Quiet = *c.QuietVolume
	}
	v.Hours = c.QuietHours
	return v
}
