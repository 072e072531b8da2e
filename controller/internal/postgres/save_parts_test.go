package postgres

import (
	"slices"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal/table"
)

// Whatever changes, or is not empty, the statement that is chosen names it; and the
// usual changes choose one that names few.
func TestPartsNameWhatTheyMust(t *testing.T) {
	t.Parallel()
	everyColumn(t, savePayments)
	everyColumn(t, saveTerminals)
	everyColumn(t, saveQuotes)
	everyColumn(t, saveShort)
	everyColumn(t, saveCredits)
	everyColumn(t, saveReqPays)
	everyColumn(t, saveEvents)
	everyColumn(t, saveCallbacks)
	for _, tt := range []struct {
		name, columns string
		most          int
	}{
		{"a ReqValQr", "hold_until", 2},
		{"a network that does not know", "attend_at asked_at seq hash", 6},
		{"a QR on the glass", "state handed_over_at instrument seq hash", 12},
		{"a payment that was paid", "state attempted payer_addr upi_txn_id started_at attend_at reference settlement_amount ended_at seq hash", 20},
	} {
		p := smallest(savePayments.updates, named(savePayments.updated, tt.columns))
		if n := count(p.named); n > tt.most {
			t.Errorf("%s: %d columns travel, want %d at most", tt.name, n, tt.most)
		}
	}
}

func count(marked []bool) (n int) {
	for _, m := range marked {
		if m {
			n++
		}
	}
	return n
}

// everyColumn has each column differ, and be filled, by itself, in one of two rows.
func everyColumn[T any](t *testing.T, s saver[T]) {
	t.Helper()
	rows := func(c table.Column[T]) (rows []T, set bool) {
		rows = make([]T, 2)
		switch v := &rows[1]; {
		case c.SetText != nil:
			c.SetText(v, "x")
		case c.SetInt != nil:
			c.SetInt(v, 1)
		case c.SetBool != nil:
			c.SetBool(v, true)
		case c.SetTime != nil:
			c.SetTime(v, time.Unix(1, 0))
		case c.SetBytes != nil:
			c.SetBytes(v, []byte{1})
		case c.SetList != nil:
			c.SetList(v, []string{"x"})
		default:
			return nil, false
		}
		return rows, true
	}
	for i, c := range s.table.Columns {
		if r, set := rows(c); set && !smallest(s.inserts, filled(s.table.Columns, r)).named[i] {
			t.Errorf("%s: a new %s is not saved", s.table.Name, c.Name)
		}
	}
	for i, c := range s.updated {
		r, set := rows(c)
		if !set || i < len(s.table.Key) || !s.table.Versioned {
			continue
		}
		marked := changed(s.updated, r, make([]locked[T], 2))
		if !marked[i] || !smallest(s.updates, marked).named[i] {
			t.Errorf("%s: a changed %s is not saved", s.table.Name, c.Name)
		}
		// The other way round, too: what is emptied is a change.
		if marked = changed(s.updated, make([]T, 2), []locked[T]{{}, {row: r[1]}}); !marked[i] {
			t.Errorf("%s: a %s that is emptied is not saved", s.table.Name, c.Name)
		}
	}
	for _, p := range slices.Concat(s.inserts, s.updates) {
		if len(p.named) != len(s.table.Columns) && len(p.named) != len(s.updated) {
			t.Errorf("%s: a statement of %d columns", s.table.Name, len(p.named))
		}
	}
}
