//go:build unix

package watchdog

import (
	"errors"
	"net"
	"syscall"
)

// errNotSent: the socket would have to be waited for.
var errNotSent = errors.New("the service manager does not read")

// sendNow writes to a socket, or fails at once where net.Conn.Write would wait.
func sendNow(conn *net.UnixConn, message string) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Write(func(fd uintptr) bool {
		_, sent = syscall.Write(int(fd), []byte(message)) // the socket is non-blocking: net made it so
		return true
	})
	if errors.Is(sent, syscall.EAGAIN) {
		sent = errNotSent
	}
	return errors.Join(err, sent)
}
