package board

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent/signals"
	"periph.io/x/conn/v3/gpio"
)

// BuzzerOptions are what a deployment may choose; the zero value is good.
type BuzzerOptions struct {
	// ActiveLow is a buzzer that sounds while its line is low.
	ActiveLow bool
	// Log gets what is broken, once; nil: nowhere.
	Log *slog.Logger
}

const (
	// tonesQueued are the tones that may wait; the oldest of more is not played.
	tonesQueued = 8
	// tonesApart is the rest between two of them.
	tonesApart = 150 * time.Millisecond
)

// Buzzer plays tones on an active buzzer: one that has its pitch in itself and is
// switched on and off. The pins' PWM is not used (libraries: Pi notes).
type Buzzer struct {
	pin   gpio.PinOut
	opts  BuzzerOptions
	tones chan signals.Tone
	stop  chan struct{}
	done  chan struct{}
	once  sync.Once

	mu     sync.Mutex
	err    error
	broken bool
}

// OpenBuzzer makes the buzzer silent and plays tones on it until Close. The error
// is for no pin; a pin that does not work is logged and is what Fault tells.
func OpenBuzzer(pin gpio.PinOut, opts BuzzerOptions) (*Buzzer, error) {
	if wired(pin) == nil {
		return nil, errors.New("buzzer: it has no pin")
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	b := &Buzzer{
		pin: pin, opts: opts,
		tones: make(chan signals.Tone, tonesQueued), stop: make(chan struct{}), done: make(chan struct{}),
	}
	b.sound(false)
	go b.run()
	return b, nil
}

// Play plays a tone after those before it. A buzzer has one loudness: volume 0 is
// silence, any other is that. It does not block. After Close it does nothing.
func (b *Buzzer) Play(t signals.Tone, volume int) {
	if t.IsZero() || volume <= 0 {
		return
	}
	for {
		select {
		case b.tones <- t:
			return
		case <-b.done:
			return
		default:
		}
		select {
		case <-b.tones:
		default:
		}
	}
}

// Fault is what the pin answered when it last did not do as told; nil: it does.
func (b *Buzzer) Fault() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// Close makes the buzzer silent. It may be called more than once.
func (b *Buzzer) Close() error {
	b.once.Do(func() { close(b.stop) })
	<-b.done
	return b.Fault()
}

func (b *Buzzer) run() {
	defer close(b.done)
	for {
		select {
		case <-b.stop:
			return
		case t := <-b.tones:
			if !b.play(t) {
				return
			}
		}
	}
}

// play reports that it was not stopped. Whatever happens, the buzzer is silent
// after it.
func (b *Buzzer) play(t signals.Tone) bool {
	defer b.sound(false)
	for _, beat := range t.Beats() {
		b.sound(beat.On)
		if !b.sleep(time.Duration(beat.Ms) * time.Millisecond) {
			return false
		}
	}
	b.sound(false)
	return b.sleep(tonesApart)
}

func (b *Buzzer) sleep(d time.Duration) bool {
	select {
	case <-b.stop:
		return false
	case <-time.After(d):
		return true
	}
}

func (b *Buzzer) sound(on bool) {
	err := b.pin.Out(gpio.Level(on != b.opts.ActiveLow))
	if err != nil {
		err = fmt.Errorf("buzzer: %w", err)
	}
	b.mu.Lock()
	first := err != nil && !b.broken
	b.err, b.broken = err, err != nil
	b.mu.Unlock()
	if first {
		b.opts.Log.Warn("the buzzer does not do as told", "err", err)
	}
}
