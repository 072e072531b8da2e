package callback

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
)

func dialled(cfg Config, address string) error {
	network := "tcp4"
	if a, err := netip.ParseAddrPort(address); err == nil && a.Addr().Is6() {
		network = "tcp6"
	}
	return newGuard(cfg).control(context.Background(), network, address, nil)
}

// Addresses that are not plain public unicast, by the list they stand on
// (failure matrix T12).
func TestGuardRefuses(t *testing.T) {
	t.Parallel()
	for name, addresses := range map[string][]string{
		"loopback":            {"127.0.0.1", "127.0.0.2", "127.1.2.3", "127.255.255.255", "::1"},
		"this network":        {"0.0.0.0", "0.1.2.3", "::"},
		"private":             {"10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255"},
		"shared (CGNAT)":      {"100.64.0.0", "100.100.100.200", "100.127.255.255"},
		"link-local":          {"169.254.0.1", "169.254.169.254", "169.254.170.2", "fe80::1", "fe80::1%lo", "febf::1"},
		"unique local":        {"fc00::1", "fd00::1", "fd00:ec2::254", "fdff:ffff::1"},
		"site-local":          {"fec0::1"},
		"multicast":           {"224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"},
		"reserved, broadcast": {"240.0.0.1", "255.255.255.255"},
		"protocol assignment": {"192.0.0.1", "192.0.0.192", "192.88.99.1", "192.31.196.1", "192.52.193.1", "192.175.48.1"},
		"benchmarking":        {"198.18.0.1", "198.19.255.255"},
		"documentation":       {"192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"},
		"v4-mapped":           {"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8"},
		"v4-compatible":       {"::127.0.0.1", "::8.8.8.8"},
		"NAT64":               {"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::808:808", "64:ff9b:1::7f00:1"},
		"6to4":                {"2002:7f00:1::", "2002:a9fe:a9fe::1"},
		"Teredo":              {"2001:0:53aa:64c:0:0:80ff:fffe"},
		"discard, SRv6":       {"100::1", "5f00::1"},
		"metadata":            {"168.63.129.16"},
	} {
		for _, ip := range addresses {
			to := net.JoinHostPort(ip, "443")
			if err := dialled(Config{}, to); !errors.Is(err, errRefused) {
				t.Errorf("%s: %s is dialled: %v", name, to, err)
			}
		}
	}
}

func TestGuardAllowsPublic(t *testing.T) {
	t.Parallel()
	for _, to := range []string{
		"8.8.8.8:443", "1.1.1.1:80", "172.15.255.255:443", "172.32.0.0:443", "100.63.255.255:443", "100.128.0.0:443",
		"169.253.255.255:443", "192.167.255.255:443", "11.0.0.0:443", "223.255.255.255:443",
		"[2606:4700::1111]:443", "[2400:cb00::1]:80",
	} {
		if err := dialled(Config{}, to); err != nil {
			t.Errorf("%s is refused: %v", to, err)
		}
	}
}

func TestGuardPorts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cfg     Config
		address string
		ok      bool
	}{
		{Config{}, "8.8.8.8:22", false},
		{Config{}, "8.8.8.8:8443", false},
		{Config{}, "8.8.8.8:6379", false},
		{Config{Ports: []uint16{443}}, "8.8.8.8:80", false},
		{Config{Ports: []uint16{8443}}, "8.8.8.8:8443", true},
		{Config{AllowPrivate: true}, "8.8.8.8:8443", true},
		{Config{AllowPrivate: true, Ports: []uint16{443}}, "127.0.0.1:8090", true},
	} {
		if err := dialled(tt.cfg, tt.address); (err == nil) != tt.ok {
			t.Errorf("%+v: %s: %v", tt.cfg, tt.address, err)
		}
	}
}

// AllowPrivate opens what local work needs and nothing more.
func TestGuardAllowPrivate(t *testing.T) {
	t.Parallel()
	for _, ip := range []string{
		"127.0.0.1", "10.1.2.3", "172.17.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1", "8.8.8.8",
	} {
		if err := dialled(Config{AllowPrivate: true}, net.JoinHostPort(ip, "9000")); err != nil {
			t.Errorf("%s is refused: %v", ip, err)
		}
	}
	for _, ip := range []string{
		"169.254.169.254", "169.254.170.2", "fe80::1", "fe80::1%lo", "0.0.0.0", "::", "224.0.0.1", "ff02::1",
		"100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254", "fd00:42::42",
		"fd00:c1::a9fe:a9fe", "64:ff9b::7f00:1",
	} {
		if err := dialled(Config{AllowPrivate: true}, net.JoinHostPort(ip, "80")); !errors.Is(err, errRefused) {
			t.Errorf("%s is dialled: %v", ip, err)
		}
	}
}

func TestGuardDeny(t *testing.T) {
	t.Parallel()
	own := Config{Deny: []netip.Prefix{netip.MustParsePrefix("8.8.8.0/24"), netip.MustParsePrefix("2606:4700::/32")}}
	for _, to := range []string{"8.8.8.8:443", "[2606:4700::1111]:443"} {
		if err := dialled(own, to); !errors.Is(err, errRefused) {
			t.Errorf("%s is dialled: %v", to, err)
		}
	}
	if err := dialled(own, "8.8.4.4:443"); err != nil {
		t.Error(err)
	}
}

func TestGuardRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	g := newGuard(Config{AllowPrivate: true})
	for _, tt := range []struct{ network, address string }{
		{"tcp4", ""}, {"tcp4", "127.0.0.1"}, {"tcp4", "localhost:80"}, {"tcp4", "127.1:80"},
		{"udp4", "8.8.8.8:443"}, {"unix", "/run/docker.sock"},
	} {
		if err := g.control(context.Background(), tt.network, tt.address, nil); !errors.Is(err, errRefused) {
			t.Errorf("%s %q is dialled: %v", tt.network, tt.address, err)
		}
	}
}

// Any 16 bytes as an address: what the guard lets through, net/netip's own
// notions and the v4 address inside every known wrapping call public too.
func FuzzGuard(f *testing.F) {
	for _, ip := range []string{"8.8.8.8", "127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2606:4700::1111"} {
		b := netip.MustParseAddr(ip).As16()
		f.Add(b[:], false)
		f.Add(b[12:], true)
	}
	f.Fuzz(func(t *testing.T, b []byte, v4 bool) {
		ip, ok := netip.AddrFromSlice(b)
		if !ok || ip.Is4() != v4 {
			return
		}
		if dialled(Config{}, netip.AddrPortFrom(ip, 443).String()) != nil {
			return
		}
		inner := ip
		if raw := ip.As16(); ip.Is6() {
			switch {
			case raw[0] == 0x20 && raw[1] == 0x02: // 6to4
				inner = netip.AddrFrom4([4]byte(raw[2:6]))
			case raw[0] == 0 && raw[1] == 0x64, ip.Is4In6(): // NAT64, v4-mapped
				inner = netip.AddrFrom4([4]byte(raw[12:16]))
			}
		}
		for _, a := range []netip.Addr{ip, inner} {
			if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() {
				t.Fatalf("%s is dialled", ip)
			}
		}
	})
}
