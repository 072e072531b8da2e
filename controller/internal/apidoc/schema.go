package apidoc

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// schema is a JSON Schema of 2020-12, as far as it is needed here. It is written
// in the order of its fields, and its properties in theirs.
type schema struct {
	Ref                  string    `json:"$ref,omitempty"`
	Description          string    `json:"description,omitempty"`
	Type                 any       `json:"type,omitempty"` // a word, or several
	Const                any       `json:"const,omitempty"`
	Enum                 []any     `json:"enum,omitempty"`
	Format               string    `json:"format,omitempty"`
	Pattern              string    `json:"pattern,omitempty"`
	MinLength            *int      `json:"minLength,omitempty"`
	MaxLength            *int      `json:"maxLength,omitempty"`
	Minimum              *int64    `json:"minimum,omitempty"`
	Maximum              *int64    `json:"maximum,omitempty"`
	Default              any       `json:"default,omitempty"`
	ContentEncoding      string    `json:"contentEncoding,omitempty"`
	ContentMediaType     string    `json:"contentMediaType,omitempty"`
	ContentSchema        *schema   `json:"contentSchema,omitempty"`
	Items                *schema   `json:"items,omitempty"`
	MinItems             *int      `json:"minItems,omitempty"`
	MaxItems             *int      `json:"maxItems,omitempty"`
	Properties           fields    `json:"properties,omitempty"`
	Required             []string  `json:"required,omitempty"`
	AdditionalProperties any       `json:"additionalProperties,omitempty"` // false, or a *schema
	AnyOf                []*schema `json:"anyOf,omitempty"`
	XML                  *xmlName  `json:"xml,omitempty"`
}

type xmlName struct {
	Name string `json:"name"`
}

// field is a property.
type field struct {
	name     string
	required bool
	schema   *schema
}

// fields keep their order.
type fields []field

// MarshalJSON writes an object.
func (f fields) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range f {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(p.name)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(encodeCompact(p.schema))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode is the form of both documents: indented, nothing escaped for HTML, a
// line break at the end.
func encode(v any) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, encodeCompact(v), "", " "); err != nil {
		panic(err) // it was JSON a moment ago
	}
	b.WriteByte('\n')
	return b.Bytes()
}

func encodeCompact(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // a mistake in this package: there is nothing but texts, numbers and lists
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

func object(doc string, f ...field) *schema {
	s := &schema{Type: "object", Description: doc, Properties: f}
	for _, p := range f {
		if p.required {
			s.Required = append(s.Required, p.name)
		}
	}
	return s
}

// need is a property that is always there, may one that is not.
func need(name string, s *schema, doc string) field { return field{name, true, s.said(doc)} }
func may(name string, s *schema, doc string) field  { return field{name, false, s.said(doc)} }

// said is s with another description.
func (s *schema) said(doc string) *schema {
	c := *s
	if doc != "" {
		c.Description = doc
	}
	return &c
}

func ptr[T any](v T) *T { return &v }

func text() *schema { return &schema{Type: "string"} }

// textOf is a text of a form.
func textOf(pattern string) *schema { return &schema{Type: "string", Pattern: pattern} }

// id is an id of a merchant, store, terminal or transaction (phonepe-api: Wire
// rules).
func id(max int) *schema {
	return &schema{Type: "string", Pattern: "^[A-Za-z0-9_-]+$", MaxLength: ptr(max)}
}

func upTo(max int) *schema { return &schema{Type: "string", MaxLength: ptr(max)} }

func words(values ...string) *schema {
	s := &schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, v)
	}
	return s
}

func boolean() *schema { return &schema{Type: "boolean"} }

func whole(least, most int64) *schema {
	return &schema{Type: "integer", Minimum: ptr(least), Maximum: ptr(most)}
}

func atLeast(least int64) *schema { return &schema{Type: "integer", Minimum: ptr(least)} }

// orText is a whole number that may come as a text of digits too, as real clients
// send it.
func orText(s *schema) *schema {
	return &schema{AnyOf: []*schema{s, textOf("^[0-9]{1,19}$")}, Default: s.Default}
}

func (s *schema) usually(v any) *schema {
	c := *s
	c.Default = v
	return &c
}

// paise is money.
func paise() *schema { return atLeast(1) }

func millis() *schema { return atLeast(0) }

func list(of *schema) *schema { return &schema{Type: "array", Items: of} }

func refTo(name string) *schema { return &schema{Ref: "#/components/schemas/" + name} }

func (s *schema) orNull() *schema {
	if s.Ref != "" {
		return &schema{AnyOf: []*schema{s, {Type: "null"}}}
	}
	c := *s
	c.Type = []string{s.Type.(string), "null"}
	return &c
}

// base64Of is base64 of JSON.
func base64Of(inner *schema) *schema {
	return &schema{Type: "string", ContentEncoding: "base64", ContentMediaType: "application/json", ContentSchema: inner}
}

// kind is a schema's type in a few words, for people.
func (s *schema) kind() string {
	switch {
	case s.Ref != "":
		return s.Ref[strings.LastIndex(s.Ref, "/")+1:]
	case s.Type == "object":
		return "object"
	case len(s.AnyOf) == 2 && s.AnyOf[1].Type == "null":
		return s.AnyOf[0].kind() + " or null"
	case len(s.AnyOf) > 0:
		var kinds []string
		for _, a := range s.AnyOf {
			if k := a.kind(); !slices.Contains(kinds, k) {
				kinds = append(kinds, k)
			}
		}
		return strings.Join(kinds, " or ")
	case s.Const != nil:
		return string(encodeCompact(s.Const))
	case s.Type == "array":
		return "list of " + s.Items.kind()
	}
	names := map[string]string{"string": "text", "integer": "whole number", "boolean": "true or false", "object": "object", "null": "null"}
	if kinds, several := s.Type.([]string); several {
		var all []string
		for _, k := range kinds {
			all = append(all, names[k])
		}
		return strings.Join(all, " or ")
	}
	one, _ := s.Type.(string)
	if s.Format == "date-time" {
		return "time"
	}
	if one == "" {
		return "anything"
	}
	return names[one]
}

// bounds is what a schema allows beside its type, in a few words.
func (s *schema) bounds() string {
	var says []string
	if len(s.Enum) > 0 {
		var all []string
		for _, v := range s.Enum {
			word := string(encodeCompact(v))
			if v != "" {
				word = strings.Trim(word, `"`)
			}
			all = append(all, word)
		}
		says = append(says, strings.Join(all, ", "))
	}
	switch {
	case s.Minimum != nil && s.Maximum != nil:
		says = append(says, string(encodeCompact(*s.Minimum))+" to "+string(encodeCompact(*s.Maximum)))
	case s.Minimum != nil && *s.Minimum != 0:
		says = append(says, "at least "+string(encodeCompact(*s.Minimum)))
	}
	if s.MaxLength != nil {
		says = append(says, "at most "+string(encodeCompact(*s.MaxLength))+" characters")
	}
	if s.Default != nil {
		says = append(says, "usually "+string(encodeCompact(s.Default)))
	}
	for _, a := range s.AnyOf {
		if b := a.bounds(); b != "" {
			says = append(says, b)
		}
	}
	if s.Items != nil {
		if b := s.Items.bounds(); b != "" {
			says = append(says, b)
		}
	}
	return strings.Join(says, "; ")
}
