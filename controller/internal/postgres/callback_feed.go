package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/journal"
)

// callbackHorizon is the time before which no callback can appear any more.
//
// A batch takes its time after it has begun and before it commits, so other
// batches commit between with later times. But a callback's time is never
// earlier than the start of the transaction that makes it. So the horizon is the
// earliest start of all transactions under way, or, if there is none, the time at
// which this statement began: a transaction that is not seen here begins later.
// (It is a statement of its own: the rows are read after it, by a snapshot that
// has everything which had ended by then.)
//
// Only controllers make callbacks. Others' transactions, such as a dump's, and
// those of controllers that use another role, whose start is hidden from this
// one, count for 10 s at most: twice what a batch may take.
const callbackHorizon = `SELECT statement_timestamp(), least(statement_timestamp(), min(CASE
		WHEN application_name <> 'galla-controller' THEN greatest(xact_start, statement_timestamp() - interval '10 s')
		WHEN query = '<insufficient privilege>' THEN statement_timestamp() - interval '10 s'
		ELSE xact_start END))
	FROM pg_stat_activity
	WHERE datname = current_database() AND pid <> pg_backend_pid() AND coalesce(backend_type, 'client backend') = 'client backend'`

const callbackFeed = selectCallbacks + `merchant_id = $1 AND created_at >= $2 AND (created_at, event_id) > ($2, $3)
	ORDER BY created_at, event_id LIMIT $4`

// CallbackFeed is what follows a cursor among a merchant's callbacks, at most
// limit rows; after "" it begins with the first that is there. An error may be
// journal.ErrCallbackQuery; it is also a retention.ArchivedError where what
// follows the cursor may have been archived.
func (db *DB) CallbackFeed(ctx context.Context, merchantID, after string, limit int) (journal.CallbackFeed, error) {
	q, cursor, err := journal.CallbackQuery{MerchantID: merchantID, After: after, Limit: limit}.Checked()
	if err != nil {
		return journal.CallbackFeed{}, err
	}
	if after == "" {
		cursor.At = time.Unix(0, 0)
	} else if err := db.notArchived(ctx, cursor.At, merchantID); err != nil {
		return journal.CallbackFeed{}, err
	}
	var feed journal.CallbackFeed
	err = db.ask(ctx, "callback feed", func(conn *pgxpool.Conn) error {
		feed = journal.CallbackFeed{}
		var horizon time.Time
		if err := conn.QueryRow(ctx, callbackHorizon).Scan(&feed.Now, &horizon); err != nil {
			return err
		}
		feed.Now = feed.Now.UTC()
		rows, err := callbackRows(ctx, conn, callbackFeed, q.MerchantID, cursor.At, cursor.EventID, q.Limit)
		for i, r := range rows {
			if !r.CreatedAt.Before(horizon) {
				rows, feed.Held = rows[:i], true
				break
			}
		}
		feed.Rows = rows
		return err
	})
	return feed, err
}

// CallbackHorizon is the time before which no callback can appear any more.
func (db *DB) CallbackHorizon(ctx context.Context) (time.Time, error) {
	var now, at time.Time
	err := db.ask(ctx, "callback horizon", func(conn *pgxpool.Conn) error {
		return conn.QueryRow(ctx, callbackHorizon).Scan(&now, &at)
	})
	return at.UTC(), err
}
