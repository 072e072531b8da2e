package identity

import (
	"crypto/ed25519"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/protocol"
)

// files is a folder's.
type files map[string]string

func filesIn(t *testing.T, dir string) files {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := files{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(text)
	}
	return all
}

// folder is a new one with these files.
func (f files) folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range f {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// newAnswer is what another controller answers.
func newAnswer(t *testing.T) protocol.EnrolAnswer {
	t.Helper()
	a := goodAnswer(t)
	a.Token, a.RootKey, a.KeySet = "new token", public(key("new root")), string(keySet(t, "new root", 1, "new online"))
	return a
}

// TestAPowerCutWhileEnrolling: whatever was stored before, and wherever the
// power goes while another enrolment takes its place, what is there afterwards
// is the old one or the new one, and works.
func TestAPowerCutWhileEnrolling(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, s *Store){
		"over nothing":                 func(*testing.T, *Store) {},
		"over the sandbox's":           func(t *testing.T, s *Store) { keep(t, s, goodAnswer(t)) },
		"over the sandbox's, key sets": func(t *testing.T, s *Store) { update(t, keep(t, s, goodAnswer(t)), "root", 7) },
		"over one by a code":           func(t *testing.T, s *Store) { replace(t, s, goodAnswer(t)) },
		"over one by a code, key sets": func(t *testing.T, s *Store) { update(t, replace(t, s, goodAnswer(t)), "root", 7) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			prepare(t, openStore(t, dir))
			device, err := openStore(t, dir).PendingKey()
			if err != nil {
				t.Fatal(err)
			}
			before := filesIn(t, dir)
			if _, err := openStore(t, dir).Replace(device, newAnswer(t), Transport{}); err != nil {
				t.Fatal(err)
			}
			after := filesIn(t, dir)

			// It takes effect by one file; the others are only removed, after it.
			var removed []string
			for name, text := range before {
				if now, ok := after[name]; !ok {
					removed = append(removed, name)
				} else if name != enrolmentFile && now != text {
					t.Errorf("%s was changed", name)
				}
			}
			if len(after) != 1 || after[enrolmentFile] == "" {
				t.Fatalf("afterwards there are %v", slices.Collect(maps.Keys(after)))
			}

			old := func(f files, what string) {
				t.Helper()
				c, err := openStore(t, f.folder(t)).Load(us)
				if name == "over nothing" {
					if !errors.Is(err, ErrNotEnrolled) {
						t.Errorf("%s: %v", what, err)
					}
				} else if err != nil || c.Token != "token-256-bits" || believes(c, "new online") || strings.Contains(name, "key sets") != believes(c, "later") {
					t.Errorf("%s: %+v, %v", what, c, err)
				}
				if again, err := openStore(t, f.folder(t)).PendingKey(); err != nil || !again.Equal(device) {
					t.Errorf("%s: another key is made: %v", what, err)
				}
			}
			isNew := func(f files, what string) {
				t.Helper()
				c, err := openStore(t, f.folder(t)).Load(us)
				if err != nil || c.Token != "new token" || !c.Key.Private.Equal(device) || !believes(c, "new online") || believes(c, "online 1") || believes(c, "later") {
					t.Errorf("%s: %+v, %v", what, c, err)
				}
				if next, err := openStore(t, f.folder(t)).PendingKey(); err != nil || next.Equal(device) {
					t.Errorf("%s: the key is used again: %v", what, err)
				}
			}
			old(before, "before")
			text := after[enrolmentFile]
			for _, written := range []int{0, 1, len(text) / 2, len(text) - 1, len(text)} {
				cut := maps.Clone(before)
				cut[enrolmentFile+unfinished+"1"] = text[:written]
				old(cut, "while it is written")
			}
			for n := range 1 << len(removed) { // removed in any order
				cut := maps.Clone(before)
				cut[enrolmentFile] = text
				for i, name := range removed {
					if n&(1<<i) != 0 && name != enrolmentFile {
						delete(cut, name)
					}
				}
				isNew(cut, "after it is in place")
			}
		})
	}
}

func replace(t *testing.T, s *Store, a protocol.EnrolAnswer) *Credentials {
	t.Helper()
	device, err := s.PendingKey()
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Replace(device, a, Transport{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// update is a key set that comes by wire.
func update(t *testing.T, c *Credentials, root string, version uint64) {
	t.Helper()
	if updated, err := c.Update(keySet(t, root, version, "later")); !updated || err != nil {
		t.Fatalf("update: %v, %v", updated, err)
	}
}

// TestKeySetsAfterAnEnrolmentByCode: the newest counts, at whichever place it
// lies, and one that is not signed by the root key stops the terminal.
func TestKeySetsAfterAnEnrolmentByCode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := replace(t, openStore(t, dir), goodAnswer(t)) // version 3
	for _, c := range []*Credentials{c, load(t, dir)} {
		if !believes(c, "online 1") {
			t.Fatalf("believes %v", c.Keys())
		}
	}
	update(t, c, "root", 5)
	c = load(t, dir)
	if !believes(c, "later") || believes(c, "online 1") {
		t.Fatalf("believes %v", c.Keys())
	}
	if updated, err := c.Update(keySet(t, "root", 4, "online 0")); updated || err != nil {
		t.Errorf("an older one: %v, %v", updated, err)
	}
	// Enrolled anew at the same controller, whose set is newer by now; the power
	// goes before the old set is removed.
	left := filesIn(t, dir)
	a := goodAnswer(t)
	a.KeySet = string(keySet(t, "root", 9, "newest"))
	replace(t, openStore(t, dir), a)
	both := filesIn(t, dir)
	for name, text := range left {
		if name != enrolmentFile {
			both[name] = text
		}
	}
	if c := load(t, both.folder(t)); !believes(c, "newest") || believes(c, "later") {
		t.Errorf("believes %v", c.Keys())
	}

	root := ed25519.PublicKey(goodAnswer(t).RootKey)
	for name, text := range map[string]string{
		"garbage": "garbage", "a stranger's": string(keySet(t, "thief", 99, "thief 1")), "nothing": "",
	} {
		spoilt := filesIn(t, dir)
		spoilt[laterKeySet(root)] = text
		if c, err := openStore(t, spoilt.folder(t)).Load(us); err == nil || !strings.Contains(err.Error(), "key set") {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

// TestEnrolmentsByCodeThatAreNotBelieved: what was spoilt on the disk stops the
// terminal with a reason.
func TestEnrolmentsByCodeThatAreNotBelieved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	replace(t, openStore(t, dir), goodAnswer(t))
	good := filesIn(t, dir)[enrolmentFile]
	for says, spoil := range map[string]func(string) string{
		"credentials are for":      func(s string) string { return strings.Replace(s, "testterminal1", "testterminal2", 1) },
		"no token":                 func(s string) string { return strings.Replace(s, "token-256-bits", "", 1) },
		"not one PEM PRIVATE KEY":  func(s string) string { return strings.Replace(s, "BEGIN PRIVATE", "BEGIN PUBLIC", 1) },
		"key set":                  func(s string) string { return strings.Replace(s, `"keySet": "ey`, `"keySet": "eyy`, 1) },
		`unknown field "tokens"`:   func(s string) string { return strings.Replace(s, `"token"`, `"tokens"`, 1) },
		"device.key: no such file": func(s string) string { return strings.Replace(s, `"key": "-`, `"key": "", "keySet": "-`, 1) },
	} {
		bad := spoil(good)
		if bad == good {
			t.Fatalf("%s: nothing spoilt in\n%s", says, good)
		}
		if c, err := openStore(t, files{enrolmentFile: bad}.folder(t)).Load(us); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, %v; want %q", c, err, says)
		}
	}
}
