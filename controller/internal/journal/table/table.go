// Package table says which field of a noun stands in which column, once, for
// both storages, so that the twins cannot drift apart. It renders no SQL and
// touches no database.
//
// Only the storages and their tests import it.
package table

import "time"

// Kind is how a column is kept.
type Kind int

// The kinds. Unlike everything else here they are not in any database.
const (
	Text  Kind = 1 // "" is kept as ""
	Int   Kind = 2 // 64 bits, signed
	Bool  Kind = 3
	Time  Kind = 4 // microseconds; the zero time is kept as NULL
	Bytes Kind = 5 // empty is kept as NULL
	List  Kind = 6 // of texts, as a JSON array; empty is []
)

// Column is one column of a table of T. Exactly the pair of functions of its
// kind is set; a column without a setter is written and never read.
type Column[T any] struct {
	Name string
	Kind Kind

	Text     func(*T) string
	SetText  func(*T, string)
	Int      func(*T) int64
	SetInt   func(*T, int64)
	Bool     func(*T) bool
	SetBool  func(*T, bool)
	Time     func(*T) time.Time
	SetTime  func(*T, time.Time)
	Bytes    func(*T) []byte
	SetBytes func(*T, []byte)
	List     func(*T) []string
	SetList  func(*T, []string)
}

// Table is a table of T.
type Table[T any] struct {
	Name string
	// Key is the primary key: names of the first columns.
	Key     []string
	Columns []Column[T]
	// Versioned tables have a column version beside these, which counts the
	// changes of a row: a change is saved only over the version that was loaded.
	Versioned bool
	// Fixed columns never change once the row is there.
	Fixed map[string]bool
}

// Names are all columns.
func (t Table[T]) Names() []string {
	var names []string
	for _, c := range t.Columns {
		names = append(names, c.Name)
	}
	return names
}

// Read are the columns that are read back.
func (t Table[T]) Read() []Column[T] {
	var cs []Column[T]
	for _, c := range t.Columns {
		if c.SetText != nil || c.SetInt != nil || c.SetBool != nil || c.SetTime != nil || c.SetBytes != nil || c.SetList != nil {
			cs = append(cs, c)
		}
	}
	return cs
}

// KeyColumns are the columns of the key.
func (t Table[T]) KeyColumns() []Column[T] { return t.Columns[:len(t.Key)] }

// Changing are the columns that an update writes.
func (t Table[T]) Changing() []Column[T] {
	var cs []Column[T]
	for _, c := range t.Columns[len(t.Key):] {
		if !t.Fixed[c.Name] {
			cs = append(cs, c)
		}
	}
	return cs
}

func text[T any, S ~string](name string, ref func(*T) *S) Column[T] {
	return Column[T]{
		Name: name, Kind: Text,
		Text:    func(v *T) string { return string(*ref(v)) },
		SetText: func(v *T, s string) { *ref(v) = S(s) },
	}
}

func number[T any, N ~int64 | ~uint64](name string, ref func(*T) *N) Column[T] {
	return Column[T]{
		Name: name, Kind: Int,
		Int:    func(v *T) int64 { return int64(*ref(v)) },
		SetInt: func(v *T, n int64) { *ref(v) = N(n) },
	}
}

func boolean[T any](name string, ref func(*T) *bool) Column[T] {
	return Column[T]{
		Name: name, Kind: Bool,
		Bool:    func(v *T) bool { return *ref(v) },
		SetBool: func(v *T, b bool) { *ref(v) = b },
	}
}

func instant[T any](name string, ref func(*T) *time.Time) Column[T] {
	return Column[T]{
		Name: name, Kind: Time,
		Time:    func(v *T) time.Time { return *ref(v) },
		SetTime: func(v *T, t time.Time) { *ref(v) = t },
	}
}

func blob[T any](name string, ref func(*T) *[]byte) Column[T] {
	return Column[T]{
		Name: name, Kind: Bytes,
		Bytes:    func(v *T) []byte { return *ref(v) },
		SetBytes: func(v *T, b []byte) { *ref(v) = b },
	}
}

func hash[T any, H ~[32]byte](name string, ref func(*T) *H) Column[T] {
	return Column[T]{
		Name: name, Kind: Bytes,
		Bytes:    func(v *T) []byte { h := [32]byte(*ref(v)); return h[:] },
		SetBytes: func(v *T, b []byte) { var h [32]byte; copy(h[:], b); *ref(v) = H(h) },
	}
}

func list[T any](name string, ref func(*T) *[]string) Column[T] {
	return Column[T]{
		Name: name, Kind: List,
		List:    func(v *T) []string { return *ref(v) },
		SetList: func(v *T, l []string) { *ref(v) = l },
	}
}

// writeOnly makes a column that is for people and reports, and never read back.
func writeOnly[T any](c Column[T]) Column[T] {
	c.SetText, c.SetInt, c.SetBool, c.SetTime, c.SetBytes, c.SetList = nil, nil, nil, nil, nil, nil
	return c
}

// constant is a write-only text.
func constant[T any](name, value string) Column[T] {
	return Column[T]{Name: name, Kind: Text, Text: func(*T) string { return value }}
}

func fixed(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}
