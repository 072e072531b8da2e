package main

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"periph.io/x/conn/v3/gpio"
)

// line is one input of a board, as a driver gives it: it wakes whoever waits for
// an edge, and remembers one that nobody waited for.
type line struct {
	gpio.PinIO // what is not used here is not there
	edges      chan struct{}
	noWaiting  bool // WaitForEdge returns at once, always false
	refuses    error

	mu     sync.Mutex
	level  gpio.Level
	pull   gpio.Pull
	edge   gpio.Edge
	halted bool
}

func newLine() *line { return &line{edges: make(chan struct{}, 1), level: gpio.High} }

func (l *line) In(pull gpio.Pull, edge gpio.Edge) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pull, l.edge = pull, edge
	return l.refuses
}

func (l *line) Read() gpio.Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.level
}

func (l *line) WaitForEdge(limit time.Duration) bool {
	if l.noWaiting {
		return false
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-l.edges:
		return true
	case <-timer.C:
		return false
	}
}

func (l *line) Halt() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.halted = true
	return nil
}

// goes sets the level, and stays so for d.
func (l *line) goes(level gpio.Level, d time.Duration) {
	l.mu.Lock()
	moved := l.level != level
	l.level = level
	l.mu.Unlock()
	if moved {
		select {
		case l.edges <- struct{}{}:
		default:
		}
	}
	time.Sleep(d)
	synctest.Wait()
}

// keyed runs test with a keypad of one key.
func keyed(t *testing.T, l *line, test func(taken func() int)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l.edges = make(chan struct{}, 1)
		k, err := openKeypad([]keyPin{{agent.KeyAccept, l}})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if l.pull != gpio.PullUp || l.edge != gpio.BothEdges {
			t.Errorf("the line is set to %s, %s", l.pull, l.edge)
		}
		test(func() (n int) {
			synctest.Wait()
			for {
				select {
				case key := <-k.pressed:
					if key != agent.KeyAccept {
						t.Errorf("key %s", key)
					}
					n++
				default:
					return n
				}
			}
		})
		begun := time.Now()
		if err := k.close(); err != nil || !l.halted {
			t.Errorf("close: %v, halted %v", err, l.halted)
		}
		if took := time.Since(begun); took > lookEvery {
			t.Errorf("it took %v to close", took)
		}
	})
}

const ms = time.Millisecond

func TestAKeyIsPressedOnce(t *testing.T) {
	t.Parallel()
	keyed(t, newLine(), func(taken func() int) {})
	for name, c := range map[string]struct {
		moves []time.Duration // the line goes low, high, low ... for so long
		want  int
	}{
		"pressed and held":             {[]time.Duration{5 * time.Second}, 1},
		"pressed twice":                {[]time.Duration{60 * ms, 60 * ms, 60 * ms, 60 * ms}, 2},
		"held just long enough":        {[]time.Duration{settle, 100 * ms}, 1},
		"noise on the line":            {[]time.Duration{settle - 1, 100 * ms, ms, 100 * ms, 5 * ms, time.Second}, 0},
		"a press that bounces":         {[]time.Duration{2 * ms, 1 * ms, 3 * ms, 2 * ms, 4 * ms, 1 * ms, 500 * ms, 100 * ms}, 1},
		"a release that bounces":       {[]time.Duration{500 * ms, 2 * ms, 3 * ms, 1 * ms, 15 * ms, 5 * ms, 19 * ms, 500 * ms}, 1},
		"bounces that are never still": {[]time.Duration{19 * ms, 19 * ms, 19 * ms, 19 * ms, 19 * ms, 100 * ms}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLine()
			keyed(t, l, func(taken func() int) {
				for i, d := range c.moves {
					l.goes(gpio.Level(i%2 == 1), d)
				}
				if n := taken(); n != c.want {
					t.Errorf("%d presses, want %d", n, c.want)
				}
			})
		})
	}
}

// TestAnEdgeThatNobodySaw: between two looks the line was high for a moment; it
// is not at rest before 20 ms from there.
func TestAnEdgeThatNobodySaw(t *testing.T) {
	t.Parallel()
	now := time.Now()
	d := debouncer{}
	if d.see(true, true, now) || d.see(true, true, now.Add(15*ms)) || d.see(true, false, now.Add(30*ms)) || !d.see(true, false, now.Add(35*ms)) {
		t.Error("it counts from the first edge, or never")
	}
}

// TestAKeyThatIsDownFromTheStart is stuck: it is no press until it was up.
func TestAKeyThatIsDownFromTheStart(t *testing.T) {
	t.Parallel()
	l := newLine()
	l.level = gpio.Low
	keyed(t, l, func(taken func() int) {
		time.Sleep(10 * time.Second)
		if n := taken(); n != 0 {
			t.Errorf("%d presses", n)
		}
		l.goes(gpio.High, time.Second)
		l.goes(gpio.Low, time.Second)
		if n := taken(); n != 1 {
			t.Errorf("%d presses", n)
		}
	})
}

// TestALineThatReportsNoEdges still works, and does not keep the processor busy.
func TestALineThatReportsNoEdges(t *testing.T) {
	t.Parallel()
	l := newLine()
	l.noWaiting = true
	keyed(t, l, func(taken func() int) {
		l.goes(gpio.Low, 200*ms)
		l.goes(gpio.High, 200*ms)
		if n := taken(); n != 1 {
			t.Errorf("%d presses", n)
		}
	})
}

// TestNobodyTakesTheKeys: they are lost, not pressed late.
func TestNobodyTakesTheKeys(t *testing.T) {
	t.Parallel()
	l := newLine()
	keyed(t, l, func(taken func() int) {
		for range 3 * keysQueued {
			l.goes(gpio.Low, 50*ms)
			l.goes(gpio.High, 50*ms)
		}
		if n := taken(); n != keysQueued {
			t.Errorf("%d presses waited", n)
		}
	})
}

func TestKeysOfTheConfiguration(t *testing.T) {
	t.Parallel()
	board := map[string]*line{"GPIO5": newLine(), "GPIO6": newLine()}
	byName := func(name string) gpio.PinIO {
		if l := board[name]; l != nil {
			return l
		}
		return nil
	}
	pins, err := keyPins(map[string]string{"reject": "GPIO6", "accept": "GPIO5"}, byName)
	if err != nil || len(pins) != 2 || pins[0].key != agent.KeyAccept || pins[0].pin != board["GPIO5"] || pins[1].key != agent.KeyReject {
		t.Fatalf("pins are %+v, %v", pins, err)
	}
	if _, err := keyPins(map[string]string{"ok": "GPIO7"}, byName); err == nil || err.Error() != `keys.ok: there is no pin "GPIO7"` {
		t.Errorf("a pin that is not there: %v", err)
	}
	board["GPIO6"].refuses = errors.New("in use")
	if _, err := openKeypad(pins); err == nil || err.Error() != "keys.reject: in use" || !board["GPIO5"].halted {
		t.Errorf("a line that cannot be had: %v, halted %v", err, board["GPIO5"].halted)
	}

	for text, says := range map[string]string{
		"keys = {enter = \"GPIO5\"}":                      `there is no key "enter"`,
		"keys = {ok = \"\"}":                              "keys.ok names no pin",
		"keys = {ok = \"GPIO5\", clear = \"GPIO5\"}":      `keys.clear and keys.ok have the same pin "GPIO5"`,
		"keys = {ok = \"GPIO25\"}":                        `keys.ok and panel.dc have the same pin "GPIO25"`,
		"keys = {ok = 5}":                                 "incompatible types",
		"keys = {accept = \"GPIO5\", reject = \"GPIO6\"}": "",
	} {
		var c config
		err := c.parse(text + "\n" + exampleConfig)
		if says == "" && (err != nil || len(c.Keys) != 2) || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
	// The example's own, which are commented out.
	head, keys, _ := strings.Cut(exampleConfig, "  # [keys]")
	var c config
	if err := c.parse(head + "[keys]" + strings.ReplaceAll(keys, "  # ", "")); err != nil || len(c.Keys) != len(agent.AllKeys()) {
		t.Errorf("the example has %d keys, %v", len(c.Keys), err)
	}
}
