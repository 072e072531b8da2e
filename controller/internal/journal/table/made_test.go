package table_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/payment"
)

func TestMadeSince(t *testing.T) {
	t.Parallel()
	before := time.Now().Add(-24*time.Hour - time.Millisecond)
	id := payment.FormatID(uuid.Must(uuid.NewV7()))
	after := time.Now().Add(-24 * time.Hour)
	for _, name := range []string{id, "EV" + id} {
		if got := table.MadeSince(name); got.Before(before) || got.After(after) {
			t.Errorf("%s was made after %s, want a day before now", name, got)
		}
	}
	random := payment.FormatID(uuid.New()) // version 4 says nothing of time
	for _, name := range []string{"", "EV", "GP", "p1", random, id[:27], id + "0", "EVEV" + id, id[2:], "gp" + id[2:], "GP" + "!!!!!!!!!!!!!!!!!!!!!!!!!!"} {
		if got := table.MadeSince(name); !got.Equal(time.Unix(0, 0)) {
			t.Errorf("%q was made after %s, want no bound", name, got)
		}
	}
}

// FuzzMadeSince: whatever an id looks like, the bound is never after the time that
// the id holds, nor before 1970.
func FuzzMadeSince(f *testing.F) {
	f.Add("EV" + payment.FormatID(uuid.Must(uuid.NewV7())))
	f.Add("GP00000000007000000000000000")
	f.Fuzz(func(t *testing.T, id string) {
		if got := table.MadeSince(id); got.Before(time.Unix(0, 0)) || got.Year() > 10900 {
			t.Errorf("%q: %s", id, got)
		}
	})
}
