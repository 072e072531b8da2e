package board

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/board/boardtest"
	"periph.io/x/conn/v3/gpio"
)

const ms = time.Millisecond

// taken are the keys that were told since the last time.
func taken(k *Keys) (keys []agent.Key) {
	synctest.Wait()
	for {
		select {
		case key := <-k.Pressed():
			keys = append(keys, key)
		default:
			return keys
		}
	}
}

// atOnce has keys without a meaning for long presses.
func atOnce() KeysOptions { return KeysOptions{Holds: map[agent.Key]agent.Key{}} }

// oneKey runs test with a key of that name on a line of its own.
func oneKey(t *testing.T, key agent.Key, opts KeysOptions, prepare func(*boardtest.Button), test func(*boardtest.Button, *Keys)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := boardtest.NewButton("GPIO5")
		if prepare != nil {
			prepare(b)
		}
		k, err := OpenKeys([]Line{{key, b}}, nil, opts)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if b.Pull() != gpio.PullUp {
			t.Errorf("the line is set to %s", b.Pull())
		}
		test(b, k)
		begun := time.Now()
		if err := errors.Join(k.Close(), k.Close()); err != nil || !b.Halted() {
			t.Errorf("close: %v, halted %v", err, b.Halted())
		}
		if took := time.Since(begun); took > lookEvery {
			t.Errorf("it took %v to close", took)
		}
		if wrong := b.Misuse(); len(wrong) > 0 {
			t.Errorf("misuse: %v", wrong)
		}
	})
}

// goes has the button go down, up, down ... for so long.
func goes(b *boardtest.Button, moves []time.Duration) {
	for i, d := range moves {
		if i%2 == 0 {
			b.Press()
		} else {
			b.Release()
		}
		time.Sleep(d)
		synctest.Wait()
	}
}

// TestAKeyIsPressedOnce however its contact bounces; what is shorter than Settle
// is noise.
func TestAKeyIsPressedOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		moves []time.Duration
		want  int
	}{
		"never":                        {nil, 0},
		"pressed and held":             {[]time.Duration{5 * time.Second}, 1},
		"pressed twice":                {[]time.Duration{60 * ms, 60 * ms, 60 * ms, 60 * ms}, 2},
		"held just long enough":        {[]time.Duration{Settle, 100 * ms}, 1},
		"noise on the line":            {[]time.Duration{Settle - 1, 100 * ms, ms, 100 * ms, 5 * ms, time.Second}, 0},
		"a press that bounces":         {[]time.Duration{2 * ms, 1 * ms, 3 * ms, 2 * ms, 4 * ms, 1 * ms, 500 * ms, 100 * ms}, 1},
		"a release that bounces":       {[]time.Duration{500 * ms, 2 * ms, 3 * ms, 1 * ms, 15 * ms, 5 * ms, 19 * ms, 500 * ms}, 1},
		"bounces that are never still": {[]time.Duration{19 * ms, 19 * ms, 19 * ms, 19 * ms, 19 * ms, 100 * ms}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			oneKey(t, agent.Key1, atOnce(), nil, func(b *boardtest.Button, k *Keys) {
				goes(b, c.moves)
				if got := taken(k); len(got) != c.want || slices.ContainsFunc(got, func(key agent.Key) bool { return key != agent.Key1 }) {
					t.Errorf("told %v, want %d", got, c.want)
				}
			})
		})
	}
}

// TestALongPress is told once, after three seconds, and is no short one; a short
// one is told on its release.
func TestALongPress(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		moves []time.Duration
		want  []agent.Key
	}{
		"short":                      {[]time.Duration{100 * ms, 100 * ms}, []agent.Key{agent.KeyOK}},
		"not yet released":           {[]time.Duration{2900 * ms}, nil},
		"short by a moment":          {[]time.Duration{HoldFor - Settle, 100 * ms}, []agent.Key{agent.KeyOK}},
		"long, still down":           {[]time.Duration{HoldFor + Settle}, []agent.Key{agent.KeyRepeat}},
		"long, and released":         {[]time.Duration{HoldFor + Settle, 500 * ms}, []agent.Key{agent.KeyRepeat}},
		"very long":                  {[]time.Duration{time.Minute, 500 * ms}, []agent.Key{agent.KeyRepeat}},
		"long, then short":           {[]time.Duration{4 * time.Second, 100 * ms, 100 * ms, 100 * ms}, []agent.Key{agent.KeyRepeat, agent.KeyOK}},
		"long with a bounce inside":  {[]time.Duration{time.Second, 5 * ms, 3 * time.Second, 100 * ms}, []agent.Key{agent.KeyRepeat}},
		"two halves are not a whole": {[]time.Duration{2 * time.Second, 30 * ms, 2 * time.Second, 100 * ms}, []agent.Key{agent.KeyOK, agent.KeyOK}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			oneKey(t, agent.KeyOK, KeysOptions{}, nil, func(b *boardtest.Button, k *Keys) {
				goes(b, c.moves)
				if got := taken(k); !slices.Equal(got, c.want) {
					t.Errorf("told %v, want %v", got, c.want)
				}
			})
		})
	}
}

// TestWhatLongPressesMean by default: what terminal-ux asks a button to do that
// is held; and no digit waits for its release.
func TestWhatLongPressesMean(t *testing.T) {
	t.Parallel()
	for key, want := range map[agent.Key]agent.Key{
		agent.KeyOK: agent.KeyRepeat, agent.KeyClear: agent.KeyMute, agent.KeyReject: agent.KeyTest, agent.KeyAccept: agent.KeyLanguage,
	} {
		oneKey(t, key, KeysOptions{}, nil, func(b *boardtest.Button, k *Keys) {
			b.Tap(4 * time.Second)
			if got := taken(k); !slices.Equal(got, []agent.Key{want}) {
				t.Errorf("%s held is %v", key, got)
			}
		})
	}
	oneKey(t, agent.Key7, KeysOptions{}, nil, func(b *boardtest.Button, k *Keys) {
		b.Press()
		time.Sleep(Settle)
		if got := taken(k); !slices.Equal(got, []agent.Key{agent.Key7}) {
			t.Errorf("a digit told %v while it is down", got)
		}
	})
	oneKey(t, agent.KeyOK, KeysOptions{HoldFor: 500 * ms}, nil, func(b *boardtest.Button, k *Keys) {
		b.Tap(600 * ms)
		if got := taken(k); !slices.Equal(got, []agent.Key{agent.KeyRepeat}) {
			t.Errorf("half a second is %v", got)
		}
	})
}

// TestAKeyThatBounces as a cheap one does, in all its presses.
func TestAKeyThatBounces(t *testing.T) {
	t.Parallel()
	oneKey(t, agent.KeyOK, KeysOptions{}, func(b *boardtest.Button) { b.Bounce(2*ms, 3*ms, ms, 4*ms) }, func(b *boardtest.Button, k *Keys) {
		for range 5 {
			b.Tap(80 * ms)
			time.Sleep(80 * ms)
		}
		b.Tap(4 * time.Second)
		if got := taken(k); len(got) != 6 || got[0] != agent.KeyOK || got[5] != agent.KeyRepeat {
			t.Errorf("told %v", got)
		}
	})
}

// TestAnEdgeThatNobodySaw: between two looks the line was high for a moment; it
// is not at rest before 20 ms from there.
func TestAnEdgeThatNobodySaw(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := contact{}
	if c.see(true, true, now) || c.see(true, true, now.Add(15*ms)) || c.see(true, false, now.Add(30*ms)) || !c.see(true, false, now.Add(35*ms)) {
		t.Error("it counts from the first edge, or never")
	}
}

// TestAFingerThatLeaves just when its press would be a long one: it has left, once
// the contact has come to rest.
func TestAFingerThatLeaves(t *testing.T) {
	t.Parallel()
	down := time.Now()
	f := finger{key: agent.KeyOK, hold: agent.KeyRepeat, holdFor: HoldFor}
	told := ""
	for _, look := range []struct {
		at          time.Duration
		down, moved bool
	}{
		{0, true, true}, {Settle, true, false}, {HoldFor, false, true}, {HoldFor + Settle, false, true}, {HoldFor + 2*Settle, false, false},
	} {
		told += string(f.see(look.down, look.moved, down.Add(look.at)))
	}
	if told != "ok" {
		t.Errorf("told %q", told)
	}
}

// TestAKeyThatIsDownFromTheStart is stuck: it is no press, long or short, until it
// was up, and is told to who asks.
func TestAKeyThatIsDownFromTheStart(t *testing.T) {
	t.Parallel()
	oneKey(t, agent.KeyAccept, KeysOptions{}, (*boardtest.Button).Press, func(b *boardtest.Button, k *Keys) {
		time.Sleep(10 * time.Second)
		if got := taken(k); len(got) != 0 || !slices.Equal(k.Stuck(), []agent.Key{agent.KeyAccept}) {
			t.Errorf("told %v, stuck %v", got, k.Stuck())
		}
		b.Release()
		time.Sleep(time.Second)
		if got := taken(k); len(got) != 0 || len(k.Stuck()) != 0 {
			t.Errorf("told %v, stuck %v", got, k.Stuck())
		}
		b.Tap(time.Second)
		time.Sleep(time.Second)
		if got := taken(k); !slices.Equal(got, []agent.Key{agent.KeyAccept}) {
			t.Errorf("told %v", got)
		}
	})
}

// TestALineThatReportsNoEdges still works, and does not keep the processor busy.
func TestALineThatReportsNoEdges(t *testing.T) {
	t.Parallel()
	oneKey(t, agent.KeyOK, KeysOptions{}, func(b *boardtest.Button) { b.Silence() }, func(b *boardtest.Button, k *Keys) {
		b.Tap(200 * ms)
		time.Sleep(200 * ms)
		b.Tap(4 * time.Second)
		if got := taken(k); !slices.Equal(got, []agent.Key{agent.KeyOK, agent.KeyRepeat}) {
			t.Errorf("told %v", got)
		}
	})
}

// TestNobodyTakesTheKeys: they are lost, not pressed late.
func TestNobodyTakesTheKeys(t *testing.T) {
	t.Parallel()
	oneKey(t, agent.Key5, atOnce(), nil, func(b *boardtest.Button, k *Keys) {
		for range 3 * keysQueued {
			b.Tap(50 * ms)
			time.Sleep(50 * ms)
		}
		if got := taken(k); len(got) != keysQueued {
			t.Errorf("%d presses waited", len(got))
		}
	})
}

// TestALineThatCannotBeHad is logged and left out; the others work.
func TestALineThatCannotBeHad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		good, bad := boardtest.NewButton("GPIO5"), boardtest.NewButton("GPIO6")
		bad.Break(errors.New("in use"))
		var log bytes.Buffer
		k, err := OpenKeys([]Line{{agent.KeyReject, bad}, {agent.KeyAccept, good}}, nil, KeysOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		good.Tap(100 * ms)
		bad.Tap(100 * ms)
		time.Sleep(100 * ms)
		if got := taken(k); !slices.Equal(got, []agent.Key{agent.KeyAccept}) {
			t.Errorf("told %v", got)
		}
		if f := k.Faults(); len(f) != 1 || f[0].Error() != "key reject: in use" || strings.Count(log.String(), "key reject: in use") != 1 {
			t.Errorf("faults %v, log %s", f, log.String())
		}
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestKeysThatMeanNothing(t *testing.T) {
	t.Parallel()
	pad := boardtest.NewKeypad(4, 3)
	b := boardtest.NewButton("GPIO5")
	keypad := func(change func(*Matrix)) *Matrix {
		m := &Matrix{Rows: pad.Rows(), Cols: pad.Cols(), Keys: MatrixKeys()}
		change(m)
		return m
	}
	same := func(*Matrix) {}
	for name, c := range map[string]struct {
		lines  []Line
		matrix *Matrix
		opts   KeysOptions
		says   string
	}{
		"none":               {nil, nil, KeysOptions{}, "keys: there are none"},
		"an unknown one":     {[]Line{{"enter", b}}, nil, KeysOptions{}, `there is no key "enter"`},
		"one twice":          {[]Line{{agent.Key1, b}, {agent.Key1, b}}, nil, KeysOptions{}, "keys: 1 is there twice"},
		"one without a pin":  {[]Line{{agent.Key1, nil}}, nil, KeysOptions{}, "keys: 1 has no pin"},
		"one on both":        {[]Line{{agent.KeyOK, b}}, keypad(same), KeysOptions{}, "keys: ok is there twice"},
		"no rows":            {nil, keypad(func(m *Matrix) { m.Rows = nil }), KeysOptions{}, "a keypad of 0 rows and 3 columns has keys for 4 rows"},
		"no columns":         {nil, keypad(func(m *Matrix) { m.Cols = nil }), KeysOptions{}, "a keypad of 4 rows and 0 columns"},
		"too many columns":   {nil, keypad(func(m *Matrix) { m.Cols = make([]gpio.PinIn, 17) }), KeysOptions{}, "17 columns"},
		"fewer keys":         {nil, keypad(func(m *Matrix) { m.Keys = m.Keys[1:] }), KeysOptions{}, "has keys for 3 rows"},
		"a short row":        {nil, keypad(func(m *Matrix) { m.Keys[2] = m.Keys[2][1:] }), KeysOptions{}, "row 3 of the keypad has 2 keys for 3 columns"},
		"no pin for a row":   {nil, keypad(func(m *Matrix) { m.Rows[1] = nil }), KeysOptions{}, "row 2 of the keypad has no pin"},
		"none for a column":  {nil, keypad(func(m *Matrix) { m.Cols[2] = nil }), KeysOptions{}, "column 3 of the keypad has no pin"},
		"an unknown in it":   {nil, keypad(func(m *Matrix) { m.Keys[0][0] = "F1" }), KeysOptions{}, `there is no key "F1"`},
		"a keypad of no key": {nil, keypad(func(m *Matrix) { m.Keys = [][]agent.Key{{"", "", ""}, {"", "", ""}, {"", "", ""}, {"", "", ""}} }), KeysOptions{}, "there are none"},
		"held too shortly":   {[]Line{{agent.Key1, b}}, nil, KeysOptions{HoldFor: 499 * ms}, "a long press of 499ms is not within 500ms to 1m"},
		"held too long":      {[]Line{{agent.Key1, b}}, nil, KeysOptions{HoldFor: time.Minute + 1}, "is not within"},
	} {
		k, err := OpenKeys(c.lines, c.matrix, c.opts)
		if err == nil || !strings.Contains(err.Error(), c.says) || k != nil {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	if b.Pull() != gpio.PullNoChange || pad.Row(0).Drives() {
		t.Error("a pin was set up for it")
	}
}
