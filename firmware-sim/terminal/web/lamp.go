package web

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/galla-pay/galla/agent/signals"
)

// colours are what the lamp's colours look like on a page: light enough to be
// told from the dark ones of both schemes. A lamp is never told by its colour
// alone; its word stands beside it.
func colours() map[signals.Colour]string {
	return map[signals.Colour]string{
		signals.Dark:  "transparent",
		signals.White: "#ffffff",
		signals.Blue:  "#53b1fd",
		signals.Green: "#12b76a",
		signals.Red:   "#f04438",
		signals.Amber: "#fdb022",
	}
}

func patterns() []signals.Pattern {
	return []signals.Pattern{
		signals.Off, signals.Dim, signals.Solid, signals.Slow, signals.Chase,
		signals.Breathe, signals.DoubleBlink, signals.ThreeBlinks, signals.OneBlink,
	}
}

// lampCSS draws package signals' own programs, so that the lamp on a page blinks
// as the one on a counter does. Who wants no motion gets a light that stays.
func lampCSS() []byte {
	var css strings.Builder
	for _, c := range []signals.Colour{signals.Dark, signals.White, signals.Blue, signals.Green, signals.Red, signals.Amber} {
		fmt.Fprintf(&css, ".lamp[data-colour=%q]::after { background: %s; }\n", c, colours()[c])
	}
	for _, p := range patterns() {
		program := p.Program()
		fmt.Fprintf(&css, ".lamp[data-pattern=%q]::after { opacity: %s; ", p, opacity(still(program)))
		var animations []string
		once := length(program.Once)
		if len(program.Once) > 0 {
			animations = append(animations, fmt.Sprintf("%s-once %dms steps(1)", p, once.Milliseconds()))
		}
		if len(program.Always) > 1 {
			animations = append(animations, fmt.Sprintf("%s %dms steps(1) %dms infinite", p, length(program.Always).Milliseconds(), once.Milliseconds()))
		}
		if len(animations) > 0 {
			fmt.Fprintf(&css, "animation: %s; ", strings.Join(animations, ", "))
		}
		css.WriteString("}\n")
		if len(program.Once) > 0 {
			keyframes(&css, string(p)+"-once", program.Once)
		}
		if len(program.Always) > 1 {
			keyframes(&css, string(p), program.Always)
		}
	}
	css.WriteString("@media (prefers-reduced-motion: reduce) { .lamp::after { animation: none !important; } }\n")
	return []byte(css.String())
}

// still is the level of a lamp that does not move: the brightest it ever is.
func still(p signals.Program) int {
	most := 0
	for _, step := range append(append([]signals.Step{}, p.Once...), p.Always...) {
		most = max(most, step.Level)
	}
	return most
}

func length(steps []signals.Step) time.Duration {
	var all time.Duration
	for _, step := range steps {
		all += time.Duration(step.Ms) * time.Millisecond
	}
	return all
}

// keyframes writes steps as an animation whose timing is steps(1): each level
// stays until the next.
func keyframes(css *strings.Builder, name string, steps []signals.Step) {
	fmt.Fprintf(css, "@keyframes %s {", name)
	all, at := length(steps), time.Duration(0)
	for _, step := range steps {
		fmt.Fprintf(css, " %.3f%% { opacity: %s; }", 100*at.Seconds()/all.Seconds(), opacity(step.Level))
		at += time.Duration(step.Ms) * time.Millisecond
	}
	fmt.Fprintf(css, " 100%% { opacity: %s; } }\n", opacity(steps[len(steps)-1].Level))
}

// opacity is a level on a page: an eye takes 15 % of a LED's light for more.
func opacity(level int) string { return fmt.Sprintf("%.2f", math.Sqrt(float64(level)/100)) }
