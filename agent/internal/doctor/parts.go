package doctor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/galla-pay/galla/agent/board"
	"github.com/galla-pay/galla/agent/signals"
)

// keysLook is how long the keys are looked at: each is read at once, and a line
// that floats does not stay up.
const keysLook = 300 * time.Millisecond

// Keys opens the keys, so many, and says which of them read pressed, or cannot be read. The
// terminal's people are asked not to touch them.
func Keys(fitted int, open func() (*board.Keys, error)) func(context.Context) Finding {
	return func(ctx context.Context) Finding {
		keys, err := open()
		if err != nil {
			return CannotOpen(err, "correct the pin in the configuration: see the wiring tables of the field guide")
		}
		defer keys.Close()
		select {
		case <-time.After(keysLook):
		case <-ctx.Done():
		}
		if faults := keys.Faults(); len(faults) > 0 {
			return bad("the line is in use by something else, or broken: see gpioinfo", "%s", oneLine(faults[0]))
		}
		if stuck := keys.Stuck(); len(stuck) > 0 {
			return bad("let go of it; else something lies on it, or its line touches ground", "%s reads pressed", join(stuck))
		}
		return good("%d, all released", fitted)
	}
}

func join[T ~string](names []T) string {
	var all []string
	for _, n := range names {
		all = append(all, string(n))
	}
	return strings.Join(all, ", ")
}

// Lamp lights every colour for a moment.
func Lamp(open func() (*board.Lamp, error)) func(context.Context) Finding {
	return func(ctx context.Context) Finding {
		lamp, err := open()
		if err != nil {
			return CannotOpen(err, "correct the pin in the configuration: see the wiring tables of the field guide")
		}
		for _, c := range []signals.Colour{signals.Red, signals.Green, signals.Blue} {
			lamp.Play(signals.Light{Colour: c, Pattern: signals.Solid})
			select {
			case <-time.After(150 * time.Millisecond):
			case <-ctx.Done():
			}
		}
		if err := lamp.Close(); err != nil {
			return bad("the line is in use by something else, or broken: see gpioinfo", "%s", oneLine(err))
		}
		return good("red, green and blue were lit; selftest asks whether they were seen")
	}
}

// Buzzer sounds once, short.
func Buzzer(open func() (*board.Buzzer, error)) func(context.Context) Finding {
	return func(ctx context.Context) Finding {
		buzzer, err := open()
		if err != nil {
			return CannotOpen(err, "correct the pin in the configuration: see the wiring tables of the field guide")
		}
		tick := signals.Tone{Name: "tick", Notes: []signals.Note{{Hz: 1760, Ms: 40}}}
		buzzer.Play(tick, signals.MaxVolume)
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
		if err := buzzer.Close(); err != nil {
			return bad("the line is in use by something else, or broken: see gpioinfo", "%s", oneLine(err))
		}
		return good("it ticked once; selftest asks whether it was heard")
	}
}

// soundCards is where Linux lists them.
const soundCards = "/proc/asound/cards"

// Sound looks for the program that plays and for a card. That either is missing
// is no fault: the captions on the glass say the same.
func Sound(program string) func(context.Context) Finding {
	return sound(program, soundCards)
}

func sound(program, cards string) func(context.Context) Finding {
	return func(context.Context) Finding {
		path, err := exec.LookPath(program)
		if err != nil {
			return Finding{State: Absent, Detail: fmt.Sprintf("not fitted: there is no program %s (apt install alsa-utils)", program)}
		}
		text, err := os.ReadFile(cards)
		if err != nil || !strings.Contains(string(text), "[") {
			return Finding{State: Absent, Detail: "not fitted: " + path + " is there, a sound card is not"}
		}
		return good("%s, %s", path, firstCard(string(text)))
	}
}

// firstCard is the name of the first card: " 0 [Headphones     ]: bcm2835_headpho - bcm2835 Headphones".
func firstCard(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	if _, name, ok := strings.Cut(line, "]: "); ok {
		return strings.TrimSpace(name)
	}
	return strings.TrimSpace(line)
}

// CardReader is what the card reader at that address says that it does.
func CardReader(address, doing string) Finding {
	if doing == "FAULT" {
		return bad("see the reader's own display, and ask its maker", "%s answers that it is broken", address)
	}
	return good("%s answers: %s", address, strings.ToLower(doing))
}
