package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent/internal/doctor"
	"github.com/galla-pay/galla/agent/panel/paneltest"
	"periph.io/x/conn/v3/gpio"
)

// folder is a data folder as it should be.
func folder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestSelftestOfADisplay: nobody can say what was seen, so nothing has failed.
func TestSelftestOfADisplay(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	file := configFile(t, displayConfig(dir))
	for _, form := range []string{"text", "json"} {
		synctest.Test(t, func(t *testing.T) {
			chip, on := paneltest.NewST7789(), newBench()
			on.plug("SPI0.0", chip)
			args := []string{"selftest", "--config", file}
			if form == "json" {
				args = append(args, "--json")
			}
			code, out, errs := callOn(t.Context(), on, args...)
			if code != exitGood || errs != "" {
				t.Fatalf("exit %d\n%s%s", code, out, errs)
			}
			if form == "json" {
				var said tested
				if err := json.Unmarshal([]byte(out), &said); err != nil || said.Code != "ST-2220000" || len(said.Parts) != 7 ||
					said.Parts[0] != (doctor.Part{Name: "panel", Outcome: doctor.Shown, Detail: "all white, then all black: without spots and stripes"}) {
					t.Errorf("%v\n%s", err, out)
				}
			} else if !strings.HasPrefix(out, "- panel   shown   all white") || !strings.HasSuffix(out, "\n- voice   none    no sound\nST-2220000\n") {
				t.Error(out)
			}
			if chip.Lit() || len(chip.Misuse()) > 0 {
				t.Errorf("lit %v, %v", chip.Lit(), chip.Misuse())
			}
		})
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("it left %v behind, %v", entries, err)
	}
}

// TestSelftestOfATerminal: with a person who presses whatever is asked for; the
// lamp and the buzzer do something, and end dark and silent.
func TestSelftestOfATerminal(t *testing.T) {
	t.Parallel()
	file := configFile(t, counterConfig(folder(t)))
	synctest.Test(t, func(t *testing.T) {
		on := newCounter()
		ended := make(chan struct{})
		var person sync.WaitGroup
		person.Go(func() { // it is not known what is asked: accept says yes, and is one of the keys
			for {
				select {
				case <-ended:
					return
				case <-time.After(900 * time.Millisecond):
					on.accept.Tap(100 * time.Millisecond)
				}
			}
		})
		code, out, errs := callOn(t.Context(), on, "selftest", "--config", file)
		close(ended)
		person.Wait()
		if code != exitError || errs != "" || !strings.HasSuffix(out, "\nST-1113110\n") {
			t.Errorf("exit %d\n%s%s", code, out, errs)
		}
		if !strings.Contains(out, "✗ keys    failed  accept came for reject, accept came for 0") {
			t.Error(out)
		}
		if len(on.lamp.Red.Moments()) == 0 || len(on.lamp.Blue.Moments()) == 0 || len(on.buzzer.Moments()) == 0 {
			t.Error("lamp and buzzer were not tried")
		}
		if r, g, b := on.lamp.Shows(); on.glass.Lit() || on.buzzer.Sounds() || r|g|b != 0 {
			t.Error("something is left on")
		}
		on.wellUsed(t)
	})
}

// TestSelftestEndsWithItsConnection: as on Ctrl-C, when the line to the engineer
// is cut.
func TestSelftestEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	file := configFile(t, counterConfig(folder(t)))
	synctest.Test(t, func(t *testing.T) {
		on := newCounter()
		var out, errs bytes.Buffer
		c := command{stdout: &out, stderr: &errs, host: on, environ: noEnvironment, hangups: func(context.Context) <-chan struct{} {
			gone := make(chan struct{}, 1)
			time.AfterFunc(25*time.Second, func() { gone <- struct{}{} })
			return gone
		}}
		if code := c.run(t.Context(), []string{"selftest", "--config", file}); code != exitError || errs.String() != "galla-agent: stopped; the panel is dark\n" || on.glass.Lit() {
			t.Errorf("exit %d, %s, lit %v", code, errs.String(), on.glass.Lit())
		}
	})
}

// TestSelftestEndsCleanly on Ctrl-C, whatever it was doing.
func TestSelftestEndsCleanly(t *testing.T) {
	t.Parallel()
	file := configFile(t, counterConfig(folder(t)))
	for _, after := range []time.Duration{0, 3 * time.Second, 20 * time.Second, 70 * time.Second, 120 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			on := newCounter()
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			var out, errs bytes.Buffer
			begun := time.Now()
			code := command{stdout: &out, stderr: &errs, host: on, environ: noEnvironment}.run(ctx, []string{"selftest", "--config", file})
			if code != exitError || errs.String() != "galla-agent: stopped; the panel is dark\n" {
				t.Errorf("after %v: exit %d, %s%s", after, code, out.String(), errs.String())
			}
			if took := time.Since(begun); took > after+3*time.Second {
				t.Errorf("after %v: it took %v", after, took)
			}
			if on.glass.Lit() || on.buzzer.Sounds() || on.lamp.Green.Duty() != 0 {
				t.Errorf("after %v: something is left on", after)
			}
			for i := range 4 {
				if on.keypad.Row(i).Pull() != gpio.PullUp || on.keypad.Row(i).Drives() {
					t.Errorf("after %v: row %d is driven", after, i+1)
				}
			}
		})
	}
}
