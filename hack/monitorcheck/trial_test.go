package monitorcheck

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// What a trial shows. Each alert has one of each of the first three; an alert
// on a share (shareAlerts) has one of idle as well.
const (
	fires  = "fires"
	quiet  = "does not fire"
	absent = "absent series"
	idle   = "no traffic"
)

// trial is one situation and what an alert makes of it.
type trial struct {
	alert string
	shows string
	name  string
	// series is what was scraped, once a minute, in promtool's notation:
	// "0+2x10" is 0, then ten more, each 2 above the last.
	series [][2]string
	at     string
	// firing lists all that fire of this alert, each by the labels that tell it
	// from the others. None: it does not fire.
	firing []string
}

// shareAlerts are those on a share of the traffic.
func shareAlerts() []string {
	return []string{"GallaErrorRateHigh", "GallaTimeoutRateHigh", "GallaExpiryRateHigh", "GallaLatencyP95High", "GallaBudgetBurn"}
}

// longAlerts look back over days: their rules run every five minutes here.
func longAlerts() []string { return []string{"GallaBudgetBurn"} }

func trials() []trial {
	return slices.Concat(prd12Trials(), budgetTrials(), houseTrials(), databaseTrials())
}

// ruleFiles are the rules of deploy/, by absolute path.
func ruleFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "deploy/prometheus/rules/*.yml"))
	if err != nil || len(files) != 4 {
		t.Fatalf("rule files: %v %v, want four", files, err)
	}
	for i, file := range files {
		if files[i], err = filepath.Abs(file); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// rulesOf are the file that has the alert and, for those that judge them, the
// figures: rules that are not needed take time at each of thousands of steps.
func rulesOf(t *testing.T, alert string) []string {
	t.Helper()
	var files []string
	for _, file := range ruleFiles(t) {
		if slices.Contains(alertsIn(t, file), alert) {
			files = append(files, file)
			if filepath.Base(file) == "alerts.yml" {
				files = append(files, filepath.Join(filepath.Dir(file), "figures.yml"))
			}
		}
	}
	return files
}

// Every alert fires when it should, and only then (PRD 12). promtool runs the
// rules; what fires is read from ALERTS, the series that Prometheus keeps of it.
func TestAlerts(t *testing.T) {
	t.Parallel()
	promtool := program(t, "promtool")
	byAlert := map[string][]trial{}
	for _, tr := range trials() {
		byAlert[tr.alert] = append(byAlert[tr.alert], tr)
	}
	for alert, trials := range byAlert {
		t.Run(alert, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "trials.yml")
			write(t, file, unitTests(t, rulesOf(t, alert), trials))
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			if out, err := exec.CommandContext(ctx, promtool, "test", "rules", file).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

type object = map[string]any

// unitTests are the trials of one alert as promtool reads them: JSON is YAML.
func unitTests(t *testing.T, rules []string, trials []trial) string {
	t.Helper()
	groups, every := []object{}, "1m"
	for _, tr := range trials {
		groups = append(groups, tr.group())
		if slices.Contains(longAlerts(), tr.alert) {
			every = "5m"
		}
	}
	b, err := json.Marshal(object{"rule_files": rules, "evaluation_interval": every, "tests": groups})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (tr trial) group() object {
	input := []object{}
	for _, s := range tr.series {
		input = append(input, object{"series": s[0], "values": s[1]})
	}
	expect := func(labels string, count int) object {
		samples := []object{}
		if count > 0 {
			samples = append(samples, object{"labels": "{}", "value": count})
		}
		selector := strings.TrimSuffix(fmt.Sprintf("alertname=%q,alertstate=\"firing\",%s", tr.alert, labels), ",")
		return object{"expr": "count(ALERTS{" + selector + "})", "eval_time": tr.at, "exp_samples": samples}
	}
	tests := []object{expect("", len(tr.firing))}
	for _, labels := range tr.firing {
		tests = append(tests, expect(labels, 1))
	}
	return object{"name": tr.shows + ": " + tr.name, "interval": "1m", "input_series": input, "promql_expr_test": tests}
}

// Each alert has been tried in every way that it must be.
func TestEveryAlertIsTried(t *testing.T) {
	t.Parallel()
	tried := map[string][]string{}
	for _, tr := range trials() {
		tried[tr.alert] = append(tried[tr.alert], tr.shows)
		if (tr.shows == fires) != (len(tr.firing) > 0) && tr.shows != absent {
			t.Errorf("%s: %s, and %d firing", tr.alert, tr.shows, len(tr.firing))
		}
	}
	names := alertNames(t)
	for _, name := range names {
		want := []string{fires, quiet, absent}
		if slices.Contains(shareAlerts(), name) {
			want = append(want, idle)
		}
		for _, shows := range want {
			if !slices.Contains(tried[name], shows) {
				t.Errorf("%s: no trial shows %q", name, shows)
			}
		}
		delete(tried, name)
	}
	for name := range tried {
		t.Errorf("there is no alert %s", name)
	}
}

// alertNames are the alerts of all rule files.
func alertNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, file := range ruleFiles(t) {
		names = append(names, alertsIn(t, file)...)
	}
	if len(names) < 10 {
		t.Fatalf("only %v", names)
	}
	return names
}

// alertsIn are the alerts of a rule file, as they stand there, each once.
func alertsIn(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "- alert: "); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
