package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/galla-pay/galla/controller/internal/retention"
)

// tableSizes adds up a table's partitions. A table that was never analysed has no
// estimate.
const tableSizes = `SELECT t.oid::regclass::text,
		CASE WHEN bool_or(p.reltuples < 0) AND sum(greatest(p.reltuples, 0)) = 0 THEN -1 ELSE sum(greatest(p.reltuples, 0))::bigint END,
		sum(pg_table_size(p.oid))::bigint, sum(pg_indexes_size(p.oid))::bigint
	FROM pg_class AS t CROSS JOIN LATERAL (
		SELECT t.oid, t.reltuples WHERE t.relkind = 'r'
		UNION ALL SELECT c.oid, c.reltuples FROM pg_inherits JOIN pg_class AS c ON c.oid = inhrelid WHERE inhparent = t.oid AND t.relkind = 'p'
	) AS p
	WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind IN ('r', 'p') AND NOT t.relispartition
	GROUP BY t.oid ORDER BY 3 DESC, 1`

// TableSizes is how large every table is, the largest first. Rows are the
// database's own estimate.
func (db *DB) TableSizes(ctx context.Context) ([]retention.Table, error) {
	var all []retention.Table
	err := db.reading(ctx, "table sizes", func(tx pgx.Tx) error {
		all = nil
		// The catalogue is read whole, which the readers' settings make look dear.
		if _, err := tx.Exec(ctx, "SELECT set_config('enable_seqscan', 'on', true)"); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, tableSizes)
		if err != nil {
			return err
		}
		err = each(rows, func(row pgx.Rows) error {
			var t retention.Table
			err := row.Scan(&t.Name, &t.Rows, &t.Bytes, &t.IndexBytes)
			all = append(all, t)
			return err
		})
		if err != nil {
			return err
		}
		for i := range all {
			if err := monthsOf(ctx, tx, &all[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

// monthsOf fills in what is known of a table's months.
func monthsOf(ctx context.Context, tx pgx.Tx, of *retention.Table) error {
	for _, t := range byMonth {
		if of.Name != t.name {
			// A month that was detached has the name of its table in its own.
			_, err := time.Parse("detached_"+t.name+monthForm, of.Name)
			of.Detached = of.Detached || err == nil
			continue
		}
		months, err := t.months(ctx, tx)
		if err != nil {
			return err
		}
		if of.Months = len(months); len(months) > 0 {
			of.Oldest = months[0]
		}
		if err := tx.QueryRow(ctx, fmt.Sprintf("SELECT count(*) FROM (SELECT FROM %s_default LIMIT 1000000) AS counted", t.name)).Scan(&of.Default); err != nil {
			return err
		}
		var before *time.Time
		if err := tx.QueryRow(ctx, archivedBefore, t.name).Scan(&before); err != nil {
			return err
		}
		if before != nil {
			of.Archived = before.UTC()
		}
	}
	return nil
}
