package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galla-pay/galla/controller/internal/journal/table"
)

// types are how a column's values travel; a list travels as a text.
var types = map[table.Kind]string{
	table.Text: "text", table.Int: "bigint", table.Bool: "boolean", table.Time: "timestamptz", table.Bytes: "bytea", table.List: "text",
}

// cast turns an expression that travelled into the column's own type.
func cast(kind table.Kind, expression string) string {
	if kind == table.List {
		return expression + "::jsonb"
	}
	return expression
}

// value is what a column of one row travels as.
func value[T any](c table.Column[T], row *T) any {
	switch c.Kind {
	case table.Text:
		return c.Text(row)
	case table.Int:
		return c.Int(row)
	case table.Bool:
		return c.Bool(row)
	case table.Time:
		return instant(c.Time(row))
	case table.Bytes:
		return blob(c.Bytes(row))
	default:
		return array(c.List(row))
	}
}

// values is what a column of many rows travels as.
func values[T any](c table.Column[T], rows []T) any { return columnArray[T]{c, rows} }

func instant(t time.Time) pgtype.Timestamptz { return pgtype.Timestamptz{Time: t, Valid: !t.IsZero()} }

func blob(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// array is a JSON array of texts.
func array(l []string) string {
	if len(l) == 0 {
		return "[]"
	}
	b, _ := json.Marshal(l) // texts always marshal
	return string(b)
}

// shape is how the rows of a table are selected.
type shape[T any] struct {
	columns []table.Column[T]
	names   string // for SELECT, with the table's name before each
}

func newShape[T any](t table.Table[T]) shape[T] {
	s := shape[T]{columns: t.Read()}
	var names []string
	for _, c := range s.columns {
		names = append(names, t.Name+"."+c.Name)
	}
	s.names = strings.Join(names, ", ")
	return s
}

// reader reads rows, one at a time. It is for one goroutine.
type reader[T any] struct {
	columns []table.Column[T]
	// begun: it was found out, of the first row, whether all are read as they were
	// sent; holders are for where they are not.
	begun, sent bool
	holders     []any
}

func (s shape[T]) reader() *reader[T] { return &reader[T]{columns: s.columns} }

// hold makes the holders.
func (r *reader[T]) hold() {
	for _, c := range r.columns {
		switch c.Kind {
		case table.Text:
			r.holders = append(r.holders, new(string))
		case table.Int:
			r.holders = append(r.holders, new(int64))
		case table.Bool:
			r.holders = append(r.holders, new(bool))
		case table.Time:
			r.holders = append(r.holders, new(pgtype.Timestamptz))
		case table.Bytes, table.List:
			r.holders = append(r.holders, new([]byte))
		}
	}
}

// scan reads one row into v and the extra columns into more.
func (r *reader[T]) scan(row pgx.Rows, v *T, more ...any) error {
	if !r.begun {
		if r.begun, r.sent = true, r.asSent(row); !r.sent {
			r.hold()
		}
	}
	if !r.sent {
		return r.scanHeld(row, v, more)
	}
	raw := row.RawValues()
	if len(raw) != len(r.columns)+len(more) {
		return fmt.Errorf("%d columns were read, not %d", len(raw), len(r.columns)+len(more))
	}
	for i := range r.columns {
		if err := take(&r.columns[i], v, raw[i]); err != nil {
			return fmt.Errorf("column %s: %w", r.columns[i].Name, err)
		}
	}
	fields := row.FieldDescriptions()
	for i, holder := range more {
		at := len(r.columns) + i
		if err := row.TypeMap().Scan(fields[at].DataTypeOID, fields[at].Format, raw[at], holder); err != nil {
			return fmt.Errorf("column %s: %w", fields[at].Name, err)
		}
	}
	return nil
}

// scanHeld is scan by pgx's own means.
func (r *reader[T]) scanHeld(row pgx.Rows, v *T, more []any) error {
	if err := row.Scan(append(r.holders[:len(r.holders):len(r.holders)], more...)...); err != nil {
		return err
	}
	for i, c := range r.columns {
		switch h := r.holders[i].(type) {
		case *string:
			c.SetText(v, *h)
		case *int64:
			c.SetInt(v, *h)
		case *bool:
			c.SetBool(v, *h)
		case *pgtype.Timestamptz:
			if h.Valid {
				c.SetTime(v, h.Time.UTC())
			}
		case *[]byte:
			if c.Kind == table.Bytes {
				c.SetBytes(v, *h)
				*h = nil
				continue
			}
			var l []string
			if err := json.Unmarshal(*h, &l); err != nil {
				return fmt.Errorf("column %s: %w", c.Name, err)
			}
			if len(l) > 0 {
				c.SetList(v, l)
			}
		}
	}
	return nil
}

// all reads every row of a query that selects s.names, and closes it.
func (s shape[T]) all(rows pgx.Rows) ([]T, error) {
	r := s.reader()
	var out []T
	err := each(rows, func(row pgx.Rows) error {
		var v T
		err := r.scan(row, &v)
		out = append(out, v)
		return err
	})
	return out, err
}

// query reads every row that a query selects.
func (s shape[T]) query(ctx context.Context, c *pgxpool.Conn, text string, args ...any) ([]T, error) {
	rows, err := c.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	return s.all(rows)
}

// each calls do for every row, and closes the rows.
func each(rows pgx.Rows, do func(pgx.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
