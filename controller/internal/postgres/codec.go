package postgres

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/galla-pay/galla/controller/internal/journal/table"
)

// Columns travel as arrays, in PostgreSQL's binary form. pgx makes each element a
// value of its own first, which was a tenth of what a controller computes; here a
// column writes itself. What comes back is read from the wire as it stands, too.

// Object ids of PostgreSQL's own types, for ever the same.
var elements = map[table.Kind]uint32{
	table.Text: pgtype.TextOID, table.Int: pgtype.Int8OID, table.Bool: pgtype.BoolOID, table.Time: pgtype.TimestamptzOID,
	table.Bytes: pgtype.ByteaOID, table.List: pgtype.TextOID,
}

// columnArray is a column of rows, as an array.
type columnArray[T any] struct {
	column table.Column[T]
	rows   []T
}

// textArray is texts.
type textArray []string

// vector is an array that writes itself after buf, in binary form.
type vector interface{ appendTo(buf []byte) []byte }

// appendArray begins an array; its elements follow. Whether one of them is NULL
// nobody asks: PostgreSQL looks at each.
func appendArray(buf []byte, element uint32, length int) []byte {
	buf = append(buf, 0, 0, 0, 1, 0, 0, 0, 1) // dimensions; there may be NULLs
	buf = binary.BigEndian.AppendUint32(buf, element)
	buf = binary.BigEndian.AppendUint32(buf, uint32(length))
	return append(buf, 0, 0, 0, 1) // the first one's number
}

func appendText(buf []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(buf, uint32(len(s))), s...)
}

func appendNull(buf []byte) []byte { return append(buf, 0xff, 0xff, 0xff, 0xff) }

func (a textArray) appendTo(buf []byte) []byte {
	buf = appendArray(buf, pgtype.TextOID, len(a))
	for _, s := range a {
		buf = appendText(buf, s)
	}
	return buf
}

func (a columnArray[T]) appendTo(buf []byte) []byte {
	buf = appendArray(buf, elements[a.column.Kind], len(a.rows))
	for i := range a.rows {
		row := &a.rows[i]
		switch a.column.Kind {
		case table.Text:
			buf = appendText(buf, a.column.Text(row))
		case table.Int:
			buf = binary.BigEndian.AppendUint64(append(buf, 0, 0, 0, 8), uint64(a.column.Int(row)))
		case table.Bool:
			buf = append(buf, 0, 0, 0, 1, 0)
			if a.column.Bool(row) {
				buf[len(buf)-1] = 1
			}
		case table.Time:
			if t := a.column.Time(row); t.IsZero() {
				buf = appendNull(buf)
			} else {
				buf = binary.BigEndian.AppendUint64(append(buf, 0, 0, 0, 8), uint64(micros(t)))
			}
		case table.Bytes:
			if b := a.column.Bytes(row); len(b) == 0 {
				buf = appendNull(buf)
			} else {
				buf = append(binary.BigEndian.AppendUint32(buf, uint32(len(b))), b...)
			}
		default:
			buf = appendText(buf, array(a.column.List(row)))
		}
	}
	return buf
}

// epoch is where PostgreSQL counts from.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

func micros(t time.Time) int64 { return (t.Unix()-epoch)*1_000_000 + int64(t.Nanosecond())/1000 }

func fromMicros(n int64) time.Time {
	seconds, rest := n/1_000_000, n%1_000_000
	return time.Unix(epoch+seconds, rest*1000).UTC()
}

// arrays lets pgx take vectors, and texts as fast; for anything else it is what pgx
// has of itself.
type arrays struct{ pgtype.Codec }

func (a arrays) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if format == pgtype.BinaryFormatCode {
		switch value.(type) {
		case vector:
			return vectorPlan{}
		case []string:
			if oid == pgtype.TextArrayOID {
				return textsPlan{}
			}
		}
	}
	return a.Codec.PlanEncode(m, oid, format, value)
}

type vectorPlan struct{}

func (vectorPlan) Encode(value any, buf []byte) ([]byte, error) {
	return value.(vector).appendTo(buf), nil
}

type textsPlan struct{}

func (textsPlan) Encode(value any, buf []byte) ([]byte, error) {
	texts := value.([]string)
	if texts == nil {
		return nil, nil // NULL, as pgx has it
	}
	return textArray(texts).appendTo(buf), nil
}

// useArrays is done with every connection of a pool.
func useArrays(_ context.Context, c *pgx.Conn) error {
	m := c.TypeMap()
	for _, oid := range []uint32{pgtype.TextArrayOID, pgtype.Int8ArrayOID, pgtype.BoolArrayOID, pgtype.TimestamptzArrayOID, pgtype.ByteaArrayOID} {
		t, known := m.TypeForOID(oid)
		if !known {
			return fmt.Errorf("postgres: pgx does not know the type %d", oid)
		}
		m.RegisterType(&pgtype.Type{Name: t.Name, OID: oid, Codec: arrays{t.Codec}})
	}
	return nil
}

// asSent reports whether a row's columns came in the form in which they are read
// here: as prepared statements have them.
func (r *reader[T]) asSent(row pgx.Rows) bool {
	fields := row.FieldDescriptions()
	if len(fields) < len(r.columns) {
		return false
	}
	for i, c := range r.columns {
		f := fields[i]
		binaryOf := func(oid uint32) bool { return f.DataTypeOID == oid && f.Format == pgtype.BinaryFormatCode }
		good := false
		switch c.Kind {
		case table.Text:
			good = f.DataTypeOID == pgtype.TextOID // the same in both forms
		case table.List:
			good = f.DataTypeOID == pgtype.JSONBOID && f.Format == pgtype.TextFormatCode
		default:
			good = binaryOf(elements[c.Kind])
		}
		if !good {
			return false
		}
	}
	return true
}

// take reads one column as it was sent; nil is NULL.
func take[T any](c *table.Column[T], v *T, raw []byte) error {
	switch c.Kind {
	case table.Text:
		c.SetText(v, string(raw))
	case table.Int:
		if len(raw) != 8 {
			return errWidth
		}
		c.SetInt(v, int64(binary.BigEndian.Uint64(raw)))
	case table.Bool:
		if len(raw) != 1 {
			return errWidth
		}
		c.SetBool(v, raw[0] != 0)
	case table.Time:
		if raw == nil {
			return nil
		}
		if len(raw) != 8 {
			return errWidth
		}
		switch n := int64(binary.BigEndian.Uint64(raw)); n {
		case math.MaxInt64, math.MinInt64: // infinity, which no column of these has
			c.SetTime(v, time.Time{})
		default:
			c.SetTime(v, fromMicros(n))
		}
	case table.Bytes:
		if raw != nil {
			c.SetBytes(v, append([]byte{}, raw...))
		} else {
			c.SetBytes(v, nil)
		}
	default:
		if string(raw) == "[]" {
			return nil
		}
		var l []string
		if err := json.Unmarshal(raw, &l); err != nil {
			return err
		}
		if len(l) > 0 {
			c.SetList(v, l)
		}
	}
	return nil
}

var errWidth = fmt.Errorf("a column is NULL or of another width than its type")
