package board

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent/signals"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// LampPins are the channels of a LED. nil: the LED has no such channel; a LED of
// one colour is any one of them.
type LampPins struct {
	Red, Green, Blue gpio.PinOut
}

// LampOptions are what a deployment may choose; the zero value is good.
type LampOptions struct {
	// PWM has dim light and the tints of a colour made by the pins' own PWM. Not
	// every pin and not every Raspberry Pi has it (libraries: Pi notes); a channel
	// that refuses it is switched on and off.
	PWM bool
	// ActiveLow is a LED whose common wire is the supply: low is on.
	ActiveLow bool
	// Log gets what is broken, once; nil: nowhere.
	Log *slog.Logger
}

// pwmFrequency is above what an eye sees.
const pwmFrequency = 500 * physic.Hertz

// channel is one colour of the LED.
type channel struct {
	name  string
	pin   gpio.PinOut // nil: it is not there
	pwm   bool        // it has refused none yet
	shown gpio.Duty   // what it was last told
	told  bool        // it was told anything
	err   error       // why it did not do as told the last time; guarded by Lamp.mu
}

// Lamp plays lights on a LED.
type Lamp struct {
	opts     LampOptions
	channels [3]*channel // red, green, blue
	lights   chan signals.Light
	stop     chan struct{}
	done     chan struct{}
	once     sync.Once

	mu sync.Mutex
}

// OpenLamp makes the LED dark and plays lights on it until Close. The error is for
// a lamp without any channel; a channel that does not work is logged and is what
// Fault tells.
func OpenLamp(pins LampPins, opts LampOptions) (*Lamp, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	l := &Lamp{
		opts: opts,
		channels: [3]*channel{
			{name: "red", pin: wired(pins.Red)}, {name: "green", pin: wired(pins.Green)}, {name: "blue", pin: wired(pins.Blue)},
		},
		lights: make(chan signals.Light, 1),
		stop:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	some := false
	for _, c := range l.channels {
		some, c.pwm = some || c.pin != nil, opts.PWM
	}
	if !some {
		return nil, errors.New("lamp: it has no pin")
	}
	l.show([3]uint8{})
	go l.run()
	return l, nil
}

// wired is the pin, or nil for one that is not there, which periph writes INVALID.
func wired(p gpio.PinOut) gpio.PinOut {
	if p == gpio.PinOut(gpio.INVALID) {
		return nil
	}
	return p
}

// Play shows a light from its beginning, from now on. It does not block; the
// newest is shown. After Close it does nothing.
func (l *Lamp) Play(light signals.Light) {
	for {
		select {
		case l.lights <- light:
			return
		case <-l.done:
			return
		default:
		}
		select {
		case <-l.lights: // an older one that was not looked at yet
		default:
		}
	}
}

// Fault is what the channels answered that do not do as told; nil: all do.
func (l *Lamp) Fault() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.channels[0].err, l.channels[1].err, l.channels[2].err)
}

// Close makes the LED dark. It may be called more than once.
func (l *Lamp) Close() error {
	l.once.Do(func() { close(l.stop) })
	<-l.done
	return l.Fault()
}

func (l *Lamp) run() {
	defer close(l.done)
	light := signals.Light{Colour: signals.Dark, Pattern: signals.Off}
	begun := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		rgb, rest := l.levels(light, time.Since(begun))
		l.show(rgb)
		timer.Stop()
		var next <-chan time.Time
		if rest > 0 {
			timer.Reset(rest)
			next = timer.C
		}
		select {
		case light = <-l.lights:
			begun = time.Now()
		case <-next:
		case <-l.stop:
			l.show([3]uint8{})
			return
		}
	}
}

// levels is what the channels show of a light. A colour that needs a channel which
// the LED does not have lights all of them: a lamp that can be green alone is so
// for money only.
func (l *Lamp) levels(light signals.Light, elapsed time.Duration) (rgb [3]uint8, rest time.Duration) {
	if l.dims() {
		rgb[0], rgb[1], rgb[2], rest = light.At(elapsed)
	} else {
		var on [3]bool
		on[0], on[1], on[2], rest = light.OnAt(elapsed)
		for i := range on {
			if on[i] {
				rgb[i] = 255
			}
		}
	}
	for i, c := range l.channels {
		if c.pin == nil && rgb[i] > 0 {
			brightest := max(rgb[0], rgb[1], rgb[2])
			return [3]uint8{brightest, brightest, brightest}, rest
		}
	}
	return rgb, rest
}

// dims reports that every channel can be made dim.
func (l *Lamp) dims() bool {
	for _, c := range l.channels {
		if c.pin != nil && !c.pwm {
			return false
		}
	}
	return true
}

// show sets the channels that are to change.
func (l *Lamp) show(rgb [3]uint8) {
	for i, c := range l.channels {
		duty := gpio.Duty(int64(rgb[i]) * int64(gpio.DutyMax) / 255)
		if c.pin == nil || c.told && c.shown == duty {
			continue
		}
		err := l.set(c, duty)
		c.shown, c.told = duty, err == nil
		if err != nil {
			err = fmt.Errorf("lamp, %s: %w", c.name, err)
		}
		l.mu.Lock()
		news := err != nil && c.err == nil
		c.err = err
		l.mu.Unlock()
		if news {
			l.opts.Log.Warn("the lamp does not do as told", "err", err)
		}
	}
}

// set tells a channel its level. Full and dark are plain levels, which every pin
// knows.
func (l *Lamp) set(c *channel, duty gpio.Duty) error {
	if c.pwm && duty != 0 && duty != gpio.DutyMax {
		d := duty
		if l.opts.ActiveLow {
			d = gpio.DutyMax - duty
		}
		err := c.pin.PWM(d, pwmFrequency)
		if err == nil {
			return nil
		}
		c.pwm = false
		l.opts.Log.Info("the lamp has no dim light", "channel", c.name, "err", err)
	}
	return c.pin.Out(gpio.Level((duty >= gpio.DutyHalf) != l.opts.ActiveLow))
}
