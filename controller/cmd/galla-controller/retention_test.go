package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/retention"
)

func TestRetentionFlags(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]retention.Policy{
		"":                                  {},
		"--retention keep":                  {},
		"--retention 13months":              {Months: 13},
		"--retention-drop --retention 400d": {Days: 400, Drop: true},
		"--retention 400d --retention-drop": {Days: 400, Drop: true},
	} {
		var f struct{ retentionFlags }
		parser, err := kong.New(&f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(strings.Fields(line)); err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		if got, err := f.policy(); err != nil || got != want {
			t.Errorf("%q is %+v, %v; want %+v", line, got, err, want)
		}
	}
	for line, want := range map[string]string{
		"--retention 1months": "13months", "--retention forever": "13months", "--retention-drop": "never detaches",
	} {
		var f struct{ retentionFlags }
		parser, err := kong.New(&f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = parser.Parse(strings.Fields(line)); err == nil {
			_, err = f.policy()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want an error with %q", line, err, want)
		}
	}
}

// shelf is a storage of which events were archived before a time.
type shelf struct{ before time.Time }

func (s shelf) SetRetention(retention.Policy) error                   { return nil }
func (s shelf) Archived(context.Context, string) (time.Time, error)   { return s.before, nil }
func (s shelf) TableSizes(context.Context) ([]retention.Table, error) { return nil, nil }

// What is left of a chain of events is proved by the payment's row, or refused.
func TestVerifyEvents(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 1, 31, 23, 59, 0, 0, time.UTC)
	p, events, err := payment.Payment{ID: "p", Amount: 1, Solution: payment.DQRDevice, CreatedAt: made, ExpiresAt: made.Add(time.Hour)}.
		Apply(payment.Happening{Event: payment.EventInit, At: made, Actor: "M"})
	if err != nil {
		t.Fatal(err)
	}
	p, more, err := p.Apply(payment.Happening{Event: payment.EventExpired, At: made.Add(2 * time.Hour), Actor: "sweeper"})
	if err != nil {
		t.Fatal(err)
	}
	all := append(events, more...)
	if len(all) != 2 {
		t.Fatalf("%d events", len(all))
	}
	february := shelf{time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)}
	other := all[1]
	other.Reason = "another"
	for name, c := range map[string]struct {
		db     shelf
		events []payment.Record
		ok     bool
		cut    bool
	}{
		"all are there":               {shelf{}, all, true, false},
		"the first is archived":       {february, all[1:], true, true},
		"all are archived":            {february, nil, true, true},
		"the first is missing":        {shelf{}, all[1:], false, false},
		"all are missing":             {shelf{}, nil, false, false},
		"archived before it was made": {shelf{made.Add(-time.Hour)}, all[1:], false, false},
		"the last is missing":         {february, all[:1], false, false},
		"what is left was changed":    {february, []payment.Record{other}, false, false},
	} {
		before, err := verifyEvents(t.Context(), c.db, p, c.events)
		if (err == nil) != c.ok || c.ok && before.IsZero() == c.cut {
			t.Errorf("%s: archived before %v, %v", name, before, err)
		}
	}
}

func TestStorageIsPrinted(t *testing.T) {
	t.Parallel()
	tables := []retention.Table{
		{Name: "transactions", Rows: 50_000_000, Bytes: 38_000_000_000, IndexBytes: 21_500_000_000},
		{Name: "transaction_events", Rows: 900, Bytes: 999, IndexBytes: 1000, Months: 13, Oldest: time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC),
			Default: 2, Archived: time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC)},
		{Name: "credits", Rows: -1},
	}
	var text, lines bytes.Buffer
	if err := printSizes(printer{w: &text}, tables); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"transactions", "~50000000", "38.0 GB", "21.5 GB", "13 (2 rows in none)", "2025-11-01", "999 B", "1.0 kB", "all"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if err := printSizes(printer{w: &lines, json: true}, tables); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"table":"transactions","rows":50000000,"bytes":38000000000,"indexBytes":21500000000,"months":0,"oldestMonth":"","rowsWithoutMonth":0,"archivedBefore":null,"detached":false}`,
		`"oldestMonth":"2025-11","rowsWithoutMonth":2,"archivedBefore":"2025-11-01T00:00:00Z"`, `{"table":"credits","rows":null,`,
	} {
		if !strings.Contains(lines.String(), want) {
			t.Errorf("no %s in\n%s", want, lines.String())
		}
	}
}
