package upi

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the goldens anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

// made is a report of 1000 requests of which so many of each kind were answered
// late.
func made(late, failed int, n noise) report {
	const ms = time.Millisecond
	plan := newSchedule(1000, 2*time.Second, even, dice())[:1000]
	x := newTally(plan)
	for i := range 500 {
		switch {
		case i < late:
			x.good(validate, 160*ms)
			x.good(pay, 160*ms)
		case i < late+failed:
			x.failed(validate, "HTTP 503", 5000*ms)
			x.failed(pay, failPool, 5000*ms)
		default:
			x.good(validate, 3*ms+time.Duration(i)*time.Microsecond)
			x.good(pay, 4*ms+time.Duration(i)*time.Microsecond)
		}
		x.late = append(x.late, time.Duration(i)*time.Microsecond)
	}
	if failed > 0 {
		x.of[pay].failures["code ZE"] = 2 * failed // they come first
	}
	x.opened, x.waited = 12, 3
	x.finish(time.Second)
	r := newReport(x, usage{60 * ms, 40 * ms, 10 * ms, machine{150 * ms, 0, 2000 * ms}}, n)
	r.Rate, r.Seconds, r.Gaps = 1000, 1, even
	return r
}

// TestReport is what a person and a program get to read.
func TestReport(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	for _, r := range []report{made(0, 0, noise{.02, .001, .004}), made(10, 20, noise{}), made(0, 20, noise{Others: .4})} {
		if err := r.print(&text); err != nil {
			t.Fatal(err)
		}
		text.WriteByte('\n')
	}
	golden(t, "report.txt", text.String())
	text.Reset()
	if err := writeJSON(&text, made(10, 20, noise{.02, .001, .004})); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", text.String())
}

// TestVerdict: goals that were met are met in whatever noise; goals that were missed
// are missed only in quiet.
func TestVerdict(t *testing.T) {
	t.Parallel()
	quiet, loud := noise{Others: .05}, noise{Others: .03, Steal: .03}
	for _, tt := range []struct {
		late, failed int
		noise
		want, why string
	}{
		{0, 0, quiet, verdictOK, ""}, {0, 0, loud, verdictOK, ""},
		{1, 0, quiet, verdictShort, "p99.9 of ReqValQr 160 ms, want under 100; p99.9 of ReqPay 160 ms, want under 150"},
		{1, 0, loud, verdictNoisy, "p99.9 of ReqValQr 160 ms, want under 100; p99.9 of ReqPay 160 ms, want under 150; but others took 6.0 % of the CPU"},
		{6, 0, quiet, verdictShort, "goodput 98.80 %, want 99; p99.9 of ReqValQr 160 ms"},
		{0, 6, quiet, verdictShort, "goodput 98.80 %, want 99; p99.9 of ReqValQr 5000 ms"},
	} {
		if r := made(tt.late, tt.failed, tt.noise); r.Verdict != tt.want || !strings.HasPrefix(r.Why, tt.why) {
			t.Errorf("%d late, %d failed, %+v: %s: %s", tt.late, tt.failed, tt.noise, r.Verdict, r.Why)
		}
	}
}

// TestKnee: up by quarters until a rate fails twice; the knee is the last that held.
func TestKnee(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, verdicts, says string
		rates                []float64
	}{
		{"at the third", "ok ok short short", "knee: 1250 a second; not 1562\n", []float64{1000, 1250, 1562.5, 1562.5}},
		{"a bad moment", "short ok short ok short short", "knee: 1250 a second; not 1562\n", []float64{1000, 1000, 1250, 1250, 1562.5, 1562.5}},
		{"in noise", "ok noisy noisy", "knee: 1000 a second; not 1250, where others took too much of the machine for a verdict: it may be higher\n", []float64{1000, 1250, 1250}},
		{"once in noise, once not", "ok noisy short", "knee: 1000 a second; not 1250\n", []float64{1000, 1250, 1250}},
		{"none", "short short", "no knee: at 1000 a second already the goals were missed\n", []float64{1000, 1000}},
		{"none in noise", "noisy noisy", "no knee: at 1000 a second already the goals were missed, in too much noise for a verdict\n", []float64{1000, 1000}},
	} {
		verdicts := strings.Fields(strings.ReplaceAll(tt.verdicts, "noisy", "too_noisy"))
		var rates []float64
		k, err := findKnee(1000, func(rate float64) (report, error) {
			rates = append(rates, rate)
			return report{Rate: rate, Verdict: strings.ReplaceAll(verdicts[len(rates)-1], "_", " ")}, nil
		}, func(report) error { return nil })
		var text bytes.Buffer
		if err == nil {
			err = k.print(&text)
		}
		if err != nil || !slices.Equal(rates, tt.rates) || text.String() != tt.says || len(k.Steps) != len(rates) {
			t.Errorf("%s: %v %v %s", tt.name, err, rates, text.String())
		}
	}
	always, err := findKnee(50_000, func(rate float64) (report, error) { return report{Verdict: verdictOK}, nil }, func(report) error { return nil })
	if err != nil || always.Rate != 50_000*1.25*1.25*1.25 || always.Next != 0 {
		t.Errorf("%v %v", always.Rate, err)
	}
	broken := errors.New("broken")
	if _, err := findKnee(1, func(float64) (report, error) { return report{}, broken }, nil); !errors.Is(err, broken) {
		t.Error(err)
	}
	var text bytes.Buffer
	each := stepLines(&text)
	for _, r := range []report{made(0, 0, noise{.02, .001, .004}), made(10, 20, noise{})} {
		if err := each(r); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "knee.txt", text.String())
}
