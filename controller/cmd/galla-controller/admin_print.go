package main

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"
)

// printer prints data: JSON for programs, tables for people.
type printer struct {
	w    io.Writer
	json bool
}

func (p printer) line(v any) error {
	enc := json.NewEncoder(p.w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// one prints one thing: its fields, one a line.
func (p printer) one(v any) error {
	if p.json {
		return p.line(v)
	}
	t := tabwriter.NewWriter(p.w, 0, 4, 2, ' ', 0)
	for _, c := range cells(reflect.ValueOf(v), "") {
		if _, err := fmt.Fprintf(t, "%s\t%s\n", c.name, c.text); err != nil {
			return err
		}
	}
	return t.Flush()
}

// rows prints a list: one thing a line, under a head.
type rows[V any] struct {
	printer
	table *tabwriter.Writer
}

func newRows[V any](p printer) *rows[V] {
	r := &rows[V]{p, tabwriter.NewWriter(p.w, 0, 4, 2, ' ', 0)}
	if !p.json {
		var none V
		var names []string
		for _, c := range cells(reflect.ValueOf(none), "") {
			names = append(names, strings.ToUpper(c.name))
		}
		fmt.Fprintln(r.table, strings.Join(names, "\t")) // an error stays until Flush
	}
	return r
}

func (r *rows[V]) add(items []V) error {
	for _, v := range items {
		if r.json {
			if err := r.line(v); err != nil {
				return err
			}
			continue
		}
		var texts []string
		for _, c := range cells(reflect.ValueOf(v), "") {
			texts = append(texts, c.text)
		}
		fmt.Fprintln(r.table, strings.Join(texts, "\t"))
	}
	return nil
}

func (r *rows[V]) end() error {
	if r.json {
		return nil
	}
	return r.table.Flush()
}

// cell is one field for people.
type cell struct{ name, text string }

// cells are the fields of a view, by the names that the JSON has; those of what
// is inside it have its name before theirs.
func cells(v reflect.Value, prefix string) []cell {
	var all []cell
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous {
			all = append(all, cells(value, prefix)...)
			continue
		}
		inside := field.Type
		if inside.Kind() == reflect.Pointer {
			inside = inside.Elem()
		}
		if inside.Kind() == reflect.Struct && inside != reflect.TypeFor[time.Time]() {
			if value.Kind() == reflect.Pointer && value.IsNil() {
				continue // shown of one thing, and in no list
			}
			all = append(all, cells(reflect.Indirect(value), prefix+name+".")...)
			continue
		}
		all = append(all, cell{prefix + name, cellText(value)})
	}
	return all
}

// cellText is a value as people read it; "-" is none.
func cellText(v reflect.Value) string {
	text := ""
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil():
	case v.Kind() == reflect.Pointer:
		return cellText(v.Elem())
	case v.Type() == reflect.TypeFor[time.Time]():
		if at := v.Interface().(time.Time); !at.IsZero() {
			text = at.UTC().Format(time.RFC3339)
		}
	case v.Type() == reflect.TypeFor[json.RawMessage]():
		text = string(v.Bytes())
	case v.Kind() == reflect.String:
		text = v.String() // also of a type that hides itself: a view is what may be shown
	case v.Kind() == reflect.Bool && v.Bool():
		text = "yes"
	case v.Kind() == reflect.Bool:
		text = "no"
	case v.Kind() == reflect.Slice:
		var parts []string
		for i := range v.Len() {
			part := v.Index(i)
			if part.Kind() == reflect.Struct {
				var fields []string
				for _, c := range cells(part, "") {
					fields = append(fields, c.text)
				}
				parts = append(parts, strings.Join(fields, " "))
				continue
			}
			parts = append(parts, cellText(part))
		}
		text = strings.Join(parts, ", ")
	default:
		text = fmt.Sprint(v.Interface())
	}
	if text == "" {
		return "-"
	}
	return text
}
