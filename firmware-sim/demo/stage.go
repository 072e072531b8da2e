package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/galla-pay/galla/firmware-sim/magic"
	"github.com/galla-pay/galla/firmware-sim/magic/wallet"
	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/firmware-sim/terminal/web"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/merchantapi"
	"github.com/google/uuid"
)

// Config says where the demo finds and puts things. The zero value is good,
// once Out is set.
type Config struct {
	// ControllerBin is the controller's program; "" looks beside the running
	// program, then in PATH.
	ControllerBin string
	// DataDir keeps database, logs and the terminals' disks; "" takes a fresh
	// directory that is removed at the end.
	DataDir string
	// Script plays every scene on both panels without a person and checks them;
	// else the demo runs until its context ends.
	Script bool
	// Magic makes sales end by themselves, as the paise of their amounts say
	// (package magic).
	Magic bool
	// Version is shown, and told by the terminals.
	Version string
	// Out gets the addresses and the timeline.
	Out io.Writer
	Log *slog.Logger // nil: nothing is logged
	// HTTP, MQTT, Page, Terminals and Network are the addresses to listen on, with the
	// defaults of the documentation when empty. One that is in use is replaced
	// by a free port; port 0 takes a free one at once. The second terminal
	// listens one port above Terminals.
	HTTP, MQTT, Page, Terminals, Network string
}

// The addresses that the documentation names.
const (
	defaultHTTP      = "127.0.0.1:8080"
	defaultMQTT      = "127.0.0.1:1883"
	defaultPage      = "127.0.0.1:8070"
	defaultTerminals = "127.0.0.1:8090"
	defaultNetwork   = "127.0.0.1:8075"
)

// identities are the demo's two terminals, of the sandbox's data.
func identities() []protocol.Identity {
	return []protocol.Identity{
		{MerchantID: sandboxMerchant, StoreID: "teststore1", TerminalID: "testterminal1"},
		{MerchantID: sandboxMerchant, StoreID: "MS2603301457425143586306", TerminalID: "MST2603301758302811969831"},
	}
}

// panelKinds are the panels of the two: a Dynamic-QR display's and an EDC
// terminal's (terminal-ux: the screens of 240x320 and 320x480).
func panelKinds() []string { return []string{"st7789", "ili9488"} }

// counter is one terminal on the counter, with its own HTTP side.
type counter struct {
	*terminal.Terminal
	number   int    // 1, 2
	panel    string // its panel's kind
	url      string // base URL of its HTTP side
	listener net.Listener
	seen     *Sightings
}

// panelURL is where a phone looks at the glass.
func (c *counter) panelURL() string { return c.url + "/panel.png" }

// stage is everything that the demo has running.
type stage struct {
	cfg        Config
	run        string // names this run of the demo
	dir        string
	ownDir     bool
	timeline   *Timeline
	catcher    *Catcher
	controller *Controller
	till       *till
	phones     *customers
	counters   []*counter
	page       net.Listener
	pageURL    string
	network    *npci.Network // the UPI network: collect requests, refunds
	bank       net.Listener  // where it listens
	mqtt       string
	started    sync.WaitGroup // what runs until the stage's context ends

	statuses sync.Mutex
	told     map[string]string // the status that the timeline has last, by payment
}

// open makes everything that can fail before anything runs.
func open(cfg Config) (s *stage, err error) {
	bin, err := FindController(cfg.ControllerBin)
	if err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s = &stage{cfg: cfg, run: uuid.NewString(), told: map[string]string{}, timeline: NewTimeline(cfg.Out)}
	s.catcher = NewCatcher(s.timeline)
	s.catcher.magic = cfg.Magic
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := s.openDir(); err != nil {
		return s, err
	}
	if s.page, err = listen(or(cfg.Page, defaultPage)); err != nil {
		return s, fmt.Errorf("the demo's page: %w", err)
	}
	s.pageURL = "http://" + s.page.Addr().String()
	for i := range identities() {
		if err := s.openCounter(i); err != nil {
			return s, err
		}
	}
	if s.bank, err = listen(or(cfg.Network, defaultNetwork)); err != nil {
		return s, fmt.Errorf("the UPI network: %w", err)
	}
	addresses, err := FreeAddresses(or(cfg.HTTP, defaultHTTP), or(cfg.MQTT, defaultMQTT))
	if err != nil {
		return s, err
	}
	url := "http://" + addresses[0]
	s.mqtt = addresses[1]
	books := &npci.Books{} // what customers pay, and what comes back to them
	if s.network, err = npci.NewNetwork(npci.NetworkConfig{Controller: url, Books: books, Log: cfg.Log}); err != nil {
		return s, err
	}
	s.till = newTill(url, s.pageURL+"/callback")
	s.phones = newCustomers(url, books)
	s.controller = NewController(bin, []string{
		"serve",
		"--listen", addresses[0],
		"--mqtt-listen", addresses[1],
		"--database", "sqlite:" + filepath.Join(s.dir, "galla.db"),
		"--sandbox",
		"--callback-allow-private",
		"--upi-network", "http://" + s.bank.Addr().String(),
		"--log-format", "json",
	}, s.dir, url, func(format string, args ...any) { s.timeline.Add(whoController, "", format, args...) })
	for _, c := range s.counters {
		if err := s.equip(c); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *stage) openDir() (err error) {
	if s.cfg.DataDir == "" {
		s.dir, err = os.MkdirTemp("", "galla-demo-")
		s.ownDir = true
		return err
	}
	// The controller runs in it, so a relative name would be taken twice.
	if s.dir, err = filepath.Abs(s.cfg.DataDir); err != nil {
		return err
	}
	return os.MkdirAll(s.dir, 0o700)
}

// openCounter takes the address of terminal number i+1.
func (s *stage) openCounter(i int) error {
	listener, err := listen(nextPort(or(s.cfg.Terminals, defaultTerminals), i))
	if err != nil {
		return fmt.Errorf("terminal %d: %w", i+1, err)
	}
	s.counters = append(s.counters, &counter{
		number:   i + 1,
		panel:    panelKinds()[i],
		url:      "http://" + listener.Addr().String(),
		listener: listener,
		seen:     NewSightings(fmt.Sprintf("terminal %d", i+1), s.timeline),
	})
	return nil
}

// equip gives the counter its terminal.
func (s *stage) equip(c *counter) (err error) {
	c.Terminal, err = terminal.New(terminal.Config{
		Identity:   identities()[c.number-1],
		Controller: s.till.url,
		PanelKind:  c.panel,
		DataDir:    filepath.Join(s.dir, fmt.Sprintf("terminal-%d", c.number)),
		Software:   "galla-sim " + s.cfg.Version,
		Changed:    c.seen.Add,
		Log:        s.cfg.Log,
	})
	return err
}

// start runs everything until running ends. It returns when the controller is
// ready and the terminals have power, or when ctx ends.
func (s *stage) start(ctx, running context.Context) error {
	s.started.Go(func() {
		if err := s.controller.Keep(running); err != nil {
			s.timeline.Add(whoController, "", "%v", err)
		}
	})
	s.started.Go(func() { s.serve(running, s.page, s.pageHandler(running)) })
	s.started.Go(func() { s.serve(running, s.bank, s.network.Handler()) })
	for _, c := range s.counters {
		s.started.Go(func() { s.serve(running, c.listener, c.Handler()) })
	}
	if err := s.controller.Ready(ctx); err != nil {
		return err
	}
	for _, c := range s.counters {
		if err := c.PowerOn(); err != nil {
			return err
		}
	}
	if s.cfg.Magic {
		return s.enchant(running)
	}
	return nil
}

// enchant makes sales on both terminals end by themselves until running ends.
func (s *stage) enchant(running context.Context) error {
	till, err := merchantapi.New(merchantapi.Config{
		BaseURL: s.till.url, MerchantID: sandboxMerchant, SaltKey: sandboxKey, SaltIndex: sandboxIndex,
		CallbackURL: s.till.callback, HTTP: s.till.client,
	})
	if err != nil {
		return err
	}
	for _, c := range s.counters {
		s.started.Go(func() {
			magic.Run(running, magic.Config{
				Terminal: c.Terminal,
				Wallet:   &wallet.Wallet{Network: s.phones.network},
				Till:     till,
				NewID:    newTransactionID,
				Tell: func(who magic.Actor, payment, what string) {
					s.timeline.Add(whoMagic, payment, "%s: %s", who, what)
				},
			})
		})
	}
	return nil
}

func (s *stage) serve(ctx context.Context, listener net.Listener, handler http.Handler) {
	if err := web.Serve(ctx, listener, handler); err != nil {
		s.timeline.Add(whoDemo, "", "%s is no longer served: %v", listener.Addr(), err)
	}
}

// powerDown takes the terminals' power, so that they do not see the controller
// go.
func (s *stage) powerDown() error {
	var errs []error
	for _, c := range s.counters {
		if c.Terminal != nil {
			errs = append(errs, c.Terminal.Close())
		}
	}
	return errors.Join(errs...)
}

// close waits for what start started, after its context ended, and removes the
// data if nobody is to have it.
func (s *stage) close() error {
	err := s.powerDown()
	s.started.Wait()
	for _, c := range s.counters {
		_ = c.listener.Close()
	}
	for _, listener := range []net.Listener{s.page, s.bank} {
		if listener != nil {
			_ = listener.Close()
		}
	}
	if s.network != nil {
		s.network.Close()
	}
	if s.till != nil {
		s.till.close()
		s.phones.close()
	}
	if s.ownDir {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

func or(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}
