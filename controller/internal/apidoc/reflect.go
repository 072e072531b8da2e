package apidoc

import (
	"encoding"
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"strings"
	"time"
)

// types makes schemas of Go types, as encoding/json writes and reads them. Their
// words are the comments of the types (words.json).
type types struct {
	made fields // by name, in the order of first need
	err  error
}

// use is which way a type goes.
type use string

const (
	answered use = "answered" // written by us: what is not left out when empty is always there
	asked    use = "asked"    // read by us: what must be there stands in requiredFields
)

// of is the schema of v's type, by reference where it is a struct.
func (t *types) of(v any, u use) *schema { return t.schema(reflect.TypeOf(v), u) }

func (t *types) schema(r reflect.Type, u use) *schema {
	for r.Kind() == reflect.Pointer {
		r = r.Elem()
	}
	switch r {
	case reflect.TypeFor[time.Time]():
		return &schema{Type: "string", Format: "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return &schema{}
	}
	if r.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return textOf(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`) // protocol.Identity is the only one
	}
	switch r.Kind() {
	case reflect.String:
		return t.enum(r)
	case reflect.Bool:
		return boolean()
	case reflect.Uint64:
		return atLeast(0)
	case reflect.Int, reflect.Int64:
		if r.Name() == "Paise" {
			return atLeast(1)
		}
		return &schema{Type: "integer"}
	case reflect.Slice:
		if r.Elem().Kind() == reflect.Uint8 {
			return &schema{Type: "string", ContentEncoding: "base64"}
		}
		return list(t.schema(r.Elem(), u))
	case reflect.Struct:
		return t.object(r, u)
	}
	t.err = fmt.Errorf("no schema for the Go type %s", r)
	return &schema{}
}

// enum is a text, of the constants that its type has.
func (t *types) enum(r reflect.Type) *schema {
	s := text()
	for _, v := range wordsOf(wordKey(r)).Values {
		s.Enum = append(s.Enum, v.Value)
	}
	return s
}

// nameOf is how a type is called in the documents: Page[admin.Merchant] is
// MerchantPage.
func nameOf(r reflect.Type) string {
	name := r.Name()
	if outer, inner, generic := strings.Cut(name, "["); generic {
		inner = strings.TrimSuffix(inner, "]")
		return inner[strings.LastIndex(inner, ".")+1:] + outer
	}
	return name
}

// object is a reference to the schema of a struct, which is made where it is not
// there yet.
func (t *types) object(r reflect.Type, u use) *schema {
	name := nameOf(r)
	for _, made := range t.made {
		if made.name == name {
			return refTo(name)
		}
	}
	at := len(t.made)
	t.made = append(t.made, field{name: name})
	s := &schema{Type: "object", Description: wordsOf(wordKey(r)).Doc}
	if u == asked {
		s.AdditionalProperties = false
	}
	t.add(s, r, u)
	t.made[at].schema = s
	return refTo(name)
}

// wordKey is what the words of a type are kept by: its package and its name.
func wordKey(r reflect.Type) string {
	name, _, _ := strings.Cut(r.Name(), "[")
	return path.Base(r.PkgPath()) + "." + name
}

func (t *types) add(s *schema, r reflect.Type, u use) {
	for i := range r.NumField() {
		f := r.Field(i)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case f.Anonymous && tag == "":
			t.add(s, f.Type, u) // its fields are the struct's own
			continue
		case !f.IsExported() || name == "-":
			continue
		}
		must := !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero")
		if u == asked {
			must = mustBeSent(r.Name(), name)
		}
		doc := wordsOf(wordKey(r)).Fields[name]
		s.Properties = append(s.Properties, field{name, must, t.schema(f.Type, u).said(doc)})
		if must {
			s.Required = append(s.Required, name)
		}
	}
}
