package boardtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

const ms = time.Millisecond

// reads are the levels of all columns of a keypad with its row r driven low and
// the others let go: "HLH".
func reads(t *testing.T, k *Keypad, r int) string {
	t.Helper()
	for i := range k.rows {
		if err := k.Row(i).In(gpio.PullUp, gpio.NoEdge); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Row(r).Out(gpio.Low); err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, c := range k.Cols() {
		text += c.Read().String()[:1]
	}
	return text
}

// TestAKeypadIsWires: rows seen through its keys, a scan each.
func TestAKeypadIsWires(t *testing.T) {
	t.Parallel()
	type key struct{ r, c int }
	for name, row := range map[string]struct {
		pressed []key
		want    []string
	}{
		"nothing pressed":             {nil, []string{"HHH", "HHH", "HHH", "HHH"}},
		"one":                         {[]key{{1, 2}}, []string{"HHH", "HHL", "HHH", "HHH"}},
		"two of a row":                {[]key{{0, 0}, {0, 2}}, []string{"LHL", "HHH", "HHH", "HHH"}},
		"two of a column":             {[]key{{0, 1}, {3, 1}}, []string{"HLH", "HHH", "HHH", "HLH"}},
		"three make a fourth":         {[]key{{0, 0}, {0, 2}, {3, 0}}, []string{"LHL", "HHH", "HHH", "LHL"}},
		"three of a row make none":    {[]key{{2, 0}, {2, 1}, {2, 2}}, []string{"HHH", "HHH", "LLL", "HHH"}},
		"two pairs that do not touch": {[]key{{0, 0}, {1, 1}, {2, 2}}, []string{"LHH", "HLH", "HHL", "HHH"}},
	} {
		k := NewKeypad(4, 3)
		for _, c := range k.Cols() {
			if err := c.In(gpio.PullUp, gpio.FallingEdge); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range row.pressed {
			k.Press(p.r, p.c)
		}
		for r, want := range row.want {
			if got := reads(t, k, r); got != want {
				t.Errorf("%s: row %d reads %s, want %s", name, r, got, want)
			}
		}
		for _, p := range row.pressed {
			k.Release(p.r, p.c)
		}
		if got := reads(t, k, 0); got != "HHH" {
			t.Errorf("%s: released, it reads %s", name, got)
		}
		if wrong := k.Misuse(); len(wrong) > 0 {
			t.Errorf("%s: misuse %v", name, wrong)
		}
	}
}

// TestMisuse is noticed: two outputs that a key connects, and a line that nobody
// drives or pulls.
func TestMisuse(t *testing.T) {
	t.Parallel()
	k := NewKeypad(2, 1)
	if got := k.Col(0).Read(); got != gpio.Low || !slices.Equal(k.Misuse(), []string{"C1 is read while nothing drives or pulls it"}) {
		t.Errorf("floating it reads %s: %v", got, k.Misuse())
	}
	k = NewKeypad(2, 1)
	for r, level := range []gpio.Level{gpio.Low, gpio.High} {
		if err := k.Row(r).Out(level); err != nil {
			t.Fatal(err)
		}
		k.Press(r, 0)
	}
	if !slices.Equal(k.Misuse(), []string{"two outputs are shorted"}) {
		t.Errorf("misuse %v", k.Misuse())
	}
	k = NewKeypad(1, 1)
	if err := errors.Join(k.Col(0).In(gpio.PullUp, gpio.NoEdge), k.Row(0).Out(gpio.High)); err != nil {
		t.Fatal(err)
	}
	k.Short(0, true)
	if k.Col(0).Read() != gpio.Low || len(k.Misuse()) > 0 {
		t.Errorf("a shorted column reads %s: %v", k.Col(0).Read(), k.Misuse())
	}
	k.Short(0, false)
	if k.Col(0).Read() != gpio.High {
		t.Error("it stays shorted")
	}
}

// TestEdges are told to who asked for them: those of the kind, one that came
// before the wait, and none that In has emptied.
func TestEdges(t *testing.T) {
	t.Parallel()
	for edge, want := range map[gpio.Edge]string{gpio.NoEdge: "..", gpio.FallingEdge: "v.", gpio.RisingEdge: ".^", gpio.BothEdges: "v^"} {
		synctest.Test(t, func(t *testing.T) {
			b := NewButton("GPIO5")
			if err := b.In(gpio.PullUp, edge); err != nil {
				t.Fatal(err)
			}
			got := []byte("..")
			b.Press()
			if b.WaitForEdge(ms) {
				got[0] = 'v'
			}
			go func() { time.Sleep(ms / 2); b.Release() }()
			if b.WaitForEdge(ms) {
				got[1] = '^'
			}
			if string(got) != want {
				t.Errorf("%s: %s, want %s", edge, got, want)
			}
			b.Press()
			b.Release()
			if err := b.In(gpio.PullUp, edge); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			if b.WaitForEdge(time.Second) || time.Since(begun) != time.Second {
				t.Errorf("%s: an old edge, after %v", edge, time.Since(begun))
			}
		})
	}
}

// TestHaltEndsAWait, one without a limit too.
func TestHaltEndsAWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewButton("GPIO5")
		if err := b.In(gpio.PullUp, gpio.BothEdges); err != nil {
			t.Fatal(err)
		}
		ended := make(chan bool)
		go func() { ended <- b.WaitForEdge(-1) }()
		synctest.Wait()
		if b.Halted() {
			t.Error("halted before")
		}
		if err := errors.Join(b.Halt(), b.Halt()); err != nil {
			t.Fatal(err)
		}
		if <-ended || !b.Halted() {
			t.Error("it ended with an edge, or is not halted")
		}
	})
}

// TestAButtonBounces for as long as it was told to, at both ends.
func TestAButtonBounces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewButton("GPIO5")
		if err := b.In(gpio.PullUp, gpio.BothEdges); err != nil {
			t.Fatal(err)
		}
		b.Bounce(2*ms, 3*ms)
		begun := time.Now()
		var seen []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 6 {
				if !b.WaitForEdge(time.Second) {
					return
				}
				seen = append(seen, fmt.Sprintf("%v %s", time.Since(begun), b.Read()))
			}
		}()
		synctest.Wait()
		b.Tap(100 * ms)
		<-done
		want := []string{"0s Low", "2ms High", "5ms Low", "105ms High", "107ms Low", "110ms High"}
		if !slices.Equal(seen, want) {
			t.Errorf("seen %q", seen)
		}
	})
}

// TestPinsThatDoNotWork refuse, or report no edge at all.
func TestPinsThatDoNotWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewButton("GPIO5")
		gone := errors.New("gone")
		b.Break(gone)
		if !errors.Is(b.In(gpio.PullUp, gpio.BothEdges), gone) || !errors.Is(b.Out(gpio.Low), gone) {
			t.Error("it works")
		}
		b.Break(nil)
		if err := b.In(gpio.PullUp, gpio.BothEdges); err != nil || b.Pull() != gpio.PullUp || b.Function() != "In" {
			t.Errorf("%v, %s, %s", err, b.Pull(), b.Function())
		}
		b.Silence()
		b.Press()
		begun := time.Now()
		if b.WaitForEdge(time.Minute) || time.Since(begun) > 0 || b.Read() != gpio.Low {
			t.Error("a silent pin waits or reports")
		}
		if err := b.PWM(gpio.DutyHalf, physic.Hertz); err == nil || b.String() != "GPIO5" || b.Name() != "GPIO5" || b.Number() != 0 {
			t.Errorf("PWM %v, %s", err, b)
		}
		if err := b.Out(gpio.High); err != nil || !b.Drives() || b.Function() != "Out" || b.DefaultPull() != gpio.PullNoChange {
			t.Errorf("%v, %s", err, b.Function())
		}
	})
}

// TestALEDIsWatched: what it shows, that it changed, and since when.
func TestALEDIsWatched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		led := NewLED(true)
		changed := func() bool {
			select {
			case <-led.Changed():
				return true
			default:
				return false
			}
		}
		begun := time.Now()
		if err := led.Red.Out(gpio.Low); err != nil || changed() {
			t.Errorf("dark already: %v, and it changed", err)
		}
		if err := errors.Join(led.Red.Out(gpio.High), led.Red.Out(gpio.High)); err != nil {
			t.Fatal(err)
		}
		if r, g, b := led.Shows(); r != 255 || g != 0 || b != 0 || !changed() || changed() {
			t.Errorf("shows %d %d %d", r, g, b)
		}
		time.Sleep(ms)
		if err := errors.Join(led.Green.PWM(gpio.DutyMax*15/100, physic.KiloHertz), led.Blue.PWM(gpio.DutyMax, 0)); err != nil {
			t.Fatal(err)
		}
		if r, g, b := led.Shows(); r != 255 || g != 38 || b != 255 || !changed() {
			t.Errorf("shows %d %d %d", r, g, b)
		}
		if err := led.Blue.PWM(gpio.DutyMax+1, physic.Hertz); err == nil {
			t.Error("more than all is a duty")
		}
		m := led.Green.Moments()
		if len(m) != 1 || m[0].At.Sub(begun) != ms || m[0].Duty != gpio.DutyMax*15/100 {
			t.Errorf("moments %v", m)
		}
		led.Green.Break(errors.New("gone"))
		if err := led.Green.Out(gpio.Low); err == nil || led.Green.Duty() == 0 {
			t.Error("a broken pin works")
		}
		plain := NewLED(false)
		if err := plain.Red.PWM(gpio.DutyHalf, physic.Hertz); err == nil || !strings.Contains(err.Error(), "RED has no PWM") {
			t.Errorf("PWM: %v", err)
		}
	})
}

// TestABuzzerIsHeard, and what it remembers stays small.
func TestABuzzerIsHeard(t *testing.T) {
	t.Parallel()
	b := NewBuzzer()
	for i := range 2 * momentsKept {
		if err := b.Out(i%2 == 0); err != nil || b.Sounds() != (i%2 == 0) {
			t.Fatalf("%v, sounds %v", err, b.Sounds())
		}
	}
	if n := len(b.Moments()); n != momentsKept {
		t.Errorf("it remembers %d changes", n)
	}
	select {
	case <-b.Changed():
	default:
		t.Error("nothing has changed")
	}
	if b.Name() != "SIG" || b.String() != "SIG" || b.Function() != "Out" || b.Number() != -1 || b.Halt() != nil {
		t.Errorf("it is %s", b)
	}
}
