package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/galla-pay/galla/agent/internal/identity"
)

// Network is how the terminal reaches its controller and broker.
type Network struct {
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now is the device's wall clock; certificates are judged by it.
	Now func() time.Time
}

// Credentials says whom the terminal believes: the controller's root key, and the
// online keys that it signed.
func Credentials(c *identity.Credentials) func(context.Context) Finding {
	return func(context.Context) Finding {
		keys := slices.Sorted(maps.Keys(c.Keys()))
		if len(keys) == 0 {
			return bad("enrol again: galla-agent enroll", "no key of the controller is believed")
		}
		return good("token of %d letters, online keys %s, signed by the pinned root key", len(c.Token), strings.Join(keys, ", "))
	}
}

// soon is when a certificate should be renewed.
const soon = 14 * 24 * time.Hour

// Certificate shakes hands with each mqtts broker and says how long its
// certificate, and the terminal's own if it has one, are still good.
func Certificate(c *identity.Credentials, brokers []string, n Network) func(context.Context) Finding {
	return func(ctx context.Context) Finding {
		var seen []string
		var least time.Duration
		config := c.TLS()
		for _, broker := range brokers {
			u, err := url.Parse(broker)
			if err != nil || u.Scheme != "mqtts" {
				continue
			}
			left, err := n.handshake(ctx, config, u)
			if err != nil {
				return bad(whyNot(err), "%s: %s", u.Host, oneLine(err))
			}
			if len(seen) == 0 || left < least {
				least = left
			}
			seen = append(seen, fmt.Sprintf("%s good for %s", u.Host, days(left)))
		}
		if len(seen) == 0 {
			return Finding{State: Absent, Detail: "no TLS: everybody on the way to " + strings.Join(brokers, ", ") + " can read the terminal's token"}
		}
		if own, err := ownCertificate(config); err != nil {
			return bad("renew the terminal's certificate", "%s", oneLine(err))
		} else if own != nil {
			left := own.NotAfter.Sub(n.Now())
			least = min(least, left)
			seen = append(seen, "the terminal's own good for "+days(left))
		}
		if least < soon {
			return bad("renew it: whoever runs the broker must, and the terminal only if it is its own", "%s", strings.Join(seen, ", "))
		}
		return good("%s", strings.Join(seen, ", "))
	}
}

// handshake is how long the certificates that a broker shows are still good.
func (n Network) handshake(ctx context.Context, config *tls.Config, u *url.URL) (time.Duration, error) {
	port := u.Port()
	if port == "" {
		port = "8883"
	}
	conn, err := n.Dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	config = config.Clone()
	config.ServerName = u.Hostname()
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return 0, err
	}
	state := secure.ConnectionState()
	chain := state.PeerCertificates[:1] // where a pin is believed, nothing else of it counts
	if len(state.VerifiedChains) > 0 {
		chain = state.VerifiedChains[0]
	}
	end := slices.MinFunc(chain, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }).NotAfter
	return end.Sub(n.Now()), nil
}

// ownCertificate is the terminal's, nil where it has none.
func ownCertificate(config *tls.Config) (*x509.Certificate, error) {
	if config.GetClientCertificate == nil {
		return nil, nil
	}
	c, err := config.GetClientCertificate(&tls.CertificateRequestInfo{})
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(c.Certificate[0])
}

// whyNot says what to do about a server that cannot be reached or believed.
func whyNot(err error) string {
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "see the line clock first; if the clock is right, whoever runs the broker must renew the certificate"
	case errors.As(err, &verification), errors.Is(err, identity.ErrPin):
		return "enrol again with --ca FILE or --pin sha256/..., if the broker's certificate was changed on purpose; else somebody stands in between"
	}
	return reach
}

const reach = "check the network: ip route, ping the gateway; the shop's firewall must let the broker's port through"

// days writes how long something is still good.
func days(d time.Duration) string {
	if d < 0 {
		return "no longer"
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}
