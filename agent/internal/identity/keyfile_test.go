package identity

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Keys as openssl genpkey writes them, of ed25519 and of P-256.
const (
	byOpenSSL = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIDr/GvRHRkuCJyCcv+NMzF6NBdNJImNPtC4oY4pZb/wG\n-----END PRIVATE KEY-----\n"
	onP256    = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgd2V7BKmeCC1sQsKP\n+kF1Iyk0Sivu0gBJHBPdlJpPvnihRANCAAS2OG9BPl8DRkBzAHnDyQkKrXOVMAPW\nZclG9r+zliegOuYg9SXOsa6nkIrvXzA0Y10WHe8v5h4Lc4QV0gsIda/e\n-----END PRIVATE KEY-----\n"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// openWith opens a store whose key is elsewhere.
func openWith(t *testing.T, dir, keyFile string) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir, KeyFile: keyFile})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAKeyThatIsElsewhere: both enrolments use the key in that file, make one with
// mode 0600 where there is none, and never write it into the folder. After a power
// cut the enrolment knows where it is.
func TestAKeyThatIsElsewhere(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"sandbox", "code"} {
		for _, made := range []string{"here", "by openssl"} {
			t.Run(way+", key made "+made, func(t *testing.T) {
				t.Parallel()
				dir, keys := t.TempDir(), t.TempDir()
				file := filepath.Join(keys, "terminal.pem")
				if made == "by openssl" {
					writeFile(t, file, byOpenSSL)
				}
				before, _ := os.ReadFile(file)
				s := openWith(t, dir, file)
				var c *Credentials
				if way == "sandbox" {
					c = keep(t, s, goodAnswer(t))
				} else {
					device, err := s.PendingKey()
					if err != nil {
						t.Fatal(err)
					}
					if c, err = s.Replace(device, goodAnswer(t), Transport{}); err != nil {
						t.Fatal(err)
					}
				}
				after, err := os.ReadFile(file)
				if err != nil || made == "by openssl" && string(after) != string(before) {
					t.Fatalf("the key file was changed: %v", err)
				}
				if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
					t.Errorf("mode %v, %v", info.Mode(), err)
				}
				again := load(t, dir)
				if !again.Key.Private.Equal(c.Key.Private) {
					t.Error("after a power cut it has another key")
				}
				for name, text := range filesIn(t, dir) {
					if strings.Contains(text, "PRIVATE KEY") || name == keyFile {
						t.Errorf("%s holds a key", name)
					}
				}
				if !slices.Contains([]string{"enrolment.json", "enrolment.json keyset.jws"}, strings.Join(names(filesIn(t, dir)), " ")) {
					t.Errorf("files are %q", names(filesIn(t, dir)))
				}

				// Others may read it: the terminal does not start, and says what to do.
				if err := os.Chmod(file, 0o640); err != nil {
					t.Fatal(err)
				}
				const says = "may be read by others (mode 0640): chmod 600 it, and think of it as stolen"
				if _, err := openStore(t, dir).Load(us); err == nil || !strings.Contains(err.Error(), file+" "+says) {
					t.Errorf("load: %v", err)
				}
				if _, err := Open(Options{Dir: dir, KeyFile: file}); err == nil || !strings.Contains(err.Error(), file+" "+says) {
					t.Errorf("open: %v", err)
				}
				// The store that it is in was not opened at boot.
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
				if _, err := openStore(t, dir).Load(us); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotEnrolled) || !strings.Contains(err.Error(), file) {
					t.Errorf("without its key: %v", err)
				}
			})
		}
	}
}

func names(f files) (all []string) {
	for name := range f {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// TestKeyFilesThatAreWrong: each is refused before anything is asked or written.
func TestKeyFilesThatAreWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	garbage, other := filepath.Join(dir, "garbage"), filepath.Join(dir, "p256.pem")
	writeFile(t, garbage, "garbage")
	writeFile(t, other, onP256)
	for says, o := range map[string]Options{
		"must be an absolute path":           {Dir: dir, KeyFile: "device.pem"},
		"needs a folder":                     {KeyFile: filepath.Join(dir, "key")},
		"garbage is not one PEM PRIVATE KEY": {Dir: dir, KeyFile: garbage},
		"p256.pem is not an Ed25519 key":     {Dir: dir, KeyFile: other},
		filepath.Base(dir) + " is no file":   {Dir: dir, KeyFile: dir},
		"nowhere":                            {Dir: dir, KeyFile: filepath.Join(dir, "nowhere", "key")},
	} {
		s, err := Open(o)
		if err == nil { // a key may be made there, but there is no such folder
			_, err = s.Key()
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %q", o, err, says)
		}
	}
}

// TestTheKeyChangedMeanwhile: an enrolment names no key that was not enrolled.
func TestTheKeyChangedMeanwhile(t *testing.T) {
	t.Parallel()
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "key")
	s := openWith(t, dir, file)
	device, err := s.PendingKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PendingKey(); err != nil { // another one is made
		t.Fatal(err)
	}
	if _, err := s.Replace(device, goodAnswer(t), Transport{}); err == nil || !strings.Contains(err.Error(), "has changed") {
		t.Errorf("%v", err)
	}
	if _, err := openStore(t, dir).Load(us); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("something was stored: %v", err)
	}
	// The file may be named like one of the folder's own, and stays.
	s = openWith(t, dir, filepath.Join(dir, keyFile))
	if device, err = s.PendingKey(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Replace(device, goodAnswer(t), Transport{}); err != nil {
		t.Fatal(err)
	}
	if c := load(t, dir); !c.Key.Private.Equal(device) {
		t.Error("it has another key")
	}
}
