package journal_test

import (
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/protocol"
)

// A controller is stopped in the middle of a batch, for good or to wake up much
// later (failure matrix R20). The others get its rows within seconds, and when
// it wakes up it does not overwrite what they have done.
func TestControllerThatStopsInABatch(t *testing.T) {
	t.Parallel()
	dsn := newDatabase(t)
	db := openDSN(t, dsn)
	seedTerminals(t, db, "t1")
	stopped, wake := make(chan struct{}), make(chan struct{})
	asleep := make(chan error)
	go func() {
		asleep <- db.Apply(t.Context(), journal.NewBatchID(), decide.Needs{Terminals: []protocol.Identity{terminal("t1")}},
			func(s decide.Snapshot) (decide.Changes, error) {
				close(stopped)
				<-wake
				x := s.Terminals[terminal("t1")]
				x.Seq = 1000
				return decide.Changes{Terminals: []fleet.Terminal{x}}, nil
			})
	}()
	<-stopped
	j := start(t, journal.Config{Storage: openDSN(t, dsn), Writers: 1})
	began := time.Now()
	n, err := journal.Do(t.Context(), j, count("t1"))
	if took := time.Since(began); err != nil || n != 1 || took > 10*time.Second {
		t.Errorf("the other controller: %d, %v after %v; want 1 within seconds", n, err, took)
	}
	close(wake)
	if err := <-asleep; err == nil {
		t.Error("the one that woke up has written")
	}
	if x, err := db.Terminal(t.Context(), terminal("t1")); err != nil || x.Seq != 1 {
		t.Errorf("the terminal counts %d, %v; want 1", x.Seq, err)
	}
}
