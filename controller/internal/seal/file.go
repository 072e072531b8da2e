package seal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// OpenOrCreate makes a Box of the key in the file at path. At the first start,
// where there is no file, it makes a key and a file that only its owner can
// read, and syncs both file and folder before the key is used, so that nothing
// is ever sealed by a key that a power cut takes away. Several processes may
// start at once: one makes the file, all use it.
//
// A file that the group or others can touch, that is no regular file, or whose
// length is not 32 bytes is refused.
func OpenOrCreate(path string) (*Box, error) {
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = createKey(path); err == nil || errors.Is(err, fs.ErrExist) {
			key, err = readKey(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("seal: key file: %w", err)
	}
	return FromKey(key)
}

func readKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s has mode %#o: others than its owner must have no access (chmod 600)", path, info.Mode().Perm())
	case info.Size() != KeySize:
		return nil, fmt.Errorf("%s has %d bytes, a key has %d", path, info.Size(), KeySize)
	}
	key := make([]byte, KeySize)
	_, err = io.ReadFull(f, key)
	return key, err
}

// createKey writes the key beside path and links it there: path never holds
// half a key. It fails with fs.ErrExist where another process was first.
func createKey(path string) error {
	key := make([]byte, KeySize)
	_, _ = rand.Read(key)                                         // never fails
	tmp, err := os.CreateTemp(filepath.Dir(path), ".galla-key-*") // mode 0600, O_EXCL
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(key)
	if err == nil {
		err = tmp.Sync()
	}
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Link(tmp.Name(), path)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
