package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/quote"
)

// Unprocessed lists validations whose additional processing is not done, the
// oldest first, at most limit.
func (db *DB) Unprocessed(ctx context.Context, limit int) ([]quote.Quote, error) {
	all, err := some(ctx, db, quoteShape, "SELECT "+quoteShape.names+
		" FROM qr_validations WHERE processed_at IS NULL ORDER BY created_at LIMIT ?", "unprocessed", limit)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, nil
	}
	return all, err
}

// Promises finds what was promised by quotes, each by its token. Those that do not
// exist are left out.
func (db *DB) Promises(ctx context.Context, tokens []string) (map[string]quote.Promise, error) {
	// What cannot be kept cannot be found.
	tokens = slices.DeleteFunc(slices.Clone(tokens), func(token string) bool { return !table.Keepable(token) })
	found := map[string]quote.Promise{}
	err := each(ctx, db.read.QueryContext, `SELECT ver_token, org_id, inr_amount_calc FROM json_each(?) AS need CROSS JOIN qr_validations
		ON ver_token = need.value`, tokens, func(row scanner) error {
		var p quote.Promise
		err := row.Scan(&p.Token, &p.OrgID, &p.Amount)
		found[p.Token] = p
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlite: promises: %w", err)
	}
	return found, nil
}

// LatestQuote finds the latest quote of a payment, or returns
// journal.ErrNotFound.
func (db *DB) LatestQuote(ctx context.Context, paymentID string) (quote.Quote, error) {
	return first(ctx, db, quoteShape, "SELECT "+quoteShape.names+` FROM qr_validations
		WHERE transaction_id = ? AND transaction_id <> '' ORDER BY created_at DESC LIMIT 1`, "quote of a payment", paymentID)
}

// ReqPay finds a ReqPay, or returns journal.ErrNotFound.
func (db *DB) ReqPay(ctx context.Context, key decide.TxnKey) (decide.ReqPay, error) {
	return first(ctx, db, reqPayShape, "SELECT "+reqPayShape.names+" FROM req_pays WHERE org_id = ? AND txn_id = ?",
		"ReqPay", key.OrgID, key.TxnID)
}
