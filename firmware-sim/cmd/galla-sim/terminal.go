package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/firmware-sim/terminal/web"
	"github.com/galla-pay/galla/protocol"
)

type terminalCommand struct {
	Controller string   `default:"http://127.0.0.1:8080" placeholder:"URL" help:"Where the terminal enrols (${default})."`
	Merchant   string   `default:"MERCHANTUAT" placeholder:"ID" help:"Merchant id (${default})."`
	Store      string   `default:"teststore1" placeholder:"ID" help:"Store id (${default})."`
	Terminal   string   `default:"testterminal1" placeholder:"ID" help:"Terminal id (${default})."`
	Panel      string   `default:"st7789" placeholder:"KIND" help:"Panel: st7789, ili9341, ili9488, ili9488-landscape or waveshare2in13v3 (${default})."`
	Companion  string   `placeholder:"KIND" help:"A second, small panel that says in words what the terminal does: ssd1306."`
	Listen     string   `default:"127.0.0.1:8090" placeholder:"HOST:PORT" help:"Where the terminal's page is served (${default})."`
	Broker     []string `placeholder:"URL" help:"Broker to use instead of those of the enrolment: mqtt://HOST:PORT or mqtts://HOST:PORT."`
	Data       string   `placeholder:"DIR" help:"The terminal's disk: keys, token, spool, and the card reader's ledger. Without it a fresh one that is removed at the end."`
	Verbose    bool     `short:"v" help:"Log more."`

	NoKeys       bool `help:"A terminal without keys: it cannot ask its cashier, and pulls no orders."`
	Wired        bool `help:"Emulate the contacts of keys and keypad, with their bounce, and the pins of lamp and buzzer, and run the real drivers on them. A key then takes a tenth of a second."`
	NoCardReader bool `help:"A terminal without a card reader: it takes no cards."`
}

// Help is printed below the flags.
func (terminalCommand) Help() string {
	return `Against a sandbox controller a terminal needs nothing else: it makes its key and enrols.

Served at --listen: the page, and
  GET  /panel.png, /companion.png, /state
                              what is on the glasses, what the terminal is doing
  GET  /voice.wav             what it said last
  POST /power/{on|off|cycle}  the plug
  POST /network/{on|off}      the cable
  POST /network/flap?hz=1&seconds=10
  POST /keys/{accept|reject|card|dqr|0..9|ok|clear}?hold=1
                              hold=1 is a long press; repeat, language, mute and
                              test are what a long press means, as keys
  POST /card/tap              a card on the reader: outcome=approve, decline,
                              timeout (the bank never answers) or late (it approves
                              after the reader gave up); if wanted last4, network,
                              type, delayMillis (how long the bank thinks) and
                              holdMillis (how long the card is held to the reader)
  POST /card/{approve|decline|timeout|late|...}
                              the same in short
  GET  /card                  what the reader has read
  GET  /clock, POST /clock/{+1h|-10y|0}
                              by how much its wall clock is wrong

Examples:
  galla-sim terminal
  galla-sim terminal --panel ili9488 --companion ssd1306
  galla-sim terminal --terminal testterminal1 --listen 127.0.0.1:8095 --data ./t1
  curl -X POST http://127.0.0.1:8090/power/off
  curl -X POST http://127.0.0.1:8090/keys/accept
  curl -d outcome=approve -d last4=0042 http://127.0.0.1:8090/card/tap`
}

// config checks the flags; every mistake names its flag.
func (c *terminalCommand) config(talk console) (terminal.Config, error) {
	id := protocol.Identity{MerchantID: c.Merchant, StoreID: c.Store, TerminalID: c.Terminal}
	for _, part := range []struct{ flag, value string }{
		{"--merchant", c.Merchant}, {"--store", c.Store}, {"--terminal", c.Terminal},
	} {
		if !protocol.ValidID(part.value, protocol.MaxIDLength) {
			return terminal.Config{}, usage("%s %q: 1 to %d letters, digits, _ and -", part.flag, part.value, protocol.MaxIDLength)
		}
	}
	if !slices.Contains(terminal.PanelKinds(), c.Panel) {
		return terminal.Config{}, usage("--panel %q: known are %s", c.Panel, strings.Join(terminal.PanelKinds(), ", "))
	}
	if c.Companion != "" && !slices.Contains(terminal.CompanionKinds(), c.Companion) {
		return terminal.Config{}, usage("--companion %q: known are %s", c.Companion, strings.Join(terminal.CompanionKinds(), ", "))
	}
	if err := checkURL("--controller", c.Controller, "http", "https"); err != nil {
		return terminal.Config{}, err
	}
	for _, broker := range c.Broker {
		if err := checkURL("--broker", broker, "mqtt", "mqtts"); err != nil {
			return terminal.Config{}, err
		}
	}
	level := slog.LevelInfo
	if c.Verbose {
		level = slog.LevelDebug
	}
	return terminal.Config{
		Identity:   id,
		Controller: strings.TrimRight(c.Controller, "/"),
		Brokers:    c.Broker,
		PanelKind:  c.Panel,
		Companion:  c.Companion,
		DataDir:    c.Data,
		Software:   "galla-sim " + version,
		Log:        slog.New(slog.NewTextHandler(talk.err, &slog.HandlerOptions{Level: level})),

		Wired:        c.Wired,
		NoKeys:       c.NoKeys,
		NoCardReader: c.NoCardReader,
	}, nil
}

// Run runs the terminal until ctx ends.
func (c *terminalCommand) Run(ctx context.Context, talk console) (err error) {
	cfg, err := c.config(talk)
	if err != nil {
		return err
	}
	listener, err := listenAt(c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	t, err := terminal.New(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if err := t.PowerOn(); err != nil {
		return err
	}
	base := "http://" + listener.Addr().String()
	fmt.Fprintf(talk.out, "terminal %s\n  page     %s/\n  picture  %s/panel.png\n  state    %s/state\n", cfg.Identity, base, base, base)
	return web.Serve(ctx, listener, t.Handler())
}

// listenAt opens --listen, or says what to do instead.
func listenAt(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		return listener, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, usage("--listen %s: the port is in use; name another one, for example --listen %s", address, nextAddress(address))
	}
	return nil, usage("--listen %s: %v", address, err)
}

// nextAddress is address with the next port, for an example.
func nextAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "127.0.0.1:0"
	}
	n, err := strconv.Atoi(port)
	if err != nil || n >= 65535 {
		return net.JoinHostPort(host, "0")
	}
	return net.JoinHostPort(host, strconv.Itoa(n+1))
}

// checkURL checks that a flag is scheme://host, with one of the schemes.
func checkURL(flag, value string, schemes ...string) error {
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" || u.User != nil || !slices.Contains(schemes, u.Scheme) {
		return usage("%s %q: it must be %s://HOST:PORT", flag, value, strings.Join(schemes, "://HOST:PORT or "))
	}
	return nil
}
