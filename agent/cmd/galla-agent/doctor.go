package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/galla-pay/galla/agent/board"
	"github.com/galla-pay/galla/agent/internal/clock"
	"github.com/galla-pay/galla/agent/internal/doctor"
	"github.com/galla-pay/galla/agent/internal/identity"
	"github.com/galla-pay/galla/agent/panel"
)

// configPath is where the unit of deploy/systemd has the configuration.
const configPath = "/etc/galla/agent.toml"

// doctorFlags are those of galla-agent doctor.
type doctorFlags struct {
	Config string `default:"${config}" placeholder:"FILE" type:"path" help:"Configuration file (${default})."`
	JSON   bool   `name:"json" help:"Print one object: terminal, version, problems, and checks with name, ok, state, detail, advice and ms."`
}

// diagnosis is what --json prints.
type diagnosis struct {
	Terminal string         `json:"terminal"`
	Version  string         `json:"version"`
	Problems int            `json:"problems"`
	Checks   []doctor.Check `json:"checks"`
}

// doctor is the verb.
func (c command) doctor(ctx context.Context, f doctorFlags) int {
	cfg, err := readConfig(f.Config)
	if err != nil {
		return c.fail(exitUsage, err)
	}
	ctx, stop := c.untilHangup(ctx)
	defer stop()
	release, inUse, err := doctor.InUse(cfg.DataDir)
	if err == nil && !inUse {
		defer release()
	}
	e := examination{cfg: cfg, host: c.host, initErr: c.host.Init(), now: time.Now}
	switch {
	case inUse:
		e.busy = "galla-agent runs on " + cfg.DataDir + " and has it"
	case err != nil:
		e.busy = "nobody can tell whether galla-agent runs: " + err.Error()
	}
	all := diagnosis{Terminal: cfg.agent().Identity.String(), Version: version, Checks: []doctor.Check{}}
	all.Problems, err = doctor.Examine(ctx, e.tests(), func(found doctor.Check) {
		all.Checks = append(all.Checks, found)
		if !f.JSON {
			c.print(found)
		}
	})
	if err != nil {
		return c.fail(exitError, errors.New("stopped"))
	}
	if f.JSON {
		out := json.NewEncoder(c.stdout)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		_ = out.Encode(all)
	} else {
		fmt.Fprintln(c.stdout, problems(all.Problems))
	}
	if all.Problems > 0 {
		return exitError
	}
	return exitGood
}

// The marks of a check, and their colours where there are any (terminal-ux: CLI
// verbs).
const (
	markGood, markBad, markNone     = "✓", "✗", "-"
	colourGood, colourBad, uncolour = "\x1b[32m", "\x1b[31m", "\x1b[0m"
)

// mark is that of a state.
func (c command) mark(s doctor.State) string {
	mark, colour := markNone, ""
	switch s {
	case doctor.Good:
		mark, colour = markGood, colourGood
	case doctor.Bad:
		mark, colour = markBad, colourBad
	}
	if c.colour && colour != "" {
		return colour + mark + uncolour
	}
	return mark
}

// print writes a check for people: a line, and below it what to do.
func (c command) print(found doctor.Check) {
	fmt.Fprintf(c.stdout, "%s %-12s %s\n", c.mark(found.State), found.Name, found.Detail)
	if found.Advice != "" {
		fmt.Fprintf(c.stdout, "  %-12s %s\n", "", found.Advice)
	}
}

func problems(n int) string {
	switch n {
	case 0:
		return "no problems."
	case 1:
		return "1 problem."
	}
	return fmt.Sprintf("%d problems.", n)
}

// examination is one look at a terminal.
type examination struct {
	cfg     config
	host    host
	initErr error  // of the host
	busy    string // why the running agent's hardware and link are left alone; "": they are not
	now     func() time.Time

	credentials *identity.Credentials // once they are loaded; else nil
}

// tests are the checks in the order in which things depend on each other.
func (e *examination) tests() []doctor.Test {
	c := &e.cfg
	var all []doctor.Test
	add := func(name string, run func(context.Context) doctor.Finding) {
		all = append(all, doctor.Test{Name: name, Run: run})
	}
	add("panel", e.hardware(e.glass("panel", c.Panel)))
	if kind, err := panel.Lookup(c.Panel.Kind); err == nil {
		add("qr", doctor.QR(kind))
	}
	if c.Companion != nil {
		add("companion", e.hardware(e.glass("companion", *c.Companion)))
	}
	add("fonts", doctor.Fonts)
	add("keys", fitted(c.hasKeys(), "[keys]", e.hardware(doctor.Keys(len(c.keyNames()), func() (*board.Keys, error) {
		return c.openKeys(e.host, nil, slog.New(slog.DiscardHandler))
	}))))
	add("lamp", fitted(c.Lamp != nil, "[lamp]", e.hardware(doctor.Lamp(func() (*board.Lamp, error) {
		return c.Lamp.open(e.host, slog.New(slog.DiscardHandler))
	}))))
	add("buzzer", fitted(c.Buzzer != nil, "[buzzer]", e.hardware(doctor.Buzzer(func() (*board.Buzzer, error) {
		return c.Buzzer.open(e.host, slog.New(slog.DiscardHandler))
	}))))
	add("sound", fitted(c.Sound != nil, "[sound]", doctor.Sound(c.Sound.program())))
	add("card", fitted(c.Card != nil, "[card]", e.hardware(c.card)))
	add("clock", e.clock)
	add("disk", doctor.Disk(c.DataDir))
	add("identity", doctor.Identity(e.enrolled(), func(found *identity.Credentials) { e.credentials = found }))
	add("credentials", e.known(func(ctx context.Context) doctor.Finding { return doctor.Credentials(e.credentials)(ctx) }))
	add("certificate", e.known(func(ctx context.Context) doctor.Finding {
		return doctor.Certificate(e.credentials, e.brokers(), e.network())(ctx)
	}))
	all = append(all, e.broker())
	return all
}

// glass opens a panel for its check.
func (e *examination) glass(table string, p panelConfig) func(context.Context) doctor.Finding {
	kind, err := panel.Lookup(p.Kind)
	if err != nil {
		return func(context.Context) doctor.Finding { return doctor.CannotOpen(err, "correct "+table+".kind") }
	}
	return doctor.Panel(doctor.Glass{Kind: kind, Open: func() (panel.Panel, func() error, error) {
		k, err := p.open(e.host, table)
		if err != nil {
			return nil, nil, err
		}
		return k, k.close, nil
	}})
}

// hardware is a check of what a running agent holds, and what needs the host.
func (e *examination) hardware(run func(context.Context) doctor.Finding) func(context.Context) doctor.Finding {
	switch {
	case e.busy != "":
		return leftAlone(e.busy)
	case e.initErr != nil:
		return func(context.Context) doctor.Finding {
			return doctor.CannotOpen(e.initErr, "run this on the terminal, as root: sudo galla-agent doctor")
		}
	}
	return run
}

// leftAlone is a check that is not made because of a running agent.
func leftAlone(why string) func(context.Context) doctor.Finding {
	return func(context.Context) doctor.Finding {
		return doctor.LeftAlone("not touched: "+why, "sudo systemctl stop galla-agent, then this again, then sudo systemctl start galla-agent")
	}
}

// known is a check that needs the credentials.
func (e *examination) known(run func(context.Context) doctor.Finding) func(context.Context) doctor.Finding {
	return func(ctx context.Context) doctor.Finding {
		if e.credentials == nil {
			return doctor.LeftAlone("not looked at: the terminal has no credentials", "see identity")
		}
		return run(ctx)
	}
}

// fitted is a check of a part that need not be there; key is where it would be.
func fitted(is bool, key string, run func(context.Context) doctor.Finding) func(context.Context) doctor.Finding {
	if is {
		return run
	}
	return func(context.Context) doctor.Finding { return doctor.NotFitted(key) }
}

func (e *examination) network() doctor.Network {
	return doctor.Network{Dial: (&net.Dialer{}).DialContext, Now: e.now}
}

// brokers are those that the agent would use.
func (e *examination) brokers() []string {
	if len(e.cfg.Brokers) > 0 {
		return e.cfg.Brokers
	}
	return e.credentials.Brokers
}

func (e *examination) clock(ctx context.Context) doctor.Finding {
	c := doctor.Clock{Network: e.network(), Built: clock.Built(), Controller: e.cfg.Controller}
	if found, err := e.load(); err == nil {
		c.TLS = found.TLS() // it was told whom to believe
	}
	return c.Run(ctx)
}

// load loads the credentials as the agent does, but makes no folder for them.
func (e *examination) load() (*identity.Credentials, error) {
	if _, err := os.Stat(e.cfg.DataDir); errors.Is(err, fs.ErrNotExist) {
		return nil, identity.ErrNotEnrolled
	}
	store, err := identity.OpenStore(e.cfg.DataDir)
	if err != nil {
		return nil, err
	}
	return store.Load(e.cfg.agent().Identity)
}

func (e *examination) enrolled() doctor.Enrolled {
	en := doctor.Enrolled{Want: e.cfg.agent().Identity, Load: e.load}
	if e.cfg.SandboxEnrol {
		en.ByItself = e.cfg.Controller
	}
	return en
}

// broker is the check of the round trip.
func (e *examination) broker() doctor.Test {
	if e.busy != "" {
		return doctor.Test{Name: "broker", Run: leftAlone(e.busy)}
	}
	t := doctor.Broker(func() doctor.Round {
		return doctor.Round{
			Network: e.network(), Credentials: e.credentials, Brokers: e.brokers(),
			DataDir: e.cfg.DataDir, Software: version, Panel: e.cfg.Panel.Kind,
		}
	})
	t.Run = e.known(t.Run)
	return t
}

// program is what plays sound; also where the configuration has no table sound.
func (c *soundConfig) program() string {
	if c == nil || c.Program == "" {
		return "aplay"
	}
	return c.Program
}

// oneLine is an error without line breaks.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
