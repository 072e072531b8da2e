package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// leastFree is what a data folder must have free, in bytes: room for a spool
	// that grows to its limit, copied, and for new credentials.
	leastFree = 16 << 20
	// slowestWrite is what one synced write may take: it is in every sale. A card
	// that is well takes 5 to 50 ms.
	slowestWrite = 500 * time.Millisecond
)

// Disk looks at the folder of keys and spool: who may read it, whether it takes
// writes, how fast, and how much room there is.
func Disk(dir string) func(context.Context) Finding {
	return func(context.Context) Finding {
		info, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return bad("enrol the terminal, which makes it: galla-agent enroll", "%s does not exist", dir)
		case err != nil:
			return bad(asOwner, "%s", oneLine(err))
		case !info.IsDir():
			return bad("name a folder by data-dir", "%s is no folder", dir)
		}
		if f, open := openToOthers(dir, info.Mode()); open {
			return f
		}
		took, err := writeSynced(dir)
		switch {
		case errors.Is(err, syscall.EROFS):
			return bad("mount it for writing; a card that turns read-only by itself is worn out: replace it", "%s is read-only", dir)
		case errors.Is(err, syscall.ENOSPC):
			return bad("make room: journalctl --vacuum-size=50M, or a larger card", "%s is full", dir)
		case errors.Is(err, fs.ErrPermission):
			return bad(asOwner, "%s", oneLine(err))
		case err != nil:
			return bad("check the card: dmesg tells of its errors", "%s", oneLine(err))
		case took > slowestWrite:
			f := bad("use a better card: every sale waits for three of these", "one write to %s takes %v", dir, took.Round(time.Millisecond))
			f.Took = took
			return f
		}
		f := good("%s, modes 0700 and 0600, one write %v", dir, roundUp(took))
		f.Took = took
		free, known := freeBytes(dir)
		switch {
		case known && free < leastFree:
			return bad("make room: journalctl --vacuum-size=50M, or a larger card", "%s has %d MB free, the least is %d", dir, free>>20, leastFree>>20)
		case known:
			f.Detail += fmt.Sprintf(", %d MB free", free>>20)
		}
		return f
	}
}

const asOwner = "run this as root: sudo galla-agent doctor --config FILE"

// openToOthers reports a folder or a file in it that somebody else may read.
func openToOthers(dir string, mode fs.FileMode) (Finding, bool) {
	if mode.Perm()&0o077 != 0 {
		return bad("chmod 700 "+dir+", and think of the keys in it as stolen: enrol again",
			"%s may be read by others (mode %04o)", dir, mode.Perm()), true
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return bad(asOwner, "%s", oneLine(err)), true
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 == 0 {
			continue // gone meanwhile, or well
		}
		path := filepath.Join(dir, e.Name())
		return bad("chmod 600 "+path+", and think of what is in it as stolen: enrol again",
			"%s may be read by others (mode %04o)", path, info.Mode().Perm()), true
	}
	return Finding{}, false
}

// writeSynced is one write as the spool makes them; the file is gone after it.
func writeSynced(dir string) (took time.Duration, err error) {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	begun := time.Now()
	if _, err := f.Write(make([]byte, 4096)); err != nil {
		return 0, err
	}
	err = f.Sync()
	return time.Since(begun), err
}

// roundUp writes a duration in whole milliseconds, never 0.
func roundUp(d time.Duration) time.Duration {
	return max(time.Millisecond, (d + time.Millisecond - 1).Truncate(time.Millisecond))
}

// oneLine is an error without line breaks.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
