package signals

import (
	"sync"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// Parts are what a Conductor plays on. Its functions are called by one goroutine,
// one after another; they hand over and return, as those of package board and
// package voice do. nil: the terminal has no such part.
type Parts struct {
	// Light shows a light from now on.
	Light func(Light)
	// Tone plays a tone at a volume of 1 to 100: the buzzer.
	Tone func(t Tone, volume int)
	// Sound plays a sound at a volume of 0 to 100: the speaker, and who shows
	// captions. Where there is a buzzer it plays the sound's tone at the same time,
	// and what is said comes after that. A muted speech comes too, for its caption,
	// and so does any at volume 0.
	Sound func(s Sound, volume int)
	// Volume says how loud it is.
	Volume Volume
	// Wall is the device's wall clock in local time, for quiet hours; nil: time.Now.
	Wall func() time.Time
	// DarkIdle keeps the light out while nothing is to do (terminal-ux: "or off by
	// policy").
	DarkIdle bool
}

// Conductor plays what a terminal does on its parts. Its Status is made for
// agent.Config.Status.
type Conductor struct {
	parts Parts
	wake  chan struct{}
	stop  chan struct{}
	done  chan struct{}
	once  sync.Once

	mu      sync.Mutex
	waiting []agent.Status // not yet played, in order: none is left out
}

// NewConductor starts playing; Close ends it.
func NewConductor(p Parts) *Conductor {
	if p.Wall == nil {
		p.Wall = time.Now
	}
	c := &Conductor{parts: p, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go c.run()
	return c
}

// Status takes what the terminal does now. It does not block.
func (c *Conductor) Status(s agent.Status) {
	c.mu.Lock()
	c.waiting = append(c.waiting, s)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Close ends the playing, once what it was told before is handed to the parts. It
// leaves the light as it is. It may be called more than once.
func (c *Conductor) Close() {
	c.once.Do(func() { close(c.stop) })
	<-c.done
}

func (c *Conductor) run() {
	defer close(c.done)
	var (
		score Score
		light Light
		begun = time.Now()
		timer = time.NewTimer(time.Hour)
	)
	defer timer.Stop()
	for {
		for _, s := range c.take() {
			if l := c.lightOf(s); l != light {
				light = l
				if c.parts.Light != nil {
					c.parts.Light(l)
				}
			}
			c.play(score.Status(s, time.Since(begun)))
		}
		timer.Stop()
		var due <-chan time.Time
		if at, ok := score.Due(); ok {
			timer.Reset(max(0, at-time.Since(begun)))
			due = timer.C
		}
		select {
		case <-c.wake:
		case <-due:
			c.play(score.Tick(time.Since(begun)))
		case <-c.stop:
			for _, s := range c.take() {
				c.play(score.Status(s, time.Since(begun)))
			}
			return
		}
	}
}

func (c *Conductor) take() []agent.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.waiting
	c.waiting = nil
	return all
}

func (c *Conductor) lightOf(s agent.Status) Light {
	if c.parts.DarkIdle && s.Mode == protocol.ModeIdle {
		return Light{Dark, Off}
	}
	return LightOf(s)
}

func (c *Conductor) play(s Sound) {
	if s.IsZero() {
		return
	}
	volume := c.parts.Volume.At(c.parts.Wall())
	if !s.Tone.IsZero() && volume > 0 && c.parts.Tone != nil {
		c.parts.Tone(s.Tone, volume)
	}
	if c.parts.Sound != nil {
		c.parts.Sound(s, volume)
	}
}
