package sqlite

import (
	"context"
	"fmt"

	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/protocol"
)

// riskCount is the statement that counts at most ?3 messages of the party ?1
// from the time ?2 on. Addresses compare lower-cased as ASCII, which is all that
// SQLite's lower knows; the indexes have the same expression.
func riskCount(c risk.Count) (string, error) {
	r, err := table.NewRiskRows(c)
	if err != nil {
		return "", err
	}
	recent := "SELECT 1 FROM " + r.Table + " WHERE lower(" + r.Address + ") = lower(?1) AND " + r.At + " > ?2" + r.Also
	if c.Of == risk.Merchant {
		recent = "SELECT 1 FROM (" + riskPayees + ") AS p CROSS JOIN " + r.Table +
			" WHERE lower(" + r.Address + ") = p.address AND " + r.At + " > ?2" + r.Also
	}
	return "SELECT count(*) FROM (" + recent + " LIMIT ?3)", nil
}

// riskPayees are the addresses of the merchant ?1; ?4 bounds their number.
const riskPayees = "SELECT lower(vpa) AS address FROM payees WHERE merchant_id = ?1 ORDER BY vpa LIMIT ?4"

// riskSample is the amounts of those of the latest ?3 payments to ?1 that
// succeeded.
const riskSample = `SELECT amount FROM (
		SELECT amount, status FROM req_pays WHERE lower(payee_addr) = lower(?1) AND at > ?2 ORDER BY at DESC LIMIT ?3
	) WHERE status = 'SUCCESS'`

// RiskFacts finds out what risk rules need to know of messages; nothing is read
// where nothing is needed, and what several of them need is found out once.
func (db *DB) RiskFacts(ctx context.Context, about []risk.Question) ([]risk.Facts, error) {
	round, err := table.NewRiskRound(about)
	if err != nil {
		return nil, err
	}
	at := now()
	for _, n := range round.Counts {
		query, err := riskCount(n.Count)
		if err != nil {
			return nil, err
		}
		for i, name := range n.Names {
			args := []any{name, at.Add(-n.Window).UnixMicro(), n.AtMost}
			if n.Of == risk.Merchant {
				args = append(args, risk.MaxPayees)
			}
			if err := db.read.QueryRowContext(ctx, query, args...).Scan(&n.Found[i]); err != nil {
				return nil, fmt.Errorf("sqlite: risk facts: %w", err)
			}
		}
	}
	for _, s := range round.Samples {
		for i, payee := range s.Payees {
			if s.Found[i], err = db.riskSample(ctx, payee, at.Add(-s.Window).UnixMicro()); err != nil {
				return nil, fmt.Errorf("sqlite: risk facts: %w", err)
			}
		}
	}
	return round.Facts(), nil
}

func (db *DB) riskSample(ctx context.Context, payee string, from int64) ([]protocol.Paise, error) {
	rows, err := db.read.QueryContext(ctx, riskSample, payee, from, risk.MaxSample)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	sample := []protocol.Paise{}
	for rows.Next() {
		var amount protocol.Paise
		if err := rows.Scan(&amount); err != nil {
			return nil, err
		}
		sample = append(sample, amount)
	}
	return sample, rows.Err()
}
