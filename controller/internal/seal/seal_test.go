package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/controller/internal/seal"
)

func box(t testing.TB, fill byte) *seal.Box {
	t.Helper()
	b, err := seal.FromKey(bytes.Repeat([]byte{fill}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSealedOpensUnderItsNameAlone(t *testing.T) {
	t.Parallel()
	b := box(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		what, secret := rapid.String().Draw(t, "what"), rapid.SliceOf(rapid.Byte()).Draw(t, "secret")
		sealed := b.Seal(what, secret)
		got, err := b.Open(what, sealed)
		if err != nil || !bytes.Equal(got, secret) {
			t.Fatalf("Open = %x, %v; want %x", got, err, secret)
		}
		if other := rapid.String().Draw(t, "other"); other != what {
			if _, err := b.Open(other, sealed); !errors.Is(err, seal.ErrAltered) {
				t.Fatalf("Open under %q = %v, want ErrAltered", other, err)
			}
		}
	})
}

func TestSealingTwiceGivesDifferentBytesThatHideTheSecret(t *testing.T) {
	t.Parallel()
	b := box(t, 1)
	secret := []byte("a canary that is long enough to be found")
	one, two := b.Seal("x", secret), b.Seal("x", secret)
	if bytes.Equal(one, two) || bytes.Contains(one, secret[:8]) {
		t.Fatalf("sealed to %x and %x", one, two)
	}
}

func TestEveryAlteredByteIsFound(t *testing.T) {
	t.Parallel()
	b := box(t, 1)
	sealed := b.Seal("salt:M1:1", []byte("secret"))
	for i := range sealed {
		for bit := range 8 {
			altered := bytes.Clone(sealed)
			altered[i] ^= 1 << bit
			if got, err := b.Open("salt:M1:1", altered); err == nil || got != nil {
				t.Fatalf("byte %d bit %d altered: Open = %q, %v", i, bit, got, err)
			}
		}
	}
	for n := range sealed {
		if _, err := b.Open("salt:M1:1", sealed[:n]); err == nil {
			t.Fatalf("cut to %d bytes: no error", n)
		}
	}
	if _, err := b.Open("salt:M1:1", append(bytes.Clone(sealed), 0)); !errors.Is(err, seal.ErrAltered) {
		t.Fatalf("a byte more: %v", err)
	}
}

func TestErrorsSayWhatIsWrongAndNoSecret(t *testing.T) {
	t.Parallel()
	sealed := box(t, 1).Seal("salt:M1:1", []byte("secret"))
	for name, c := range map[string]struct {
		box    *seal.Box
		sealed []byte
		want   error
	}{
		"another key file": {box(t, 2), sealed, seal.ErrKey},
		"empty":            {box(t, 1), nil, seal.ErrForm},
		"plain text":       {box(t, 1), []byte("a secret that was never sealed, in plain text"), seal.ErrForm},
		"another version":  {box(t, 1), append([]byte{9}, sealed[1:]...), seal.ErrForm},
	} {
		_, err := c.box.Open("salt:M1:1", c.sealed)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), "salt:M1:1") || strings.Contains(err.Error(), "in plain") {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestKeyHasItsLength(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := seal.FromKey(make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes was taken", n)
		}
	}
}

func TestBoxPrintsAsNothing(t *testing.T) {
	t.Parallel()
	b := box(t, 'K')
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "box", b)
	for _, s := range []string{fmt.Sprint(b), fmt.Sprintf("%v %+v %#v %s %x", b, b, b, b, b), log.String()} {
		if strings.Contains(s, "KKKK") || strings.Contains(s, "4b4b") || strings.Contains(s, "75 75") {
			t.Errorf("a box prints its key: %s", s)
		}
	}
}

func TestKeyFileIsMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	first, err := seal.OpenOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 || info.Size() != seal.KeySize {
		t.Fatalf("the file has mode %v and %d bytes, %v", info.Mode(), info.Size(), err)
	}
	key, err := os.ReadFile(path)
	if err != nil || bytes.Equal(key, make([]byte, seal.KeySize)) {
		t.Fatalf("the key is %x, %v", key, err)
	}
	again, err := seal.OpenOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open("x", first.Seal("x", []byte("secret"))); err != nil || string(got) != "secret" {
		t.Fatalf("after a restart: Open = %q, %v", got, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 1 {
		t.Errorf("left in the folder: %v", left)
	}
	if hidden, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(hidden) != 0 {
		t.Errorf("left in the folder: %v", hidden)
	}
}

func TestManyProcessesAtTheFirstStartShareOneKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	boxes := make([]*seal.Box, 16)
	var starts sync.WaitGroup
	for i := range boxes {
		starts.Go(func() {
			var err error
			if boxes[i], err = seal.OpenOrCreate(path); err != nil {
				t.Error(err)
			}
		})
	}
	starts.Wait()
	if t.Failed() {
		return
	}
	sealed := boxes[0].Seal("x", []byte("secret"))
	for i, b := range boxes {
		if _, err := b.Open("x", sealed); err != nil {
			t.Errorf("process %d has another key: %v", i, err)
		}
	}
}

func TestKeyFileThatOthersMayTouchIsRefused(t *testing.T) {
	t.Parallel()
	for mode, ok := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o620: false, 0o602: false, 0o666: false, 0o610: false,
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, make([]byte, seal.KeySize), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := seal.OpenOrCreate(path)
		if (err == nil) != ok {
			t.Errorf("mode %o: %v", mode, err)
		}
		if err != nil && !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: %v does not say what to do", mode, err)
		}
	}
}

func TestWrongKeyFilesAreRefusedAndLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	short, long, empty := filepath.Join(dir, "short"), filepath.Join(dir, "long"), filepath.Join(dir, "empty")
	for path, n := range map[string]int{short: 31, long: 33, empty: 0} {
		if err := os.WriteFile(path, bytes.Repeat([]byte{7}, n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{short, long, empty, dir, filepath.Join(dir, "no", "folder")} {
		if _, err := seal.OpenOrCreate(path); err == nil {
			t.Errorf("%s: no error", filepath.Base(path))
		}
	}
	if b, err := os.ReadFile(long); err != nil || len(b) != 33 {
		t.Errorf("a wrong file was changed: %d bytes, %v", len(b), err)
	}
}
