package deploycheck

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// natsLines are the lines of a NATS configuration without comments and texts.
func natsLines(t *testing.T, name string) []string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(read(t, name)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// settings are the keys of a flat NATS configuration.
func settings(t *testing.T, name string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, line := range natsLines(t, name) {
		key, value, ok := strings.Cut(line, ":")
		if _, twice := all[key]; !ok || twice {
			t.Errorf("deploy/%s: %q", name, line)
		}
		all[key] = strings.TrimSpace(value)
	}
	return all
}

var (
	natsVariable = regexp.MustCompile(`(?:^|[\s:,\[])\$([a-z_]+)\b`)
	quotedTexts  = regexp.MustCompile(`"[^"]*"`)
)

// TestNATSVariables: what nats.conf takes from the files beside it stands in their
// examples, and nothing else does.
func TestNATSVariables(t *testing.T) {
	t.Parallel()
	conf := natsLines(t, "nats/nats.conf")
	node, secrets := settings(t, "nats/node.example.conf"), settings(t, "nats/secrets.example.conf")
	for _, file := range []string{"include ./node.conf", "include ./secrets.conf"} {
		if !slices.Contains(conf, file) {
			t.Errorf("nats.conf lacks %q", file)
		}
	}
	used := map[string]bool{}
	open := 0
	for _, line := range conf {
		line = quotedTexts.ReplaceAllString(line, `""`)
		for _, m := range natsVariable.FindAllStringSubmatch(line, -1) {
			used[m[1]] = true
			_, ofNode := node[m[1]]
			_, secret := secrets[m[1]]
			if ofNode == secret {
				t.Errorf("$%s: in node.example.conf %v, in secrets.example.conf %v", m[1], ofNode, secret)
			}
		}
		open += strings.Count(line, "{") + strings.Count(line, "[") - strings.Count(line, "}") - strings.Count(line, "]")
	}
	if open != 0 {
		t.Errorf("%d brackets are not closed", open)
	}
	for _, given := range []map[string]string{node, secrets} {
		for key := range given {
			if !used[key] {
				t.Errorf("nats.conf does not use $%s", key)
			}
		}
	}
	// An example that works would be used.
	for key, value := range secrets {
		if value != `"change-me"` && value != `"A-that-public-key"` {
			t.Errorf("secrets.example.conf gives %s a value: %s", key, value)
		}
	}
}

// TestNATSLetsNobodyPast: whoever is not asked about is a user of the file, and
// terminals cannot read the questions, which hold tokens.
func TestNATSLetsNobodyPast(t *testing.T) {
	t.Parallel()
	text := strings.Join(natsLines(t, "nats/nats.conf"), "\n")
	one := func(pattern string) string {
		t.Helper()
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1)
		if len(found) != 1 {
			t.Fatalf("nats.conf holds %q %d times", pattern, len(found))
		}
		return found[0][1]
	}
	users := strings.Split(one(`auth_users: \[([^\]]*)\]`), ", ")
	var have []string
	for _, m := range regexp.MustCompile(`user: ([a-z-]+), password: \$[a-z_]+`).FindAllStringSubmatch(text, -1) {
		have = append(have, m[1])
	}
	slices.Sort(users)
	slices.Sort(have)
	if !slices.Equal(users, have) || strings.Contains(text, "no_auth_user") || strings.Contains(text, "allow_non_tls") {
		t.Errorf("auth_users are %v, users %v", users, have)
	}
	callout, messages := one(`(?m)^account: ([A-Z]+)`), one(`(?m)^([A-Z]+) \{\njetstream: enabled`)
	if callout == messages || one(`(?m)^system_account: ([A-Z]+)`) == messages {
		t.Errorf("questions are asked in %s, messages go through %s", callout, messages)
	}
	// The flags' own values are those of the file.
	source, err := os.ReadFile(filepath.Join(root, "controller/cmd/galla-controller/broker_nats.go"))
	if err != nil {
		t.Fatal(err)
	}
	for flag, value := range map[string]string{"nats-auth-account": messages, "nats-auth-username": "galla-auth"} {
		if !regexp.MustCompile("`name:\"" + flag + `" default:"` + value + `"`).Match(source) {
			t.Errorf("--%s is not %s by itself", flag, value)
		}
	}
	if !slices.Contains(users, "galla-auth") || !slices.Contains(users, "galla-controller") {
		t.Errorf("auth_users are %v", users)
	}
}
