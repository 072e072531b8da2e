package demo

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

// Other ports are chosen by chance from below those that kernels give to outgoing
// connections: a child process listens on one only later, and until then nobody
// must come upon it.
const (
	firstPort = 12000
	ports     = 20000
	portTries = 200
)

// listen takes preferred, or any free port of the same host when it is in use or 0.
func listen(preferred string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(preferred)
	if err != nil {
		return nil, err
	}
	for range portTries {
		if port == "0" {
			port = strconv.Itoa(firstPort + rand.IntN(ports))
		}
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort(host, port)); err == nil || !errors.Is(err, syscall.EADDRINUSE) {
			return l, err
		}
		port = "0"
	}
	return nil, err
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
