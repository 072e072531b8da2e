package board

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/board/boardtest"
	"github.com/galla-pay/galla/agent/signals"
	"github.com/galla-pay/galla/protocol"
)

// TestASaleOnTheBoard: signals conducts, and a person before the terminal sees and
// hears terminal-ux's table.
func TestASaleOnTheBoard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		led, bell := boardtest.NewLED(false), boardtest.NewBuzzer()
		lamp, err := OpenLamp(LampPins{Red: led.Red, Green: led.Green, Blue: led.Blue}, LampOptions{})
		if err != nil {
			t.Fatal(err)
		}
		buzzer, err := OpenBuzzer(bell, BuzzerOptions{})
		if err != nil {
			t.Fatal(err)
		}
		c := signals.NewConductor(signals.Parts{Light: lamp.Play, Tone: buzzer.Play, Volume: signals.DefaultVolume()})
		for _, row := range []struct {
			status agent.Status
			light  string
			sounds int // how often, within a second
		}{
			{agent.Status{Mode: protocol.ModeIdle, Link: true}, "255 255 255", 0}, // a wink
			{agent.Status{Mode: protocol.ModePrompting, Link: true, PaymentID: "P1"}, "0 0 255", 2},
			{agent.Status{Mode: protocol.ModePresenting, Link: true, PaymentID: "P1"}, "0 0 255", 1},
			{agent.Status{Mode: protocol.ModeResult, Link: true, PaymentID: "P1", Result: protocol.OutcomeSucceeded}, "0 255 0", 4},
			{agent.Status{Mode: protocol.ModeFault, Link: true}, "255 0 0", 3},
		} {
			c.Status(row.status)
			if got := shows(led); got != row.light {
				t.Errorf("%s shows %s, want %s", row.status.Mode, got, row.light)
			}
			before := len(bell.Moments())
			time.Sleep(time.Second)
			if n := (len(bell.Moments()) - before + 1) / 2; n != row.sounds {
				t.Errorf("%s sounds %d times, want %d", row.status.Mode, n, row.sounds)
			}
		}
		c.Close()
		if err := errors.Join(lamp.Close(), buzzer.Close()); err != nil {
			t.Error(err)
		}
	})
}
