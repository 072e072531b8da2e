package sqlite

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal/table"
)

// value is what a column of a row is kept as.
func value[T any](c table.Column[T], row *T) any {
	switch c.Kind {
	case table.Text:
		return c.Text(row)
	case table.Int:
		return c.Int(row)
	case table.Bool:
		return c.Bool(row)
	case table.Time:
		return micros(c.Time(row))
	case table.Bytes:
		if b := c.Bytes(row); len(b) > 0 {
			return b
		}
		return nil
	default:
		return array(c.List(row))
	}
}

func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func instant(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.UnixMicro(n.Int64).UTC()
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
	holders []any
}

func (s shape[T]) reader() *reader[T] {
	r := &reader[T]{columns: s.columns}
	for _, c := range s.columns {
		switch c.Kind {
		case table.Text, table.List:
			r.holders = append(r.holders, new(string))
		case table.Int:
			r.holders = append(r.holders, new(int64))
		case table.Bool:
			r.holders = append(r.holders, new(bool))
		case table.Time:
			r.holders = append(r.holders, new(sql.NullInt64))
		case table.Bytes:
			r.holders = append(r.holders, new([]byte))
		}
	}
	return r
}

type scanner interface{ Scan(...any) error }

// scan reads one row into v and the extra columns into more.
func (r *reader[T]) scan(row scanner, v *T, more ...any) error {
	if err := row.Scan(append(r.holders[:len(r.holders):len(r.holders)], more...)...); err != nil {
		return err
	}
	for i, c := range r.columns {
		switch h := r.holders[i].(type) {
		case *string:
			if c.Kind == table.Text {
				c.SetText(v, *h)
				continue
			}
			var l []string
			if err := json.Unmarshal([]byte(*h), &l); err != nil {
				return fmt.Errorf("sqlite: column %s: %w", c.Name, err)
			}
			if len(l) > 0 {
				c.SetList(v, l)
			}
		case *int64:
			c.SetInt(v, *h)
		case *bool:
			c.SetBool(v, *h)
		case *sql.NullInt64:
			c.SetTime(v, instant(*h))
		case *[]byte:
			c.SetBytes(v, *h)
			*h = nil
		}
	}
	return nil
}

// all reads every row of a query that selects s.names, and closes it.
func (s shape[T]) all(rows *sql.Rows) ([]T, error) {
	defer rows.Close()
	r := s.reader()
	var out []T
	for rows.Next() {
		var v T
		if err := r.scan(rows, &v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
