package strictjsontest

import (
	"testing"
)

// TestSecondReader: the oracle itself, on examples of RFC 8259 and the Wire rules.
func TestSecondReader(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		`{}`: true, ` { "a" : [ 1 , -0.5e+3 , "\u00e9\ud83d\ude00\n" , true , null ] } `: true, `{"a":{"a":1}}`: true,
		``: false, `[]`: false, `{"a":1}{}`: false, `{"a":1,}`: false, `{"a" 1}`: false, `{a:1}`: false, `{"a":01}`: false,
		`{"a":1.}`: false, `{"a":+1}`: false, `{"a":.5}`: false, `{"a":1e}`: false, `{"a":"\x"}`: false, `{"a":"\u12"}`: false,
		"{\"a\":\"\n\"}": false, `{"a":"`: false, "{\"a\":\"\xff\"}": false, `{"a":1,"a":1}`: false, `{"a":1,"A":1}`: false,
		`{"k":1,"\u212a":1}`: false, `{"x":[{"s":1,"\u017f":1}]}`: false, `{"a":nul}`: false, `{"a":[1 2]}`: false,
	} {
		if _, _, got := Read([]byte(text)); got != ok {
			t.Errorf("%s: %v, want %v", text, got, ok)
		}
	}
	o, depth, _ := Read([]byte(`{"a":[[1]],"b":"\ud800\u0041\ud83d\ude00"}`))
	if depth != 3 || o["b"] != "\ufffdA\U0001f600" {
		t.Errorf("depth %d, %q", depth, o)
	}
}
