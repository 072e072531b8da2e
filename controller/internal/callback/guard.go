package callback

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// errRefused marks an address that a callback may not be sent to.
var errRefused = errors.New("address is refused")

// defaultPorts are those of http and https.
var defaultPorts = []uint16{80, 443}

// The private networks that AllowPrivate opens.
var (
	private4 = []netip.Prefix{
		netip.MustParsePrefix("127.0.0.0/8"),
		netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.168.0.0/16"),
		netip.MustParsePrefix("100.64.0.0/10"),
	}
	private6 = []netip.Prefix{
		netip.MustParsePrefix("::1/128"),
		netip.MustParsePrefix("fc00::/7"),
	}
)

// metadata are the addresses at which clouds hand secrets to their machines,
// where those lie outside link-local: within a private range that AllowPrivate
// opens, or (Azure's) among the public ones.
var metadata = []netip.Addr{
	netip.MustParseAddr("100.100.100.200"),    // Alibaba
	netip.MustParseAddr("168.63.129.16"),      // Azure
	netip.MustParseAddr("192.0.0.192"),        // Oracle, classic
	netip.MustParseAddr("fd00:ec2::254"),      // Amazon
	netip.MustParseAddr("fd20:ce::254"),       // Google
	netip.MustParseAddr("fd00:42::42"),        // Scaleway
	netip.MustParseAddr("fd00:c1::a9fe:a9fe"), // Oracle
}

// guard judges the address that is about to be dialled, after the name has been
// looked up, so that it does not matter what a name said a moment before
// (failure matrix T12). Everything that is not plain public unicast is refused:
// private, loopback, link-local, unique local, shared (CGNAT), NAT64, 6to4,
// Teredo, v4-mapped, multicast, documentation and reserved ranges.
type guard struct {
	public *ssrf.Guardian
	deny   []netip.Prefix
}

func newGuard(cfg Config) *guard {
	ports := cfg.Ports
	if ports == nil {
		ports = defaultPorts
	}
	opts := []ssrf.Option{ssrf.WithPorts(ports...)}
	if cfg.AllowPrivate {
		opts = []ssrf.Option{
			ssrf.WithAnyPort(),
			ssrf.WithAllowedV4Prefixes(private4...),
			ssrf.WithAllowedV6Prefixes(private6...),
		}
	}
	return &guard{public: ssrf.New(opts...), deny: cfg.Deny}
}

// control is a net.Dialer's ControlContext: its address is numeric.
func (g *guard) control(_ context.Context, network, address string, conn syscall.RawConn) error {
	if err := g.public.Safe(network, address, conn); err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	ip := to.Addr().Unmap().WithZone("")
	for _, m := range metadata {
		if ip == m {
			return fmt.Errorf("%w: %s is a cloud's metadata service", errRefused, ip)
		}
	}
	for _, p := range g.deny {
		if p.Contains(ip) {
			return fmt.Errorf("%w: %s is in %s, which the configuration denies", errRefused, ip, p)
		}
	}
	return nil
}

// newTransport makes the only way out: guarded, without proxy, cookies,
// compression or HTTP/2. It is used by RoundTrip, below http.Client, so it
// follows no redirect and sends no credentials of a URL.
func newTransport(cfg Config) *http.Transport {
	dialer := &net.Dialer{
		Timeout:        SendTimeout,
		Resolver:       cfg.Resolver,
		ControlContext: newGuard(cfg).control,
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        tlsConfig(cfg.RootCAs),
		Protocols:              protocols,
		DisableCompression:     true,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    PerMerchant,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 16 << 10,
		ReadBufferSize:         MaxResponse,
		WriteBufferSize:        MaxResponse,
	}
}
