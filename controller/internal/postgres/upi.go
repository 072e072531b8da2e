package postgres

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/quote"
)

var (
	selectUnprocessed = "SELECT " + quoteShape.names + " FROM qr_validations WHERE processed_at IS NULL ORDER BY created_at LIMIT $1"
	selectLatestQuote = "SELECT " + quoteShape.names + ` FROM qr_validations
		WHERE transaction_id = $1 AND transaction_id <> '' ORDER BY created_at DESC LIMIT 1`
	selectReqPay = "SELECT " + reqPayShape.names + " FROM req_pays WHERE org_id = $1 AND txn_id = $2"
)

// Unprocessed lists validations whose additional processing is not done, the
// oldest first, at most limit.
func (db *DB) Unprocessed(ctx context.Context, limit int) ([]quote.Quote, error) {
	all, err := some(ctx, db, quoteShape, "unprocessed", selectUnprocessed, limit)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, nil
	}
	return all, err
}

// selectPromises hides its tokens from the planner, as riskCount does: it makes one
// plan, and keeps it.
const selectPromises = "SELECT ver_token, org_id, inr_amount_calc FROM qr_validations WHERE ver_token = ANY((SELECT $1::text[])::text[])"

// Promises finds what was promised by quotes, each by its token. Those that do not
// exist are left out.
func (db *DB) Promises(ctx context.Context, tokens []string) (found map[string]quote.Promise, err error) {
	// What cannot be kept cannot be found.
	tokens = slices.DeleteFunc(slices.Clone(tokens), func(token string) bool { return !table.Keepable(token) })
	err = db.ask(ctx, "promises", func(c *pgxpool.Conn) error {
		found = make(map[string]quote.Promise, len(tokens))
		rows, err := c.Query(ctx, selectPromises, tokens)
		if err != nil {
			return err
		}
		return each(rows, func(row pgx.Rows) error {
			var p quote.Promise
			err := row.Scan(&p.Token, &p.OrgID, &p.Amount)
			found[p.Token] = p
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// LatestQuote finds the latest quote of a payment, or returns
// journal.ErrNotFound.
func (db *DB) LatestQuote(ctx context.Context, paymentID string) (quote.Quote, error) {
	return first(ctx, db, quoteShape, "quote of a payment", selectLatestQuote, paymentID)
}

// ReqPay finds a ReqPay, or returns journal.ErrNotFound.
func (db *DB) ReqPay(ctx context.Context, key decide.TxnKey) (decide.ReqPay, error) {
	return first(ctx, db, reqPayShape, "ReqPay", selectReqPay, key.OrgID, key.TxnID)
}
