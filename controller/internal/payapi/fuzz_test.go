package payapi_test

import (
	"context"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payapi"
)

// ledger is a storage that tells what was saved, as soon as it is.
type ledger struct {
	journal.Storage
	mu    sync.Mutex
	saved []decide.Changes
}

func (l *ledger) Apply(ctx context.Context, id journal.BatchID, needs decide.Needs, run func(decide.Snapshot) (decide.Changes, error)) error {
	var changes decide.Changes
	err := l.Storage.Apply(ctx, id, needs, func(s decide.Snapshot) (c decide.Changes, err error) {
		changes, err = run(s)
		return changes, err
	})
	if err == nil && !changes.Empty() {
		l.mu.Lock()
		l.saved = append(l.saved, changes)
		l.mu.Unlock()
	}
	return err
}

// take takes what was saved since it was asked last.
func (l *ledger) take() []decide.Changes {
	l.mu.Lock()
	defer l.mu.Unlock()
	saved := l.saved
	l.saved = nil
	return saved
}

// newJournal makes a journal that is closed with the test.
func newJournal(t testing.TB, cfg journal.Config) *journal.Journal {
	t.Helper()
	j, err := journal.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- j.Run(context.Background()) }()
	t.Cleanup(func() {
		if err := j.Close(context.Background()); err != nil {
			t.Error(err)
		}
		<-done
	})
	return j
}

// newLedgerDoor is a door whose journal writes into a ledger.
func newLedgerDoor(t testing.TB, change ...func(*merchant.Data)) (*door, *ledger) {
	t.Helper()
	house := doortest.New(t, change...)
	l := &ledger{Storage: house.DB}
	j := newJournal(t, journal.Config{Storage: l, Log: house.Log})
	gin.SetMode(gin.ReleaseMode)
	r := gin.New() // without recovery: a panic is a failure
	r.Use(payapi.RequestID)
	payapi.New(payapi.Config{
		Journal: j, Reader: house.DB, Directory: house.Directory, LinkKey: house.LinkKey, OrgID: "MER101", Sandbox: true, Log: house.Log,
	}).Register(r)
	return &door{t: t, handler: r, House: house}, l
}
