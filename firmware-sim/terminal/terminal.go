package terminal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/signals"
	"github.com/galla-pay/galla/firmware-sim/card"
	"github.com/galla-pay/galla/protocol"
)

// stopLimit bounds how long PowerOff waits for the agent, which promises to be
// gone within a second.
const stopLimit = 5 * time.Second

// readerFile is the card reader's own ledger. The reader is another box than the
// terminal; it only lies on the same disk.
const readerFile = "card-reader.jsonl"

// ErrClosed is returned by the switches of a terminal that was closed.
var ErrClosed = errors.New("the terminal is closed")

// ErrNoCompanion is why there is no picture of a companion.
var ErrNoCompanion = errors.New("this terminal has no companion panel")

// Config says which terminal it is.
type Config struct {
	Identity protocol.Identity
	// Controller is the base URL where the terminal enrols, http(s)://host:port.
	Controller string
	// Brokers override those of the enrolment: mqtt:// or mqtts://host:port.
	Brokers []string
	// PanelKind is one of PanelKinds; "" is st7789.
	PanelKind string
	// Companion is one of CompanionKinds, a second small panel that says in words
	// what the terminal does; "" is none.
	Companion string
	// DataDir is the terminal's disk: keys, token, spool; the card reader beside
	// it keeps its ledger there, too. It is made when it is not there. "" takes a
	// fresh one that Close removes.
	DataDir string
	// NoKeys is a terminal that cannot ask its cashier, NoCardReader one that
	// takes no cards.
	NoKeys, NoCardReader bool
	// Wired has keys, keypad, lamp and buzzer emulated electrically, with the
	// drivers of a real terminal on their pins: a key then takes a tenth of a
	// second. Otherwise keys go straight to the agent, because test programs press
	// many.
	Wired bool
	// Software is the version that the terminal tells the controller.
	Software string
	// Changed is told of every change of the state, one at a time and in order.
	// It must not block and must not work the terminal's switches.
	Changed func(View)
	Log     *slog.Logger // nil: nothing is logged
}

// Terminal is one simulated terminal. All methods may be called from any
// goroutine.
type Terminal struct {
	cfg     Config
	ownDisk bool // DataDir is ours to remove
	network *network
	flap    flapping
	wall    wallClock
	glass   *glass
	second  *glass // the companion; nil: there is none
	page    []byte
	reader  *card.Reader    // nil: there is none
	life    context.Context // ends with Close
	end     context.CancelFunc

	switches sync.Mutex // one switch is worked at a time
	stop     context.CancelFunc
	stopped  chan struct{} // closed when the agent is gone; nil without power

	telling sync.Mutex // keeps the calls of Config.Changed in order
	mu      sync.Mutex
	status  agent.Status
	sound   Sound
	speech  signals.Speech // the last one
	power   bool
	wiggled bool           // by Flap
	keys    chan agent.Key // pressed and not read yet
	wiring  *wiring        // nil unless it is wired and its agent runs
	boot    uint64         // counts power cycles; a status of an older one is not heard
	changed chan struct{}  // closed at the next change
}

// New makes a terminal without power. It returns an error when the identity is
// not one, the panel is unknown or the disk cannot be made.
func New(cfg Config) (*Terminal, error) {
	if !cfg.Identity.Valid() {
		return nil, protocol.ErrIdentity
	}
	if cfg.PanelKind == "" {
		cfg.PanelKind = "st7789"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Log = cfg.Log.With("terminal", cfg.Identity.String())
	t := &Terminal{
		cfg:     cfg,
		network: newNetwork(),
		changed: make(chan struct{}),
		status:  agent.Status{Mode: protocol.ModeOff, Since: time.Now()},
	}
	t.life, t.end = context.WithCancel(context.Background())
	var err error
	if t.glass, err = newGlass(cfg.PanelKind, PanelKinds(), t.tellPages); err != nil {
		return nil, err
	}
	if cfg.Companion != "" {
		if t.second, err = newGlass(cfg.Companion, CompanionKinds(), t.tellPages); err != nil {
			return nil, fmt.Errorf("companion %w", err)
		}
	}
	if t.page, err = t.renderPage(); err != nil {
		return nil, err
	}
	if t.cfg.DataDir == "" {
		t.cfg.DataDir, err = os.MkdirTemp("", "galla-terminal-")
		t.ownDisk = true
	} else {
		err = os.MkdirAll(t.cfg.DataDir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("the terminal's disk: %w", err)
	}
	if !cfg.NoCardReader {
		t.reader, err = card.Open(card.Config{
			File:    filepath.Join(t.cfg.DataDir, readerFile),
			Changed: func() { t.change(func() {}) },
		})
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// PowerOn gives the terminal power; it boots in the background. Nothing happens
// when it has power. It returns ErrClosed after Close, and an error while an
// agent that PowerOff could not stop is still there.
func (t *Terminal) PowerOn() error {
	t.switches.Lock()
	defer t.switches.Unlock()
	return t.powerOn()
}

func (t *Terminal) powerOn() error {
	if t.isClosed() {
		return ErrClosed
	}
	if t.stopped != nil {
		if t.State().Power {
			return nil
		}
		select {
		case <-t.stopped:
		default:
			return fmt.Errorf("the agent of %s has not stopped since power off", t.cfg.Identity)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	t.stop, t.stopped = stop, make(chan struct{})
	t.network.Power(true)
	var boot uint64
	t.change(func() {
		t.boot++
		boot, t.power = t.boot, true
		t.newKeys()
		t.status = agent.Status{Mode: protocol.ModeStarting, Since: time.Now()}
	})
	go func(stopped chan struct{}) {
		defer close(stopped)
		t.run(ctx, boot)
	}(t.stopped)
	return nil
}

// PowerOff takes the power away and returns when the agent is gone. Nothing
// happens when there is no power. An error means that the agent was not gone
// within five seconds.
func (t *Terminal) PowerOff() error {
	t.switches.Lock()
	defer t.switches.Unlock()
	return t.powerOff()
}

func (t *Terminal) powerOff() error {
	if t.stopped == nil {
		return nil
	}
	t.network.Power(false)
	t.change(func() {
		t.boot++
		t.power = false
		t.status = agent.Status{Mode: protocol.ModeOff, Since: time.Now()}
	})
	t.stop()
	t.glass.powerCut()
	if t.second != nil {
		t.second.powerCut()
	}
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case <-t.stopped:
		t.stopped = nil
		return nil
	case <-limit.C:
		return fmt.Errorf("the agent of %s did not stop within %v", t.cfg.Identity, stopLimit)
	}
}

// PowerCycle takes the power away and gives it back: the terminal boots, also
// when it had none. Its errors are those of PowerOff and PowerOn.
func (t *Terminal) PowerCycle() error {
	t.switches.Lock()
	defer t.switches.Unlock()
	if t.isClosed() {
		return ErrClosed
	}
	if err := t.powerOff(); err != nil {
		return err
	}
	return t.powerOn()
}

// Network plugs the network in or out, and ends Flap. It returns ErrClosed after
// Close.
func (t *Terminal) Network(on bool) error {
	t.switches.Lock()
	defer t.switches.Unlock()
	if t.isClosed() {
		return ErrClosed
	}
	t.flap.end()
	t.plug(on)
	return nil
}

// Close takes the power away, ends the streams of Handler and removes the disk
// if it was the terminal's own. Closing twice does nothing.
func (t *Terminal) Close() error {
	t.switches.Lock()
	defer t.switches.Unlock()
	if t.isClosed() {
		return nil
	}
	t.end()
	t.flap.end()
	if err := t.powerOff(); err != nil {
		return err
	}
	if t.ownDisk {
		return os.RemoveAll(t.cfg.DataDir)
	}
	return nil
}

func (t *Terminal) isClosed() bool { return t.life.Err() != nil }

// Identity returns who the terminal is.
func (t *Terminal) Identity() protocol.Identity { return t.cfg.Identity }

// State returns what the terminal is doing.
func (t *Terminal) State() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state()
}

func (t *Terminal) state() State {
	s := fromAgent(t.status, time.Now())
	s.Power, s.Network, s.Flapping, s.Card = t.power, t.network.Plugged(), t.wiggled, NoReader
	if t.reader != nil {
		s.Card = t.reader.Doing()
	}
	s.Clock, s.Sound = t.Clock().Offset, t.sound
	return s
}

// View returns State as a page shows it.
func (t *Terminal) View() View { return t.State().view() }

// PNG returns what is on the glass, pixel for pixel, and the picture's version,
// which rises with every change. Without power all of it is black, unless it is
// paper: that keeps its picture.
func (t *Terminal) PNG() (picture []byte, version uint64, err error) { return t.glass.PNG() }

// CompanionPNG is PNG of the companion. ErrNoCompanion: there is none.
func (t *Terminal) CompanionPNG() (picture []byte, version uint64, err error) {
	if t.second == nil {
		return nil, 0, ErrNoCompanion
	}
	return t.second.PNG()
}

// Changed returns a channel that is closed at the next change of state or
// picture. Take the channel first, then look: nothing is missed then.
func (t *Terminal) Changed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changed
}

// change applies f to the state and tells everybody.
func (t *Terminal) change(f func()) {
	t.telling.Lock()
	defer t.telling.Unlock()
	t.mu.Lock()
	f()
	now := t.state()
	t.mu.Unlock()
	t.tellPages()
	if t.cfg.Changed != nil {
		t.cfg.Changed(now.view())
	}
}

// tellPages wakes everyone who waits on Changed.
func (t *Terminal) tellPages() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.changed)
	t.changed = make(chan struct{})
}

// hear takes over what the agent of that boot says of itself.
func (t *Terminal) hear(boot uint64, status agent.Status) {
	t.mu.Lock()
	current := boot == t.boot
	t.mu.Unlock()
	if !current {
		return
	}
	t.change(func() {
		if boot == t.boot {
			t.status = status
		}
	})
}
