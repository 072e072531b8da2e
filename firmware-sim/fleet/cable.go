package fleet

import (
	"net"
	"net/netip"
	"runtime"

	"github.com/galla-pay/galla/firmware-sim/cable"
)

// perAddress is how many terminals share one source address: a shop's.
const perAddress = 16

// newCable is the cable of terminal n, out of its socket. To a broker on this machine
// it comes from its shop's address.
func newCable(n int) *cable.Cable {
	from := shopAddress(n)
	return cable.New(func(address string) net.Dialer {
		if onLoopback(address) {
			return net.Dialer{LocalAddr: from}
		}
		return net.Dialer{}
	})
}

// shopAddress is the loopback address of terminal n's shop; nil: any. To a broker that
// counts what comes from one address, a fleet on one machine is then what it is in
// the country: many shops. Only Linux lets a socket have any of 127.0.0.0/8.
func shopAddress(n int) net.Addr {
	if runtime.GOOS != "linux" {
		return nil
	}
	shop := n / perAddress
	return &net.TCPAddr{IP: net.IPv4(127, byte(1+shop>>16), byte(shop>>8), byte(shop))}
}

// onLoopback reports whether an address is this machine's IPv4 loopback.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Is4() && ip.IsLoopback()
}
