package postgres

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"pgregory.net/rapid"

	"github.com/galla-pay/galla/controller/internal/journal/table"
)

// sample is a row with a column of each kind.
type sample struct {
	text  string
	n     int64
	yes   bool
	at    time.Time
	bytes []byte
	list  []string
}

var sampleColumns = []table.Column[sample]{
	{Name: "text", Kind: table.Text, Text: func(s *sample) string { return s.text }, SetText: func(s *sample, v string) { s.text = v }},
	{Name: "n", Kind: table.Int, Int: func(s *sample) int64 { return s.n }, SetInt: func(s *sample, v int64) { s.n = v }},
	{Name: "yes", Kind: table.Bool, Bool: func(s *sample) bool { return s.yes }, SetBool: func(s *sample, v bool) { s.yes = v }},
	{Name: "at", Kind: table.Time, Time: func(s *sample) time.Time { return s.at }, SetTime: func(s *sample, v time.Time) { s.at = v }},
	{Name: "bytes", Kind: table.Bytes, Bytes: func(s *sample) []byte { return s.bytes }, SetBytes: func(s *sample, v []byte) { s.bytes = v }},
	{Name: "list", Kind: table.List, List: func(s *sample) []string { return s.list }, SetList: func(s *sample, v []string) { s.list = v }},
}

// plain is what pgx would be given instead of columnArray, and the array's type.
func plain(c table.Column[sample], rows []sample) (any, uint32) {
	texts, numbers, bools := []string{}, []int64{}, []bool{}
	times, blobs := []pgtype.Timestamptz{}, [][]byte{}
	for i := range rows {
		switch r := &rows[i]; c.Kind {
		case table.Text:
			texts = append(texts, r.text)
		case table.List:
			texts = append(texts, array(r.list))
		case table.Int:
			numbers = append(numbers, r.n)
		case table.Bool:
			bools = append(bools, r.yes)
		case table.Time:
			times = append(times, instant(r.at))
		case table.Bytes:
			blobs = append(blobs, blob(r.bytes))
		}
	}
	switch c.Kind {
	case table.Int:
		return numbers, pgtype.Int8ArrayOID
	case table.Bool:
		return bools, pgtype.BoolArrayOID
	case table.Time:
		return times, pgtype.TimestamptzArrayOID
	case table.Bytes:
		return blobs, pgtype.ByteaArrayOID
	}
	return texts, pgtype.TextArrayOID
}

var drawSample = rapid.Custom(func(t *rapid.T) sample {
	s := sample{text: rapid.String().Draw(t, "text"), n: rapid.Int64().Draw(t, "n"), yes: rapid.Bool().Draw(t, "yes")}
	if rapid.Bool().Draw(t, "has a time") {
		s.at = time.UnixMicro(rapid.Int64Range(-1e15, 4e15).Draw(t, "at")).UTC()
	}
	if b := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes"); len(b) > 0 {
		s.bytes = b
	}
	if l := rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "list"); len(l) > 0 {
		s.list = l
	}
	return s
})

// A column writes itself as pgx would write it, but for the flag that says whether
// there may be NULLs, of which PostgreSQL asks only that it is 0 or 1.
func TestColumnsAreWrittenAsPgxDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(drawSample, 0, 6).Draw(t, "rows")
		m := pgtype.NewMap()
		for _, c := range sampleColumns {
			by, oid := plain(c, rows)
			want, err := m.Encode(oid, pgtype.BinaryFormatCode, by, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := columnArray[sample]{c, rows}.appendTo(nil)
			got[7], want[7] = 0, 0
			if !bytes.Equal(got, want) {
				t.Fatalf("%s of %+v\n%x, want\n%x", c.Name, rows, got, want)
			}
		}
	})
}

// Everything comes back from PostgreSQL as it was: by columns that write themselves
// and rows that are read as they were sent, and by pgx's means, where a connection
// prepares nothing and all comes as text.
func TestColumnsThroughPostgreSQL(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	const query = `SELECT v.text, v.n, v.yes, v.at, v.bytes, v.list::jsonb AS list, v.n AS version FROM
		unnest($1::text[], $2::bigint[], $3::boolean[], $4::timestamptz[], $5::bytea[], $6::text[]) AS v (text, n, yes, at, bytes, list)`
	rows := []sample{
		{}, {text: "₹ \"x\"", n: -1, yes: true, at: time.Date(2026, 11, 22, 12, 0, 0, 123_000, time.UTC), bytes: []byte{0, 255}, list: []string{"a", "\"b\\"}},
		{text: "{NULL,\"}", n: 1 << 62, at: time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC), list: []string{""}},
	}
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeSimpleProtocol} {
		args := []any{mode}
		for _, c := range sampleColumns {
			if mode == pgx.QueryExecModeSimpleProtocol {
				by, _ := plain(c, rows)
				args = append(args, by)
			} else {
				args = append(args, values(c, rows))
			}
		}
		found, err := db.write.Query(t.Context(), query, args...)
		if err != nil {
			t.Fatal(err)
		}
		r := &reader[sample]{columns: sampleColumns}
		var got []sample
		err = each(found, func(row pgx.Rows) error {
			var s sample
			var version int64
			err := r.scan(row, &s, &version)
			if version != s.n {
				t.Errorf("the version is %d, not %d", version, s.n)
			}
			got = append(got, s)
			return err
		})
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", rows) || r.sent != (mode == pgx.QueryExecModeCacheStatement) {
			t.Errorf("mode %v, as sent %v: %v\n%+v\n%+v", mode, r.sent, err, got, rows)
		}
	}
}

// Texts as arguments are written as pgx writes them, nil as NULL.
func TestTextsAreWrittenAsPgxDoes(t *testing.T) {
	t.Parallel()
	usual, ours := pgtype.NewMap(), pgtype.NewMap()
	known, _ := ours.TypeForOID(pgtype.TextArrayOID)
	ours.RegisterType(&pgtype.Type{Name: known.Name, OID: known.OID, Codec: arrays{known.Codec}})
	for _, texts := range [][]string{nil, {}, {""}, {"a", "₹", "{}"}} {
		got, err := ours.Encode(pgtype.TextArrayOID, pgtype.BinaryFormatCode, texts, nil)
		want, _ := usual.Encode(pgtype.TextArrayOID, pgtype.BinaryFormatCode, texts, nil)
		if len(got) > 7 && len(want) > 7 {
			got[7], want[7] = 0, 0
		}
		if err != nil || !bytes.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%q: %x, want %x, %v", texts, got, want, err)
		}
	}
}

// A column that did not come in its own width is an error, not a number.
func TestColumnOfAnotherWidth(t *testing.T) {
	t.Parallel()
	for i, raw := range map[int][]byte{1: {1, 2, 3}, 2: {}, 3: {1}, 5: []byte(`{"no":"list"}`)} {
		var s sample
		if err := take(&sampleColumns[i], &s, raw); err == nil {
			t.Errorf("%s of %q: %+v", sampleColumns[i].Name, raw, s)
		}
	}
	r := &reader[sample]{columns: sampleColumns}
	if r.asSent(described{{DataTypeOID: pgtype.TextOID}}) {
		t.Error("a row of one column is read as if it had all")
	}
}

// described is rows of which only the columns are known.
type described []pgconn.FieldDescription

func (d described) FieldDescriptions() []pgconn.FieldDescription { return d }

func (described) Close()                        {}
func (described) Err() error                    { return nil }
func (described) CommandTag() pgconn.CommandTag { return pgconn.CommandTag{} }
func (described) Next() bool                    { return false }
func (described) Scan(...any) error             { return nil }
func (described) Values() ([]any, error)        { return nil, nil }
func (described) RawValues() [][]byte           { return nil }
func (described) Conn() *pgx.Conn               { return nil }
func (described) TypeMap() *pgtype.Map          { return nil }

// spoilt makes a loaded row one of another version.
func spoilt[K comparable, T any](rows map[K]locked[T], key K, by int64) {
	was := rows[key]
	was.version += by
	rows[key] = was
}
