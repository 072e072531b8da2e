package signals

import (
	"fmt"
	"testing"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
	"pgregory.net/rapid"
)

// play hands a score what a terminal does, each with the second of its beginning,
// and ticks it as a player would. It returns what sounds, with its second.
func play(until int, does map[int]agent.Status) []string {
	var s Score
	var heard []string
	note := func(second int, sound Sound) {
		if !sound.IsZero() {
			text := sound.Tone.Name
			if c := sound.Speech.Caption(); c != "" {
				text += ": " + c
			}
			heard = append(heard, fmt.Sprintf("%d %s", second, text))
		}
	}
	for second := range until {
		at := time.Duration(second) * time.Second
		if due, ok := s.Due(); ok && due <= at {
			note(second, s.Tick(at))
		}
		if now, ok := does[second]; ok {
			note(second, s.Status(now, at))
		}
	}
	return heard
}

func TestScore(t *testing.T) {
	t.Parallel()
	starting, offline, idle := status(protocol.ModeStarting), status(protocol.ModeOffline), status(protocol.ModeIdle)
	prompting := status(protocol.ModePrompting)
	presenting := status(protocol.ModePresenting, paying(protocol.PayDQR))
	cut := status(protocol.ModePresenting, paying(protocol.PayDQR), func(s *agent.Status) { s.Link = false })
	paid, unknown := status(protocol.ModeResult, ended(protocol.OutcomeSucceeded)), status(protocol.ModeResult, ended(protocol.OutcomeUnknown))
	late := status(protocol.ModeResult, ended(protocol.OutcomeSucceeded), cameLate)
	for name, row := range map[string]struct {
		does map[int]agent.Status
		want []string
	}{
		"a good start says nothing": {map[int]agent.Status{0: starting, 1: offline, 4: idle}, nil},
		"a start without a network": {map[int]agent.Status{0: starting, 1: offline}, []string{"6 : No internet"}},
		"no internet once an outage": {map[int]agent.Status{0: idle, 10: offline, 40: idle, 50: offline},
			[]string{"15 : No internet", "55 : No internet"}},
		"an outage with a QR on the glass": {map[int]agent.Status{0: presenting, 10: cut, 30: status(protocol.ModeChecking, func(s *agent.Status) { s.Link = false }), 40: offline, 50: idle},
			[]string{"0 tick", "45 : No internet"}},
		"one outage with other modes in it": {map[int]agent.Status{0: idle, 10: offline, 20: status(protocol.ModeFault, func(s *agent.Status) { s.Link = false }), 30: offline},
			[]string{"15 : No internet", "20 alarm"}},
		"a mode in between takes its moment": {map[int]agent.Status{0: idle, 10: offline, 12: status(protocol.ModeTesting, func(s *agent.Status) { s.Link = false }), 30: offline},
			[]string{"12 chime: Sound test", "35 : No internet"}},
		"a network that comes and goes": {map[int]agent.Status{0: idle, 10: offline, 12: idle, 13: offline, 15: idle, 16: offline, 18: idle}, nil},
		"an outage in Hindi, muted": {map[int]agent.Status{0: status(protocol.ModeOffline, inHindi, muted)},
			[]string{"5 : इंटरनेट नहीं"}},

		"a new bill repeats at 10 s": {map[int]agent.Status{0: idle, 3: prompting, 35: presenting},
			[]string{"3 new-bill", "13 new-bill", "23 new-bill", "33 new-bill", "35 tick"}},
		"the next bill begins anew": {map[int]agent.Status{3: prompting, 8: status(protocol.ModePrompting, another), 20: idle},
			[]string{"3 new-bill", "8 new-bill", "18 new-bill"}},
		"more that wait do not": {map[int]agent.Status{3: prompting, 8: status(protocol.ModePrompting, func(s *agent.Status) { s.Waiting = 1 }), 14: idle},
			[]string{"3 new-bill", "13 new-bill"}},

		"a sale": {map[int]agent.Status{0: presenting, 8: paid, 12: idle},
			[]string{"0 tick", "8 chime: Received two hundred forty five rupees"}},
		"a result that is only known later": {map[int]agent.Status{0: unknown, 10: idle, 20: late},
			[]string{"0 alarm", "20 chime: Late payment, order four eight two one, received two hundred forty five rupees"}},
	} {
		if got := play(60, row.does); fmt.Sprint(got) != fmt.Sprint(row.want) {
			t.Errorf("%s:\n%v, want\n%v", name, got, row.want)
		}
	}
}

// TestWhateverATerminalDoes: Due is never in the past after a Tick there, an
// outage is told at most once, and nothing talks of money but a success.
func TestWhateverATerminalDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s Score
		at := time.Duration(0)
		told := false
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			until := at + time.Duration(rapid.IntRange(0, 30_000).Draw(t, "ms"))*time.Millisecond
			for ticks := 0; ; ticks++ {
				due, ok := s.Due()
				if !ok || due > until {
					break
				}
				at = max(at, due)
				sound := s.Tick(at)
				if again, ok := s.Due(); ok && again <= due || ticks > 20 {
					t.Fatalf("due at %v, and again at %v", due, again)
				}
				if sound.Speech.Said == SaidNoInternet {
					if told || s.now.Mode != protocol.ModeOffline {
						t.Fatalf("no internet is told twice, or while %s", s.now.Mode)
					}
					told = true
				}
			}
			at = until
			now := agent.Status{
				Mode: rapid.SampledFrom(modes()).Draw(t, "mode"), Result: rapid.SampledFrom(outcomes()).Draw(t, "outcome"),
				PaymentID: rapid.SampledFrom([]string{"", "P1", "P2"}).Draw(t, "payment"), AmountPaise: 100,
				Link: rapid.Bool().Draw(t, "link"), Muted: rapid.Bool().Draw(t, "muted"),
			}
			told = told && !now.Link
			sound := s.Status(now, at)
			if sound.Speech.AmountPaise != 0 && (now.Mode != protocol.ModeResult || now.Result != protocol.OutcomeSucceeded) || sound.Speech.Said == SaidNoInternet {
				t.Fatalf("%+v: %+v", now, sound)
			}
		}
	})
}
