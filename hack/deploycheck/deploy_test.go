// Package deploycheck holds the files of deploy/ against what the programs and
// the files beside them really are. It is tests only: the machine that builds
// Galla needs no Docker and no systemd.
package deploycheck

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// compose reads deploy/compose.yaml.
func compose(t *testing.T) map[string]any {
	t.Helper()
	doc, err := parseYAML(read(t, "compose.yaml"))
	if err != nil {
		t.Fatal("deploy/compose.yaml:", err)
	}
	return doc.(map[string]any)
}

func services(t *testing.T) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for name, service := range compose(t)["services"].(map[string]any) {
		all[name] = service.(map[string]any)
	}
	return all
}

// texts is a list of scalars; none when the key is absent.
func texts(value any) []string {
	var list []string
	items, _ := value.([]any)
	for _, item := range items {
		list = append(list, item.(string))
	}
	return list
}

// What is always there, and what watches it where that is asked for.
func TestComposeIsControllerPostgresMosquitto(t *testing.T) {
	t.Parallel()
	names, watchers := []string{}, []string{}
	for name, service := range services(t) {
		switch profiles := texts(service["profiles"]); {
		case len(profiles) == 0:
			names = append(names, name)
		case slices.Equal(profiles, []string{"monitoring"}):
			watchers = append(watchers, name)
		default:
			t.Errorf("%s has the profiles %v", name, profiles)
		}
		image, _ := service["image"].(string)
		if tag := image[strings.LastIndex(image, ":")+1:]; image == tag || tag == "latest" {
			t.Errorf("%s: image %q has no version", name, image)
		}
		for _, port := range texts(service["ports"]) {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the world", name, port)
			}
		}
		if !slices.Contains(texts(service["security_opt"]), "no-new-privileges:true") {
			t.Errorf("%s may gain privileges", name)
		}
		if service["restart"] != "unless-stopped" {
			t.Errorf("%s: restart %v", name, service["restart"])
		}
	}
	slices.Sort(names)
	if want := []string{"controller", "mosquitto", "postgres"}; !slices.Equal(names, want) {
		t.Errorf("services %v, want %v", names, want)
	}
	slices.Sort(watchers)
	if want := []string{"grafana", "node-exporter", "postgres-exporter", "prometheus"}; !slices.Equal(watchers, want) {
		t.Errorf("the profile monitoring is %v, want %v", watchers, want)
	}
}

// What compose.yaml names exists: files beside it, volumes and secrets below,
// services to wait for that have a health check.
func TestComposeNamesOnlyWhatExists(t *testing.T) {
	t.Parallel()
	doc := compose(t)
	volumes, secrets := doc["volumes"].(map[string]any), doc["secrets"].(map[string]any)
	all := services(t)
	for name, service := range all {
		for _, volume := range texts(service["volumes"]) {
			source, _, _ := strings.Cut(volume, ":")
			if strings.HasPrefix(source, "./") {
				if _, err := os.Stat(filepath.Join(root, "deploy", source)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			} else if _, ok := volumes[source]; !ok {
				t.Errorf("%s: no volume %s", name, source)
			}
		}
		for _, secret := range texts(service["secrets"]) {
			if _, ok := secrets[secret]; !ok {
				t.Errorf("%s: no secret %s", name, secret)
			}
		}
		if build, ok := service["build"].(map[string]any); ok {
			if _, err := os.Stat(filepath.Join(root, "deploy", build["context"].(string), build["dockerfile"].(string))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		wait, _ := service["depends_on"].(map[string]any)
		for other := range wait {
			if all[other]["healthcheck"] == nil {
				t.Errorf("%s waits for %s, which has no health check", name, other)
			}
		}
	}
}

// secrets.sh makes each secret that compose.yaml hands out, once.
func TestSecretsScriptMakesEverySecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := filepath.Join(dir, "secrets.sh")
	if err := os.WriteFile(script, []byte(read(t, "secrets.sh")), 0o755); err != nil {
		t.Fatal(err)
	}
	made := func() map[string]string {
		if out, err := exec.Command("/bin/sh", script).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		values := map[string]string{}
		for name, secret := range compose(t)["secrets"].(map[string]any) {
			b, err := os.ReadFile(filepath.Join(dir, secret.(map[string]any)["file"].(string)))
			if err != nil {
				t.Fatal(err)
			}
			values[name] = string(b)
		}
		return values
	}
	first := made()
	if second := made(); first["postgres_password"] != second["postgres_password"] || first["pgpass"] != second["pgpass"] || first["broker_password"] != second["broker_password"] {
		t.Errorf("a second run changed %v to %v", first, second)
	}
	if len(first["broker_password"]) != 40 || len(first["postgres_password"]) != 40 || first["broker_password"] == first["postgres_password"] {
		t.Errorf("weak passwords: %v", first)
	}
	if want := "postgres:5432:galla:galla:" + first["postgres_password"] + "\n"; first["pgpass"] != want {
		t.Errorf("pgpass is %q, want %q", first["pgpass"], want)
	}
	if info, err := os.Stat(filepath.Join(dir, "secrets")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v %v", info.Mode(), err)
	}
}

// unit reads a systemd unit: "Section.Key" to its values.
func unit(t *testing.T, name string) map[string][]string {
	t.Helper()
	values := map[string][]string{}
	section := ""
	for _, line := range strings.Split(read(t, filepath.Join("systemd", name)), "\n") {
		key, value, ok := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && strings.HasSuffix(line, "]"):
			section = line[1 : len(line)-1]
		case ok && section != "" && strings.TrimSpace(key) == key:
			values[section+"."+key] = append(values[section+"."+key], value)
		default:
			t.Fatalf("%s: %q is no line of a unit", name, line)
		}
	}
	return values
}

func TestUnitsAreHardened(t *testing.T) {
	t.Parallel()
	both := map[string]string{
		"Service.DynamicUser": "yes", "Service.NoNewPrivileges": "yes", "Service.CapabilityBoundingSet": "",
		"Service.ProtectSystem": "strict", "Service.ProtectHome": "yes", "Service.PrivateTmp": "yes",
		"Service.RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "Service.MemoryDenyWriteExecute": "yes",
		"Service.UMask": "0077", "Service.StateDirectoryMode": "0700",
		"Service.Restart": "always", "Unit.StartLimitIntervalSec": "0", "Install.WantedBy": "multi-user.target",
	}
	for name, own := range map[string]map[string]string{
		"galla-controller.service": {"Service.PrivateDevices": "yes", "Service.StateDirectory": "galla"},
		"galla-agent.service": {"Service.SupplementaryGroups": "spi gpio audio dialout", "Service.Type": "notify", "Service.WatchdogSec": "60", "Service.DevicePolicy": "closed",
			"Service.ExecStart": "/usr/bin/galla-agent run --config /etc/galla/agent.toml"},
	} {
		got := unit(t, name)
		for _, want := range []map[string]string{both, own} {
			for key, value := range want {
				if !slices.Equal(got[key], []string{value}) {
					t.Errorf("%s: %s=%v, want %q", name, key, got[key], value)
				}
			}
		}
	}
}

var variable = regexp.MustCompile(`\bGALLA_[A-Z_]+`)

// Every setting that deploy/ hands to the controller is a flag of serve.
func TestSettingsAreFlagsOfTheController(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "run", "./cmd/galla-controller", "serve", "--help")
	cmd.Dir = filepath.Join(root, "controller")
	help, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, help)
	}
	// These stand for values in compose.yaml itself, not for settings.
	ofCompose := []string{"GALLA_VERSION"}
	for _, file := range []string{"compose.yaml", "systemd/galla-controller.service"} {
		names := variable.FindAllString(read(t, file), -1)
		if len(names) < 5 {
			t.Errorf("%s sets %v only", file, names)
		}
		for _, name := range names {
			if slices.Contains(ofCompose, name) {
				continue
			}
			flag := "--" + strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, "GALLA_")), "_", "-")
			if !regexp.MustCompile(regexp.QuoteMeta(flag) + `[\s=]`).Match(help) {
				t.Errorf("%s: %s, but serve has no %s", file, name, flag)
			}
		}
	}
}

// The image is built from what the Dockerfile copies and runs without rights.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	text := read(t, "Dockerfile")
	release := regexp.MustCompile(`(?m)^FROM golang:(1\.26\.\d+) AS build$`)
	if !release.MatchString(text) {
		t.Error("the Go release is not pinned to 1.26")
	}
	for _, line := range []string{"USER 65532:65532", "FROM scratch", `ENTRYPOINT ["/galla-controller"]`} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
	copied := regexp.MustCompile(`(?m)^COPY (\w+) (\w+)$`).FindAllStringSubmatch(text, -1)
	mod, err := os.ReadFile(filepath.Join(root, "controller", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	have := []string{}
	for _, c := range copied {
		have = append(have, c[1])
	}
	for _, needed := range regexp.MustCompile(`=> \.\./(\w+)`).FindAllStringSubmatch(string(mod), -1) {
		if !slices.Contains(have, needed[1]) {
			t.Errorf("controller/go.mod needs ../%s, which is not copied", needed[1])
		}
		if !strings.Contains(read(t, "Dockerfile.dockerignore"), "!"+needed[1]+"\n") {
			t.Errorf("Dockerfile.dockerignore hides %s", needed[1])
		}
	}
}
