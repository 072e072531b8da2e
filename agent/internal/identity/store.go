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

// Store is where the credentials are kept.
type Store struct {
	dir string
	// key is the device's key of a store in memory.
	key ed25519.PrivateKey
}

// enrolment is what a terminal learns when it enrols, but for the key set.
type enrolment struct {
	Identity protocol.Identity `json:"identity"`
	Token    string            `json:"token"`
	Brokers  []string          `json:"brokers"`
	RootKey  []byte            `json:"rootKey"`

	// Only of an enrolment by a code.
	Key       string     `json:"key,omitempty"`    // the device's, PKCS #8, PEM
	KeySet    string     `json:"keySet,omitempty"` // as it was then
	Transport *Transport `json:"transport,omitempty"`
}

// whole reports whether all is in the one file.
func (e enrolment) whole() bool { return e.Key != "" && e.KeySet != "" }

// OpenStore opens the store in dir, which is made with mode 0700 if need be; ""
// keeps everything in memory.
func OpenStore(dir string) (*Store, error) {
	if dir == "" {
		return &Store{}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	// What a power cut left of a write holds secrets, and is of no use. On a
	// card that is read-only by now it stays.
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	for _, entry := range entries {
		if strings.Contains(entry.Name(), unfinished) {
			_ = os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
	return &Store{dir: dir}, nil
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
	key, err := s.loadKey(keyFile)
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
	if s.dir == "" && s.key != nil {
		return s.key, nil
	}
	if s.dir != "" {
		key, err := s.loadKey(keyFile)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return key, err
		}
	}
	key, text, err := newKey()
	if err != nil {
		return nil, err
	}
	if s.dir == "" {
		s.key = key
		return key, nil
	}
	return key, s.write(keyFile, text)
}

// Keep checks the answer of an enrolment, stores it and returns the credentials.
func (s *Store) Keep(id protocol.Identity, a protocol.EnrolAnswer) (*Credentials, error) {
	key, err := s.Key()
	if err != nil {
		return nil, err
	}
	e := enrolmentOf(a)
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

// read reads a file that nobody else may read.
func (s *Store) read(name string) ([]byte, error) {
	path := filepath.Join(s.dir, name)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("identity: %w", err)
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
	path := filepath.Join(s.dir, name)
	defer func() {
		if err != nil {
			err = fmt.Errorf("identity: write %s: %w", path, err)
		}
	}()
	f, err := os.CreateTemp(s.dir, name+unfinished+"*") // made with mode 0600
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
	dir, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
