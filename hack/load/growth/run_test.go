package growth

import (
	"bytes"
	"context"
	"fmt"
	"os"
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
		"-rounds 0": "-data DIR",
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

// A filled database has the indexes of a fresh one, and rows that the controller
// takes for payments; a folder of them is measured again without another fill, and
// an order is pulled by a terminal there.
func TestFillAndMeasureAgain(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "galla-growth-test-") // not the test's own, which another user cannot enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	o := options{payments: 1500, base: 1000, months: 3, data: dir}
	ctx := t.Context()
	said := &bytes.Buffer{}
	open := func() *house {
		t.Helper()
		h, err := openHouse(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(h.close)
		o.controller = h.controller // built once; its folder goes with the first house, so that one stays open
		return h
	}
	query := func(s *site, sql string) string {
		t.Helper()
		text, err := s.query(ctx, sql)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	const indexes = `SELECT string_agg(pg_get_indexdef(indexrelid), chr(10) ORDER BY indexrelid::regclass::text) FROM pg_index AS x
		JOIN pg_class AS t ON t.oid = indrelid WHERE t.relnamespace = 'public'::regnamespace AND NOT t.relispartition;`
	h := open()
	fresh := query(h.sites[1], indexes)
	if err := h.fill(ctx, said); err != nil {
		t.Fatal(err)
	}
	if got := strings.ReplaceAll(query(h.sites[1], indexes), " WITH (fillfactor='69')", ""); got != fresh {
		t.Errorf("the indexes are\n%s\nwant those of a fresh database,\n%s", got, fresh)
	}
	for table, each := range map[string]int{
		"transactions": 1, "transaction_events": 3, "qr_validations": 1, "upi_messages": 2, "req_pays": 1, "credits": 1, "callbacks": 1, "callback_attempts": 1,
	} {
		if got, want := query(h.sites[1], "SELECT count(*) FROM "+table+";"), fmt.Sprint(each*o.payments); got != want {
			t.Errorf("%s has %s rows, want %s", table, got, want)
		}
	}
	if got := query(h.sites[1], "SHOW fsync;"); got != "on" {
		t.Errorf("after the fill fsync is %s", got)
	}
	if err := h.serve(ctx); err != nil {
		t.Fatal(err)
	}
	for _, p := range pieces() {
		if p.do == nil {
			continue
		}
		for range 2 {
			if _, err := p.once(ctx, h.sites[1]); err != nil {
				t.Errorf("%s: %v", p.name, err)
			}
		}
	}
	if err := h.sites[1].sizes(ctx, said); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"large: 1500 payments over 3 months", "transactions_of_merchant"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it says nothing of %q:\n%s", want, said)
		}
	}
	for i := len(h.stop) - 1; i > 0; i-- { // all but the folder of the executable
		h.stop[i]()
	}
	h.stop = h.stop[:1]

	said.Reset()
	again := open()
	if err := again.fill(ctx, said); err != nil || said.Len() > 0 {
		t.Errorf("the second time: %v, %s", err, said)
	}
	if payments, months, err := again.sites[1].filled(ctx); err != nil || payments != o.payments || months != o.months {
		t.Errorf("it is filled with %d payments over %d months, %v", payments, months, err)
	}
	again.sites[1].months++
	if err := again.fill(ctx, said); err == nil || !strings.Contains(err.Error(), "large has 1500 payments over 3 months") {
		t.Errorf("another number of months: %v", err)
	}
}
