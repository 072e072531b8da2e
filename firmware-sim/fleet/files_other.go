//go:build !unix

package fleet

import "syscall"

// openFiles is what a process may have open where nobody says.
func openFiles() (uint64, error) { return 8192, nil }

func apart() *syscall.SysProcAttr { return nil }
