package identity

import (
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

// errNoFolder: an enrolment by a code is for a terminal that is switched off and
// on again.
var errNoFolder = errors.New("identity: an enrolment by a code needs a folder to be kept in")

// PendingKey is the key to enrol by a code with: a new one, or that of an
// enrolment that was begun and not answered, so that the controller knows it
// again. It is on the disk before it is returned. A store with a KeyFile has only
// the key that is there.
func (s *Store) PendingKey() (ed25519.PrivateKey, error) {
	switch {
	case s.dir == "":
		return nil, errNoFolder
	case s.keyFile != "":
		return s.keyIn(s.keyFile)
	}
	text, err := s.read(pendingFile)
	if err == nil {
		// A key that has been enrolled already was left by a power cut; the next
		// enrolment is not to have it again.
		if e, err := s.loadEnrolment(); err != nil || e.Key != string(text) {
			if key, err := parseKey(pendingFile, text); err == nil {
				return key, nil
			}
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, text, err := newKey()
	if err != nil {
		return nil, err
	}
	return key, s.write(pendingFile, text)
}

// Replace checks the answer of an enrolment by a code and stores it with key and
// transport, in the place of whatever is stored. A power cut at any moment
// leaves the old enrolment or the new one.
func (s *Store) Replace(key ed25519.PrivateKey, a protocol.EnrolAnswer, transport Transport) (*Credentials, error) {
	if s.dir == "" {
		return nil, errNoFolder
	}
	e := enrolmentOf(a)
	e.KeySet = a.KeySet
	if err := s.note(key, &e); err != nil {
		return nil, err
	}
	if !transport.zero() {
		e.Transport = &transport
	}
	c, err := s.wholeCredentials(key, e, []byte(e.KeySet))
	if err != nil {
		return nil, fmt.Errorf("enrolment answer: %w", err)
	}
	file, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if err := s.write(enrolmentFile, append(file, '\n')); err != nil {
		return nil, err
	}
	s.tidy(laterKeySet(c.root))
	return c, nil
}

// note puts the key into an enrolment, or where it is.
func (s *Store) note(key ed25519.PrivateKey, e *enrolment) error {
	if s.keyFile == "" {
		text, err := encodeKey(key)
		e.Key = string(text)
		return err
	}
	there, err := s.loadKey(s.keyFile)
	if err != nil {
		return err
	}
	if !there.Equal(key) {
		return fmt.Errorf("identity: the key in %s has changed since the enrolment began", s.keyFile)
	}
	e.KeyFile = s.keyFile
	return nil
}

// wholeCredentials puts an enrolment by a code together, with the key set that
// counts.
func (s *Store) wholeCredentials(key ed25519.PrivateKey, e enrolment, keySet []byte) (*Credentials, error) {
	t, err := e.check(e.Identity, keySet)
	if err != nil {
		return nil, err
	}
	c := newCredentials(s, key, e, t)
	c.keySetFile = laterKeySet(t.root)
	if e.Transport != nil {
		c.transport = *e.Transport
	}
	return c, c.transport.checkTrust()
}

// loadWhole loads an enrolment by a code, with the newest key set that came
// since.
func (s *Store) loadWhole(id protocol.Identity, e enrolment) (*Credentials, error) {
	wrong := func(err error) error { return fmt.Errorf("identity: %s: %w", s.dir, err) }
	key, err := s.keyOf(e)
	if err != nil {
		return nil, err
	}
	if _, err := e.check(id, []byte(e.KeySet)); err != nil {
		return nil, wrong(err)
	}
	c, err := s.wholeCredentials(key, e, []byte(e.KeySet))
	if err != nil {
		return nil, wrong(err)
	}
	later, err := s.read(c.keySetFile)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	version, keys, err := protocol.OpenKeySet(later, c.root)
	if err != nil {
		return nil, wrong(fmt.Errorf("key set: %w", err))
	}
	if version > c.version { // else of an older enrolment at the same controller
		c.version, c.keys = version, keys
	}
	return c, nil
}

// keyOf is the device's key of an enrolment by a code.
func (s *Store) keyOf(e enrolment) (ed25519.PrivateKey, error) {
	if e.KeyFile != "" {
		return s.loadKey(e.KeyFile)
	}
	return parseKey(enrolmentFile, []byte(e.Key))
}

// tidy removes what an enrolment by a code has made worthless. What cannot be
// removed is not read again.
func (s *Store) tidy(keep string) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		name := entry.Name()
		old := name == keyFile || name == keySetFile || name == pendingFile ||
			strings.HasPrefix(name, "keyset-") && strings.HasSuffix(name, ".jws") && name != keep
		if old && s.path(name) != s.keyFile {
			_ = os.Remove(filepath.Join(s.dir, name))
		}
	}
}
