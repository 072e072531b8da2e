package retention_test

import (
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/retention"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]retention.Policy{
		"keep": {}, "2months": {Months: 2}, "13months": {Months: 13}, "62d": {Days: 62}, "400d": {Days: 400}, "400days": {Days: 400},
	} {
		got, err := retention.Parse(text)
		if err != nil || got != want {
			t.Errorf("%q is %v, %v", text, got, err)
		}
		again, err := retention.Parse(got.String())
		if err != nil || again != want {
			t.Errorf("%q, printed as %q, is %v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "forever", "0", "13", "1months", "61d", "-13months", "13 months", "13m", "9999months", "99999999999999999999d", "1.5months", "400h"} {
		if p, err := retention.Parse(text); err == nil {
			t.Errorf("%q is %v", text, p)
		}
	}
	p := retention.Policy{Drop: true}
	if err := p.UnmarshalText([]byte("13months")); err != nil || p != (retention.Policy{Months: 13, Drop: true}) {
		t.Errorf("the order of two flags matters: %v, %v", p, err)
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, c := range []struct{ policy, now, want string }{
		{"2months", "2026-11-22T10:00:00Z", "2026-09-01T00:00:00Z"},
		{"13months", "2026-03-31T23:59:59Z", "2025-02-01T00:00:00Z"},
		{"13months", "2026-04-01T00:00:00Z", "2025-03-01T00:00:00Z"},
		{"62d", "2026-11-22T10:00:00Z", "2026-09-21T10:00:00Z"},
		{"2months", "2026-12-01T03:00:00+05:30", "2026-09-01T00:00:00Z"}, // still November in UTC
	} {
		p, err := retention.Parse(c.policy)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Cut(at(c.now)); !got.Equal(at(c.want)) {
			t.Errorf("%s at %s cuts at %s, want %s", c.policy, c.now, got, c.want)
		}
	}
	if cut := (retention.Policy{}).Cut(time.Now()); !cut.IsZero() || !(retention.Policy{}).Keeps() {
		t.Errorf("keep cuts at %s", cut)
	}
}
