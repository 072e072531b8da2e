package doctor_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/galla-pay/galla/agent/internal/doctor"
	"github.com/galla-pay/galla/agent/internal/spool"
)

func TestDisk(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		make func(t *testing.T, dir string) // dir is there, with mode 0700
		want string                         // a regular expression; DIR is dir
	}{
		"well":      {func(*testing.T, string) {}, `^good: DIR, modes 0700 and 0600, one write \d+m?s, \d+ MB free$`},
		"not there": {func(t *testing.T, dir string) { check(t, os.Remove(dir)) }, `^bad: DIR does not exist -> enrol the terminal`},
		"a file": {func(t *testing.T, dir string) {
			check(t, os.Remove(dir))
			check(t, os.WriteFile(dir, nil, 0o600))
		}, `^bad: DIR is no folder -> name a folder by data-dir$`},
		"open to others": {func(t *testing.T, dir string) { check(t, os.Chmod(dir, 0o750)) },
			`^bad: DIR may be read by others \(mode 0750\) -> chmod 700 DIR, and think of the keys in it as stolen`},
		"a file open to others": {func(t *testing.T, dir string) {
			check(t, os.WriteFile(filepath.Join(dir, "device.key"), nil, 0o600))
			check(t, os.WriteFile(filepath.Join(dir, "spool.db"), nil, 0o600))
			check(t, os.Chmod(filepath.Join(dir, "spool.db"), 0o644))
		}, `^bad: DIR/spool\.db may be read by others \(mode 0644\) -> chmod 600 DIR/spool\.db`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			check(t, os.Mkdir(dir, 0o700))
			test.make(t, dir)
			before := listing(dir)
			got, took := one(t, doctor.Disk(dir))
			want := regexp.MustCompile(regexp.MustCompile(`DIR`).ReplaceAllString(test.want, regexp.QuoteMeta(dir)))
			if !want.MatchString(got) {
				t.Errorf("%s, want %s", got, want)
			}
			if (name == "well") != (took > 0) {
				t.Errorf("a write took %v", took)
			}
			if after := listing(dir); after != before {
				t.Errorf("it left %s behind, there was %s", after, before)
			}
		})
	}
}

// TestInUse: the lock is the spool's, and while the doctor looks no agent starts.
func TestInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if release, inUse, err := doctor.InUse(dir); inUse || err != nil {
		t.Errorf("a folder where none ever ran: %v, %v", inUse, err)
	} else {
		release()
	}
	if got := listing(dir); got != "[]" {
		t.Errorf("it left %s behind", got)
	}
	agent, err := spool.Open(filepath.Join(dir, "spool.db"))
	check(t, err)
	if _, inUse, err := doctor.InUse(dir); !inUse || err != nil {
		t.Errorf("while an agent runs: %v, %v", inUse, err)
	}
	check(t, agent.Close())
	release, inUse, err := doctor.InUse(dir)
	if inUse || err != nil {
		t.Fatalf("after it ended: %v, %v", inUse, err)
	}
	if _, err := spool.Open(filepath.Join(dir, "spool.db")); err == nil {
		t.Error("an agent starts while the doctor looks")
	}
	release()
	agent, err = spool.Open(filepath.Join(dir, "spool.db"))
	check(t, err)
	check(t, agent.Close())
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// listing is what is in a folder.
func listing(dir string) string {
	var names []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return fmt.Sprint(names)
}
