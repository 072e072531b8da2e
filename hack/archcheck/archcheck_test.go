package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// plant makes a world out of lines "package: import, import"; "test" in front
// of the import makes it one of the package's tests. What is imported but has
// no line of its own imports nothing.
func plant(lines ...string) *world {
	w := &world{packages: map[string]*pkg{}}
	get := func(path string) *pkg {
		first, _, _ := strings.Cut(path, "/")
		ours := slices.Contains([]string{"protocol", "agent", "controller", "firmware-sim", "hack"}, first)
		if ours {
			path = prefix + path
		}
		if w.packages[path] == nil {
			name := "x"
			if strings.Contains(path, "/cmd/") {
				name = "main"
			}
			w.packages[path] = &pkg{ImportPath: path, Name: name, Standard: !ours && !strings.Contains(first, ".")}
		}
		return w.packages[path]
	}
	for _, line := range lines {
		from, imports, _ := strings.Cut(line, ": ")
		p := get(from)
		for word := range strings.SplitSeq(imports, ", ") {
			if path, ok := strings.CutPrefix(word, "test "); ok {
				p.XTestImports = append(p.XTestImports, get(path).ImportPath)
			} else if word != "" {
				p.Imports = append(p.Imports, get(word).ImportPath)
			}
		}
	}
	return w
}

func TestHouseRules(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		world []string
		want  []string // what each broken line starts with; none: the rules are kept
	}{
		{"a house in order", []string{
			"controller/cmd/galla-controller: controller/internal/payapi, controller/internal/postgres, controller/internal/callback",
			"controller/internal/payapi: controller/internal/decide, controller/internal/journal, github.com/gin-gonic/gin, net/http",
			"controller/internal/decide: controller/internal/payment, controller/internal/quote, protocol, time",
			"controller/internal/journal: controller/internal/decide, controller/internal/journal/table, time",
			"controller/internal/postgres: controller/internal/payment, github.com/jackc/pgx/v5/pgxpool, test hack/testservers",
			"controller/internal/callback: controller/internal/callback/callbacktest, net/http",
			"controller/internal/payment: protocol, protocol/upiuri",
			"agent/cmd/galla-agent: agent, periph.io/x/host/v3",
			"agent: agent/panel, github.com/eclipse/paho.mqtt.golang",
			"firmware-sim/terminal: agent, agent/panel/paneltest",
			"protocol: github.com/go-jose/go-jose/v4, encoding/json, test pgregory.net/rapid",
		}, nil},
		{"door to door", []string{"controller/internal/payapi: controller/internal/upiapi"},
			[]string{"controller/internal/payapi imports controller/internal/upiapi: a door"}},
		{"door to door through a third", []string{
			"controller/internal/payapi: controller/internal/glue", "controller/internal/glue: controller/internal/console/page"},
			[]string{"controller/internal/payapi imports controller/internal/console/page through controller/internal/glue: a door"}},
		{"door to storage", []string{"controller/internal/mqttlink: controller/internal/sqlite"},
			[]string{"controller/internal/mqttlink imports controller/internal/sqlite: doors know"}},
		{"door to SQL", []string{"controller/internal/callback: github.com/jackc/pgx/v5", "controller/internal/console: database/sql"},
			[]string{"controller/internal/callback imports github.com/jackc/pgx/v5: doors", "controller/internal/console imports database/sql: doors"}},
		{"a door's test may use a real storage", []string{"controller/internal/payapi: test controller/internal/sqlite"}, nil},
		{"what a stranger's library does inside is its business", []string{
			"controller/internal/payapi: github.com/gin-gonic/gin", "github.com/gin-gonic/gin: database/sql"}, nil},
		{"noun to noun", []string{"controller/internal/payment: controller/internal/quote"},
			[]string{"controller/internal/payment imports controller/internal/quote: the nouns"}},
		{"noun to a stranger", []string{"controller/internal/fleet: github.com/google/uuid"},
			[]string{"controller/internal/fleet imports github.com/google/uuid: the nouns"}},
		{"decide to the journal", []string{"controller/internal/decide: controller/internal/journal"},
			[]string{"controller/internal/decide imports controller/internal/journal: decide"}},
		{"pure to the world", []string{"controller/internal/quote: net/http", "controller/internal/decide: database/sql", "agent/internal/machine: os"},
			[]string{"agent/internal/machine imports os: a pure", "controller/internal/decide imports database/sql: a pure", "controller/internal/quote imports net/http: a pure"}},
		{"journal to a door and a storage", []string{"controller/internal/journal: controller/internal/payapi, controller/internal/postgres"},
			[]string{"controller/internal/journal imports controller/internal/payapi: the journal", "controller/internal/journal imports controller/internal/postgres: the journal"}},
		{"storage to a door", []string{"controller/internal/sqlite: controller/internal/callback"},
			[]string{"controller/internal/sqlite imports controller/internal/callback: storages"}},
		{"agent to the cloud's libraries, even inside a stranger, even in a test", []string{
			"agent: example.org/big", "example.org/big: github.com/jackc/pgx/v5", "agent/internal/spool: test modernc.org/sqlite"},
			[]string{"agent imports github.com/jackc/pgx/v5 through example.org/big: the device", "agent/internal/spool imports modernc.org/sqlite: the device"}},
		{"agent opens hardware by name", []string{"agent/panel: periph.io/x/conn/v3/spi/spireg"},
			[]string{"agent/panel imports periph.io/x/conn/v3/spi/spireg: hardware"}},
		{"controller and agent meet in a test", []string{"controller/internal/mqttlink: test agent"},
			[]string{"controller/internal/mqttlink imports agent: controller and agent"}},
		{"firmware-sim knows the controller", []string{"firmware-sim/demo: controller/internal/payment"},
			[]string{"firmware-sim/demo imports controller/internal/payment: firmware-sim"}},
		{"protocol brings a library in", []string{"protocol/upiuri: github.com/google/uuid"},
			[]string{"protocol/upiuri imports github.com/google/uuid: protocol"}},
		{"a shipped program holds developers' tools", []string{"firmware-sim/cmd/galla-sim: firmware-sim/demo", "firmware-sim/demo: hack/testservers"},
			[]string{"firmware-sim/cmd/galla-sim imports hack/testservers through firmware-sim/demo: hack helps"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			broken, err := check(plant(row.world...), houseRules)
			if err != nil {
				t.Fatal(err)
			}
			if len(broken) != len(row.want) {
				t.Fatalf("got %d broken rules, want %d:\n%s", len(broken), len(row.want), strings.Join(broken, "\n"))
			}
			for i, want := range row.want {
				if !strings.HasPrefix(broken[i], want) {
					t.Errorf("got  %s\nwant %s...", broken[i], want)
				}
			}
		})
	}
}

// Every row of the table, with every pattern on both sides, is able to fail.
func TestEveryRuleBites(t *testing.T) {
	t.Parallel()
	path := func(pattern string) string {
		pattern = strings.TrimSuffix(pattern, "/...")
		switch pattern {
		case "ours":
			return "hack/new"
		case "strangers":
			return "example.org/stranger"
		}
		return pattern
	}
	for _, r := range houseRules {
		if r.why == "" {
			t.Errorf("the rule for %v has no reason", r.from)
		}
		for _, from := range r.from {
			for _, never := range r.never {
				if from == never {
					continue // a package and itself
				}
				broken, err := check(plant(path(from)+": "+path(never)), []rule{r})
				if err != nil {
					t.Fatal(err)
				}
				if len(broken) != 1 {
					t.Errorf("%s may import %s: %v", from, never, broken)
				}
			}
		}
	}
}

// The same through the toolchain: a tree on disk that breaks rules is reported,
// and the tree without them is not.
func TestPlantedTreeIsReported(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.work", "go 1.26\n\nuse ./controller\n")
	write("controller/go.mod", "module "+prefix+"controller\n\ngo 1.26\n")
	write("controller/internal/payapi/payapi.go", "package payapi\n\nimport _ \""+prefix+"controller/internal/decide\"\n")
	write("controller/internal/decide/decide.go", "package decide\n\nimport \"time\"\n\n// Limit is no clock.\nconst Limit = time.Second\n")
	// Sees only what a rule for tests names.
	write("controller/internal/decide/decide_test.go", "package decide\n\nimport \"time\"\n\nvar _ = time.Now\n")
	reports := func(wantCode int, want ...string) {
		t.Helper()
		var out, errs strings.Builder
		code := run(filepath.Join(root, "controller"), &out, &errs)
		if code != wantCode {
			t.Fatalf("ended with %d, want %d\n%s%s", code, wantCode, out.String(), errs.String())
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != len(want) {
			t.Fatalf("got %d lines, want %d:\n%s", len(lines), len(want), out.String())
		}
		for i := range want {
			if !strings.HasPrefix(lines[i], want[i]) {
				t.Errorf("got  %s\nwant %s...", lines[i], want[i])
			}
		}
	}
	reports(0, "archcheck: 2 packages keep ")

	write("controller/internal/sqlite/sqlite.go", "package sqlite\n\nimport _ \"database/sql\"\n")
	write("controller/internal/payapi/sql.go", "package payapi\n\nimport _ \""+prefix+"controller/internal/sqlite\"\n")
	write("controller/internal/decide/clock.go", "package decide\n\nimport clock \"time\"\n\nvar Started = clock.Now()\n")
	write("controller/helper/helper.go", "package helper\n")
	reports(1,
		"controller/helper is public: ",
		"controller/internal/decide/clock.go:5 uses time.Now: ",
		"controller/internal/payapi imports controller/internal/sqlite: doors know decisions",
	)

	write("go.work", "not a workspace\n")
	var out, errs strings.Builder
	if code := run(root, &out, &errs); code != 2 || !strings.Contains(errs.String(), "archcheck: go list") {
		t.Errorf("a broken workspace: code %d, %q", code, errs.String())
	}
}

func TestThisHouseKeepsItsRules(t *testing.T) {
	t.Parallel()
	var out, errs strings.Builder
	if code := run(".", &out, &errs); code != 0 {
		t.Errorf("ended with %d\n%s%s", code, out.String(), errs.String())
	}
}
