package scenario

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A mistake names file and line, and what is allowed there.
func TestMistakes(t *testing.T) {
	t.Parallel()
	const sale = "sale 1.00\n"
	for _, tt := range []struct{ text, want string }{
		{"", "x:1: there is no step; a step is one of sale, edc, order"},
		{"# nothing\n\n", "x:3: there is no step"},
		{"dance T1", `x:1: dance T1: there is no verb "dance"; the verbs are sale, edc`},
		{"\n\n  dance", "x:3: dance: there is no verb"},
		{"sale", `x:1: sale: an amount is rupees like 245.00, not ""; the form is: sale RUPEES [on TERMINAL]`},
		{"sale 1,00", `an amount is rupees like 245.00, not "1,00"`},
		{"sale 0.00", `an amount is rupees`},
		{"sale -1", `an amount is rupees`},
		{"sale 1.00 on T9", `a terminal is one of T1, T2, T3, not "T9"`},
		{"sale 1.00 for never", `a time is like 500ms, 2s or 1m, at most 10m0s, not "never"`},
		{"sale 1.00 for 11m", `at most 10m0s`},
		{"sale 1.00 for 500ms", `a second at least`},
		{"sale 1.00 as Q1", `a payment's name is P and 1 to 7 letters or digits, not "Q1"`},
		{"sale 1.00 as P", `a payment's name`},
		{"sale 1.00 as P12345678", `a payment's name`},
		{"sale 1.00 soon", `"soon" is too much`},
		{sale + "sale 1.00 as P1", "x:2: sale 1.00 as P1: there is a payment P1 already"},
		{"edc 1.00 by cheque", `how it is paid is one of card, qr, both, not "cheque"`},
		{"order 1.00 12", `an order's number is 4 to 8 digits, not "12"`},
		{"order 1.00 123456789", `4 to 8 digits`},
		{"order 1.00 12x4", `4 to 8 digits`},
		{"cancel P1", `there is no payment "P1": none was asked for before this line`},
		{sale + "cancel P2", `x:2: cancel P2: there is no payment "P2"; so far there are P1`},
		{sale + "cancel P1 no", `a code is a word of capitals, digits, _ and :, not "no"`},
		{"scan P1", `a terminal is one of T1, T2, T3, not "P1"`},
		{sale + "pay", `there is no payment ""`},
		{sale + "pay P1 twice", `"twice" is too much`},
		{sale + "pay P1 refused", `a code is a word of capitals`},
		{"key T1", `there is no key ""; the keys are accept reject`},
		{"key T1 eject", `there is no key "eject"; the keys are accept reject`},
		{"card T1 swallow", "what becomes of a card is one of approve, decline"},
		{"network T1 out", `the network is one of on, off, flap, not "out"`},
		{"network T1 on 5s", `"5s" is too much`},
		{"power T1 maybe", `the power is one of on, off, cycle, not "maybe"`},
		{"clock T1 10y", `an offset is 0, or + or - with a whole number and s, m, h, d or y, at most 30y, not "10y"`},
		{"clock T1 +31y", "at most 30y"},
		{"clock T1 +1w", "an offset is 0"},
		{"clock T1", "an offset is 0"},
		{"controller restart", "the controller is one of kill, stop, start, pause, resume"},
		{"await T1 glowing", `what a terminal shows is one of starting, enrolling, offline, idle, pulling, prompting, choosing, presenting, checking, result, fault, off, paid`},
		{"await T1 paid P1", `there is no payment "P1"`},
		{"keeps T1 idle", "it says not for how long"},
		{"keeps T1 idle for", "a time is like"},
		{sale + "once T1 idle P1", "an end is one of paid, failed"},
		{sale + "expect P1 MAYBE", `a status is one of PENDING, SUCCESS, FAILED, EXPIRED, not "MAYBE"`},
		{sale + "callback P1 PENDING", "a final status is one of SUCCESS, FAILED, EXPIRED"},
		{"wait 0s", "a time is like"},
		{"within", "a time is like"},
		{"sale 1.00 " + strings.Repeat("x", maxLine), "x:1: a line has at most 1024 bytes"},
	} {
		_, err := Parse("x", strings.NewReader(tt.text))
		mistake := (*Error)(nil)
		if !errors.As(err, &mistake) || !strings.HasPrefix(err.Error(), "x:") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.60q: %v\nwant %s", tt.text, err, tt.want)
		}
	}
}

// What is written is what is read.
func TestParse(t *testing.T) {
	t.Parallel()
	s, err := Parse("x", strings.NewReader(`# About this.
# And that.

  sale   245.00  # the first
sale 1.50 on T3 for 1500ms as Pother
edc 2.00 by card auto
order 3.00 1234 at T1
pay Pother refused PE
pay T1
clock T2 -10y
key T1 1 2 ok
# not about it
power T1 cycle
`))
	if err != nil {
		t.Fatal(err)
	}
	if s.About != "About this. And that." {
		t.Errorf("it is about %q", s.About)
	}
	var got []string
	for _, step := range s.Steps {
		got = append(got, fmt.Sprintf("%d %s %+v", step.Line, step.Text[:4], step.do))
	}
	want := []string{
		"4 sale {name:P1 terminal:T1 amount:24500 expires:120000000000 modes:[] auto:false number:}",
		"5 sale {name:Pother terminal:T3 amount:150 expires:1500000000 modes:[] auto:false number:}",
		"6 edc  {name:P3 terminal:T2 amount:200 expires:0 modes:[CARD] auto:true number:}",
		"7 orde {name:P4 terminal:T1 amount:300 expires:0 modes:[CARD DQR] auto:false number:1234}",
		"8 pay  {target:Pother declined:false refused:PE unanswered:false}",
		"9 pay  {target:T1 declined:false refused: unanswered:false}",
		"10 cloc {terminal:T2 offset:-315360000000000000}",
		"11 key  {terminal:T1 keys:[1 2 ok]}",
		"13 powe {terminal:T1 to:cycle long:1000000000}",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Every verb is explained, is used by a scenario that is shipped, and says what it
// takes when it gets nothing.
func TestGrammar(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	all, err := Library()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		for _, step := range s.Steps {
			used[strings.Fields(step.Text)[0]] = true
		}
	}
	for i, v := range verbs() {
		if !strings.HasPrefix(v.form, v.name+" ") || v.does == "" || Grammar()[i] != (Verb{v.form, v.does}) {
			t.Errorf("%s: %q, %q", v.name, v.form, v.does)
		}
		if !used[v.name] {
			t.Errorf("no scenario that is shipped uses %s", v.name)
		}
		if _, err := Parse("x", strings.NewReader(v.name)); err == nil || !strings.Contains(err.Error(), "the form is: "+v.form) {
			t.Errorf("%s alone: %v", v.name, err)
		}
	}
}

// Offsets are read as the terminal's page reads them.
func TestOffset(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "+1s": time.Second, "-5m": -5 * time.Minute, "+2h": 2 * time.Hour, "-3d": -72 * time.Hour, "+10y": 87_600 * time.Hour, "+30y": 262_800 * time.Hour,
	} {
		if got, err := parseOffset(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

// The library is named, about something, and more than the half dozen that is
// promised.
func TestLibrary(t *testing.T) {
	t.Parallel()
	all, err := Library()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 6 {
		t.Errorf("there are %d", len(all))
	}
	for _, s := range all {
		found, text, ok := Find(s.Name)
		file, err := os.ReadFile(filepath.Join("files", s.Name+suffix))
		if !ok || err != nil || found.Name != s.Name || text != string(file) {
			t.Errorf("%s is not found: %v", s.Name, err)
		}
		if s.About == "" {
			t.Errorf("%s does not say what it is about", s.Name)
		}
	}
	for _, name := range []string{"", "nothing", "../doc.go", "files/s05-power-cut"} {
		if _, _, ok := Find(name); ok {
			t.Errorf("%q is found", name)
		}
	}
}

// Whatever is read is read the same way again, and whatever is not is a mistake on
// a line that there is.
func FuzzParse(f *testing.F) {
	all, err := Library()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range all {
		_, text, _ := Find(s.Name)
		f.Add(text)
	}
	f.Add("sale 1.00 # x\r\npay P1 refused")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("x", strings.NewReader(text))
		if err != nil {
			mistake := (*Error)(nil)
			if !errors.As(err, &mistake) || mistake.Line < 1 || mistake.Line > strings.Count(text, "\n")+2 || s != nil {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		var lines []string
		for _, step := range s.Steps {
			lines = append(lines, step.Text)
		}
		again, err := Parse("x", strings.NewReader(strings.Join(lines, "\n")))
		if err != nil || len(again.Steps) != len(s.Steps) {
			t.Fatalf("%q: again %v", text, err)
		}
		for i := range s.Steps {
			if got, want := fmt.Sprintf("%+v", again.Steps[i].do), fmt.Sprintf("%+v", s.Steps[i].do); got != want {
				t.Fatalf("%q: again %s, was %s", text, got, want)
			}
		}
	})
}
