package deploycheck

import (
	"net"
	"path"
	"slices"
	"strings"
	"testing"
)

// mounts is where a service sees what: container path -> path below deploy/.
func mounts(t *testing.T, service string) map[string]string {
	t.Helper()
	seen := map[string]string{}
	for _, volume := range texts(services(t)[service]["volumes"]) {
		source, rest, _ := strings.Cut(volume, ":")
		target, _, _ := strings.Cut(rest, ":")
		seen[target] = strings.TrimPrefix(source, "./")
	}
	return seen
}

func parsed(t *testing.T, name string) map[string]any {
	t.Helper()
	doc, err := parseYAML(read(t, name))
	if err != nil {
		t.Fatalf("deploy/%s: %v", name, err)
	}
	return doc.(map[string]any)
}

// Prometheus scrapes services that compose.yaml has, the controller at the port
// that it listens on there, by the job names that the rules know.
func TestPrometheusScrapesWhatComposeRuns(t *testing.T) {
	t.Parallel()
	config, all := parsed(t, "prometheus/prometheus.yml"), services(t)
	_, port, err := net.SplitHostPort(all["controller"]["environment"].(map[string]any)["GALLA_LISTEN"].(string))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, item := range config["scrape_configs"].([]any) {
		job := item.(map[string]any)
		for _, static := range job["static_configs"].([]any) {
			for _, target := range texts(static.(map[string]any)["targets"]) {
				got[job["job_name"].(string)] = target
				if host, _, _ := net.SplitHostPort(target); all[host] == nil {
					t.Errorf("%s: compose.yaml has no service %s", job["job_name"], host)
				}
			}
		}
	}
	want := map[string]string{
		"galla-controller": "controller:" + port, "database": "postgres-exporter:9187", "database-node": "node-exporter:9100",
	}
	for job, target := range want {
		if got[job] != target {
			t.Errorf("%s scrapes %q, want %q", job, got[job], target)
		}
	}
	if len(got) != len(want) {
		t.Errorf("jobs %v", got)
	}
}

// The containers see the files where their programs look for them.
func TestMonitoringFindsItsFiles(t *testing.T) {
	t.Parallel()
	prometheus, dir := mounts(t, "prometheus"), "/etc/prometheus/"
	if !slices.Contains(texts(services(t)["prometheus"]["command"]), "--config.file="+dir+"prometheus.yml") {
		t.Error("prometheus is not started with " + dir + "prometheus.yml")
	}
	if prometheus[dir+"prometheus.yml"] != "prometheus/prometheus.yml" {
		t.Errorf("prometheus sees %v", prometheus)
	}
	for _, files := range texts(parsed(t, "prometheus/prometheus.yml")["rule_files"]) {
		if folder := path.Dir(files); prometheus[dir+folder] != "prometheus/"+folder {
			t.Errorf("prometheus does not see %s: %v", files, prometheus)
		}
	}
	grafana := mounts(t, "grafana")
	for _, provider := range parsed(t, "grafana/dashboards.yml")["providers"].([]any) {
		folder := provider.(map[string]any)["options"].(map[string]any)["path"].(string)
		if grafana[folder+"/galla.json"] != "grafana/galla.json" {
			t.Errorf("grafana looks for boards in %s and sees %v", folder, grafana)
		}
	}
	for target, source := range map[string]string{
		"/etc/grafana/provisioning/datasources/galla.yml": "grafana/datasource.yml",
		"/etc/grafana/provisioning/dashboards/galla.yml":  "grafana/dashboards.yml",
	} {
		if grafana[target] != source {
			t.Errorf("grafana sees %q at %s, want %s", grafana[target], target, source)
		}
	}
	for _, item := range parsed(t, "grafana/datasource.yml")["datasources"].([]any) {
		if source := item.(map[string]any); source["type"] != "prometheus" || source["url"] != "http://prometheus:9090" || source["isDefault"] != "true" {
			t.Errorf("grafana asks %v", source)
		}
	}
}

// Nobody can log in to Grafana: it would have a password that everybody knows.
func TestGrafanaHasNoAccounts(t *testing.T) {
	t.Parallel()
	env := services(t)["grafana"]["environment"].(map[string]any)
	for name, want := range map[string]string{
		"GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true", "GF_AUTH_DISABLE_LOGIN_FORM": "true", "GF_AUTH_BASIC_ENABLED": "false",
		"GF_AUTH_ANONYMOUS_ENABLED": "true", "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
	} {
		if env[name] != want {
			t.Errorf("%s is %v, want %s", name, env[name], want)
		}
	}
}
