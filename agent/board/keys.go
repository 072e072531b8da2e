package board

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent"
	"periph.io/x/conn/v3/gpio"
)

const (
	// Settle is how long a key must be at rest before it counts: contacts bounce,
	// and so do fingers. It counts for the press and for the release, so that the
	// bounce of a release is no press.
	Settle = 20 * time.Millisecond
	// HoldFor is how long a key is held for its other meaning (terminal-ux: "by
	// holding button 3 s").
	HoldFor = 3 * time.Second
	// lookEvery is how often a line is looked at that reports no edge. Nothing here
	// takes longer to close.
	lookEvery = time.Second
	// keysQueued are the keys that may wait for the agent; it takes them at once.
	keysQueued = 8
)

// Line is a key with a pin of its own, which is pulled up and low while the key is
// pressed.
type Line struct {
	Key agent.Key
	Pin gpio.PinIn
}

// DefaultHolds is what a long press of a key means. A key that has such a meaning
// tells its own on its release, any other when it is pressed.
func DefaultHolds() map[agent.Key]agent.Key {
	return map[agent.Key]agent.Key{
		agent.KeyOK:     agent.KeyRepeat,
		agent.KeyClear:  agent.KeyMute,
		agent.KeyReject: agent.KeyTest,
		agent.KeyAccept: agent.KeyLanguage,
	}
}

// KeysOptions are what a deployment may choose; the zero value is good.
type KeysOptions struct {
	// Holds is what a long press of a key means; nil: DefaultHolds. An empty map
	// has every key tell its press at once.
	Holds map[agent.Key]agent.Key
	// HoldFor is how long a long press is, 500 ms to 1 min; 0: HoldFor.
	HoldFor time.Duration
	// Log gets what is broken, once; nil: nowhere.
	Log *slog.Logger
}

// checked fills the defaults in.
func (o KeysOptions) checked() (KeysOptions, error) {
	if o.Holds == nil {
		o.Holds = DefaultHolds()
	}
	if o.HoldFor == 0 {
		o.HoldFor = HoldFor
	}
	if o.HoldFor < 500*time.Millisecond || o.HoldFor > time.Minute {
		return o, fmt.Errorf("a long press of %v is not within 500ms to 1m", o.HoldFor)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// Keys watches the keys of a terminal: some on lines of their own, one goroutine
// each, and those of a keypad, if there is one.
type Keys struct {
	opts    KeysOptions
	lines   []Line  // those that could be had
	matrix  *Matrix // nil: there is none, or it could not be had
	pressed chan agent.Key
	stop    chan struct{}
	running sync.WaitGroup
	once    sync.Once
	closed  error

	mu     sync.Mutex
	faults []error
	stuck  map[agent.Key]bool
}

// OpenKeys sets the lines up and watches them until Close; matrix may be nil. A
// line that cannot be had is left out and is one of Faults. The error is for what
// no wiring can mean: no key at all, one key twice, a keypad of another size than
// its keys.
func OpenKeys(lines []Line, matrix *Matrix, opts KeysOptions) (*Keys, error) {
	opts, err := opts.checked()
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	if err := check(lines, matrix); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	k := &Keys{
		opts:    opts,
		pressed: make(chan agent.Key, keysQueued),
		stop:    make(chan struct{}),
		stuck:   map[agent.Key]bool{},
	}
	for _, l := range lines {
		if err := l.Pin.In(gpio.PullUp, gpio.BothEdges); err != nil {
			k.fault(fmt.Errorf("key %s: %w", l.Key, err))
			continue
		}
		k.lines = append(k.lines, l)
		f := k.finger(l.Key, l.Pin.Read() == gpio.Low)
		k.running.Go(func() { k.watch(l, f) })
	}
	if matrix != nil {
		k.scan(*matrix)
	}
	return k, nil
}

// check names what cannot be watched.
func check(lines []Line, matrix *Matrix) error {
	seen := map[agent.Key]bool{}
	add := func(key agent.Key) error {
		if _, err := agent.ParseKey(string(key)); err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("%s is there twice", key)
		}
		seen[key] = true
		return nil
	}
	for _, l := range lines {
		if err := add(l.Key); err != nil {
			return err
		}
		if l.Pin == nil {
			return fmt.Errorf("%s has no pin", l.Key)
		}
	}
	if matrix != nil {
		if err := matrix.check(add); err != nil {
			return err
		}
	}
	if len(seen) == 0 {
		return errors.New("there are none")
	}
	return nil
}

// Pressed brings the keys, in the order of their presses; it is made for
// agent.Hardware.Keys. A key that nobody takes while eight wait is lost: that is
// better than a key that is pressed late.
func (k *Keys) Pressed() <-chan agent.Key { return k.pressed }

// Faults are the lines that cannot be had, or broke since. The slice is the
// caller's.
func (k *Keys) Faults() []error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.faults)
}

// Stuck are the keys that are down since they were opened: something lies on
// them, or their line touches ground. They are no press until they were up. The
// slice is the caller's.
func (k *Keys) Stuck() []agent.Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []agent.Key
	for _, key := range agent.AllKeys() {
		if k.stuck[key] {
			all = append(all, key)
		}
	}
	return all
}

// Close ends the watching and lets go of the pins. It takes up to a second where
// a driver does not end a wait. It may be called more than once.
func (k *Keys) Close() error {
	k.once.Do(func() {
		close(k.stop)
		var errs []error
		for _, l := range k.lines {
			if err := l.Pin.Halt(); err != nil {
				errs = append(errs, fmt.Errorf("key %s: %w", l.Key, err))
			}
		}
		if k.matrix != nil {
			errs = append(errs, k.matrix.halt())
		}
		k.running.Wait()
		if k.matrix != nil {
			errs = append(errs, k.matrix.release())
		}
		k.closed = errors.Join(errs...)
	})
	return k.closed
}

// tell hands a key over.
func (k *Keys) tell(key agent.Key) {
	if key == "" {
		return
	}
	select {
	case k.pressed <- key:
	default:
	}
}

func (k *Keys) fault(err error) {
	k.mu.Lock()
	k.faults = append(k.faults, err)
	k.mu.Unlock()
	k.opts.Log.Warn("part of the keys does not work", "err", err)
}

// setStuck notes that a key is down from the start, or is not any more.
func (k *Keys) setStuck(key agent.Key, stuck bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stuck[key] = stuck
}

// stopped reports that Close was called.
func (k *Keys) stopped() bool {
	select {
	case <-k.stop:
		return true
	default:
		return false
	}
}

// finger is what a key's own meaning and that of a long press make of how it
// moves.
func (k *Keys) finger(key agent.Key, down bool) *finger {
	k.setStuck(key, down)
	return &finger{key: key, hold: k.opts.Holds[key], holdFor: k.opts.HoldFor, contact: contact{down: down}, spent: down, stuck: down}
}

// see tells what a look at a key brought.
func (k *Keys) see(f *finger, down, moved bool, now time.Time) {
	k.tell(f.see(down, moved, now))
	if f.stuck && !f.down {
		f.stuck = false
		k.setStuck(f.key, false)
	}
}
