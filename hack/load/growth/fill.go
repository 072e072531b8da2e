package growth

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"
	"time"
)

// chunk is how many payments one transaction adds.
const chunk = 20_000

// copied are the tables that a payment leaves rows in, each with the column that
// leads to it and which of its names stands there. Their order is of no account.
var copied = []struct{ table, where string }{
	{"transactions", "id = '%[1]s'"}, {"transaction_events", "transaction_id = '%[1]s'"},
	{"qr_validations", "ver_token = '%[2]s'"}, {"qr_validation_events", "ver_token = '%[2]s'"},
	{"upi_messages", "msg_id IN ('%[3]s', '%[4]s')"}, {"req_pays", "txn_id = '%[5]s'"},
	{"credits", "txn_id = '%[5]s'"}, {"callbacks", "transaction_id = '%[1]s'"}, {"callback_attempts", "event_id = 'EV%[1]s'"},
}

// template is the payment that the controller made, whose rows are copied.
type template struct {
	id, token                string
	validateMsg, payMsg, txn string
	at                       string // created_at
}

// names says what takes the place of each of the template's names in a copy.
func (t template) names() map[string]string {
	return map[string]string{
		t.id: "l.id", "EV" + t.id: "'EV' || l.id", t.token: "l.token",
		t.validateMsg: "'V' || md5(l.n::text)", t.payMsg: "'P' || md5(l.n::text)", t.txn: "'T' || md5(l.n::text)",
	}
}

// filled says how many payments the site was filled with, over how many months; 0
// where it was not.
func (s *site) filled(ctx context.Context) (payments, months int, err error) {
	there, err := s.query(ctx, "SELECT to_regclass('load.filled') IS NOT NULL;")
	if err != nil || there != "t" {
		return 0, 0, err
	}
	text, err := s.query(ctx, "SELECT payments || ' ' || months FROM load.filled;")
	if err == nil {
		_, err = fmt.Sscan(text, &payments, &months)
	}
	return payments, months, err
}

// fill makes the template through the doors, and copies it. All of it is one
// transaction, of whose tables the server then writes no log.
func (s *site) fill(ctx context.Context, out io.Writer) error {
	if err := s.start(ctx); err != nil {
		return err
	}
	if err := s.makeTemplate(ctx); err != nil {
		return err
	}
	s.last() // the controller has nothing to do with the copies
	s.last = nil
	inserts, err := s.inserts(ctx)
	if err != nil {
		return err
	}
	without, with, err := s.indexes(ctx)
	if err != nil {
		return err
	}
	err = s.script(ctx, out, func(sql io.Writer) {
		fmt.Fprint(sql, "BEGIN;\n", s.months0())
		for _, c := range copied {
			fmt.Fprintf(sql, "TRUNCATE %s;\n", c.table)
		}
		fmt.Fprint(sql, without, "CREATE TEMP TABLE l (n bigint, at timestamptz, id text, token text);\n")
		for first := 1; first <= s.payments; first += chunk {
			last := min(first+chunk-1, s.payments)
			fmt.Fprint(sql, "TRUNCATE l;\n", s.ids(first, last), strings.Join(inserts, "\n"), "\n")
			if last%(50*chunk) == 0 {
				fmt.Fprintf(sql, "\\echo %s: %d of %d\n", s.database, last, s.payments)
			}
		}
		fmt.Fprint(sql, "DROP TABLE l;\n", shortOrders, with, "COMMIT;\n")
	})
	if err != nil {
		return err
	}
	// What autovacuum would have done by and by.
	_, err = s.query(ctx, fmt.Sprintf("VACUUM (ANALYZE);\nCHECKPOINT;\nCREATE SCHEMA load;\nCREATE TABLE load.filled AS SELECT %d AS payments, %d AS months;", s.payments, s.months))
	return err
}

// shortOrders leaves an OPEN order of long ago under one in ten payments.
const shortOrders = `INSERT INTO short_orders (merchant_id, store_id, short_order_id, transaction_id)
	SELECT merchant_id, store_id, n, id FROM (SELECT merchant_id, store_id, id, row_number() OVER () AS n FROM transactions) AS t WHERE n % 10 = 0
	ON CONFLICT DO NOTHING;
`

// indexes are the statements that take the copied tables' indexes away, and those
// that build them again from all rows at once, which costs a fraction of adding to
// them. Those whose keys come in any order are then built as full as they are when
// they have grown: 69 %, the others 90 %, which is what building does.
func (s *site) indexes(ctx context.Context) (without, with string, err error) {
	var tables []string
	for _, c := range copied {
		tables = append(tables, quoted(c.table))
	}
	text, err := s.query(ctx, `SELECT json_build_object('name', i.relname, 'table', t.relname, 'constraint', pg_get_constraintdef(c.oid),
			'index', replace(pg_get_indexdef(i.oid), ' ON ONLY ', ' ON '))
		FROM pg_index AS x JOIN pg_class AS t ON t.oid = x.indrelid JOIN pg_class AS i ON i.oid = x.indexrelid
			LEFT JOIN pg_constraint AS c ON c.conindid = i.oid AND c.contype IN ('p', 'u')
		WHERE t.relnamespace = 'public'::regnamespace AND t.relname IN (`+strings.Join(tables, ", ")+`) ORDER BY t.relname, i.relname;`)
	if err != nil {
		return "", "", err
	}
	var off, on strings.Builder
	for line := range strings.Lines(text) {
		var x struct{ Name, Table, Constraint, Index string }
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			return "", "", fmt.Errorf("%q: %w", line, err)
		}
		if x.Constraint == "" {
			fmt.Fprintf(&off, "DROP INDEX %s;\n", x.Name)
			fmt.Fprintf(&on, "%s;\n", x.Index)
			continue
		}
		full := ""
		if atRandom.MatchString(x.Constraint) {
			full = " WITH (fillfactor = 69)"
		}
		fmt.Fprintf(&off, "ALTER TABLE %s DROP CONSTRAINT %s;\n", x.Table, x.Name)
		fmt.Fprintf(&on, "ALTER TABLE %s ADD CONSTRAINT %s %s%s;\n", x.Table, x.Name, x.Constraint, full)
	}
	// From here on they grow as they do everywhere.
	on.WriteString(`DO $$ DECLARE i regclass; BEGIN
	FOR i IN SELECT oid FROM pg_class WHERE relkind = 'i' AND reloptions = '{fillfactor=69}' LOOP EXECUTE format('ALTER INDEX %s RESET (fillfactor)', i); END LOOP;
END $$;
`)
	return off.String(), on.String(), nil
}

// atRandom are the names that are drawn at random, in a key.
var atRandom = regexp.MustCompile(`\b(ver_token|msg_id|txn_id|merchant_transaction_id)\b`)

// months0 makes the partitions of the months that are past, as the controllers of
// those months did.
func (s *site) months0() string {
	var sql strings.Builder
	now := time.Now().UTC()
	for _, table := range []string{"transaction_events", "qr_validation_events", "callbacks", "callback_attempts"} {
		for back := 1; back <= s.months; back++ {
			from := time.Date(now.Year(), now.Month()-time.Month(back), 1, 0, 0, 0, 0, time.UTC)
			fmt.Fprintf(&sql, "CREATE TABLE IF NOT EXISTS %[1]s%[2]s PARTITION OF %[1]s FOR VALUES FROM ('%[3]s') TO ('%[4]s');\n",
				table, from.Format("_2006_01"), from.Format(time.DateOnly), from.AddDate(0, 1, 0).Format(time.DateOnly))
		}
	}
	return sql.String()
}

// ids draws the ids and times of payments, in the order of time: a payment's id is
// GP and a UUID of version 7 in base 32, so its first 48 bits are its time.
func (s *site) ids(first, last int) string {
	var letters []string
	for i := range 9 {
		letters = append(letters, fmt.Sprintf("substr(abc, ((ms >> %d) & 31)::int + 1, 1)", 43-5*i))
	}
	return fmt.Sprintf(`INSERT INTO l
SELECT n, at, 'GP' || %s || substr(abc, (((ms & 7) << 2) | 1)::int + 1, 1) || 'O' || upper(substr(translate(md5(n::text), 'abcdef', 'ghijkl'), 1, 14)) || '0' AS id,
	gen_random_uuid()::text AS token
FROM (SELECT n, at, (extract(epoch FROM at) * 1000)::bigint AS ms, '0123456789ABCDEFGHIJKLMNOPQRSTUV'::text AS abc
	FROM (SELECT n, now() - interval '1 hour' - (%d - n) * (interval '30 days' * %d / %d) AS at FROM generate_series(%d, %d) AS n) AS t) AS t;
`, strings.Join(letters, " || "), s.payments, s.months, s.payments, first, last)
}

// inserts are the statements that copy each row of the template for all of l: ids
// take each other's places, times keep their distance, hashes are other hashes.
func (s *site) inserts(ctx context.Context) ([]string, error) {
	t, names := s.template, s.template.names()
	var all []string
	for _, c := range copied {
		where := fmt.Sprintf(c.where+"%[6]s", t.id, t.token, t.validateMsg, t.payMsg, t.txn, "")
		types, err := s.query(ctx, fmt.Sprintf(`SELECT json_object_agg(column_name, data_type) FROM information_schema.columns
			WHERE table_name = '%s' AND is_generated = 'NEVER';`, c.table))
		if err != nil {
			return nil, err
		}
		var columns map[string]string
		if err := json.Unmarshal([]byte(types), &columns); err != nil {
			return nil, err
		}
		rows, err := s.query(ctx, fmt.Sprintf("SELECT row_to_json(t) FROM %s AS t WHERE %s;", c.table, where))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(rows) {
			var row map[string]any
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				return nil, fmt.Errorf("%s: %w", c.table, err)
			}
			all = append(all, insert(c.table, columns, row, names, t.at))
		}
	}
	return all, nil
}

func insert(table string, columns map[string]string, row map[string]any, names map[string]string, at string) string {
	var into, values []string
	for column := range columns {
		into = append(into, column)
	}
	sort.Strings(into)
	for _, column := range into {
		kind, value := columns[column], row[column]
		text := fmt.Sprint(value)
		switch {
		case value == nil:
			values = append(values, "NULL")
		case names[text] != "":
			values = append(values, names[text])
		case strings.HasPrefix(kind, "timestamp"):
			values = append(values, fmt.Sprintf("l.at + (%s::timestamptz - %s::timestamptz)", quoted(text), quoted(at)))
		case kind == "bytea":
			values = append(values, fmt.Sprintf("sha256((l.n || %s)::bytea)", quoted(column)))
		case column == "merchant_id":
			// One in ten is of the sandbox's merchant, who is asked for; the others are of
			// a thousand.
			values = append(values, fmt.Sprintf("CASE l.n %% 10 WHEN 0 THEN %s ELSE 'LOAD' || l.n %% 1000 END", quoted(text)))
		case kind == "bigint", kind == "boolean":
			values = append(values, text)
		default:
			values = append(values, quoted(text))
		}
	}
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM l;", table, strings.Join(into, ", "), strings.Join(values, ", "))
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
