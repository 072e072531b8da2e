package signals

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// hall is where a conductor plays: what it plays is written down.
type hall struct {
	begun time.Time
	notes []string
}

func (h *hall) note(format string, values ...any) {
	h.notes = append(h.notes, fmt.Sprintf("%v ", time.Since(h.begun))+fmt.Sprintf(format, values...))
}

func (h *hall) parts() Parts {
	return Parts{
		Light:  func(l Light) { h.note("%s %s", l.Colour, l.Pattern) },
		Tone:   func(t Tone, volume int) { h.note("buzzer %s %d", t.Name, volume) },
		Sound:  func(s Sound, volume int) { h.note("speaker %s %q %d", s.Tone.Name, s.Speech.Caption(), volume) },
		Volume: Volume{Day: 80, Quiet: 0, Hours: QuietHours{From: 22 * 60, To: 7 * 60}},
		Wall:   func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) },
	}
}

func (h *hall) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	if !slices.Equal(h.notes, want) {
		t.Errorf("played\n%s\nwant\n%s", strings.Join(h.notes, "\n"), strings.Join(want, "\n"))
	}
	h.notes = nil
}

func TestConductor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hall{begun: time.Now()}
		c := NewConductor(h.parts())
		c.Status(status(protocol.ModeIdle))
		h.expect(t, "0s white dim")
		time.Sleep(time.Second)
		c.Status(status(protocol.ModePrompting))
		time.Sleep(11 * time.Second)
		h.expect(t, "1s blue slow", `1s buzzer new-bill 80`, `1s speaker new-bill "" 80`, `11s buzzer new-bill 80`, `11s speaker new-bill "" 80`)
		c.Status(status(protocol.ModePresenting, paying(protocol.PayDQR)))
		c.Status(status(protocol.ModeResult, ended(protocol.OutcomeSucceeded)))
		h.expect(t, "12s blue solid", "12s buzzer tick 80", `12s speaker tick "" 80`,
			"12s green solid", "12s buzzer chime 80", `12s speaker chime "Received two hundred forty five rupees" 80`)
		c.Status(status(protocol.ModeOffline))
		time.Sleep(time.Hour)
		h.expect(t, "12s amber double-blink", `17s speaker  "No internet" 80`)
		c.Close()
		c.Close()
		c.Status(status(protocol.ModeFault))
		h.expect(t)
	})
}

// TestConductorAtNight: a volume of nothing leaves the light and the captions.
func TestConductorAtNight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hall{begun: time.Now()}
		parts := h.parts()
		parts.Wall = func() time.Time { return time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC) }
		parts.DarkIdle = true
		c := NewConductor(parts)
		defer c.Close()
		c.Status(status(protocol.ModeIdle))
		c.Status(status(protocol.ModeResult, ended(protocol.OutcomeSucceeded), muted))
		h.expect(t, "0s dark off", "0s green solid", `0s speaker chime "Received two hundred forty five rupees" 0`)
	})
}

// TestConductorWithoutParts plays nothing and does not mind.
func TestConductorWithoutParts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := NewConductor(Parts{Volume: DefaultVolume()})
		for _, mode := range modes() {
			c.Status(agent.Status{Mode: mode})
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		c.Close()
	})
}

// TestClosePlaysWhatItWasTold: a payment that came in just before is heard.
func TestClosePlaysWhatItWasTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &hall{begun: time.Now()}
		parts := h.parts()
		held := make(chan struct{})
		parts.Light = func(Light) { <-held } // the conductor is behind
		c := NewConductor(parts)
		c.Status(status(protocol.ModePresenting))
		synctest.Wait()
		c.Status(status(protocol.ModeResult, ended(protocol.OutcomeSucceeded)))
		go c.Close()
		synctest.Wait()
		close(held)
		c.Close()
		h.expect(t, "0s buzzer tick 80", `0s speaker tick "" 80`, "0s buzzer chime 80", `0s speaker chime "Received two hundred forty five rupees" 80`)
	})
}
