package risk_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/controller/internal/risk"
)

var update = flag.Bool("update", false, "write the golden files")

// one is a file of one rule, of the parts of a rule in order with something
// replaced.
func one(old, new string) string {
	const rule = `{"name":"burst","explanation":"Too fast.","on":true,"phase":"payment","kind":"velocity",` +
		`"window":"10m","of":"payer","counts":"payments","threshold":5,"score":30,"action":"score"}`
	return `{"rules":[` + strings.Replace(rule, old, new, 1) + `]}`
}

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := risk.Parse([]byte(`{"about": ["For the desk.", "Two lines."], "rules": [
		{"name": "burst", "explanation": "Too fast.", "on": true, "phase": "payment", "kind": "velocity",
			"window": "10m", "of": "payer", "counts": "payments", "threshold": 5, "score": 30, "action": "score"},
		{"action": "refuse", "score": 0, "threshold": 3, "of": "merchant", "window": "90s", "kind": "declines",
			"phase": "validation", "on": false, "explanation": "Declined.", "name": "declines", "merchants": ["M1", "M2"]},
		{"name": "outlier", "explanation": "Too much.", "on": true, "phase": "validation", "kind": "outlier",
			"window": "720h", "measure": "p95", "percent": 300, "minimum": 20, "score": 25, "action": "score", "mccs": ["5411"]},
		{"name": "amount", "explanation": "Large ₹.", "on": true, "phase": "validation", "kind": "amount",
			"above": "2000.5", "score": 10, "action": "lower", "limit": "2000.00"}
	]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []risk.Rule{
		{Name: "burst", Explanation: "Too fast.", On: true, Phase: risk.Payment, Kind: risk.Velocity, Window: 10 * time.Minute,
			Of: risk.Payer, Counts: risk.Payments, Threshold: 5, Score: 30, Action: risk.Score},
		{Name: "declines", Explanation: "Declined.", Phase: risk.Validation, Kind: risk.Declines, Window: 90 * time.Second,
			Of: risk.Merchant, Counts: risk.Declined, Threshold: 3, Action: risk.Refuse, Merchants: []string{"M1", "M2"}},
		{Name: "outlier", Explanation: "Too much.", On: true, Phase: risk.Validation, Kind: risk.Outlier, Window: risk.MaxWindow,
			Measure: "p95", Percent: 300, Minimum: 20, Score: 25, Action: risk.Score, MCCs: []string{"5411"}},
		{Name: "amount", Explanation: "Large ₹.", On: true, Phase: risk.Validation, Kind: risk.Amount, Above: 200_050,
			Score: 10, Action: risk.Lower, Limit: 200_000},
	}
	if !reflect.DeepEqual(got.All(), want) {
		t.Errorf("got  %+v\nwant %+v", got.All(), want)
	}
	if none, err := risk.Parse([]byte(`{"rules":[]}`)); err != nil || len(none.All()) != 0 {
		t.Errorf("no rules: %+v, %v", none, err)
	}
}

// What is not in order is said by rule and field.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ text, want string }{
		{``, `not a JSON object`},
		{`[]`, `not a JSON object`},
		{`null`, `not a JSON object`},
		{`{}`, `the field "rules" is missing`},
		{`{"rules":null}`, `rules: must be a list of rules`},
		{`{"rules":{}}`, `rules: must be a list of rules`},
		{`{"rules":[1]}`, `rule 1: not a JSON object`},
		{`{"rules":[],"rules":[]}`, `rules: is given twice`},
		{`{"rules":[],"Rules":[]}`, `Rules: there is no such field beside rules and about`},
		{`{"rules":[],"about":"x"}`, `about: must be a list of texts`},
		{`{"rules":[],"about":[1]}`, `about: must be a list of texts`},
		{`{"about":["x"]}`, `the field "rules" is missing`},
		{`{"rules":[]} {}`, `something follows the JSON object`},
		{`{"rules":[]`, `not JSON: EOF`},
		{`{"rules":[}`, `not JSON: invalid character '}' looking for beginning of value`},
		{"{\"rules\":[],\"\xff\":1}", `not UTF-8`},
		{strings.Repeat(" ", 300_000), `300000 bytes, 262144 at most`},
		{`{"rules":[` + strings.Repeat(`{},`, risk.MaxRules) + `{}]}`, `there are 101 rules, 100 at most`},
		{`{"rules":[{}]}`, `rule 1: name: is missing`},
		{one(`"burst"`, `7`), `rule 1: name: must be text`},
		{one(`"burst"`, `"Not This"`), `rule 1: name: must be 1 to 40 of a-z, 0-9 and -`},
		{one(`"on":true`, `"on":true,"colour":"red"`), `rule "burst": colour: there is no such field`},
		{one(`"on":true`, `"On":true`), `rule "burst": On: there is no such field`},
		{one(`"on":true`, `"on":true,"on":false`), `rule 1: on: is given twice`},
		{one(`"on":true,`, ``), `rule "burst": on: is missing`},
		{one(`"on":true`, `"on":1`), `rule "burst": on: must be true or false`},
		{one(`"on":true`, `"on":null`), `rule "burst": on: must be true or false`},
		{one(`"explanation":"Too fast.",`, ``), `rule "burst": explanation: is missing`},
		{one(`"Too fast."`, `""`), `rule "burst": explanation: must be 1 to 400 bytes of text without line breaks`},
		{one(`"velocity"`, `"gravity"`), `rule "burst": kind: "gravity" is none of velocity, declines, outlier, amount`},
		{one(`"velocity"`, `null`), `rule "burst": kind: must be text`},
		{one(`"10m"`, `"ten minutes"`), `rule "burst": window: "ten minutes" is no duration such as 90s, 10m or 24h`},
		{one(`"10m"`, `600`), `rule "burst": window: must be text`},
		{one(`"10m"`, `"-1m"`), `rule "burst": window: must be whole seconds, 1s to 720h`},
		{one(`"threshold":5`, `"threshold":5.5`), `rule "burst": threshold: must be a whole number`},
		{one(`"threshold":5`, `"threshold":"5"`), `rule "burst": threshold: must be a whole number`},
		{one(`"threshold":5`, `"threshold":99999999999999999999`), `rule "burst": threshold: must be a whole number`},
		{one(`"threshold":5`, `"threshold":0`), `rule "burst": threshold: must be 1 to 1000`},
		{one(`"threshold":5,`, ``), `rule "burst": threshold: is missing`},
		{one(`"of":"payer",`, ``), `rule "burst": of: is missing`},
		{one(`"score":30,`, ``), `rule "burst": score: is missing`},
		{one(`"score":30`, `"score":30,"above":"1.00"`), `rule "burst": above: is not of kind "velocity"`},
		{one(`"score":30`, `"score":30,"percent":0`), `rule "burst": percent: is not of kind "velocity"`},
		{one(`"score":30`, `"score":30,"limit":"1.00"`), `rule "burst": limit: is of action "lower" alone`},
		{one(`"action":"score"`, `"action":"lower"`), `rule "burst": limit: is missing`},
		{one(`"action":"score"`, `"action":"lower","limit":2000`), `rule "burst": limit: must be rupees as text, such as "7500.00"`},
		{one(`"action":"score"`, `"action":"lower","limit":"2,000"`), `rule "burst": limit: rupees must be written as digits with at most two decimals, like "245.00"`},
		{one(`"action":"score"`, `"action":"lower","limit":"8000.01"`), `rule "burst": limit: must be 1.00 to 8000.00 rupees: a rule only ever lowers the limit`},
		{one(`"score":30`, `"score":30,"merchants":[]`), `rule "burst": merchants: must name one at least, or be left out`},
		{one(`"score":30`, `"score":30,"merchants":[null]`), `rule "burst": merchants: must be a list of texts`},
		{one(`"score":30`, `"score":30,"merchants":"M1"`), `rule "burst": merchants: must be a list of texts`},
		{one(`"score":30`, `"score":30,"mccs":["grocer"]`), `rule "burst": mccs: "grocer" is no merchant category code of four digits`},
	} {
		if _, err := risk.Parse([]byte(row.text)); err == nil || err.Error() != "risk rules: "+row.want {
			t.Errorf("%.200s\ngot  %v\nwant risk rules: %s", row.text, err, row.want)
		}
	}
}

// What is written is read to the same rules.
func TestWrittenRulesAreRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rules(t, anyRules(t)...)
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := risk.Parse(text)
		if err != nil || !reflect.DeepEqual(got.All(), want.All()) {
			t.Fatalf("%s\nis read to %+v, %v\nwant %+v", text, got.All(), err, want.All())
		}
	})
}

// The built-in rules as a file, with which to begin one of one's own.
func TestBuiltinAsAFile(t *testing.T) {
	t.Parallel()
	text, err := json.MarshalIndent(risk.Builtin(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	golden := filepath.Join("testdata", "builtin.json")
	if *update {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want) {
		t.Errorf("the built-in rules are not those of %s (-update writes it):\n%s", golden, text)
	}
}

// FuzzParse: whatever is read can be written and read again to the same, and a
// second reader that knows the fields takes it too.
func FuzzParse(f *testing.F) {
	builtin, err := json.Marshal(risk.Builtin())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(builtin)
	for _, text := range []string{
		`{"rules":[]}`, `{"rules":[],"rules":[]}`, `{"RULES":[]}`, `{"about":["x"],"rules":[]}`, one(``, ``), one(`"score":30`, `"score":3e1`), one(`"10m"`, `"0.5h"`),
		one(`"on":true`, `"\u006fn":true`), one(`"Too fast."`, `"\ud800"`), one(`"action":"score"`, `"action":"lower","limit":"1"`),
		one(`"score":30`, `"score":-0,"mccs":["5411"],"merchants":["M1","M1"]`), one(`"velocity"`, `"declines"`),
	} {
		f.Add([]byte(text))
	}
	type second struct {
		About []string
		Rules []struct {
			Name, Explanation, Phase, Kind, Window, Of, Counts, Measure, Above, Action, Limit *string
			On                                                                                *bool
			Threshold, Percent, Minimum, Score                                                *int64
			Merchants, MCCs                                                                   []string
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := risk.Parse(text)
		if err != nil {
			if msg := err.Error(); !strings.HasPrefix(msg, "risk rules: ") || len(msg) > 1000 {
				t.Fatalf("the error is %q", msg)
			}
			return
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := risk.Parse(again); err != nil || !reflect.DeepEqual(got.All(), twice.All()) {
			t.Fatalf("%s\nis read to %+v, %v\nwant %+v", again, twice.All(), err, got.All())
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		var other second
		if err := dec.Decode(&other); err != nil || len(other.Rules) != len(got.All()) {
			t.Fatalf("the second reader has %d rules, %v; want %d", len(other.Rules), err, len(got.All()))
		}
		for i, r := range got.All() {
			o := other.Rules[i]
			if *o.Name != r.Name || *o.On != r.On || *o.Score != int64(r.Score) || *o.Explanation != r.Explanation ||
				!reflect.DeepEqual(o.Merchants, r.Merchants) || !reflect.DeepEqual(o.MCCs, r.MCCs) {
				t.Fatalf("the second reader has %+v, want %+v", o, r)
			}
		}
		v := got.Judge(risk.Payment, 799_999, risk.Facts{})
		if v.Cap(risk.MaxLimit) > risk.MaxLimit {
			t.Fatalf("the limit was raised: %+v", v)
		}
	})
}
