package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/protocol"
)

// riskCount is the statement that counts at most $3 messages of the party $1
// from $2 microseconds ago on. Addresses compare lower-cased as ASCII, whatever
// the database's locale; the indexes have the same expression.
func riskCount(c risk.Count) (string, error) {
	r, err := table.NewRiskRows(c)
	if err != nil {
		return "", err
	}
	recent := func(address string) string {
		return "SELECT FROM " + r.Table + " WHERE lower(" + r.Address + ` COLLATE "C") = ` + address +
			" AND " + r.At + " > now() - $2::bigint * interval '1 microsecond'" + r.Also + " LIMIT $3"
	}
	if c.Of == risk.Merchant {
		return `SELECT count(*) FROM (SELECT FROM (` + riskPayees + `) AS p
			CROSS JOIN LATERAL (` + recent("p.address") + ") AS m LIMIT $3) AS n", nil
	}
	return "SELECT count(*) FROM (" + recent(`lower($1::text COLLATE "C")`) + ") AS n", nil
}

// riskPayees are the addresses of the merchant $1; $4 bounds their number.
const riskPayees = `SELECT lower(vpa) AS address FROM payees WHERE merchant_id = $1 ORDER BY vpa LIMIT $4`

// riskSample is the amounts of the latest $3 payments to $1, as an array of those
// that succeeded.
const riskSample = `SELECT coalesce(array_agg(amount), '{}') FROM (
		SELECT amount, status FROM req_pays
		WHERE lower(payee_addr COLLATE "C") = lower($1::text COLLATE "C") AND at > now() - $2::bigint * interval '1 microsecond'
		ORDER BY at DESC LIMIT $3
	) AS latest WHERE status = 'SUCCESS'`

// RiskFacts finds out what risk rules need to know of a message, in one round
// trip; in none where nothing is needed. payer is empty where the message names
// none. An unknown party has no messages.
func (db *DB) RiskFacts(ctx context.Context, needs risk.Needs, payer, payee protocol.VPA, merchantID string) (risk.Facts, error) {
	facts := risk.NewFacts()
	parties := table.RiskParties{Payer: payer, Payee: payee, MerchantID: merchantID}
	if err := parties.Check(); err != nil || needs.Empty() {
		return facts, err
	}
	err := db.ask(ctx, "risk facts", func(c *pgxpool.Conn) error {
		b := &pgx.Batch{}
		for _, n := range needs.Counts {
			if err := queueRiskCount(b, n, parties, facts); err != nil {
				return err
			}
		}
		for _, window := range needs.Samples {
			queueRiskSample(b, window, payee, facts)
		}
		return c.SendBatch(ctx, b).Close()
	})
	return facts, err
}

func queueRiskCount(b *pgx.Batch, n risk.CountNeed, parties table.RiskParties, facts risk.Facts) error {
	query, err := riskCount(n.Count)
	name := parties.Name(n.Of)
	if err != nil || name == "" {
		return err
	}
	args := []any{name, n.Window.Microseconds(), n.AtMost}
	if n.Of == risk.Merchant {
		args = append(args, risk.MaxPayees)
	}
	b.Queue(query, args...).QueryRow(func(row pgx.Row) error {
		var count int64
		err := row.Scan(&count)
		facts.Counts[n.Count] = count
		return err
	})
	return nil
}

func queueRiskSample(b *pgx.Batch, window time.Duration, payee protocol.VPA, facts risk.Facts) {
	b.Queue(riskSample, string(payee), window.Microseconds(), risk.MaxSample).QueryRow(func(row pgx.Row) error {
		var amounts []int64
		err := row.Scan(&amounts)
		sample := make([]protocol.Paise, len(amounts))
		for i, a := range amounts {
			sample[i] = protocol.Paise(a)
		}
		facts.Samples[window] = sample
		return err
	})
}
