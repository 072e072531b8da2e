//go:build !unix

package watchdog

import (
	"errors"
	"net"
)

// sendNow: there is no systemd on these systems, so New never makes a connection.
func sendNow(*net.UnixConn, string) error { return errors.ErrUnsupported }
