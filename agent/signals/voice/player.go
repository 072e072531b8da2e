package voice

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent/signals"
)

// PlayerConfig is what a deployment may choose; the zero value is good.
type PlayerConfig struct {
	// Program plays a WAV that it reads from its standard input; "": aplay.
	Program string
	// Device is the sound card, as aplay -D takes it; "": its default.
	Device string
	// Tones has the speaker play the tones too, for a terminal without a buzzer.
	// Else what is said waits for as long as the buzzer takes.
	Tones bool
	// Log gets that there is no sound, once; nil: nowhere.
	Log *slog.Logger
}

// grace is how much longer than its WAV a program may take.
const grace = 2 * time.Second

// Player plays sounds one after another. That there is no program, or no sound
// card, is no fault of a terminal: it is logged once, told by Fault, and tried
// again with the next sound.
type Player struct {
	cfg   PlayerConfig
	grace time.Duration
	wake  chan struct{}
	ctx   context.Context // ends with Close
	stop  context.CancelFunc
	done  chan struct{}

	mu      sync.Mutex
	waiting []job
	fault   error
}

type job struct {
	sound  signals.Sound
	volume int
}

// NewPlayer starts playing; Close ends it.
func NewPlayer(cfg PlayerConfig) *Player { return newPlayer(cfg, grace) }

func newPlayer(cfg PlayerConfig, grace time.Duration) *Player {
	if cfg.Program == "" {
		cfg.Program = "aplay"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	p := &Player{cfg: cfg, grace: grace, wake: make(chan struct{}, 1), done: make(chan struct{})}
	p.ctx, p.stop = context.WithCancel(context.Background())
	go p.run()
	return p
}

// Play plays a sound at a volume of 0 to 100, after those before it. It does not
// block; it is made for signals.Parts.Sound.
//
// What tells how a payment ended is never left out. Of anything else only the
// newest waits: nobody wants to hear three ticks late.
func (p *Player) Play(s signals.Sound, volume int) {
	if s.Speech.Muted {
		s.Speech = signals.Speech{}
	}
	if volume <= 0 || s.Speech.IsZero() && (s.Tone.IsZero() || !p.cfg.Tones) {
		return
	}
	p.mu.Lock()
	if !s.Speech.Money() {
		p.waiting = slices.DeleteFunc(p.waiting, func(j job) bool { return !j.sound.Speech.Money() })
	}
	p.waiting = append(p.waiting, job{s, volume})
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Fault is why the last sound could not be played; nil: it could.
func (p *Player) Fault() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault
}

// Close ends what is played and plays nothing more. It may be called more than
// once.
func (p *Player) Close() {
	p.stop()
	<-p.done
}

func (p *Player) run() {
	defer close(p.done)
	for {
		j, ok := p.next()
		if !ok {
			select {
			case <-p.wake:
				continue
			case <-p.ctx.Done():
				return
			}
		}
		err := p.play(j)
		if p.ctx.Err() != nil {
			return
		}
		p.mu.Lock()
		news := err != nil && p.fault == nil
		p.fault = err
		p.mu.Unlock()
		if news {
			p.cfg.Log.Warn("the terminal has no sound", "err", err)
		}
	}
}

func (p *Player) next() (job, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		return job{}, false
	}
	j := p.waiting[0]
	p.waiting = slices.Delete(p.waiting, 0, 1)
	return j, true
}

// play hands one sound to the program, and waits for it no longer than the sound
// lasts and a little more.
func (p *Player) play(j job) error {
	before := time.Duration(0)
	if !p.cfg.Tones {
		before, j.sound.Tone = j.sound.Tone.Length(), signals.Tone{}
	}
	wav, err := WAV(j.sound, j.volume)
	if err != nil || wav == nil {
		return err
	}
	if !p.sleep(before) {
		return nil
	}
	limit := lengthOf(wav) + p.grace
	ctx, cancel := context.WithTimeout(p.ctx, limit)
	defer cancel()
	args := []string{"-q", "-"}
	if p.cfg.Device != "" {
		args = []string{"-q", "-D", p.cfg.Device, "-"}
	}
	cmd := exec.CommandContext(ctx, p.cfg.Program, args...)
	var complaint short
	cmd.Stdin, cmd.Stderr = bytes.NewReader(wav), &complaint
	cmd.WaitDelay = p.grace
	err = cmd.Run()
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%s did not end within %v", p.cfg.Program, limit)
	case len(complaint) > 0:
		return fmt.Errorf("%s: %w: %s", p.cfg.Program, err, complaint.line())
	}
	return fmt.Errorf("%s: %w", p.cfg.Program, err)
}

// sleep reports that the player was not closed meanwhile.
func (p *Player) sleep(d time.Duration) bool {
	select {
	case <-p.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// short keeps the beginning of what a program complains of.
type short []byte

// Write implements io.Writer; it takes everything.
func (s *short) Write(b []byte) (int, error) {
	*s = append(*s, b[:min(len(b), 400-min(len(*s), 400))]...)
	return len(b), nil
}

// line is its first line.
func (s short) line() string {
	first, _, _ := strings.Cut(strings.TrimSpace(string(s)), "\n")
	return first
}
