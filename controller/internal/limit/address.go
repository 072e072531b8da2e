package limit

import (
	"net"
	"net/netip"
)

// Address is what a party counts as by where it comes from: its IPv4 address, or
// the /64 that one IPv6 customer has. remote is host:port, as in
// http.Request.RemoteAddr. What is no address all counts as one, the zero Prefix.
func Address(remote string) netip.Prefix {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
		if ip.IsLoopback() {
			bits = 128
		}
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// near reports whether an address is this machine: a proxy that ends TLS for
// everybody, or somebody trying things out. Neither is one party.
func near(address netip.Prefix) bool { return address.Addr().IsLoopback() }
