package postgres

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/galla-pay/galla/controller/internal/journal/table"
)

// A statement for many rows costs, for every column that it names, an array that is
// written here and taken apart there, whatever it holds. Most changes touch a few
// columns, and most new rows leave many empty; so there are statements that name
// fewer. They are few, and listed here: each is planned once on every connection.

// part is a statement for many rows that names some of the columns.
type part struct {
	named []bool // of each column
	text  string
}

// smallest is the first of parts that names every column that is needed. The last
// part names all.
func smallest(parts []part, needed []bool) part {
	for _, p := range parts[:len(parts)-1] {
		covers := true
		for i, n := range needed {
			covers = covers && (!n || p.named[i])
		}
		if covers {
			return p
		}
	}
	return parts[len(parts)-1]
}

// named marks the columns of a list of names. A name that there is not is a fault
// of this package.
func named[T any](columns []table.Column[T], names string) []bool {
	marked := make([]bool, len(columns))
	for name := range strings.FieldsSeq(names) {
		i := slices.IndexFunc(columns, func(c table.Column[T]) bool { return c.Name == name })
		if i < 0 {
			panic("postgres: there is no column " + name)
		}
		marked[i] = true
	}
	return marked
}

// What changes together. Names that are there several times are no matter.
const (
	movedPayment = "state seq hash "
	shownPayment = movedPayment + "terminal_id accepted handed_over_at expires_at instrument hold_until reason ended_at "
	paidPayment  = shownPayment + "attempted payer_addr upi_txn_id started_at attend_at asked_at reference settlement_amount "

	heardTerminal = "seq epoch session mode stored acked_seq fact_seq last_seen gone_at "
	toldTerminal  = "seq sale result waiting "

	chainedQuote  = "event_seq event_hash "
	assessedQuote = chainedQuote + "risk_score risk_reasons processed_at "
	spentQuote    = chainedQuote + "transaction_id used_at used_by "

	// Of a new payment: what every one has; what the POS says of one for a display;
	// what one has that was made and paid by a QR from elsewhere.
	newPayment = "id org_id merchant_id merchant_transaction_id order_id amount solution state payee_addr created_at expires_at " +
		"callback_url callback_mode signer signer_index trace seq hash "
	newDisplayed = newPayment + "store_id terminal_id qr message auto_accept context_terminal "
	newForeign   = newPayment + "attempted started_at attend_at ended_at instrument payer_addr reference upi_txn_id settlement_amount reason "
)

// empty is what a column holds that a statement does not name.
var empty = map[table.Kind]string{
	table.Text: "''", table.Int: "0", table.Bool: "false", table.Time: "NULL::timestamptz", table.Bytes: "NULL::bytea", table.List: "'[]'::jsonb",
}

// isEmpty reports whether a row's column holds that.
func isEmpty[T any](c *table.Column[T], row *T) bool {
	switch c.Kind {
	case table.Text:
		return c.Text(row) == ""
	case table.Int:
		return c.Int(row) == 0
	case table.Bool:
		return !c.Bool(row)
	case table.Time:
		return c.Time(row).IsZero()
	case table.Bytes:
		return len(c.Bytes(row)) == 0
	default:
		return len(c.List(row)) == 0
	}
}

// same reports whether a column of two rows would be kept the same.
func same[T any](c *table.Column[T], a, b *T) bool {
	switch c.Kind {
	case table.Text:
		return c.Text(a) == c.Text(b)
	case table.Int:
		return c.Int(a) == c.Int(b)
	case table.Bool:
		return c.Bool(a) == c.Bool(b)
	case table.Time:
		return c.Time(a).Equal(c.Time(b))
	case table.Bytes:
		return bytes.Equal(c.Bytes(a), c.Bytes(b))
	default:
		return slices.Equal(c.List(a), c.List(b))
	}
}

// filled marks the columns that are not empty in all rows.
func filled[T any](columns []table.Column[T], rows []T) []bool {
	marked := make([]bool, len(columns))
	for i := range columns {
		for k := 0; k < len(rows) && !marked[i]; k++ {
			marked[i] = !isEmpty(&columns[i], &rows[k])
		}
	}
	return marked
}

// changed marks the columns that are not in all rows as they were loaded.
func changed[T any](columns []table.Column[T], rows []T, were []locked[T]) []bool {
	marked := make([]bool, len(columns))
	for i := range columns {
		for k := 0; k < len(rows) && !marked[i]; k++ {
			marked[i] = !same(&columns[i], &rows[k], &were[k].row)
		}
	}
	return marked
}

// insertPart is the statement that inserts many rows whose other columns are empty.
func insertPart[T any](t table.Table[T], in []bool) part {
	var selected, columns, arrays []string
	for i, c := range t.Columns {
		if !in[i] {
			selected = append(selected, empty[c.Kind])
			continue
		}
		columns = append(columns, c.Name)
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", len(arrays)+1, types[c.Kind]))
		selected = append(selected, cast(c.Kind, "v."+c.Name))
	}
	return part{in, "INSERT INTO " + t.Name + " (" + strings.Join(t.Names(), ", ") + ") SELECT " + strings.Join(selected, ", ") +
		" FROM unnest(" + strings.Join(arrays, ", ") + ") AS v (" + strings.Join(columns, ", ") + ")"}
}

// updatePart is the statement that changes those columns, after the key, of many
// rows. A row whose version is not the one that was loaded divides by zero, which
// ends the batch before its commit.
func updatePart[T any](t table.Table[T], updated []table.Column[T], in []bool) part {
	var set, where, columns, arrays []string
	for i, c := range updated {
		if !in[i] && i >= len(t.Key) {
			continue
		}
		columns = append(columns, c.Name)
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", len(arrays)+1, types[c.Kind]))
		if i < len(t.Key) {
			where = append(where, "t."+c.Name+" = v."+c.Name)
		} else {
			set = append(set, c.Name+" = "+cast(c.Kind, "v."+c.Name))
		}
	}
	last := len(arrays) + 1
	return part{in, fmt.Sprintf("WITH changed AS (UPDATE %s AS t SET %s, version = t.version + 1 FROM unnest(%s, $%d::bigint[]) AS v (%s, version)"+
		" WHERE %s AND t.version = v.version RETURNING 1) SELECT 1 / (count(*) = $%d)::int FROM changed",
		t.Name, strings.Join(set, ", "), strings.Join(arrays, ", "), last, strings.Join(columns, ", "), strings.Join(where, " AND "), last+1)}
}
