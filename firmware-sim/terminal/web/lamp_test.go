package web_test

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/galla-pay/galla/agent/signals"
	"github.com/galla-pay/galla/firmware-sim/terminal/web"
)

// The lamp on a page does what the one on a counter does, for as long: each step
// of a pattern's program is a keyframe of its animation, and what does not move
// has none.
func TestLampPlaysTheProgram(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	web.Routes(web.Assets()).ServeHTTP(w, httptest.NewRequest("GET", "/base.css", nil))
	css := w.Body.String()
	for _, pattern := range []signals.Pattern{
		signals.Off, signals.Dim, signals.Solid, signals.Slow, signals.Chase, signals.Breathe,
		signals.DoubleBlink, signals.ThreeBlinks, signals.OneBlink,
	} {
		rule := regexp.MustCompile(`\.lamp\[data-pattern="` + string(pattern) + `"\]::after \{[^}]*\}`).FindString(css)
		if rule == "" {
			t.Errorf("%s is not drawn", pattern)
			continue
		}
		program := pattern.Program()
		for _, part := range []struct {
			name  string
			steps []signals.Step
		}{{string(pattern) + "-once", program.Once}, {string(pattern), program.Always}} {
			whole := 0
			for _, step := range part.steps {
				whole += step.Ms
			}
			moves := len(part.steps) > 1
			if strings.Contains(rule, fmt.Sprintf(" %s %dms steps(1)", part.name, whole)) != moves {
				t.Errorf("%s moves: %v; %s", part.name, moves, rule)
			}
			frames := regexp.MustCompile(`@keyframes ` + part.name + ` \{.*\}`).FindString(css)
			if got, want := strings.Count(frames, "opacity"), len(part.steps)+1; moves && got != want {
				t.Errorf("%s has %d keyframes, want %d: %s", part.name, got, want, frames)
			}
		}
	}
	if !strings.Contains(css, "prefers-reduced-motion: reduce) { .lamp::after { animation: none") {
		t.Error("nobody can have it stand still")
	}
}
