package testservers

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// The ports that are given out lie below those that the kernel gives to
// connections (32768 and up on Linux): a server that is stopped finds its port
// free when it comes back, for no connection of some other test took it.
const (
	firstPort = 12_000
	ports     = 20_000
)

// FreePort is a loopback TCP port that nobody uses now, drawn at random.
func FreePort() (int, error) {
	var last error
	for range 1000 {
		port := firstPort + rand.IntN(ports)
		l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
		last = err
	}
	return 0, fmt.Errorf("no free port from %d on: %w", firstPort, last)
}
