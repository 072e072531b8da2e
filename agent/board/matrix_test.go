package board

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/board/boardtest"
	"periph.io/x/conn/v3/gpio"
	"pgregory.net/rapid"
)

// place is where a key of a 4x3 keypad is.
type place struct{ row, col int }

func placeOf(key agent.Key) place {
	for r, row := range MatrixKeys() {
		for c, k := range row {
			if k == key {
				return place{r, c}
			}
		}
	}
	panic("no key " + key)
}

// hand presses keys of a keypad by their names.
type hand struct{ pad *boardtest.Keypad }

func (h hand) down(keys ...agent.Key) {
	for _, key := range keys {
		p := placeOf(key)
		h.pad.Press(p.row, p.col)
	}
}

func (h hand) up(keys ...agent.Key) {
	for _, key := range keys {
		p := placeOf(key)
		h.pad.Release(p.row, p.col)
	}
}

func (h hand) tap(key agent.Key, d time.Duration) {
	h.down(key)
	time.Sleep(d)
	synctest.Wait()
	h.up(key)
	time.Sleep(60 * ms)
	synctest.Wait()
}

// keypad runs test with a 4x3 keypad.
func keypad(t *testing.T, opts KeysOptions, prepare func(*boardtest.Keypad), test func(h hand, k *Keys)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		pad := boardtest.NewKeypad(4, 3)
		if prepare != nil {
			prepare(pad)
		}
		k, err := OpenKeys(nil, &Matrix{Rows: pad.Rows(), Cols: pad.Cols(), Keys: MatrixKeys()}, opts)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * ms)
		test(hand{pad}, k)
		begun := time.Now()
		if err := errors.Join(k.Close(), k.Close()); err != nil {
			t.Errorf("close: %v", err)
		}
		if took := time.Since(begun); took > lookEvery {
			t.Errorf("it took %v to close", took)
		}
		for r := range 4 {
			if pad.Row(r).Drives() {
				t.Errorf("row %d is still driven", r)
			}
		}
		if wrong := pad.Misuse(); len(wrong) > 0 {
			t.Errorf("misuse: %v", wrong)
		}
	})
}

// TestEveryKeyOfAKeypad: 1 2 3, 4 5 6, 7 8 9, * 0 #.
func TestEveryKeyOfAKeypad(t *testing.T) {
	t.Parallel()
	keypad(t, KeysOptions{}, nil, func(h hand, k *Keys) {
		for row, keys := range [][]agent.Key{{"1", "2", "3"}, {"4", "5", "6"}, {"7", "8", "9"}, {"clear", "0", "ok"}} {
			for col, key := range keys {
				h.pad.Press(row, col)
				time.Sleep(60 * ms)
				h.pad.Release(row, col)
				time.Sleep(60 * ms)
				if got := taken(k); !slices.Equal(got, []agent.Key{key}) {
					t.Errorf("row %d, column %d is %v, want %s", row, col, got, key)
				}
			}
		}
	})
}

func TestFingersOnAKeypad(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		press func(h hand)
		want  []agent.Key
	}{
		"noise":                {func(h hand) { h.tap("5", 8*ms); h.tap("5", 8*ms) }, nil},
		"a press that bounces": {func(h hand) { h.down("5"); time.Sleep(3 * ms); h.up("5"); time.Sleep(2 * ms); h.tap("5", 100*ms) }, []agent.Key{"5"}},
		"the same twice":       {func(h hand) { h.tap("5", 60*ms); h.tap("5", 60*ms) }, []agent.Key{"5", "5"}},
		"a fast cashier": {func(h hand) {
			h.tap("4", 40*ms)
			h.tap("8", 40*ms)
			h.tap("2", 40*ms)
			h.tap("1", 40*ms)
			h.tap("ok", 40*ms)
		}, []agent.Key{"4", "8", "2", "1", "ok"}},
		"fingers that overlap": {func(h hand) {
			h.down("4")
			time.Sleep(50 * ms)
			h.down("8")
			time.Sleep(50 * ms)
			h.up("4")
			time.Sleep(50 * ms)
			h.up("8")
		}, []agent.Key{"4", "8"}},
		"two of a row":             {func(h hand) { h.down("4", "6"); time.Sleep(60 * ms); h.up("4", "6") }, []agent.Key{"4", "6"}},
		"two of a column":          {func(h hand) { h.down("2", "8"); time.Sleep(60 * ms); h.up("2", "8") }, []agent.Key{"2", "8"}},
		"three that make a fourth": {func(h hand) { h.down("1", "3", "7"); time.Sleep(time.Second); h.up("1", "3", "7") }, nil},
		"a third to two": {func(h hand) {
			h.down("1", "3")
			time.Sleep(60 * ms)
			h.down("7")
			time.Sleep(60 * ms)
			h.up("7")
			time.Sleep(60 * ms)
			h.up("1", "3")
		}, []agent.Key{"1", "3"}},
		"what is left of three": {func(h hand) {
			h.down("1", "3", "7")
			time.Sleep(60 * ms)
			h.up("1")
			time.Sleep(time.Second)
			h.up("3", "7")
			time.Sleep(60 * ms)
			h.tap("3", 60*ms)
		}, []agent.Key{"3"}},
		"three that make none": {func(h hand) { h.down("1", "2", "3"); time.Sleep(60 * ms); h.up("1", "2", "3") }, []agent.Key{"1", "2", "3"}},
		"three on a diagonal":  {func(h hand) { h.down("1", "5", "9"); time.Sleep(60 * ms); h.up("1", "5", "9") }, []agent.Key{"1", "5", "9"}},
		"the palm of a hand": {func(h hand) {
			h.down("1", "2", "3", "4", "5", "6", "7", "8", "9")
			time.Sleep(60 * ms)
			h.up("1", "2", "3", "4", "5", "6", "7", "8", "9")
		}, nil},
		"and a finger after it": {func(h hand) {
			h.down("1", "2", "4", "5")
			time.Sleep(60 * ms)
			h.up("1", "2", "4", "5")
			time.Sleep(60 * ms)
			h.tap("5", 60*ms)
		}, []agent.Key{"5"}},
		"# held":              {func(h hand) { h.tap("ok", 4*time.Second) }, []agent.Key{agent.KeyRepeat}},
		"* held":              {func(h hand) { h.tap("clear", 4*time.Second) }, []agent.Key{agent.KeyMute}},
		"0 held":              {func(h hand) { h.tap("0", 4*time.Second) }, []agent.Key{"0"}},
		"# held for a minute": {func(h hand) { h.tap("ok", time.Minute) }, []agent.Key{agent.KeyRepeat}},
		"something lies on 9": {func(h hand) {
			h.down("9")
			time.Sleep(10 * time.Minute)
			h.tap("1", 60*ms)
			h.tap("5", 60*ms)
			h.up("9")
		}, []agent.Key{"9", "1", "5"}},
		"and a key of its own column": {func(h hand) { h.down("9"); time.Sleep(10 * time.Minute); h.tap("3", 300*ms); h.up("9") }, []agent.Key{"9", "3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keypad(t, KeysOptions{}, nil, func(h hand, k *Keys) {
				c.press(h)
				time.Sleep(500 * ms)
				if got := taken(k); !slices.Equal(got, c.want) {
					t.Errorf("told %v, want %v", got, c.want)
				}
			})
		})
	}
}

// TestAnyFingersOnAKeypad: whatever is pressed, in whatever order, no key is told
// that nobody pressed, and afterwards the keypad works.
func TestAnyFingersOnAKeypad(t *testing.T) {
	t.Parallel()
	var all []agent.Key
	for _, row := range MatrixKeys() {
		all = append(all, row...)
	}
	type move struct {
		key  agent.Key
		down bool
		wait time.Duration
	}
	rapid.Check(t, func(r *rapid.T) {
		moves := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) move {
			return move{
				rapid.SampledFrom(all).Draw(r, "key"), rapid.Bool().Draw(r, "down"),
				time.Duration(rapid.IntRange(0, 120).Draw(r, "ms")) * ms,
			}
		}), 1, 30).Draw(r, "moves")
		var failure string
		keypad(t, atOnce(), nil, func(h hand, k *Keys) {
			pressed := map[agent.Key]int{}
			for _, m := range moves {
				if m.down {
					h.down(m.key)
					pressed[m.key]++
				} else {
					h.up(m.key)
				}
				time.Sleep(m.wait)
				for _, key := range taken(k) {
					if pressed[key]--; pressed[key] < 0 {
						failure = fmt.Sprintf("%s is told and was not pressed", key)
					}
				}
			}
			h.up(all...)
			time.Sleep(100 * ms)
			taken(k)
			h.tap("6", 60*ms)
			if got := taken(k); !slices.Equal(got, []agent.Key{"6"}) {
				failure = fmt.Sprintf("afterwards 6 is %v", got)
			}
		})
		if failure != "" {
			r.Fatal(failure)
		}
	})
}

// TestAKeypadThatIsPressedFromTheStart: those keys are stuck, the others work.
func TestAKeypadThatIsPressedFromTheStart(t *testing.T) {
	t.Parallel()
	keypad(t, KeysOptions{}, func(pad *boardtest.Keypad) { hand{pad}.down("5") }, func(h hand, k *Keys) {
		time.Sleep(time.Minute)
		if !slices.Equal(k.Stuck(), []agent.Key{"5"}) {
			t.Errorf("stuck are %v", k.Stuck())
		}
		h.tap("1", 60*ms)
		h.up("5")
		time.Sleep(time.Second)
		h.tap("5", 60*ms)
		if got := taken(k); !slices.Equal(got, []agent.Key{"1", "5"}) || len(k.Stuck()) != 0 {
			t.Errorf("told %v, stuck %v", got, k.Stuck())
		}
	})
}

// TestADamagedCable: a column that touches ground says nothing of its keys, and
// the others go on; whole again, it works.
func TestADamagedCable(t *testing.T) {
	t.Parallel()
	short := func(pad *boardtest.Keypad) { pad.Short(1, true) }
	for name, prepare := range map[string]func(*boardtest.Keypad){"from the start": short, "later": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keypad(t, KeysOptions{}, prepare, func(h hand, k *Keys) {
				h.pad.Short(1, true)
				time.Sleep(time.Minute)
				stuck := []agent.Key{"0", "2", "5", "8"}
				if prepare == nil {
					stuck = nil
				}
				if !slices.Equal(k.Stuck(), stuck) {
					t.Errorf("stuck are %v", k.Stuck())
				}
				h.tap("5", 400*ms)
				h.tap("6", 400*ms)
				h.pad.Short(1, false)
				time.Sleep(time.Second)
				h.tap("5", 60*ms)
				if got := taken(k); !slices.Equal(got, []agent.Key{"6", "5"}) || len(k.Stuck()) > 0 {
					t.Errorf("told %v, stuck %v", got, k.Stuck())
				}
			})
		})
	}
}

// counting counts how often a row is driven.
type counting struct {
	gpio.PinIO
	outs atomic.Int64
}

func (c *counting) Out(l gpio.Level) error {
	c.outs.Add(1)
	return c.PinIO.Out(l)
}

// TestAKeypadThatNobodyTouches costs nothing, and one that something lies on next
// to nothing.
func TestAKeypadThatNobodyTouches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pad := boardtest.NewKeypad(4, 3)
		row := &counting{PinIO: pad.Row(0)}
		rows := pad.Rows()
		rows[0] = row
		k, err := OpenKeys(nil, &Matrix{Rows: rows, Cols: pad.Cols(), Keys: MatrixKeys()}, KeysOptions{})
		if err != nil {
			t.Fatal(err)
		}
		looks := func(d time.Duration) int {
			synctest.Wait()
			before := row.outs.Load()
			time.Sleep(d)
			synctest.Wait()
			return int(row.outs.Load()-before) / 2 // each look drives a row twice
		}
		looks(time.Second)
		if n := looks(10 * time.Minute); n != 0 {
			t.Errorf("it looks %d times in ten minutes", n)
		}
		pad.Press(2, 2)
		if n := looks(time.Second); n < 50 || n > 110 {
			t.Errorf("it looks %d times in the first second of a press", n)
		}
		looks(time.Minute)
		if n := looks(time.Minute); n > 250 {
			t.Errorf("it looks %d times a minute when something lies on a key", n)
		}
		pad.Release(2, 2)
		looks(time.Second)
		if n := looks(10 * time.Minute); n != 0 {
			t.Errorf("it looks %d times in ten minutes afterwards", n)
		}
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestAKeypadWhoseDriverReportsNoEdges works.
func TestAKeypadWhoseDriverReportsNoEdges(t *testing.T) {
	t.Parallel()
	keypad(t, KeysOptions{}, func(pad *boardtest.Keypad) {
		for c := range 3 {
			pad.Col(c).Silence()
		}
	}, func(h hand, k *Keys) {
		h.tap("4", 100*ms)
		h.tap("9", 100*ms)
		h.tap("ok", 4*time.Second)
		if got := taken(k); !slices.Equal(got, []agent.Key{"4", "9", agent.KeyRepeat}) {
			t.Errorf("told %v", got)
		}
	})
}

// TestPinsOfAKeypadThatCannotBeHad are left out with their keys; a keypad without
// any is none, and no fault of the terminal.
func TestPinsOfAKeypadThatCannotBeHad(t *testing.T) {
	t.Parallel()
	inUse := errors.New("in use")
	keypad(t, KeysOptions{}, func(pad *boardtest.Keypad) {
		pad.Row(1).Break(inUse)
		pad.Col(2).Break(inUse)
	}, func(h hand, k *Keys) {
		var told []string
		for _, err := range k.Faults() {
			told = append(told, err.Error())
		}
		if !slices.Equal(told, []string{"keypad, column 3: in use", "keypad, row 2: in use"}) {
			t.Errorf("faults are %q", told)
		}
		for _, key := range []agent.Key{"1", "2", "3", "4", "5", "6", "7", "8", "9", "0"} {
			h.tap(key, 60*ms)
			taken := taken(k)
			works := key != "3" && key != "4" && key != "5" && key != "6" && key != "9"
			if works && !slices.Equal(taken, []agent.Key{key}) || !works && len(taken) > 0 {
				t.Errorf("%s is %v", key, taken)
			}
		}
		h.pad.Row(1).Break(nil)
		h.pad.Col(2).Break(nil)
	})
	keypad(t, KeysOptions{}, func(pad *boardtest.Keypad) {
		for c := range 3 {
			pad.Col(c).Break(inUse)
		}
	}, func(h hand, k *Keys) {
		h.tap("1", time.Second)
		if got := taken(k); len(got) > 0 || len(k.Faults()) != 3 {
			t.Errorf("told %v, faults %v", got, k.Faults())
		}
	})
}

// TestARowThatBreaks is told once, and its keys are not made up.
func TestARowThatBreaks(t *testing.T) {
	t.Parallel()
	keypad(t, KeysOptions{}, nil, func(h hand, k *Keys) {
		h.tap("1", 60*ms)
		h.pad.Row(0).Break(errors.New("gone"))
		h.tap("7", 60*ms)
		h.tap("8", 60*ms)
		if f := k.Faults(); len(f) != 1 || f[0].Error() != "keypad, row of [1 2 3]: gone" {
			t.Errorf("faults are %v", f)
		}
		h.pad.Row(0).Break(nil)
		h.tap("2", 60*ms)
		if got := taken(k); !slices.Equal(got, []agent.Key{"1", "7", "8", "2"}) {
			t.Errorf("told %v", got)
		}
	})
}
