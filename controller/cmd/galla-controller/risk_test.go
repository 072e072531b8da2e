package main

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/galla-pay/galla/controller/internal/risk"
)

const exampleRules = "../../../deploy/risk-rules.example.json"

// runRisk runs a verb as the program does.
func runRisk(t *testing.T, args ...string) (code int, out, talk string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	var c struct {
		Risk riskVerbs `cmd:""`
	}
	parser, err := kong.New(&c, kong.Name("galla-controller"), kong.DefaultEnvars("GALLA"), kong.Writers(&stdout, &stderr),
		kong.BindTo(&stdout, (*io.Writer)(nil)))
	if err != nil {
		t.Fatal(err)
	}
	verb, err := parse(parser, append([]string{"risk"}, args...))
	if err != nil {
		return exitUsage, stdout.String(), err.Error()
	}
	if err := verb.Run(); err != nil {
		return exitCode(err), stdout.String(), stderr.String() + err.Error()
	}
	return exitOK, stdout.String(), stderr.String()
}

func writeRules(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules.json")
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

const onlyRefuses = `{"rules":[{"name":"large","explanation":"Nobody pays that much here.","on":true,"phase":"payment",
	"kind":"amount","above":"5000.00","score":0,"action":"refuse","merchants":["M1"],"mccs":["5411"]}]}`

// TestRiskSession is what a risk desk types and reads.
func TestRiskSession(t *testing.T) {
	t.Parallel()
	good, none := writeRules(t, onlyRefuses), writeRules(t, `{"rules":[]}`)
	bad := writeRules(t, strings.Replace(onlyRefuses, `"5000.00"`, `"lots"`, 1))
	huge := writeRules(t, strings.Repeat(" ", 2<<20))
	large := "large (on, payment)\n  When  above 5000.00\n  Then  the score rises by 0, the payment is refused\n" +
		"  For   M1, 5411\n  Why   Nobody pays that much here.\n"
	for _, row := range []struct {
		args []string
		code int
		out  string // all of it
		talk string // all of it
	}{
		{[]string{"rules", good}, exitOK, large, ""},
		{[]string{"rules", "--risk-rules", good}, exitOK, large, ""},
		{[]string{"rules", "--risk-rules", "off", good}, exitOK, large, ""},
		{[]string{"rules", "--risk-rules", "off"}, exitOK, "There are no risk rules: nothing is scored, lowered or refused.\n", ""},
		{[]string{"rules", "--json", "off"}, exitOK, "{\n  \"rules\": []\n}\n", ""},
		{[]string{"rules", none}, exitOK, "There are no risk rules: nothing is scored, lowered or refused.\n", ""},
		{[]string{"rules", bad}, exitUsage, "", bad + `: risk rules: rule "large": above: rupees must be written as digits with at most two decimals, like "245.00"`},
		{[]string{"rules", "nowhere.json"}, exitNotFound, "", "there is no file nowhere.json of risk rules; try: galla-controller risk rules --json"},
		{[]string{"check", good}, exitOK, good + " is in order: 1 rules are on (0 lower the limit, 1 refuse), 0 are off.\n", ""},
		{[]string{"check", exampleRules}, exitOK, exampleRules + " is in order: 7 rules are on (0 lower the limit, 0 refuse), 4 are off.\n", ""},
		{[]string{"check", bad}, exitUsage, "", bad + `: risk rules: rule "large": above: rupees must be written as digits with at most two decimals, like "245.00"`},
		{[]string{"check", huge}, exitUsage, "", huge + ": risk rules: 1048576 bytes, 262144 at most"},
		{[]string{"check", "nowhere.json"}, exitNotFound, "", "there is no file nowhere.json of risk rules; try: galla-controller risk rules --json"},
		{[]string{"check"}, exitUsage, "", `expected "<file>"`},
	} {
		code, out, talk := runRisk(t, row.args...)
		if code != row.code || out != row.out || talk != row.talk {
			t.Errorf("risk %s: %d\n%s%s\nwant %d\n%s%s", strings.Join(row.args, " "), code, out, talk, row.code, row.out, row.talk)
		}
	}
}

// Every rule is printed with its explanation, and what is printed as JSON is a
// file for --risk-rules.
func TestRiskRulesArePrinted(t *testing.T) {
	t.Parallel()
	_, text, _ := runRisk(t, "rules")
	for _, r := range risk.Builtin().All() {
		for _, want := range []string{r.Name + " (on, " + string(r.Phase) + ")\n", "  When  " + r.When() + "\n", "  Why   " + r.Explanation + "\n"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in\n%s", want, text)
			}
		}
	}
	_, file, _ := runRisk(t, "rules", "--json")
	got, err := riskFlags{RiskRules: writeRules(t, file)}.openRisk(slog.New(slog.DiscardHandler))
	if err != nil || !reflect.DeepEqual(got.All(), risk.Builtin().All()) {
		t.Errorf("read again: %+v, %v", got.All(), err)
	}
}

// The environment names the rules too.
func TestRiskRulesOfTheEnvironment(t *testing.T) {
	t.Setenv("GALLA_RISK_RULES", writeRules(t, onlyRefuses))
	if _, text, _ := runRisk(t, "rules"); !strings.HasPrefix(text, "large (on, payment)\n") {
		t.Errorf("the rules are\n%s", text)
	}
}

// TestOpenRisk: what a controller that starts makes of its flag, and writes into
// its log, so that nobody wonders later which rules held.
func TestOpenRisk(t *testing.T) {
	t.Parallel()
	file := writeRules(t, onlyRefuses)
	for _, row := range []struct {
		flag  string
		rules int
		log   string
	}{
		{"", 7, "from=builtin on=7 off=0 lower=0 refuse=0"},
		{"builtin", 7, "from=builtin on=7 off=0 lower=0 refuse=0"},
		{"off", 0, "from=off on=0 off=0 lower=0 refuse=0"},
		{file, 1, "from=" + file + " on=1 off=0 lower=0 refuse=1"},
		{exampleRules, 11, "from=" + exampleRules + " on=7 off=4 lower=0 refuse=0"},
	} {
		var log bytes.Buffer
		rules, err := riskFlags{RiskRules: row.flag}.openRisk(slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil || len(rules.All()) != row.rules || !strings.Contains(log.String(), row.log) {
			t.Errorf("%q: %d rules, %v, log %s", row.flag, len(rules.All()), err, log.String())
		}
	}
	for _, flag := range []string{"nowhere.json", t.TempDir(), writeRules(t, "{}")} {
		var log bytes.Buffer
		if rules, err := (riskFlags{RiskRules: flag}).openRisk(slog.New(slog.NewTextHandler(&log, nil))); err == nil || log.Len() > 0 {
			t.Errorf("%q: %+v, log %s", flag, rules.All(), log.String())
		}
	}
}

// The example begins with the built-in rules, has every kind and action, says
// what each field means, and its other rules are off.
func TestExampleOfRiskRules(t *testing.T) {
	t.Parallel()
	rules, err := readRiskFile(exampleRules)
	must(t, err)
	all, builtin := rules.All(), risk.Builtin().All()
	if !reflect.DeepEqual(all[:len(builtin)], builtin) {
		t.Errorf("it begins with\n%+v, want\n%+v", all[:len(builtin)], builtin)
	}
	text, err := os.ReadFile(exampleRules)
	must(t, err)
	about, _, _ := strings.Cut(string(text), `"rules": [`)
	words := map[string]bool{}
	for _, r := range all[len(builtin):] {
		if r.On {
			t.Errorf("%s is on", r.Name)
		}
		words[string(r.Kind)], words["action "+string(r.Action)] = true, true
	}
	for _, word := range []string{"velocity", "declines", "outlier", "amount", "action score", "action lower", "action refuse"} {
		if !words[word] {
			t.Errorf("no rule shows %s", word)
		}
		if !strings.Contains(about, word) {
			t.Errorf("about does not say what %s is", word)
		}
	}
	for _, field := range []string{"phase", "kind", "window", "of", "counts", "threshold", "measure", "percent", "minimum", "above", "score", "action", "limit", "merchants", "mccs"} {
		if !strings.Contains(about, field) {
			t.Errorf("about does not say what %s is", field)
		}
	}
}
