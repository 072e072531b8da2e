package main

import (
	"log/slog"

	"github.com/galla-pay/galla/agent/signals"
	"github.com/galla-pay/galla/agent/signals/voice"
)

// player is what makes sound of what the terminal says; tones has it play the
// tones too.
func (c *soundConfig) player(tones bool, log *slog.Logger) *voice.Player {
	return voice.NewPlayer(voice.PlayerConfig{Program: c.Program, Device: c.Device, Tones: tones, Log: log})
}

// openSound has the sound card speak, and play the tones where no buzzer does.
func (c *config) openSound(p *parts, _ host, log *slog.Logger) error {
	if c.Sound == nil {
		return nil
	}
	player := c.Sound.player(p.signals.Tone == nil, log)
	p.signals.Sound = func(s signals.Sound, volume int) {
		if !c.Sound.speaks() {
			s.Speech = signals.Speech{}
		}
		player.Play(s, volume)
	}
	p.closing = append(p.closing, func() error { player.Close(); return nil })
	return nil
}

// speaks reports whether the voice is wanted.
func (c *soundConfig) speaks() bool { return c != nil && (c.Voice == nil || *c.Voice) }
