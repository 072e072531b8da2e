package testservers

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
)

// The ports that are given out lie below those that the kernel gives to
// connections (32768 and up on Linux): a server that is stopped finds its port
// free when it comes back, for no connection of some other test took it.
const (
	firstPort = 12_000
	ports     = 20_000
)

// Each test binary begins somewhere else, and gives no port out twice: one that
// nobody listens on now may be somebody's who is down for a moment.
var (
	begin = sync.OnceValue(func() uint32 { return rand.Uint32N(ports) })
	given atomic.Uint32
)

// FreePort is a loopback TCP port that nobody uses now.
func FreePort() (int, error) {
	var last error
	for range ports {
		port := firstPort + int((begin()+given.Add(1))%ports)
		l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
		last = err
	}
	return 0, fmt.Errorf("no free port from %d on: %w", firstPort, last)
}
