package demo

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// listen takes preferred, or any free port of the same host when it is in use.
func listen(preferred string) (net.Listener, error) {
	l, err := net.Listen("tcp", preferred)
	if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	host, _, splitErr := net.SplitHostPort(preferred)
	if splitErr != nil {
		return nil, err
	}
	return net.Listen("tcp", net.JoinHostPort(host, "0"))
}

// FreeAddresses picks an address for each of preferred, as listen does, for a
// child process to listen on. All are held until all are chosen, so that no two
// are the same.
func FreeAddresses(preferred ...string) ([]string, error) {
	var chosen []string
	for _, address := range preferred {
		l, err := listen(address)
		if err != nil {
			return nil, fmt.Errorf("find a free port for %s: %w", address, err)
		}
		defer l.Close()
		chosen = append(chosen, l.Addr().String())
	}
	return chosen, nil
}

// nextPort is address with its port n higher; port 0 stays 0.
func nextPort(address string, n int) string {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	port, err := strconv.Atoi(text)
	if err != nil || port == 0 {
		return address
	}
	return net.JoinHostPort(host, strconv.Itoa(port+n))
}
