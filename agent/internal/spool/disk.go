package spool

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// lockWait bounds the wait for a process that is just ending.
const lockWait = time.Second

var (
	// The length of the bucket's name is a multiple of 4 on purpose: bbolt then
	// reads the bucket where it is mapped, where garbage ends in a fault that
	// load recovers from. Otherwise it copies it to the heap, and reads beyond.
	bucketName = []byte("spool-v1")
	recordKey  = []byte("record")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// freshTxID is the number of the newest transaction in a file that bbolt has
// just made.
const freshTxID = 1

// errCorrupt: the file is there, can be read, and makes no sense.
var errCorrupt = errors.New("spool is corrupt")

// disk is the bbolt file. After any failed write it is closed and opened anew
// by the next one: nobody knows what a refused write has left in its pages.
type disk struct {
	path string
	db   *bolt.DB // nil: not open
	file *os.File // below db, to be let go of when bbolt panicked
	// openFile is os.OpenFile, but in tests of a failing disk.
	openFile func(string, int, os.FileMode) (*os.File, error)
}

func newDisk(path string) *disk { return &disk{path: path, openFile: os.OpenFile} }

// open opens the file for writing, and returns the record in it, nil for a new
// one. When it can be read but not written, both record and error come back.
// moved says where an unreadable file was put.
func (d *disk) open() (rec *record, moved string, err error) {
	if err := os.MkdirAll(filepath.Dir(d.path), 0o700); err != nil {
		return nil, "", fmt.Errorf("spool: %w", err)
	}
	rec, err = d.load(false)
	if errors.Is(err, errCorrupt) {
		moved = d.path + ".corrupt"
		if err := os.Rename(d.path, moved); err != nil {
			return nil, "", fmt.Errorf("spool: put the unreadable file aside: %w", err)
		}
		rec, err = d.load(false)
	}
	switch {
	case err == nil:
		return rec, moved, syncDir(filepath.Dir(d.path))
	case errors.Is(err, ErrLocked):
		return nil, moved, err
	}
	// It cannot be written; perhaps it can be read.
	if readable, readErr := d.load(true); readErr == nil {
		rec = readable
	}
	return rec, moved, errors.Join(err, d.close())
}

// load opens the database and reads the record. bbolt trusts what it reads:
// garbage makes it panic, and a file that is too short makes the mapped memory
// fault. Both mean here that the file is corrupt.
func (d *disk) load(readOnly bool) (rec *record, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch r := recover(); {
		case r != nil:
			rec, err = nil, errors.Join(fmt.Errorf("%w: %v", errCorrupt, r), d.abandon())
		case err != nil:
			err = errors.Join(err, d.close())
		}
	}()
	d.db, err = bolt.Open(d.path, 0o600, &bolt.Options{
		Timeout:  lockWait,
		ReadOnly: readOnly,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := d.openFile(name, flag, mode)
			d.file = f
			return f, err
		},
	})
	var system syscall.Errno
	switch {
	case err == nil:
	case errors.Is(err, berrors.ErrTimeout):
		return nil, ErrLocked
	case errors.As(err, &system):
		return nil, fmt.Errorf("spool: %w", err)
	default: // not the system's fault, so the file's
		return nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	err = d.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketName)
		switch {
		case b == nil && tx.ID() <= freshTxID:
			return nil // made, and the power went before the first Save
		case b == nil:
			return fmt.Errorf("%w: no record", errCorrupt)
		}
		rec, err = decode(b.Get(recordKey))
		return err
	})
	return rec, err
}

// write puts rec on the disk, in one synced transaction.
func (d *disk) write(rec record) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch r := recover(); {
		case r != nil:
			err = errors.Join(fmt.Errorf("spool: write: %v", r), d.abandon())
		case err != nil:
			err = errors.Join(err, d.close())
		}
	}()
	if d.db == nil {
		if _, _, err := d.open(); err != nil {
			return err
		}
	}
	text, err := encode(rec)
	if err != nil {
		return err
	}
	err = d.db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucketName)
		if err != nil {
			return err
		}
		return b.Put(recordKey, text)
	})
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// close closes the file, if it is open.
func (d *disk) close() error {
	db := d.db
	d.db, d.file = nil, nil
	if db == nil {
		return nil
	}
	return db.Close()
}

// abandon is close after a panic inside bbolt, which may have left its locks
// held: its own Close would wait for ever. The lock on the file goes with the
// descriptor.
func (d *disk) abandon() error {
	f := d.file
	d.db, d.file = nil, nil
	if f == nil {
		return nil
	}
	return f.Close()
}

// encode is the record as JSON behind its CRC-32C.
func encode(rec record) ([]byte, error) {
	text, err := json.Marshal(rec)
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	return append(binary.BigEndian.AppendUint32(nil, crc32.Checksum(text, castagnoli)), text...), nil
}

func decode(b []byte) (*record, error) {
	if len(b) < 4 || binary.BigEndian.Uint32(b) != crc32.Checksum(b[4:], castagnoli) {
		return nil, fmt.Errorf("%w: checksum", errCorrupt)
	}
	rec := new(record)
	if err := json.Unmarshal(b[4:], rec); err != nil {
		return nil, fmt.Errorf("%w: %v", errCorrupt, err)
	}
	if rec.Epoch == "" || rec.Next == 0 {
		return nil, fmt.Errorf("%w: no epoch", errCorrupt)
	}
	return rec, nil
}

// syncDir makes a new name in dir survive a power cut.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}
