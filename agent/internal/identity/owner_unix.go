//go:build unix

package identity

import (
	"os"
	"syscall"
)

// giveTo makes the owner of the folder dir the owner of a new file, where root
// writes it: whoever enrols a terminal is seldom the user that the agent runs
// as, and the agent is to read it.
func giveTo(f *os.File, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	return f.Chown(int(owner.Uid), int(owner.Gid))
}
