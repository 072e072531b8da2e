package postgres

import (
	"net"
	"syscall"
	"testing"
)

// A machine that is switched off is noticed after seconds.
func TestConnectionsNoticeAMachineThatIsGone(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	conn, err := db.write.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	raw, err := conn.Conn().PgConn().Conn().(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	limit, asked := 0, error(nil)
	err = raw.Control(func(fd uintptr) { limit, asked = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout) })
	if err != nil || asked != nil || limit != int(peerLimit.Milliseconds()) {
		t.Errorf("TCP_USER_TIMEOUT is %d ms, %v, %v; want %v", limit, err, asked, peerLimit)
	}
}
