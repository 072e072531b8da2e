package agent_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// TestTheLanguageOfTheWords: as configured, else the cashier's, else the store's,
// else English. The cashier's survives a power cut, and the glass follows.
func TestTheLanguageOfTheWords(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, _ *cardMachine) {
		want := func(language string) {
			t.Helper()
			if s := r.is(); s.Language != language {
				t.Fatalf("the words are in %q, want %q", s.Language, language)
			}
		}
		store := func(language string) {
			r.ctrl.Want(func(s *protocol.State) { s.Display.Language = language })
			synctest.Wait()
		}
		want("en")
		english := pixels(r.chip.Image())
		store("hi")
		want("hi")
		if slices.Equal(pixels(r.chip.Image()), english) {
			t.Error("the glass is still in English")
		}
		store("ta") // of which there are no words
		want("en")
		if !slices.Equal(pixels(r.chip.Image()), english) {
			t.Error("the glass is not in English again")
		}
		store("hi")
		r.press(agent.KeyLanguage)
		want("en")
		r.press(agent.KeyLanguage)
		want("hi")
		r.press(agent.KeyLanguage)
		r.press(agent.Key4)
		if s := r.is(); s.Mode != protocol.ModePulling {
			t.Fatalf("status is %+v", s)
		}
		r.press(agent.KeyLanguage, agent.KeyMute)
		want("hi")
		if !r.is().Muted {
			t.Error("the voice is not off")
		}
		store("en")
		r.off()
		r.on()
		want("hi") // the cashier's, not the store's
		if !r.is().Muted {
			t.Error("after a power cut the voice is on")
		}
		r.off()
		r.cfg.Language = "en"
		r.on()
		want("en")
		r.press(agent.KeyLanguage) // means nothing here
		want("en")
		r.off()
		r.cfg.Language = ""
		r.on()
		want("hi")
	})
}

// TestTheLastPaymentAgain: Repeats counts, so that it is spoken again.
func TestTheLastPaymentAgain(t *testing.T) {
	edc(t, func(t *testing.T, r *rig, _ *cardMachine) {
		r.press(agent.KeyRepeat)
		if s := r.is(); s.Repeats != 0 || s.Last != 0 {
			t.Fatalf("status is %+v", s)
		}
		r.offer("A", protocol.PhaseOffered)
		r.end("A", protocol.OutcomeSucceeded)
		time.Sleep(5 * time.Second)
		r.press(agent.KeyRepeat, agent.KeyRepeat)
		if s := r.is(); s.Repeats != 2 || s.Last != 24500 {
			t.Fatalf("status is %+v", s)
		}
	})
}
