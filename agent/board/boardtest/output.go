package boardtest

import (
	"errors"
	"slices"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// Moment is a change that an Output saw.
type Moment struct {
	At   time.Time
	Duty gpio.Duty // 0 is low, gpio.DutyMax is high
}

// momentsKept bounds what an Output remembers.
const momentsKept = 1024

// Output is a pin that something hangs on.
type Output struct {
	name string
	pwm  bool

	mu      sync.Mutex
	duty    gpio.Duty
	moments []Moment
	told    int
	refuses error
	changed chan struct{}
}

var _ gpio.PinOut = (*Output)(nil)

func newOutput(name string, pwm bool, changed chan struct{}) *Output {
	return &Output{name: name, pwm: pwm, changed: changed}
}

// Duty is what the pin puts out.
func (o *Output) Duty() gpio.Duty {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.duty
}

// Moments are its changes, oldest first, the last 1,024 of them. The slice is the
// caller's.
func (o *Output) Moments() []Moment {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.moments)
}

// Told is how often the driver told it anything, whether that changed it or not.
func (o *Output) Told() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.told
}

// Break has the pin refuse what it is told with err; nil: it works again.
func (o *Output) Break(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refuses = err
}

func (o *Output) set(d gpio.Duty) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told++
	if o.refuses != nil {
		return o.refuses
	}
	if d == o.duty {
		return nil
	}
	o.duty = d
	if len(o.moments) == momentsKept {
		o.moments = slices.Delete(o.moments, 0, 1)
	}
	o.moments = append(o.moments, Moment{At: time.Now(), Duty: d})
	select {
	case o.changed <- struct{}{}:
	default:
	}
	return nil
}

// Out implements gpio.PinOut.
func (o *Output) Out(l gpio.Level) error {
	if l {
		return o.set(gpio.DutyMax)
	}
	return o.set(0)
}

// PWM implements gpio.PinOut. It is refused where the part was made without, as
// on the lines of a Raspberry Pi 5 (libraries: Pi notes).
func (o *Output) PWM(d gpio.Duty, f physic.Frequency) error {
	switch {
	case !o.pwm:
		return errors.New("boardtest: " + o.name + " has no PWM")
	case !d.Valid() || f < 0:
		return errors.New("boardtest: " + o.name + ": " + d.String() + " at " + f.String() + " is no PWM")
	}
	return o.set(d)
}

// Halt implements conn.Resource; it does nothing.
func (o *Output) Halt() error { return nil }

// String implements conn.Resource.
func (o *Output) String() string { return o.name }

// Name implements pin.Pin.
func (o *Output) Name() string { return o.name }

// Number implements pin.Pin.
func (o *Output) Number() int { return -1 }

// Function implements pin.Pin.
func (o *Output) Function() string { return "Out" }

// LED is a lamp of three colours that somebody looks at; high is on.
type LED struct {
	Red, Green, Blue *Output
	changed          chan struct{}
}

// NewLED makes a dark one. pwm says whether its pins can make it dim.
func NewLED(pwm bool) *LED {
	changed := make(chan struct{}, 1)
	return &LED{
		Red: newOutput("RED", pwm, changed), Green: newOutput("GREEN", pwm, changed), Blue: newOutput("BLUE", pwm, changed),
		changed: changed,
	}
}

// Shows is its light now, 0 to 255 a channel.
func (l *LED) Shows() (r, g, b uint8) {
	part := func(o *Output) uint8 {
		return uint8((int64(o.Duty())*255 + int64(gpio.DutyHalf)) / int64(gpio.DutyMax))
	}
	return part(l.Red), part(l.Green), part(l.Blue)
}

// Changed gets a value when the light has changed since the last one; it is for
// one reader.
func (l *LED) Changed() <-chan struct{} { return l.changed }

// Buzzer is an active buzzer that somebody listens to; high sounds.
type Buzzer struct {
	*Output
}

// NewBuzzer makes a silent one.
func NewBuzzer() *Buzzer { return &Buzzer{newOutput("SIG", false, make(chan struct{}, 1))} }

// Sounds reports that it can be heard now.
func (b *Buzzer) Sounds() bool { return b.Duty() > 0 }

// Changed gets a value when it began or ended to sound since the last one; it is
// for one reader.
func (b *Buzzer) Changed() <-chan struct{} { return b.changed }
