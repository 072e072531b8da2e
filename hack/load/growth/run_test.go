package growth

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestFlags(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-payments", "5000000", "-months", "24"}, &bytes.Buffer{})
	if err != nil || o.payments != 5_000_000 || o.months != 24 || o.base != 10_000 {
		t.Errorf("%+v, %v", o, err)
	}
	for line, want := range map[string]string{
		"more": "unexpected argument", "-base 10": "-base", "-payments 100": "-payments", "-months 0": "-months", "-rounds 1": "-rounds",
	} {
		if err := Run(context.Background(), strings.Fields(line), &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want an error about %s", line, err, want)
		}
	}
}

// A row is copied with the ids and the distance in time of the copy's payment,
// whatever columns it has.
func TestRowsAreCopied(t *testing.T) {
	t.Parallel()
	of := template{id: "GP1", token: "tok", validateMsg: "MV", payMsg: "MP", txn: "TX", at: "2026-11-22 10:00:00+00"}
	columns := map[string]string{"event_id": "text", "transaction_id": "text", "merchant_id": "text", "at": "timestamp with time zone",
		"hash": "bytea", "amount": "bigint", "open": "boolean", "note": "text", "gone_at": "timestamp with time zone"}
	row := map[string]any{"event_id": "EVGP1", "transaction_id": "GP1", "merchant_id": "M", "at": "2026-11-22T10:00:05+00:00",
		"hash": `\x01`, "amount": float64(24500), "open": true, "note": "it's", "gone_at": nil}
	got := insert("callbacks", columns, row, of.names(), of.at)
	const want = `INSERT INTO callbacks (amount, at, event_id, gone_at, hash, merchant_id, note, open, transaction_id) SELECT 24500, ` +
		`l.at + ('2026-11-22T10:00:05+00:00'::timestamptz - '2026-11-22 10:00:00+00'::timestamptz), 'EV' || l.id, NULL, ` +
		`sha256((l.n || 'hash')::bytea), CASE l.n % 10 WHEN 0 THEN 'M' ELSE 'LOAD' || l.n % 1000 END, 'it''s', true, l.id FROM l;`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
