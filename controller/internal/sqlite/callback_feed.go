package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
)

// CallbackFeed is what follows a cursor among a merchant's callbacks, at most
// limit rows; after "" it begins with the first. An error may be
// journal.ErrCallbackQuery.
//
// Here the order of the feed is that of the commits: a batch takes its time when
// it alone may write, so what is not there yet comes later than all that is. Only
// rows of this very microsecond are held.
func (db *DB) CallbackFeed(ctx context.Context, merchantID, after string, limit int) (journal.CallbackFeed, error) {
	q, cursor, err := journal.CallbackQuery{MerchantID: merchantID, After: after, Limit: limit}.Checked()
	if err != nil {
		return journal.CallbackFeed{}, err
	}
	if after == "" {
		cursor.At = time.Unix(0, 0)
	}
	feed := journal.CallbackFeed{Now: now()}
	feed.Rows, err = db.callbackRows(ctx, selectCallbacks+`merchant_id = ? AND (created_at, event_id) > (?, ?)
		ORDER BY created_at, event_id LIMIT ?`, q.MerchantID, cursor.At.UnixMicro(), cursor.EventID, q.Limit)
	if err != nil {
		return journal.CallbackFeed{}, fmt.Errorf("sqlite: callback feed: %w", err)
	}
	for i, r := range feed.Rows {
		if !r.CreatedAt.Before(feed.Now) {
			feed.Rows, feed.Held = feed.Rows[:i], true
			break
		}
	}
	return feed, nil
}

// CallbackHorizon is the time before which no callback can appear any more: now,
// while nobody writes.
func (db *DB) CallbackHorizon(ctx context.Context) (time.Time, error) {
	var at time.Time
	err := db.writer.transact(ctx, func() error {
		at = now()
		return errNothing
	})
	return at, err
}
