package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/protocol"
)

// riskCount is the statement that counts, for each of the parties $1, at most $3
// messages from $2 microseconds ago on. Addresses compare lower-cased as ASCII,
// whatever the database's locale; the indexes have the same expression.
//
// Its parameters, and those of riskSample, stand in subqueries, where the planner
// does not see their values: so it makes no plan better for these very values, and
// keeps the one that it has. To plan them anew costs more than what they read.
func riskCount(c risk.Count) (string, error) {
	r, err := table.NewRiskRows(c)
	if err != nil {
		return "", err
	}
	recent := func(address string) string {
		return "SELECT FROM " + r.Table + " WHERE lower(" + r.Address + ` COLLATE "C") = ` + address +
			" AND " + r.At + " > now() - " + riskWindow + r.Also + riskLimit
	}
	messages := recent(`lower(party.name COLLATE "C")`)
	if c.Of == risk.Merchant {
		messages = "SELECT FROM (" + riskPayees + ") AS p CROSS JOIN LATERAL (" + recent("p.address") + ") AS m" + riskLimit
	}
	return "SELECT i, (SELECT count(*) FROM (" + messages + ") AS n) " + riskParties, nil
}

const (
	// riskParties are numbered from 1 on, in the order in which they were named.
	riskParties = "FROM unnest((SELECT $1::text[])) WITH ORDINALITY AS party (name, i)"

	riskWindow = "(SELECT $2::bigint) * interval '1 microsecond'"

	// riskLimit keeps to the index, in its order, whatever is known of the tables. A
	// limit whose value the planner sees, above the few rows that it expects of a
	// table that was never analyzed, has it fetch all of a party's messages, of which
	// there is no end.
	riskLimit = " LIMIT (SELECT $3::bigint)"

	// riskPayees are the addresses of a merchant; $4 bounds their number.
	riskPayees = `SELECT lower(vpa) AS address FROM payees WHERE merchant_id = party.name COLLATE "C" ORDER BY vpa LIMIT (SELECT $4::bigint)`

	// riskSample is the amounts of the latest $3 payments to each of $1, as an array
	// of those that succeeded.
	riskSample = `SELECT i, (SELECT coalesce(array_agg(amount), '{}') FROM (
			SELECT amount, status FROM req_pays
			WHERE lower(payee_addr COLLATE "C") = lower(party.name COLLATE "C") AND at > now() - ` + riskWindow + `
			ORDER BY at DESC` + riskLimit + `
		) AS latest WHERE status = 'SUCCESS') ` + riskParties
)

// RiskFacts finds out what risk rules need to know of messages, in one round trip
// for all of them; in none where nothing is needed. What several of them need is
// found out once.
func (db *DB) RiskFacts(ctx context.Context, about []risk.Question) ([]risk.Facts, error) {
	round, err := table.NewRiskRound(about)
	if err != nil {
		return nil, err
	}
	if round.Empty() {
		return round.Facts(), nil
	}
	err = db.ask(ctx, "risk facts", func(c *pgxpool.Conn) error {
		b := &pgx.Batch{}
		for _, n := range round.Counts {
			if err := queueRiskCount(b, n); err != nil {
				return err
			}
		}
		for _, s := range round.Samples {
			queueRiskSample(b, s)
		}
		return c.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return nil, err
	}
	return round.Facts(), nil
}

func queueRiskCount(b *pgx.Batch, n *table.RiskCounts) error {
	query, err := riskCount(n.Count)
	if err != nil {
		return err
	}
	args := []any{n.Names, n.Window.Microseconds(), n.AtMost}
	if n.Of == risk.Merchant {
		args = append(args, risk.MaxPayees)
	}
	b.Queue(query, args...).Query(func(rows pgx.Rows) error {
		return each(rows, func(row pgx.Rows) error {
			var party, count int64
			if err := row.Scan(&party, &count); err != nil {
				return err
			}
			return inPlace(n.Found, party, count)
		})
	})
	return nil
}

func queueRiskSample(b *pgx.Batch, s *table.RiskSamples) {
	b.Queue(riskSample, s.Payees, s.Window.Microseconds(), risk.MaxSample).Query(func(rows pgx.Rows) error {
		return each(rows, func(row pgx.Rows) error {
			var party int64
			var amounts []int64
			if err := row.Scan(&party, &amounts); err != nil {
				return err
			}
			sample := make([]protocol.Paise, len(amounts))
			for i, a := range amounts {
				sample[i] = protocol.Paise(a)
			}
			return inPlace(s.Found, party, sample)
		})
	})
}

// inPlace puts what was found of a party, which are numbered from 1 on.
func inPlace[T any](found []T, party int64, what T) error {
	if party < 1 || party > int64(len(found)) {
		return fmt.Errorf("an answer about party %d of %d", party, len(found))
	}
	found[party-1] = what
	return nil
}
