package strictjson_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/galla-pay/galla/controller/internal/strictjson"
	"github.com/galla-pay/galla/controller/internal/strictjson/strictjsontest"
)

// FuzzParse: two readers, one meaning (failure matrix T11). Parse
// takes a text if and only if the second reader does, and reads the same.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"a":1,"b":[{"c":null}],"d":"\u0061\ud83d\ude00"}`, `{"amount":50000,"AMOUNT":100}`, `{"\u017ftoreId":1,"storeId":2}`,
		`{"a":1}{"a":2}`, `{"a":{"b":1,"b":2}}`, `{"k":1,"\u212a":2}`, `{"i":1,"\u0131":2,"\u0130":3}`, "{\"a\":\"\xff\"}", `{"a":"\ud800"}`,
		`{"\ud800":1,"\ud801":2}`, "\ufeff{}", `{"a":1,}`, `{"a":01}`, `{"a":1e400}`, `null`, "{\"a\x00\":1}", `{"a":tru}`,
		strings.Repeat(`{"a":`, 16) + "1" + strings.Repeat("}", 16), strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17),
		`{"a":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + "}", `{"a":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + "}",
	} {
		f.Add([]byte(text))
	}
	const maxDepth = 16
	f.Fuzz(func(t *testing.T, text []byte) {
		ours, err := strictjson.Parse(text, maxDepth)
		theirs, depth, ok := strictjsontest.Read(text)
		if (err == nil) != (ok && depth <= maxDepth) {
			t.Fatalf("ours says %v, the second reader %v (depth %d)", err, ok, depth)
		}
		if err != nil {
			return
		}
		// What the doors go on with is read by encoding/json.
		var third map[string]json.RawMessage
		if err := json.Unmarshal(text, &third); err != nil || !maps.EqualFunc(third, ours.Fields, slices.Equal) {
			t.Fatalf("ours is %q, encoding/json's %q, %v", ours.Fields, third, err)
		}
		if len(ours.Fields) != len(theirs) || len(ours.Keys) != len(theirs) {
			t.Fatalf("%d keys, the second reader has %d", len(ours.Fields), len(theirs))
		}
		for key, raw := range ours.Fields {
			v, err := strictjsontest.Value(string(raw))
			if want, there := theirs[key]; err != nil || !there || !reflect.DeepEqual(v, want) {
				t.Errorf("%q is %s, the second reader has %v", key, raw, want)
			}
		}
	})
}

// TestEveryFoldIsOneKey: two letters that Unicode folds onto one are one letter
// of a key, for every letter that there is.
func TestEveryFoldIsOneKey(t *testing.T) {
	t.Parallel()
	pairs := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			pairs++
			if _, err := strictjson.Parse(fmt.Appendf(nil, `{"x%cy":1,"x%cy":2}`, r, other), 2); err == nil {
				t.Errorf("%U and %U are two keys", r, other)
			}
		}
	}
	if pairs < 2000 {
		t.Errorf("only %d pairs", pairs)
	}
}

// TestRefusals: what is wrong is said in a few words, the first thing that is.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const notObject, notJSON, more = "is not a JSON object", "is not JSON", "holds more than one JSON value"
	for text, want := range map[string]string{
		"": notObject, " ": notObject, "null": notObject, "[]": notObject, `"a"`: notObject, "1": notObject,
		"{": notJSON, `{"a"`: notJSON, `{"a":`: notJSON, `{"a":1`: notJSON, `{"a":1,`: notJSON, `{"a":1,}`: notJSON, `{,}`: notJSON,
		`{a:1}`: notJSON, `{1:1}`: notJSON, `{"a" 1}`: notJSON, `{"a":1 "b":2}`: notJSON, `{"a":[1,]}`: notJSON, `{"a":[1 2]}`: notJSON,
		`{"a":[}`: notJSON, `{"a":[1}`: notJSON, `{"a":]}`: notJSON, `{"a":tru}`: notJSON, `{"a":nulll}`: notJSON, `{"a":True}`: notJSON,
		`{"a":01}`: notJSON, `{"a":-}`: notJSON, `{"a":+1}`: notJSON, `{"a":.5}`: notJSON, `{"a":1.}`: notJSON, `{"a":1e}`: notJSON,
		`{"a":1e+}`: notJSON, `{"a":0x1}`: notJSON, `{"a":NaN}`: notJSON, `{"a":'b'}`: notJSON, `{"a":"b}`: notJSON, `{"a":"\x41"}`: notJSON,
		`{"a":"\u00g0"}`: notJSON, `{"a":"\u00`: notJSON, `{"a":"\`: notJSON, "{\"a\":\"\n\"}": notJSON, "{\"a\":\"\x00\"}": notJSON,
		"{\"a\":1\v}": notJSON, "\ufeff{}": notObject, `{"a":"\"}`: notJSON, `{"a":1}/**/`: more, `{}{}`: more, `{},`: more, `{}]`: more,
		"{\"\xff\":1}": "is not UTF-8", "{}\xff": "is not UTF-8",
		`{"a":1,"a":2}`: `has the key "a" twice`, `{"a":1,"\u0041":2}`: `has the key "A" twice`, `{"a":1,"a"`: `has the key "a" twice`,
		`{"a":{"b":1,"B":1}}`:      `has the key "B" twice`,
		`{"a":{"b":{"c":1}}}`:      "is nested deeper than 2 levels",
		`{"a":[[`:                  "is nested deeper than 2 levels",
		`{"a":[{`:                  "is nested deeper than 2 levels",
		`{"a":[{}],"a":1}`:         "is nested deeper than 2 levels",
		`{"a":{"b":[]},"` + "\x01": "is nested deeper than 2 levels",
	} {
		if o, err := strictjson.Parse([]byte(text), 2); err == nil || err.Error() != want {
			t.Errorf("%q: %v, %v; want %q", text, o, err, want)
		}
	}
}

// TestKeysKeepTheirOrder, and values their spelling.
func TestKeysKeepTheirOrder(t *testing.T) {
	t.Parallel()
	o, err := strictjson.Parse([]byte(" { \"b\" : 1e400 ,\r\n\t\"\\u0061\":[ true , { } ],\"\":\"\\ud800\" } "), 3)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"b", "a", ""}; !slices.Equal(o.Keys, want) {
		t.Errorf("keys are %q, want %q", o.Keys, want)
	}
	want := map[string]string{"b": "1e400", "a": "[ true , { } ]", "": `"\ud800"`}
	for key, raw := range want {
		if string(o.Fields[key]) != raw {
			t.Errorf("%q is %s, want %s", key, o.Fields[key], raw)
		}
	}
	if len(o.Fields) != len(want) {
		t.Errorf("%d fields, want %d", len(o.Fields), len(want))
	}
}

// BenchmarkParse reads the payload of an init; the simplest that a door could do
// beside it.
func BenchmarkParse(b *testing.B) {
	text := []byte(`{"merchantId":"MERCHANTUAT","storeId":"teststore1","terminalId":"testterminal1","merchantTransactionId":"TX32321849644234",` +
		`"orderId":"ORD17","amount":24500,"solutionType":"DQR_DEVICE","expiresIn":180}`)
	b.Run("strict", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := strictjson.Parse(text, 16); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding_json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var fields map[string]json.RawMessage
			if err := json.Unmarshal(text, &fields); err != nil {
				b.Fatal(err)
			}
		}
	})
}
