package signals

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// TestTheLEDTable is terminal-ux's, row by row, with the rows that it has not.
func TestTheLEDTable(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		status agent.Status
		want   Light
	}{
		{"BOOT", agent.Status{Mode: protocol.ModeStarting}, Light{White, Breathe}},
		{"UPDATING", agent.Status{Mode: protocol.ModeUpdating}, Light{White, Breathe}},
		{"ENROL", agent.Status{Mode: protocol.ModeEnrolling}, Light{Blue, DoubleBlink}},
		{"IDLE", agent.Status{Mode: protocol.ModeIdle}, Light{White, Dim}},
		{"the keypad", agent.Status{Mode: protocol.ModePulling}, Light{Blue, Solid}},
		{"CONFIRM", agent.Status{Mode: protocol.ModePrompting}, Light{Blue, Slow}},
		{"CHOOSE MODE", agent.Status{Mode: protocol.ModeChoosing}, Light{Blue, Solid}},
		{"QR shown", agent.Status{Mode: protocol.ModePresenting, PayMode: protocol.PayDQR}, Light{Blue, Solid}},
		{"QR shown, unsaid", agent.Status{Mode: protocol.ModePresenting}, Light{Blue, Solid}},
		{"CARD", agent.Status{Mode: protocol.ModePresenting, PayMode: protocol.PayCard}, Light{Blue, Chase}},
		{"checking", agent.Status{Mode: protocol.ModeChecking}, Light{Blue, Slow}},
		{"SUCCESS", agent.Status{Mode: protocol.ModeResult, Result: protocol.OutcomeSucceeded}, Light{Green, Solid}},
		{"FAILED / REJECTED", agent.Status{Mode: protocol.ModeResult, Result: protocol.OutcomeFailed}, Light{Red, ThreeBlinks}},
		{"EXPIRED", agent.Status{Mode: protocol.ModeResult, Result: protocol.OutcomeExpired}, Light{Amber, OneBlink}},
		{"CANCELLED", agent.Status{Mode: protocol.ModeResult, Result: protocol.OutcomeCancelled}, Light{Amber, OneBlink}},
		{"nobody knows", agent.Status{Mode: protocol.ModeResult, Result: protocol.OutcomeUnknown}, Light{Amber, Slow}},
		{"OFFLINE", agent.Status{Mode: protocol.ModeOffline}, Light{Amber, DoubleBlink}},
		{"ERROR", agent.Status{Mode: protocol.ModeFault}, Light{Red, Slow}},
		{"SELFTEST", agent.Status{Mode: protocol.ModeTesting}, Light{White, Chase}},
		{"without power", agent.Status{Mode: protocol.ModeOff}, Light{Dark, Off}},
		{"an unknown mode", agent.Status{Mode: "dancing"}, Light{Dark, Off}},
		{"an unknown outcome", agent.Status{Mode: protocol.ModeResult, Result: "splendid"}, Light{Dark, Off}},
	} {
		if got := LightOf(row.status); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

// TestGreenIsMoney: no other mode, whatever else the status holds, is green.
func TestGreenIsMoney(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		for _, outcome := range outcomes() {
			s := agent.Status{Mode: mode, Result: outcome, PayMode: protocol.PayDQR, Link: true, Last: 100}
			if green := LightOf(s).Colour == Green; green != (mode == protocol.ModeResult && outcome == protocol.OutcomeSucceeded) {
				t.Errorf("%s %s: green is %v", mode, outcome, green)
			}
		}
	}
}

func modes() []protocol.Mode {
	return []protocol.Mode{
		protocol.ModeStarting, protocol.ModeEnrolling, protocol.ModeOffline, protocol.ModeIdle, protocol.ModePulling,
		protocol.ModePrompting, protocol.ModeChoosing, protocol.ModePresenting, protocol.ModeChecking, protocol.ModeResult,
		protocol.ModeFault, protocol.ModeTesting, protocol.ModeUpdating, protocol.ModeOff,
	}
}

func outcomes() []protocol.Outcome {
	return []protocol.Outcome{
		protocol.OutcomeSucceeded, protocol.OutcomeFailed, protocol.OutcomeExpired, protocol.OutcomeCancelled,
		protocol.OutcomeUnknown, "",
	}
}

func patterns() []Pattern {
	return []Pattern{Off, Dim, Solid, Slow, Chase, Breathe, DoubleBlink, ThreeBlinks, OneBlink}
}

// TestPatternsOnALampThatIsOnOrOff: when it goes on and off in its first 12 s.
func TestPatternsOnALampThatIsOnOrOff(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[Pattern][]int{ // milliseconds: on, off, on ...
		Off:         {},
		Dim:         {0, 50, 3000, 3050, 6000, 6050, 9000, 9050},
		Solid:       {0},
		Slow:        {0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10000, 11000},
		Breathe:     {750, 2250, 3750, 5250, 6750, 8250, 9750, 11250},
		DoubleBlink: {0, 200, 400, 600, 5000, 5200, 5400, 5600, 10000, 10200, 10400, 10600},
		ThreeBlinks: {0, 300, 600, 900, 1200, 1500, 1800},
		OneBlink:    {0, 500, 1000},
		"dancing":   {},
	} {
		var got []int
		on := false
		for ms := range 12_000 {
			if now := level(pattern.OnOff(), ms) > 0; now != on {
				on = now
				got = append(got, ms)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s changes at %v, want %v", pattern, got, want)
			continue
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s changes at %v, want %v", pattern, got, want)
				break
			}
		}
	}
	changes := 0
	for ms := range 1000 {
		if level(Chase.OnOff(), ms) != level(Chase.OnOff(), ms+1) {
			changes++
		}
	}
	if changes != 4 {
		t.Errorf("chase changes %d times a second", changes)
	}
}

func level(p Program, ms int) int {
	l, _ := p.At(time.Duration(ms) * time.Millisecond)
	return l
}

// TestDimAndBreathe: what a lamp that can be made dim does otherwise.
func TestDimAndBreathe(t *testing.T) {
	t.Parallel()
	for _, ms := range []int{0, 1, 999, 1000, 86_400_000} {
		if l := level(Dim.Program(), ms); l != 15 {
			t.Errorf("dim is %d %% after %d ms", l, ms)
		}
	}
	for ms := 0; ms < 9000; ms += 100 {
		l, next := level(Breathe.Program(), ms), level(Breathe.Program(), ms+100)
		rising := ms%3000 < 1500
		if rising != (next > l) || l < 15 || l > 100 {
			t.Errorf("after %d ms a breath goes from %d to %d", ms, l, next)
		}
	}
	if low, high := level(Breathe.Program(), 0), level(Breathe.Program(), 1500); low != 15 || high != 100 {
		t.Errorf("a breath goes from %d to %d", low, high)
	}
}

// TestRestIsExact: after the rest that At tells, and not before, the level is that
// of the next step; so a driver that sleeps it misses nothing.
func TestRestIsExact(t *testing.T) {
	t.Parallel()
	for _, pattern := range patterns() {
		for name, p := range map[string]Program{"dims": pattern.Program(), "on or off": pattern.OnOff()} {
			at, steps := time.Duration(0), 0
			for at < 20*time.Second {
				now, rest := p.At(at)
				if rest < 0 {
					t.Fatalf("%s, %s: rests %v", pattern, name, rest)
				}
				if rest == 0 {
					for _, later := range []time.Duration{time.Nanosecond, time.Second, time.Hour} {
						if l, _ := p.At(at + later); l != now {
							t.Errorf("%s, %s: rests for ever at %v and changes", pattern, name, at)
						}
					}
					break
				}
				if l, _ := p.At(at + rest - 1); l != now {
					t.Errorf("%s, %s: at %v it changes before %v", pattern, name, at, rest)
				}
				at += rest
				steps++
			}
			if steps > 220 {
				t.Errorf("%s, %s: a driver wakes %d times in 20 s", pattern, name, steps)
			}
			if before, _ := p.At(-time.Hour); before != level(p, 0) {
				t.Errorf("%s, %s: before its beginning it is %d", pattern, name, before)
			}
			for _, s := range append(append([]Step{}, p.Once...), p.Always...) {
				if s.Ms < 1 || s.Level < 0 || s.Level > 100 || name == "on or off" && s.Level != 0 && s.Level != 100 {
					t.Errorf("%s, %s: a step of %+v", pattern, name, s)
				}
			}
			if len(p.Always) == 0 {
				t.Errorf("%s, %s: has no end", pattern, name)
			}
		}
	}
	if l, rest := (Program{}).At(time.Second); l != 0 || rest != 0 {
		t.Errorf("an empty program is %d, %v", l, rest)
	}
}

func TestColoursOfALED(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		light   Light
		ms      int
		r, g, b uint8
		on      [3]bool
	}{
		{Light{White, Solid}, 0, 255, 255, 255, [3]bool{true, true, true}},
		{Light{White, Dim}, 0, 38, 38, 38, [3]bool{true, true, true}},
		{Light{White, Dim}, 100, 38, 38, 38, [3]bool{}},
		{Light{Blue, Slow}, 500, 0, 0, 255, [3]bool{false, false, true}},
		{Light{Blue, Slow}, 1500, 0, 0, 0, [3]bool{}},
		{Light{Green, Solid}, 4000, 0, 255, 0, [3]bool{false, true, false}},
		{Light{Red, ThreeBlinks}, 0, 255, 0, 0, [3]bool{true, false, false}},
		{Light{Amber, OneBlink}, 0, 255, 120, 0, [3]bool{true, true, false}},
		{Light{Dark, Off}, 0, 0, 0, 0, [3]bool{}},
		{Light{Dark, Solid}, 0, 0, 0, 0, [3]bool{}},
		{Light{"mauve", Solid}, 0, 0, 0, 0, [3]bool{}},
	} {
		at := time.Duration(row.ms) * time.Millisecond
		if r, g, b, _ := row.light.At(at); r != row.r || g != row.g || b != row.b {
			t.Errorf("%v after %d ms is %d %d %d", row.light, row.ms, r, g, b)
		}
		if r, g, b, _ := row.light.OnAt(at); [3]bool{r, g, b} != row.on {
			t.Errorf("%v after %d ms, on or off, is %v %v %v", row.light, row.ms, r, g, b)
		}
	}
}

// TestJSONOfALight is what firmware-sim's page has read since before there was
// this package, and what it plays a pattern with.
func TestJSONOfALight(t *testing.T) {
	t.Parallel()
	for want, value := range map[string]any{
		`{"colour":"amber","pattern":"double-blink"}`:                                               Light{Amber, DoubleBlink},
		`{"once":[{"level":100,"ms":500},{"level":0,"ms":500}],"always":[{"level":100,"ms":1000}]}`: OneBlink.Program(),
		`{"once":[],"always":[{"level":15,"ms":1000}]}`:                                             Dim.Program(),
	} {
		if got, err := json.Marshal(value); err != nil || string(got) != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
}
