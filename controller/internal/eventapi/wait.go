package eventapi

import (
	"context"
	"sync"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
)

const (
	// maxWaiting and maxWaitingOfMerchant are how many requests wait at most.
	maxWaiting           = 1024
	maxWaitingOfMerchant = 16
	// pollEvery is how often who waits looks for what nobody tells: what other
	// controllers commit.
	pollEvery = time.Second
	// heldPause is the first pause before looking again for what is committed but
	// cannot be shown yet; each is twice the one before.
	heldPause = 10 * time.Millisecond
	dbTimeout = 5 * time.Second
	// composeTime is how long an answer's events may take to make.
	composeTime = 5 * time.Second
)

// waiting is who waits for which merchant's events.
type waiting struct {
	mu         sync.Mutex
	byMerchant map[string]map[chan struct{}]bool
	all        int
}

// enter takes a place, which leave gives back; ok is false where none is free.
func (w *waiting) enter(merchantID string) (woken <-chan struct{}, leave func(), ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	mine := w.byMerchant[merchantID]
	if w.all >= maxWaiting || len(mine) >= maxWaitingOfMerchant {
		return nil, nil, false
	}
	if mine == nil {
		mine = map[chan struct{}]bool{}
		w.byMerchant[merchantID] = mine
	}
	c := make(chan struct{}, 1)
	mine[c] = true
	w.all++
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(mine, c)
		if w.all--; len(mine) == 0 {
			delete(w.byMerchant, merchantID)
		}
	}, true
}

func (w *waiting) wake(merchantID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.byMerchant[merchantID] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// await reads the feed until it holds something, or the wait is over. Between two
// readings it holds nothing of the database's.
func (a *API) await(ctx context.Context, merchantID, after string, q query) (journal.CallbackFeed, error) {
	if q.wait == 0 {
		return a.read(ctx, merchantID, after, q.limit)
	}
	woken, leave, ok := a.waiting.enter(merchantID)
	if !ok {
		return journal.CallbackFeed{}, refusal{code: CodeTooMany, text: "Too many requests wait for events.", retryAfter: 5 * time.Second}
	}
	defer leave()
	end := time.Now().Add(q.wait)
	pause := heldPause
	for {
		feed, err := a.read(ctx, merchantID, after, q.limit)
		left := time.Until(end)
		if err != nil || len(feed.Rows) > 0 || left <= 0 {
			return feed, err
		}
		next := pollEvery
		if feed.Held {
			next, pause = pause, min(2*pause, pollEvery)
		} else {
			pause = heldPause
		}
		timer := time.NewTimer(min(next, left))
		select {
		case <-timer.C:
		case <-woken:
		case <-a.stopped:
			timer.Stop()
			return feed, nil
		case <-ctx.Done():
			timer.Stop()
			return feed, ctx.Err()
		}
		timer.Stop()
	}
}

func (a *API) read(ctx context.Context, merchantID, after string, limit int) (journal.CallbackFeed, error) {
	ctx, cancel := context.WithTimeout(ctx, dbTimeout)
	defer cancel()
	return a.cfg.Feed.CallbackFeed(ctx, merchantID, after, limit)
}
