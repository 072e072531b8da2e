package callback_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/callback"
	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/controller/internal/sqlite"
	"github.com/galla-pay/galla/controller/internal/storagetest"
)

// Failure matrix T13, on a real outbox in a file: a merchant with 500 callbacks
// whose server takes every connection and never answers does not delay another's:
// each is there within a second of its commit, the first and the last, while the
// dead one's are still waiting. (The time is the bubble's.)
func TestDeadMerchantWithABacklogOnSQLite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box, err := seal.FromKey(make([]byte, seal.KeySize))
		if err != nil {
			t.Fatal(err)
		}
		db, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "galla.db"), Box: box, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		sell := func(merchant, to string, events ...string) {
			t.Helper()
			err := db.Apply(t.Context(), journal.NewBatchID(), decide.Needs{}, func(s decide.Snapshot) (decide.Changes, error) {
				var c decide.Changes
				for _, e := range events {
					c.Callbacks = append(c.Callbacks, decide.Callback{EventID: e, PaymentID: "pay-" + e, MerchantID: merchant, URL: to, At: s.Now})
				}
				return c, nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		lan, pos := newWire(), &till{}
		lan.serve("pos.example.in", pos)
		lan.plug("dead.example.in", hang)
		b := newBench(t, func(c *callback.Config) { c.Outbox = storagetest.Outbox{Storage: db} })
		b.DialThrough(lan.dial)
		var backlog []string
		for i := range 500 {
			backlog = append(backlog, fmt.Sprint("dead-", i))
		}
		sell("DEAD", "http://dead.example.in/cb", backlog...)
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			defer close(over)
			b.Run(ctx)
		}()
		const sales = 40
		for i := range sales {
			began := time.Now()
			sell("GOOD", "http://pos.example.in/cb", fmt.Sprint("good-", i))
			if i%2 == 0 { // of every second one nobody tells the sender
				b.Wake()
			}
			for len(pos.received()) <= i {
				<-time.After(10 * time.Millisecond)
				if time.Since(began) > callback.SendTimeout {
					t.Fatalf("notice %d did not arrive", i)
				}
			}
			// A second is how long the sender sleeps that nobody has told.
			if took := time.Since(began); took > time.Second+100*time.Millisecond || i%2 == 0 && took > 100*time.Millisecond {
				t.Errorf("notice %d took %v", i, took)
			}
			<-time.After(3 * time.Second)
		}
		cancel()
		<-over
		delivered, err := db.Callbacks(t.Context(), journal.CallbackQuery{State: journal.CallbackDelivered, Limit: journal.MaxCallbacks})
		if err != nil || len(delivered) != sales {
			t.Errorf("%d are delivered, %v; want the %d of the merchant that works", len(delivered), err, sales)
		}
		queue, err := db.CallbackQueue(t.Context())
		if err != nil || queue.Pending != len(backlog) || queue.Oldest < sales*3*time.Second-callback.SendTimeout {
			t.Errorf("the dead merchant's queue is %+v, %v", queue, err)
		}
		if attempts, _, _ := b.meter.count(callback.ResultTimeout); attempts < 5 || attempts > 30 {
			t.Errorf("the dead server was tried %d times in two minutes", attempts)
		}
	})
}
