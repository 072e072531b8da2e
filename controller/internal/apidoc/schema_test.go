package apidoc

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// TestKinds: what people read of a schema.
func TestKinds(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		s            *schema
		kind, bounds string
	}{
		{text(), "text", ""},
		{id(39), "text", "at most 39 characters"},
		{words("CARD", "DQR"), "text", "CARD, DQR"},
		{words("", "queue"), "text", `"", queue`},
		{whole(1, 50).usually(20), "whole number", "1 to 50; usually 20"},
		{atLeast(1), "whole number", "at least 1"},
		{orText(whole(1, 600)), "whole number or text", "1 to 600"},
		{list(words("A")), "list of text", "A"},
		{list(refTo("Refund")), "list of Refund", ""},
		{refTo("Refund").orNull(), "Refund or null", ""},
		{atLeast(0).orNull(), "whole number or null", ""},
		{boolean(), "true or false", ""},
		{&schema{Const: false}, "false", ""},
		{&schema{}, "anything", ""},
		{object(""), "object", ""},
		{&schema{Type: "string", Format: "date-time"}, "time", ""},
	} {
		if row.s.kind() != row.kind || row.s.bounds() != row.bounds {
			t.Errorf("%s reads %q, %q; want %q, %q", encodeCompact(row.s), row.s.kind(), row.s.bounds(), row.kind, row.bounds)
		}
	}
}

// TestTypes: a Go type's schema is what encoding/json writes of it.
func TestTypes(t *testing.T) {
	t.Parallel()
	type Inner struct {
		At time.Time `json:"at"`
	}
	type Outer struct {
		Inner
		Name   string          `json:"name"`
		Maybe  *int64          `json:"maybe,omitempty"`
		Late   time.Time       `json:"late,omitzero"`
		List   []Inner         `json:"list"`
		Bytes  []byte          `json:"bytes"`
		Raw    json.RawMessage `json:"raw"`
		Never  string          `json:"-"`
		hidden bool
	}
	_ = Outer{}.hidden
	for _, row := range []struct {
		way  use
		want string
	}{
		{answered, `{"type":"object","properties":{"at":{"type":"string","format":"date-time"},"name":{"type":"string"},"maybe":{"type":"integer"},` +
			`"late":{"type":"string","format":"date-time"},"list":{"type":"array","items":{"$ref":"#/components/schemas/Inner"}},` +
			`"bytes":{"type":"string","contentEncoding":"base64"},"raw":{}},"required":["at","name","list","bytes","raw"]}`},
		{asked, `{"type":"object","properties":{"at":{"type":"string","format":"date-time"},"name":{"type":"string"},"maybe":{"type":"integer"},` +
			`"late":{"type":"string","format":"date-time"},"list":{"type":"array","items":{"$ref":"#/components/schemas/Inner"}},` +
			`"bytes":{"type":"string","contentEncoding":"base64"},"raw":{}},"additionalProperties":false}`},
	} {
		made := &types{}
		if ref := made.of(Outer{}, row.way); ref.Ref != "#/components/schemas/Outer" || made.err != nil {
			t.Fatalf("%s, %v", encodeCompact(ref), made.err)
		}
		if got := string(encodeCompact(made.made[0].schema)); got != row.want {
			t.Errorf("got  %s\nwant %s", got, row.want)
		}
	}
	if made := (&types{}); made.of(make(chan int), answered) == nil || made.err == nil {
		t.Error("a channel has a schema")
	}
	if got := nameOf(reflect.TypeFor[page]()); got != "page" {
		t.Errorf("called %s", got)
	}
}

// TestWhatIsSaidOfACode is a sentence.
func TestWhatIsSaidOfACode(t *testing.T) {
	t.Parallel()
	for group, all := range meanings() {
		for code, said := range all {
			if said == "" || said[len(said)-1] != '.' {
				t.Errorf("%s of %s: %q is no sentence", code, group, said)
			}
		}
	}
	for state, said := range stateMeanings() {
		if said[len(said)-1] != '.' {
			t.Errorf("%s: %q is no sentence", state, said)
		}
	}
}
