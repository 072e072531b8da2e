package growth

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// sizes prints what each table and its indexes take, in all and for each payment.
func (s *site) sizes(ctx context.Context, out io.Writer) error {
	text, err := s.query(ctx, `SELECT t.relname, sum(pg_table_size(p.oid)), sum(pg_indexes_size(p.oid)) FROM pg_class AS t CROSS JOIN LATERAL (
			SELECT t.oid WHERE t.relkind = 'r'
			UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = t.oid AND t.relkind = 'p') AS p
		WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p') AND NOT t.relispartition
		GROUP BY t.relname HAVING sum(pg_total_relation_size(p.oid)) > 100000 ORDER BY 2 DESC;`)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\ntable of %d payments\trows MB\tindexes MB\trows B/payment\tindexes B/payment\n", s.payments)
	var all [2]float64
	for line := range strings.Lines(text) {
		var name string
		var size [2]float64
		if _, err := fmt.Sscanf(strings.ReplaceAll(strings.TrimSpace(line), "|", " "), "%s %g %g", &name, &size[0], &size[1]); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		s.size(table, name, size)
		all[0], all[1] = all[0]+size[0], all[1]+size[1]
	}
	s.size(table, "all", all)
	if err := table.Flush(); err != nil {
		return err
	}
	return s.indexSizes(ctx, out)
}

// indexSizes prints what each index takes, over all months.
func (s *site) indexSizes(ctx context.Context, out io.Writer) error {
	text, err := s.query(ctx, `SELECT t.relname, i.relname, sum(pg_relation_size(p.oid)) FROM pg_index AS x
			JOIN pg_class AS t ON t.oid = x.indrelid JOIN pg_class AS i ON i.oid = x.indexrelid
			CROSS JOIN LATERAL (SELECT i.oid WHERE i.relkind = 'i' UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = i.oid AND i.relkind = 'I') AS p
		WHERE t.relnamespace = 'public'::regnamespace AND NOT t.relispartition
		GROUP BY t.relname, i.relname HAVING sum(pg_relation_size(p.oid)) > 100000 ORDER BY 1, 3 DESC;`)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "\nindex\tof\tMB\tB/payment\n")
	for line := range strings.Lines(text) {
		var of, name string
		var size float64
		if _, err := fmt.Sscan(strings.ReplaceAll(line, "|", " "), &of, &name, &size); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		fmt.Fprintf(table, "%s\t%s\t%.1f\t%.0f\n", name, of, size/1e6, size/float64(s.payments))
	}
	return table.Flush()
}

func (s *site) size(w io.Writer, name string, size [2]float64) {
	n := float64(s.payments)
	fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.0f\t%.0f\n", name, size[0]/1e6, size[1]/1e6, size[0]/n, size[1]/n)
}
