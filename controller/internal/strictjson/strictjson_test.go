package strictjson_test

import (
	"fmt"
	"reflect"
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
