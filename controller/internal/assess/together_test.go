package assess_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/assess"
	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/quote"
)

// Validations that come within a moment of each other are looked for together.
func TestRoundsAreForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rounds := make(chan time.Time, 16)
		w := &assess.Worker{
			Find: func(context.Context, int) ([]quote.Quote, error) {
				rounds <- time.Now()
				return nil, nil
			},
			Judge: &assess.Judge{Log: slog.New(slog.DiscardHandler)}, Log: slog.New(slog.DiscardHandler),
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { w.Run(ctx); close(ended) }()
		synctest.Wait()
		<-rounds // that of the start
		began := time.Now()
		for range 10 {
			w.Committed(decide.Changes{NewQuotes: []quote.Quote{{Token: "t"}}})
			time.Sleep(4 * time.Millisecond)
		}
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		var late []time.Duration
		for len(rounds) > 0 {
			late = append(late, (<-rounds).Sub(began))
		}
		// The first waits for the others; one that came while it waited wakes a second.
		if len(late) == 0 || len(late) > 2 || late[0] < 40*time.Millisecond || late[0] > 60*time.Millisecond {
			t.Errorf("rounds after %v", late)
		}
		stop()
		<-ended
	})
}
