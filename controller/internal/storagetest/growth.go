package storagetest

import (
	"errors"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
)

// RunGrowth runs the contract of what Tidy lets go so that no storage grows for
// nothing, and of what it keeps. open makes a storage that is migrated and empty.
func RunGrowth(t *testing.T, open func(t *testing.T) NetworkStorage) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, networkBench)
	}{
		{"the network outbox forgets what it was done with five weeks ago, and nothing else", networkForgets},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			c.test(t, networkBench{bench{s}, s})
		})
	}
}

const fiveWeeks = 35 * 24 * time.Hour

// there reports whether the outbox has a row: only then it refuses another with
// the same id.
func (b networkBench) there(t *testing.T, id string) bool {
	t.Helper()
	err := b.Apply(t.Context(), journal.NewBatchID(), decide.Needs{}, func(s decide.Snapshot) (decide.Changes, error) {
		return decide.Changes{Network: []decide.NetworkRequest{{ID: id, Kind: decide.NetworkAsk, PaymentID: id, At: s.Now}}}, nil
	})
	if err != nil && !errors.Is(err, journal.ErrAgain) {
		t.Fatal(err)
	}
	return err != nil
}

func networkForgets(t *testing.T, b networkBench) {
	row := func(id string) decide.NetworkRequest { return decide.NetworkRequest{ID: id, PaymentID: id} }
	b.ask(t, fiveWeeks+time.Hour, row("done, old"), row("dead, old"), row("pending, old"))
	b.ask(t, fiveWeeks-time.Hour, row("done, young"))
	for _, d := range b.lease(t, 10, time.Minute) {
		state := map[string]string{"done, old": journal.NetworkDone, "done, young": journal.NetworkDone, "dead, old": journal.NetworkDead}[d.ID]
		if state == "" {
			continue
		}
		if err := b.rows.RecordNetwork(t.Context(), journal.NetworkOutcome{ID: d.ID, Attempt: d.Attempt, State: state}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"done, old": false, "dead, old": true, "pending, old": true, "done, young": true} {
		if got := b.there(t, id); got != want {
			t.Errorf("%s: it is there: %v, want %v", id, got, want)
		}
	}
}
