package postgres

import (
	"strings"
	"syscall"
	"time"
)

// tcpUserTimeout is Linux's TCP_USER_TIMEOUT, the same on every machine.
const tcpUserTimeout = 0x12

// giveUpAfter ends a connection on which something was sent and nothing was
// acknowledged for so long. Without it, that takes a quarter of an hour.
func giveUpAfter(limit time.Duration) func(network, address string, raw syscall.RawConn) error {
	return func(network, _ string, raw syscall.RawConn) (err error) {
		if !strings.HasPrefix(network, "tcp") {
			return nil
		}
		control := raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(limit.Milliseconds()))
		})
		if control != nil {
			return control
		}
		return err
	}
}
