package identity

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/protocol"
)

var us = protocol.Identity{MerchantID: "MERCHANTUAT", StoreID: "teststore1", TerminalID: "testterminal1"}

// key is a key that is the same in every run.
func key(name string) protocol.SigningKey {
	seed := sha256.Sum256([]byte(name))
	return protocol.NewSigningKey(ed25519.NewKeyFromSeed(seed[:]))
}

func public(k protocol.SigningKey) ed25519.PublicKey { return k.Private.Public().(ed25519.PublicKey) }

func keySet(t *testing.T, root string, version uint64, online ...string) []byte {
	t.Helper()
	var keys []ed25519.PublicKey
	for _, name := range online {
		keys = append(keys, public(key(name)))
	}
	set, err := protocol.SignKeySet(key(root), version, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// goodAnswer is what an honest controller answers.
func goodAnswer(t *testing.T) protocol.EnrolAnswer {
	t.Helper()
	return protocol.EnrolAnswer{
		Identity: us,
		Token:    "token-256-bits",
		Brokers:  []string{"mqtt://127.0.0.1:1883", "mqtts://broker.example:8883"},
		RootKey:  public(key("root")),
		KeySet:   string(keySet(t, "root", 3, "online 1")),
	}
}

func openStore(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keep(t *testing.T, s *Store, a protocol.EnrolAnswer) *Credentials {
	t.Helper()
	c, err := s.Keep(us, a)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func load(t *testing.T, dir string) *Credentials {
	t.Helper()
	c, err := openStore(t, dir).Load(us)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func believes(c *Credentials, name string) bool {
	_, ok := c.Keys()[key(name).ID]
	return ok
}

func TestCredentialsSurviveAPowerCut(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	s := openStore(t, dir)
	if _, err := s.Load(us); !errors.Is(err, ErrNotEnrolled) {
		t.Fatalf("a new store answers %v", err)
	}
	made, err := s.Key()
	if err != nil {
		t.Fatal(err)
	}
	// The power goes between key and answer: the same key asks again.
	again, err := openStore(t, dir).Key()
	if err != nil || !made.Equal(again) {
		t.Fatalf("another key was made: %v", err)
	}
	if _, err := openStore(t, dir).Load(us); !errors.Is(err, ErrNotEnrolled) {
		t.Fatalf("a key alone answers %v", err)
	}
	kept := keep(t, s, goodAnswer(t))
	for _, c := range []*Credentials{kept, load(t, dir)} {
		if c.Identity != us || c.Token != "token-256-bits" || !slices.Equal(c.Brokers, goodAnswer(t).Brokers) ||
			!c.Key.Private.Equal(made) || c.Key.ID != protocol.NewSigningKey(made).ID || !believes(c, "online 1") {
			t.Fatalf("credentials are %+v", c)
		}
	}
	// Nobody else can read any of it.
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
}

func TestAStoreInMemory(t *testing.T) {
	t.Parallel()
	s := openStore(t, "")
	a, errA := s.Key()
	b, errB := s.Key()
	if errA != nil || errB != nil || !a.Equal(b) {
		t.Fatal("two keys")
	}
	c := keep(t, s, goodAnswer(t))
	if updated, err := c.Update(keySet(t, "root", 4, "online 2")); !updated || err != nil {
		t.Fatalf("update: %v, %v", updated, err)
	}
	if _, err := s.Load(us); !errors.Is(err, ErrNotEnrolled) {
		t.Fatalf("memory remembers: %v", err)
	}
}

func TestWhatIsLeftOfAWriteGoes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	left := filepath.Join(dir, keyFile+unfinished+"123")
	if err := os.WriteFile(left, []byte("half a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	openStore(t, dir)
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%s is still there: %v", left, err)
	}
}

func TestCredentialsThatAreNotBelieved(t *testing.T) {
	t.Parallel()
	replace := func(name, text string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	edit := func(name, old, new string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || !strings.Contains(string(b), old) {
				t.Fatalf("%s has no %q: %v", name, old, err)
			}
			replace(name, strings.Replace(string(b), old, new, 1))(t, dir)
		}
	}
	for name, c := range map[string]struct {
		spoil func(*testing.T, string)
		says  string
	}{
		"readable by others": {func(t *testing.T, dir string) {
			if err := os.Chmod(filepath.Join(dir, keyFile), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "may be read by others (mode 0644)"},
		"no key":              {func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, keyFile)) }, "device.key: no such file"},
		"no key set":          {func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, keySetFile)) }, "keyset.jws: no such file"},
		"key is garbage":      {replace(keyFile, "garbage"), "not one PEM PRIVATE KEY"},
		"two keys":            {edit(keyFile, "-----END PRIVATE KEY-----", "-----END PRIVATE KEY-----\nmore"), "not one PEM PRIVATE KEY"},
		"enrolment cut short": {replace(enrolmentFile, `{"identity":"MER`), "enrolment.json: unexpected EOF"},
		"unknown field":       {edit(enrolmentFile, `"token"`, `"x":1,"token"`), `unknown field "x"`},
		"another terminal":    {edit(enrolmentFile, "testterminal1", "testterminal2"), "credentials are for MERCHANTUAT.teststore1.testterminal2"},
		"no token":            {edit(enrolmentFile, "token-256-bits", ""), "no token"},
		"key set of another":  {func(t *testing.T, dir string) { replace(keySetFile, string(keySet(t, "thief", 9, "thief 1")))(t, dir) }, "key set: message is signed by a key"},
		"huge file":           {replace(keySetFile, strings.Repeat("x", maxFile+1)), "has 65537 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			keep(t, openStore(t, dir), goodAnswer(t))
			c.spoil(t, dir)
			got, err := openStore(t, dir).Load(us)
			if err == nil || errors.Is(err, ErrNotEnrolled) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, %v; want %q", got, err, c.says)
			}
		})
	}
	// A key file that cannot be used is never replaced by a new key.
	dir := t.TempDir()
	replace(keyFile, "garbage")(t, dir)
	if _, err := openStore(t, dir).Key(); err == nil {
		t.Fatal("a new key was made over the old one")
	}
}

// TestKeySetsOnlyGoForward: online keys are replaced by key sets that the pinned
// root key has signed, each newer than the one before, also over a power cut; no
// online key brings in another (failure matrix R18, T1).
func TestKeySetsOnlyGoForward(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := keep(t, openStore(t, dir), goodAnswer(t)) // version 3
	empty, err := key("root").Sign(protocol.PurposeKeys, protocol.KeySet{V: protocol.KeySetVersion, Type: protocol.TypeKeys, Version: 9})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		name    string
		set     []byte
		updated bool
		err     error
	}{
		{"older", keySet(t, "root", 2, "online 0"), false, nil},
		{"the same version", keySet(t, "root", 3, "online 0"), false, nil},
		{"signed by an online key", keySet(t, "online 1", 9, "thief 1"), false, protocol.ErrUnknownKey},
		{"signed by a stranger", keySet(t, "thief", 9, "thief 1"), false, protocol.ErrUnknownKey},
		{"without keys", empty, false, protocol.ErrForm},
		{"garbage", []byte("garbage"), false, protocol.ErrForm},
		{"newer", keySet(t, "root", 4, "online 2"), true, nil},
		{"the one before", keySet(t, "root", 3, "online 1"), false, nil},
	} {
		updated, err := c.Update(s.set)
		if updated != s.updated || !errors.Is(err, s.err) {
			t.Fatalf("%s: %v, %v; want %v, %v", s.name, updated, err, s.updated, s.err)
		}
		if believes(c, "thief 1") || believes(c, "online 0") {
			t.Fatalf("%s: its key is believed", s.name)
		}
	}
	for _, c := range []*Credentials{c, load(t, dir)} {
		if believes(c, "online 1") || !believes(c, "online 2") {
			t.Fatalf("believes %v", c.Keys())
		}
	}
	// A disk that takes nothing: the set is used, and the error says so.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if updated, err := c.Update(keySet(t, "root", 5, "online 3")); !updated || err == nil || !believes(c, "online 3") {
		t.Fatalf("without a disk: %v, %v", updated, err)
	}
}

func TestBrokersAndControllers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		broker string
		ok     bool
	}{
		{"mqtt://127.0.0.1:1883", true},
		{"mqtts://broker.example:8883", true},
		{"mqtt://broker.example", true},
		{"mqtt://[::1]:1883", true},
		{"tcp://127.0.0.1:1883", false},
		{"mqtt://user:password@127.0.0.1:1883", false},
		{"mqtt://127.0.0.1:1883/path", false},
		{"mqtt://:1883", false},
		{"127.0.0.1:1883", false},
		{"", false},
	} {
		if err := CheckBrokers([]string{c.broker}); (err == nil) != c.ok {
			t.Errorf("broker %q: %v", c.broker, err)
		}
	}
	if CheckBrokers(nil) == nil {
		t.Error("no broker is fine")
	}
	for _, c := range []struct {
		controller string
		ok         bool
	}{
		{"http://127.0.0.1:8080", true},
		{"https://pay.example/", true},
		{"https://pay.example/api", false},
		{"mqtt://127.0.0.1:1883", false},
		{"http://user@127.0.0.1", false},
		{"http://", false},
		{"127.0.0.1:8080", false},
		{"", false},
	} {
		if err := CheckController(c.controller); (err == nil) != c.ok {
			t.Errorf("controller %q: %v", c.controller, err)
		}
	}
}
