package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/galla-pay/galla/agent/signals"
	"github.com/galla-pay/galla/agent/signals/voice"
)

// TestTheSpeakerSaysWhatItShould: the tone where no buzzer plays it, the voice
// where it is wanted, by the program and on the device that are named.
func TestTheSpeakerSaysWhatItShould(t *testing.T) {
	t.Parallel()
	tone := signals.Tones()[1]
	speech := signals.Speech{Language: "hi", Said: signals.SaidReceived, AmountPaise: 245_00}
	for name, test := range map[string]struct {
		config string
		buzzer bool
		want   signals.Sound
	}{
		"alone":         {"", false, signals.Sound{Tone: tone, Speech: speech}},
		"with a buzzer": {"", true, signals.Sound{Speech: speech}},
		"without voice": {"voice = false", false, signals.Sound{Tone: tone}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			heard, program := filepath.Join(dir, "heard"), filepath.Join(dir, "program")
			if err := syscall.Mkfifo(heard, 0o600); err != nil {
				t.Fatal(err)
			}
			script := fmt.Sprintf("#!/bin/sh\n[ \"$*\" = \"-q -D plughw:1 -\" ] && exec cat > %s\n", heard)
			if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			c, err := readConfig(configFile(t, displayConfig(dir)+fmt.Sprintf("[sound]\nprogram = %q\ndevice = \"plughw:1\"\n%s\n", program, test.config)))
			if err != nil {
				t.Fatal(err)
			}
			p := &parts{}
			if test.buzzer {
				p.signals.Tone = func(signals.Tone, int) {}
			}
			if err := c.openSound(p, nil, slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			defer p.close()
			p.signals.Sound(signals.Sound{Tone: tone, Speech: speech}, 80)
			got, err := os.ReadFile(heard) // until the program has all of it
			if err != nil {
				t.Fatal(err)
			}
			want, err := voice.WAV(test.want, 80)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes are played, want %d", len(got), len(want))
			}
		})
	}
}
