package board

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/board/boardtest"
	"github.com/galla-pay/galla/agent/signals"
	"periph.io/x/conn/v3/gpio"
)

// lamp runs test with a lamp on a LED.
func lamp(t *testing.T, pwm bool, opts LampOptions, only string, test func(led *boardtest.LED, l *Lamp)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		led := boardtest.NewLED(pwm)
		var pins LampPins
		if strings.Contains(only, "r") {
			pins.Red = led.Red
		}
		if strings.Contains(only, "g") {
			pins.Green = led.Green
		}
		if strings.Contains(only, "b") {
			pins.Blue = led.Blue
		}
		l, err := OpenLamp(pins, opts)
		if err != nil {
			t.Fatal(err)
		}
		test(led, l)
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Errorf("close: %v", err)
		}
		l.Play(signals.Light{Colour: signals.Red, Pattern: signals.Solid}) // to nobody
		time.Sleep(time.Second)
		if r, g, b := led.Shows(); (r != 0 || g != 0 || b != 0) && !opts.ActiveLow {
			t.Errorf("closed, it shows %d %d %d", r, g, b)
		}
	})
}

func shows(led *boardtest.LED) string {
	synctest.Wait()
	r, g, b := led.Shows()
	return fmt.Sprintf("%d %d %d", r, g, b)
}

// TestLampPlaysWhatThePageDraws: at any moment the LED shows what signals says of
// that moment.
func TestLampPlaysWhatThePageDraws(t *testing.T) {
	t.Parallel()
	for _, pwm := range []bool{false, true} {
		for _, pattern := range []signals.Pattern{
			signals.Off, signals.Dim, signals.Solid, signals.Slow, signals.Chase, signals.Breathe, signals.DoubleBlink, signals.ThreeBlinks, signals.OneBlink,
		} {
			for _, colour := range []signals.Colour{signals.White, signals.Amber} {
				lamp(t, pwm, LampOptions{PWM: pwm}, "rgb", func(led *boardtest.LED, l *Lamp) {
					light := signals.Light{Colour: colour, Pattern: pattern}
					l.Play(light)
					for at := time.Duration(0); at < 7*time.Second; at += 50 * ms {
						want := ""
						if pwm {
							r, g, b, _ := light.At(at)
							want = fmt.Sprintf("%d %d %d", r, g, b)
						} else {
							r, g, b, _ := light.OnAt(at)
							want = fmt.Sprintf("%d %d %d", full(r), full(g), full(b))
						}
						if got := shows(led); got != want {
							t.Fatalf("%v, PWM %v, shows %s after %v, want %s", light, pwm, got, at, want)
						}
						time.Sleep(50 * ms)
					}
				})
			}
		}
	}
}

func full(on bool) int {
	if on {
		return 255
	}
	return 0
}

// TestLampsWithFewerChannels: green alone is lit for money only, and every other
// colour is a light that can be seen.
func TestLampsWithFewerChannels(t *testing.T) {
	t.Parallel()
	for only, want := range map[string]map[signals.Colour]string{
		"rgb": {signals.White: "255 255 255", signals.Blue: "0 0 255", signals.Green: "0 255 0", signals.Red: "255 0 0", signals.Amber: "255 255 0", signals.Dark: "0 0 0"},
		"rg":  {signals.White: "255 255 0", signals.Blue: "255 255 0", signals.Green: "0 255 0", signals.Red: "255 0 0", signals.Amber: "255 255 0", signals.Dark: "0 0 0"},
		"rb":  {signals.White: "255 0 255", signals.Blue: "0 0 255", signals.Green: "255 0 255", signals.Red: "255 0 0", signals.Amber: "255 0 255", signals.Dark: "0 0 0"},
		"r":   {signals.White: "255 0 0", signals.Blue: "255 0 0", signals.Green: "255 0 0", signals.Red: "255 0 0", signals.Amber: "255 0 0", signals.Dark: "0 0 0"},
		"b":   {signals.White: "0 0 255", signals.Blue: "0 0 255", signals.Green: "0 0 255", signals.Red: "0 0 255", signals.Amber: "0 0 255", signals.Dark: "0 0 0"},
	} {
		lamp(t, false, LampOptions{}, only, func(led *boardtest.LED, l *Lamp) {
			for colour, levels := range want {
				l.Play(signals.Light{Colour: colour, Pattern: signals.Solid})
				if got := shows(led); got != levels {
					t.Errorf("%s on a LED of %s shows %s, want %s", colour, only, got, levels)
				}
			}
		})
	}
	lamp(t, true, LampOptions{PWM: true}, "r", func(led *boardtest.LED, l *Lamp) {
		l.Play(signals.Light{Colour: signals.Amber, Pattern: signals.Dim})
		if got := shows(led); got != "38 0 0" {
			t.Errorf("dim amber on a red LED shows %s", got)
		}
	})
}

// TestTheNewestLightIsPlayed, from its beginning.
func TestTheNewestLightIsPlayed(t *testing.T) {
	t.Parallel()
	lamp(t, false, LampOptions{}, "rgb", func(led *boardtest.LED, l *Lamp) {
		for range 100 {
			l.Play(signals.Light{Colour: signals.Red, Pattern: signals.Slow})
		}
		l.Play(signals.Light{Colour: signals.Blue, Pattern: signals.Slow})
		if got := shows(led); got != "0 0 255" {
			t.Errorf("shows %s", got)
		}
		time.Sleep(1500 * ms)
		if got := shows(led); got != "0 0 0" {
			t.Errorf("after 1.5 s shows %s", got)
		}
		l.Play(signals.Light{Colour: signals.Blue, Pattern: signals.Slow})
		if got := shows(led); got != "0 0 255" {
			t.Errorf("played again, shows %s", got)
		}
	})
}

// TestALampThatIsSteadyCostsNothing: nothing is told to a pin that is as it should
// be.
func TestALampThatIsSteadyCostsNothing(t *testing.T) {
	t.Parallel()
	lamp(t, true, LampOptions{PWM: true}, "rgb", func(led *boardtest.LED, l *Lamp) {
		for _, row := range []struct {
			light            signals.Light
			red, green, blue int // how often each pin is told, in a minute
		}{
			{signals.Light{Colour: signals.White, Pattern: signals.Dim}, 0, 0, 0},
			{signals.Light{Colour: signals.Blue, Pattern: signals.Slow}, 0, 0, 60},
			{signals.Light{Colour: signals.Green, Pattern: signals.Solid}, 0, 0, 0},
		} {
			l.Play(row.light)
			synctest.Wait()
			red, green, blue := led.Red.Told(), led.Green.Told(), led.Blue.Told()
			time.Sleep(time.Minute)
			synctest.Wait()
			if r, g, b := led.Red.Told()-red, led.Green.Told()-green, led.Blue.Told()-blue; r != row.red || g != row.green || b != row.blue {
				t.Errorf("%v tells the pins %d, %d and %d times a minute", row.light, r, g, b)
			}
		}
	})
}

// TestActiveLow: a LED whose common leg is the supply is lit while its line is
// low.
func TestActiveLow(t *testing.T) {
	t.Parallel()
	lamp(t, true, LampOptions{PWM: true, ActiveLow: true}, "rgb", func(led *boardtest.LED, l *Lamp) {
		for _, row := range []struct {
			light signals.Light
			want  string
		}{
			{signals.Light{Colour: signals.Dark, Pattern: signals.Off}, "255 255 255"},
			{signals.Light{Colour: signals.Green, Pattern: signals.Solid}, "255 0 255"},
			{signals.Light{Colour: signals.White, Pattern: signals.Dim}, "217 217 217"},
		} {
			l.Play(row.light)
			if got := shows(led); got != row.want {
				t.Errorf("%v is %s, want %s", row.light, got, row.want)
			}
		}
	})
}

// TestPinsWithoutPWM: the lamp finds out and is on or off from there.
func TestPinsWithoutPWM(t *testing.T) {
	t.Parallel()
	lamp(t, false, LampOptions{PWM: true}, "rgb", func(led *boardtest.LED, l *Lamp) {
		l.Play(signals.Light{Colour: signals.White, Pattern: signals.Breathe})
		time.Sleep(100 * ms)
		for _, want := range []string{"0 0 0", "255 255 255", "0 0 0", "255 255 255"} {
			if got := shows(led); got != want {
				t.Errorf("a breath shows %s, want %s", got, want)
			}
			time.Sleep(1500 * ms)
		}
		if err := l.Fault(); err != nil {
			t.Errorf("fault: %v", err)
		}
	})
}

// TestAChannelThatBreaks is logged once; the others go on, and it does when it
// works again.
func TestAChannelThatBreaks(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		led := boardtest.NewLED(false)
		led.Red.Break(errors.New("gone"))
		l, err := OpenLamp(LampPins{Red: led.Red, Green: led.Green, Blue: led.Blue}, LampOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		l.Play(signals.Light{Colour: signals.White, Pattern: signals.Slow})
		time.Sleep(10 * time.Second)
		if got := shows(led); got != "0 255 255" {
			t.Errorf("shows %s", got)
		}
		if err := l.Fault(); err == nil || err.Error() != "lamp, red: gone" || strings.Count(log.String(), "does not do as told") != 1 {
			t.Errorf("fault %v, log %s", err, log.String())
		}
		led.Red.Break(nil)
		time.Sleep(2 * time.Second)
		if got := shows(led); got != "255 255 255" {
			t.Errorf("whole again, shows %s", got)
		}
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

func TestALampWithoutPins(t *testing.T) {
	t.Parallel()
	for _, pins := range []LampPins{{}, {Red: gpio.INVALID, Green: gpio.INVALID, Blue: gpio.INVALID}} {
		if l, err := OpenLamp(pins, LampOptions{}); err == nil || l != nil {
			t.Errorf("%+v: %v", pins, err)
		}
	}
}

// beats are how long the buzzer sounds, rests, sounds ...
func beats(b *boardtest.Buzzer, begun time.Time) (all []time.Duration) {
	at := begun
	for _, m := range b.Moments() {
		all = append(all, m.At.Sub(at))
		at = m.At
	}
	return all
}

// TestBuzzerPlaysTones, one after another and a little apart.
func TestBuzzerPlaysTones(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, low := range []bool{false, true} {
			b := boardtest.NewBuzzer()
			z, err := OpenBuzzer(b, BuzzerOptions{ActiveLow: low})
			if err != nil {
				t.Fatal(err)
			}
			if b.Sounds() != low {
				t.Error("it sounds before it is told")
			}
			begun, want := time.Now(), []time.Duration(nil)
			if low {
				want = append(want, 0)
			}
			rest := time.Duration(0)
			for i, tone := range signals.Tones()[:4] {
				if i == 1 {
					z.Play(tone, 0) // silence
					continue
				}
				z.Play(tone, 50)
				for _, beat := range tone.Beats() {
					want = append(want, rest)
					rest = time.Duration(beat.Ms) * ms
				}
				want = append(want, rest)
				rest = tonesApart
			}
			z.Play(signals.Tone{}, 100)
			time.Sleep(time.Minute)
			if got := beats(b, begun); !slices.Equal(got, want) {
				t.Errorf("active low %v: it changes after %v, want %v", low, got, want)
			}
			if err := errors.Join(z.Close(), z.Close()); err != nil || b.Sounds() != low {
				t.Errorf("close: %v, sounds %v", err, b.Sounds())
			}
			z.Play(signals.Tones()[0], 100)
		}
	})
}

// TestBuzzerIsSilentWhenClosed, in the middle of a tone too.
func TestBuzzerIsSilentWhenClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := boardtest.NewBuzzer()
		z, err := OpenBuzzer(b, BuzzerOptions{})
		if err != nil {
			t.Fatal(err)
		}
		z.Play(signals.Tones()[3], 100)
		time.Sleep(100 * ms)
		if !b.Sounds() {
			t.Error("it does not sound")
		}
		if err := z.Close(); err != nil || b.Sounds() {
			t.Errorf("close: %v, sounds %v", err, b.Sounds())
		}
	})
}

// TestMoreTonesThanItCanPlay: the oldest are left out, and nobody waits.
func TestMoreTonesThanItCanPlay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := boardtest.NewBuzzer()
		z, err := OpenBuzzer(b, BuzzerOptions{})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		for range 100 {
			z.Play(signals.Tones()[0], 100)
		}
		z.Play(signals.Tones()[3], 100)
		if time.Since(begun) > 0 {
			t.Error("Play waits")
		}
		time.Sleep(time.Minute)
		moments := b.Moments()
		if n := len(moments) / 2; n < tonesQueued || n > tonesQueued+1 {
			t.Errorf("%d tones were played", n)
		}
		if last := moments[len(moments)-1].At.Sub(moments[len(moments)-2].At); last != signals.Tones()[3].Length() {
			t.Errorf("the last took %v", last)
		}
		if err := z.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestABuzzerThatBreaks is logged once and stops nobody.
func TestABuzzerThatBreaks(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		b := boardtest.NewBuzzer()
		b.Break(errors.New("gone"))
		z, err := OpenBuzzer(b, BuzzerOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		z.Play(signals.Tones()[2], 100)
		time.Sleep(time.Second)
		if err := z.Fault(); err == nil || err.Error() != "buzzer: gone" || strings.Count(log.String(), "gone") != 1 {
			t.Errorf("fault %v, log %s", err, log.String())
		}
		b.Break(nil)
		z.Play(signals.Tones()[0], 100)
		time.Sleep(time.Second)
		if err := z.Fault(); err != nil || len(b.Moments()) != 2 {
			t.Errorf("whole again: %v, %d changes", err, len(b.Moments()))
		}
		if err := z.Close(); err != nil {
			t.Error(err)
		}
		if _, err := OpenBuzzer(nil, BuzzerOptions{}); err == nil {
			t.Error("no pin is a buzzer")
		}
		if _, err := OpenBuzzer(gpio.INVALID, BuzzerOptions{}); err == nil {
			t.Error("a pin that is not there is a buzzer")
		}
	})
}
