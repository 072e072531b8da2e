package main

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the sessions, the guides and their pictures anew")

// asProgram has this test binary be galla-agent itself.
const asProgram = "GALLA_AGENT_IS_THE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// unsteady is what differs from run to run, and what stands for it.
var unsteady = []struct {
	pattern *regexp.Regexp
	stands  string
}{
	{regexp.MustCompile(`\d+m?s, \d+ MB free`), "N ms, N MB free"},
	{regexp.MustCompile(`"ms": [1-9]\d*`), `"ms": N`},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`), "TIME"},
}

// TestSessions runs what testdata/sessions says, line by line, with the real
// program as a process of its own, and compares what it prints. A line that begins
// with $ is a command; what follows is its standard output, its standard error
// marked by "! ", and its exit code if it is not 0.
func TestSessions(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/sessions/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("there are none", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := session(t, string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(text) {
				t.Errorf("%s is not so any more (-update writes it anew). Now it is:\n%s", file, got)
			}
		})
	}
}

// session runs the commands of a session and returns it with what they print now.
func session(t *testing.T, text string) string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	prepare(t, work)
	var b strings.Builder
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		heading := strings.HasPrefix(line, "#")
		if heading || line == "\n" && i+1 < len(lines) && strings.HasPrefix(lines[i+1], "#") {
			b.WriteString(line)
			continue
		}
		args, is := strings.CutPrefix(line, "$ galla-agent")
		if !is {
			continue // what it printed before
		}
		b.WriteString(line)
		var out, errs strings.Builder
		cmd := exec.CommandContext(t.Context(), program, strings.Fields(args)...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = work, &out, &errs
		cmd.Env = append(os.Environ(), asProgram+"=1", "NOTIFY_SOCKET=", "GORACE=exitcode=97")
		err := cmd.Run()
		b.WriteString(steady(out.String(), work))
		for _, line := range strings.SplitAfter(steady(errs.String(), work), "\n") {
			if line != "" {
				b.WriteString("! " + line)
			}
		}
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			b.WriteString("exit " + exit.ProcessState.String()[len("exit status "):] + "\n")
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// steady is what was printed, without what differs from run to run.
func steady(text, work string) string {
	text = strings.ReplaceAll(text, work, "WORK")
	for _, u := range unsteady {
		text = u.pattern.ReplaceAllString(text, u.stands)
	}
	return text
}

// prepare makes the files that sessions name: a terminal whose lines no device
// has, and one whose configuration is wrong.
func prepare(t *testing.T, work string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(work, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"agent.toml": displayConfig(filepath.Join(work, "data")),
		"wrong.toml": displayConfig(filepath.Join(work, "data"), `language = "fr"`),
	} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
