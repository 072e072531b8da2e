package monitorcheck

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// promtool finds nothing to say against the files.
func TestPromtoolAccepts(t *testing.T) {
	t.Parallel()
	promtool := program(t, "promtool")
	for _, args := range [][]string{
		append([]string{"check", "rules", "--lint-fatal"}, ruleFiles(t)...),
		{"check", "config", "--lint-fatal", filepath.Join(root, "deploy/prometheus/prometheus.yml")},
	} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// prd12 is the table of PRD 12, "Monitoring & Alerts": alert, threshold, action.
func prd12() [][4]string {
	return [][4]string{
		// row, our alert, threshold in its query, action
		{"Error Rate High", "GallaErrorRateHigh", "> 0.01", "Immediate review"},
		{"Timeout Rate High", "GallaTimeoutRateHigh", "> 0.05", "Check timeout VPA"},
		{"Expiry Rate High", "GallaExpiryRateHigh", "> 0.1", "Analyze user behavior"},
		{"Latency P95", "GallaLatencyP95High", "> 0.5", "Scale/optimize"},
		{"Database CPU", "GallaDatabaseCPUHigh", "> 0.8", "Add replicas"},
	}
}

// What Prometheus itself reads from the files: each row of PRD 12 is an alert
// with its threshold and its action, the promises have PRD 10's budgets, and
// every alert says how urgent it is, what is wrong, what to do, and where to
// look next.
func TestRulesAreThePRDs(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "prometheus.yml")
	write(t, config, "rule_files: ["+filepath.Join(mustAbs(t, root), "deploy/prometheus/rules/*.yml")+"]\n")
	rules, err := startPrometheus(t, config).rules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	alerts, budgets := map[string]rule{}, map[string]string{}
	for _, r := range rules {
		if r.Name == "galla:slo_budget:ratio" {
			budgets[r.Labels["slo"]] = r.Query
		}
		if r.Type != "alerting" {
			continue
		}
		alerts[r.Name] = r
		if s := r.Labels["severity"]; s != "page" && s != "ticket" {
			t.Errorf("%s has severity %q", r.Name, s)
		}
		for _, name := range []string{"summary", "action", "description"} {
			if r.Annotations[name] == "" {
				t.Errorf("%s has no %s", r.Name, name)
			}
		}
	}
	for _, row := range prd12() {
		alert := alerts[row[1]]
		if alert.Annotations["action"] != row[3] || !strings.Contains(alert.Query, row[2]) {
			t.Errorf("%s: %s has action %q and query %s, want %q and %s", row[0], row[1], alert.Annotations["action"], alert.Query, row[3], row[2])
		}
	}
	want := map[string]string{
		"validate_latency": "vector(0.001)", "pay_latency": "vector(0.001)", // 99.9 %
		"availability": "vector(0.0005)", "uptime": "vector(0.0005)", // 99.95 %
	}
	if fmt.Sprint(budgets) != fmt.Sprint(want) {
		t.Errorf("budgets are %v, want %v", budgets, want)
	}
}
