package sqlite

import (
	"context"
	"strings"

	"github.com/galla-pay/galla/controller/internal/risk"
)

// RiskPlans are the plans of the statements of risk rules, by what they find.
func (db *DB) RiskPlans(ctx context.Context, counts []risk.Count) (map[string]string, error) {
	queries := map[string]string{"the sample": riskSample}
	for _, c := range counts {
		query, err := riskCount(c)
		if err != nil {
			return nil, err
		}
		queries[string(c.What)+" of the "+string(c.Of)] = query
	}
	plans := map[string]string{}
	for name, query := range queries {
		args := []any{"shop@upi", 1, 1, 1}[:strings.Count(query, "?4")+3]
		rows, err := db.read.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, args...)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var id, parent, unused int
			var line string
			if err := rows.Scan(&id, &parent, &unused, &line); err != nil {
				return nil, err
			}
			plans[name] += line + "\n"
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	return plans, nil
}
