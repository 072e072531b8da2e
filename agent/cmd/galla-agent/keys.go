package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent"
	"periph.io/x/conn/v3/gpio"
)

const (
	// settle is how long a line must be at rest before it counts: contacts
	// bounce, and so do fingers. It counts for the press and for the release, so
	// that the bounce of a release is no press.
	settle = 20 * time.Millisecond
	// lookEvery is how often a line is looked at that reports no edge.
	lookEvery = time.Second
	// keysQueued are the keys that may wait for the agent; it takes them at once.
	keysQueued = 8
)

// keyPin is a key with its line, which is pulled up and low while it is pressed.
type keyPin struct {
	key agent.Key
	pin gpio.PinIn
}

// keyPins finds the lines of the keys, by the names of the configuration.
func keyPins(c map[string]string, byName func(string) gpio.PinIO) ([]keyPin, error) {
	var pins []keyPin
	for _, name := range slices.Sorted(maps.Keys(c)) {
		key, err := agent.ParseKey(name)
		if err != nil {
			return nil, fmt.Errorf("keys: %w", err)
		}
		pin := byName(c[name])
		if pin == nil {
			return nil, fmt.Errorf("keys.%s: there is no pin %q", name, c[name])
		}
		pins = append(pins, keyPin{key, pin})
	}
	return pins, nil
}

// keypad watches the keys of a terminal, one goroutine each.
type keypad struct {
	pins    []keyPin
	pressed chan agent.Key
	stop    chan struct{}
	running sync.WaitGroup
}

// openKeypad sets the lines up and watches them until close.
func openKeypad(pins []keyPin) (*keypad, error) {
	k := &keypad{pins: pins, pressed: make(chan agent.Key, keysQueued), stop: make(chan struct{})}
	for _, p := range pins {
		if err := p.pin.In(gpio.PullUp, gpio.BothEdges); err != nil {
			return nil, errors.Join(fmt.Errorf("keys.%s: %w", p.key, err), k.halt())
		}
	}
	for _, p := range pins {
		k.running.Go(func() { k.watch(p) })
	}
	return k, nil
}

// watch tells every press of one key. A key that is down from the start, because
// it is stuck or its line is not connected, is none.
func (k *keypad) watch(p keyPin) {
	d := debouncer{down: p.pin.Read() == gpio.Low}
	for {
		wait, begun := d.wait(time.Now()), time.Now()
		edge := p.pin.WaitForEdge(wait)
		now := time.Now()
		if rest := wait - now.Sub(begun); !edge && rest > 0 {
			// It ended before its time: closed, or a driver that cannot wait.
			select {
			case <-k.stop:
			case <-time.After(min(rest, settle)):
			}
			now = time.Now()
		}
		select {
		case <-k.stop:
			return
		default:
		}
		if !d.see(p.pin.Read() == gpio.Low, edge, now) {
			continue
		}
		select {
		case k.pressed <- p.key:
		default: // the agent does not take them: it is better to lose a key than to press it late
		}
	}
}

// halt lets go of the lines.
func (k *keypad) halt() error {
	var errs []error
	for _, p := range k.pins {
		if err := p.pin.Halt(); err != nil {
			errs = append(errs, fmt.Errorf("keys.%s: %w", p.key, err))
		}
	}
	return errors.Join(errs...)
}

// close ends the watching and lets go of the lines. It takes up to a second
// where a driver does not end a wait.
func (k *keypad) close() error {
	close(k.stop)
	err := k.halt()
	k.running.Wait()
	return err
}

// debouncer makes presses of what a line does.
type debouncer struct {
	down  bool      // the key, as far as it counts
	since time.Time // when the line last moved while it says otherwise; zero: it does not
}

// wait is how long the line may be left alone.
func (d *debouncer) wait(now time.Time) time.Duration {
	if d.since.IsZero() {
		return lookEvery
	}
	return max(time.Millisecond, settle-now.Sub(d.since))
}

// see takes the line's level at now, and whether it moved since the last time. It
// reports a press.
func (d *debouncer) see(down, moved bool, now time.Time) bool {
	switch {
	case down == d.down:
		d.since = time.Time{}
		return false
	case moved || d.since.IsZero():
		d.since = now
		return false
	case now.Sub(d.since) < settle:
		return false
	}
	d.down, d.since = down, time.Time{}
	return down
}
