package identity

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/galla-pay/galla/agent/internal/clock"
	"github.com/galla-pay/galla/protocol"
)

// ErrNotEnrolled: the store holds no credentials.
var ErrNotEnrolled = errors.New("terminal is not enrolled")

// The files of a store.
//
// The sandbox's enrolment is three files; enrolment.json is written last, and
// makes the others count. An enrolment by a code is enrolment.json alone, with
// key and key set in it, so that it takes the place of an older one in one step:
// see Replace.
const (
	keyFile       = "device.key"     // PKCS #8, PEM
	keySetFile    = "keyset.jws"     // as the root key signed it
	enrolmentFile = "enrolment.json" // enrolment
	// pendingFile is the key of an enrolment that is not answered yet.
	pendingFile = "enrolling.key"
	// clockFile is what the terminal knows of the time (package clock).
	clockFile = "clock.json"
)

// laterKeySet is where a key set goes that came after an enrolment by a code. It
// is named after the root key, so that one of another controller is not taken
// for it.
func laterKeySet(root ed25519.PublicKey) string { return "keyset-" + protocol.KeyID(root) + ".jws" }

// unfinished marks a file that is being written.
const unfinished = ".unfinished-"

// maxFile bounds what is read of a file, in bytes.
const maxFile = 64 << 10

func enrolmentOf(a protocol.EnrolAnswer) enrolment {
	return enrolment{Identity: a.Identity, Token: a.Token, Brokers: a.Brokers, RootKey: a.RootKey}
}

// Options say where credentials are kept, and what time it is.
type Options struct {
	// Dir is the folder, made with mode 0700 if need be; "" keeps everything in
	// memory.
	Dir string
	// KeyFile is where the device's key is, if not in Dir: an absolute path, say
	// into a store that a TPM opens at boot. A key that is there is used: Ed25519,
	// PKCS #8, PEM (openssl genpkey -algorithm ed25519), mode 0600 or less; else
	// one is made there when the terminal enrols. An enrolment remembers where its
	// key is, so only enrolling needs it. It needs Dir.
	KeyFile string
	// Wall is the device's wall clock, which may be wrong by years; nil: time.Now.
	// Only the dates of servers' certificates are held against it, see package
	// clock.
	Wall func() time.Time
}

// Store is where the credentials are kept.
type Store struct {
	dir     string
	keyFile string // Options.KeyFile
	clock   *clock.Clock
	// key is the device's key of a store in memory.
	key ed25519.PrivateKey
}

// enrolment is what a terminal learns when it enrols, but for the key set.
type enrolment struct {
	Identity protocol.Identity `json:"identity"`
	Token    string            `json:"token"`
	Brokers  []string          `json:"brokers"`
	RootKey  []byte            `json:"rootKey"`

	// KeyFile is where the device's key is, when that is not in the folder.
	KeyFile string `json:"keyFile,omitempty"`

	// Only of an enrolment by a code.
	Key       string     `json:"key,omitempty"`    // the device's, PKCS #8, PEM; not with KeyFile
	KeySet    string     `json:"keySet,omitempty"` // as it was then
	Transport *Transport `json:"transport,omitempty"`
}

// whole reports whether all is in the one file.
func (e enrolment) whole() bool { return (e.Key != "" || e.KeyFile != "") && e.KeySet != "" }

// OpenStore is Open with a folder and nothing else.
func OpenStore(dir string) (*Store, error) { return Open(Options{Dir: dir}) }

// Open opens a store. A key in KeyFile that others may read is an error, which
// says what to do.
func Open(o Options) (*Store, error) {
	s := &Store{dir: o.Dir, keyFile: o.KeyFile}
	if err := s.openDir(o.Dir); err != nil {
		return nil, err
	}
	s.clock = clock.New(s.clockConfig(o.Wall))
	switch {
	case o.KeyFile == "":
		return s, nil
	case o.Dir == "":
		return nil, errNoFolder
	case !filepath.IsAbs(o.KeyFile):
		return nil, fmt.Errorf("identity: the key file %q must be an absolute path", o.KeyFile)
	}
	if _, err := s.loadKey(o.KeyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return s, nil
}

// clockConfig is what the clock begins with, and where it keeps what it learns.
// That is no secret, and no loss if it cannot be read.
func (s *Store) clockConfig(wall func() time.Time) clock.Config {
	cfg := clock.Config{Wall: wall, Built: clock.Built()}
	if s.dir != "" {
		cfg.Kept, _ = s.read(clockFile)
		cfg.Keep = func(text []byte) error { return s.write(clockFile, text) }
	}
	return cfg
}

// openDir makes dir ready; "" is none.
func (s *Store) openDir(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	// What a power cut left of a write holds secrets, and is of no use. On a
	// card that is read-only by now it stays.
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	for _, entry := range entries {
		if strings.Contains(entry.Name(), unfinished) {
			_ = os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
	return nil
}

// Load returns the credentials of id, or ErrNotEnrolled. Credentials of another
// terminal, files that others may read, and keys that do not verify are errors:
// a terminal that cannot be sure whom it believes does not start.
func (s *Store) Load(id protocol.Identity) (*Credentials, error) {
	if s.dir == "" {
		return nil, ErrNotEnrolled
	}
	e, err := s.loadEnrolment()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotEnrolled
	}
	if err != nil {
		return nil, err
	}
	if e.whole() {
		return s.loadWhole(id, e)
	}
	key, err := s.loadKey(e.keyName())
	if err != nil {
		return nil, err
	}
	keySet, err := s.read(keySetFile)
	if err != nil {
		return nil, err
	}
	t, err := e.check(id, keySet)
	if err != nil {
		return nil, fmt.Errorf("identity: %s: %w", s.dir, err)
	}
	return newCredentials(s, key, e, t), nil
}

// keyName is the file with the device's key, in the folder or elsewhere.
func (e enrolment) keyName() string {
	if e.KeyFile != "" {
		return e.KeyFile
	}
	return keyFile
}

func (s *Store) loadEnrolment() (enrolment, error) {
	var e enrolment
	text, err := s.read(enrolmentFile)
	if err != nil {
		return e, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return e, fmt.Errorf("identity: %s: %w", enrolmentFile, err)
	}
	return e, nil
}

// Key returns the device's key, and makes one on the first call. It is on the
// disk before it is returned, so that an enrolment whose answer got lost can be
// asked for again.
func (s *Store) Key() (ed25519.PrivateKey, error) {
	if s.dir != "" {
		return s.keyIn(enrolment{KeyFile: s.keyFile}.keyName())
	}
	if s.key == nil {
		key, _, err := newKey()
		if err != nil {
			return nil, err
		}
		s.key = key
	}
	return s.key, nil
}

// keyIn is the key in that file, which is made if it is not there.
func (s *Store) keyIn(name string) (ed25519.PrivateKey, error) {
	key, err := s.loadKey(name)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key, text, err := newKey()
	if err != nil {
		return nil, err
	}
	return key, s.write(name, text)
}

// Keep checks the answer of an enrolment, stores it and returns the credentials.
func (s *Store) Keep(id protocol.Identity, a protocol.EnrolAnswer) (*Credentials, error) {
	key, err := s.Key()
	if err != nil {
		return nil, err
	}
	e := enrolmentOf(a)
	e.KeyFile = s.keyFile
	t, err := e.check(id, []byte(a.KeySet))
	if err != nil {
		return nil, fmt.Errorf("enrolment answer: %w", err)
	}
	c := newCredentials(s, key, e, t)
	if s.dir == "" {
		return c, nil
	}
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if err := s.write(keySetFile, []byte(a.KeySet)); err != nil {
		return nil, err
	}
	return c, s.write(enrolmentFile, append(text, '\n'))
}

// path is where a file is, in the folder unless it says otherwise.
func (s *Store) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.dir, name)
}

// read reads a file that nobody else may read.
func (s *Store) read(name string) ([]byte, error) {
	path := s.path(name)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("identity: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("identity: %s is no file", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("identity: %s may be read by others (mode %04o): chmod 600 it, and think of it as stolen", path, info.Mode().Perm())
	case info.Size() > maxFile:
		return nil, fmt.Errorf("identity: %s has %d bytes", path, info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return text, nil
}

// write replaces a file so that after a power cut either the old or the new one
// is there, whole.
func (s *Store) write(name string, text []byte) (err error) {
	path := s.path(name)
	defer func() {
		if err != nil {
			err = fmt.Errorf("identity: write %s: %w", path, err)
		}
	}()
	in := filepath.Dir(path)
	f, err := os.CreateTemp(in, filepath.Base(path)+unfinished+"*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := giveTo(f, s.dir); err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(in)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
