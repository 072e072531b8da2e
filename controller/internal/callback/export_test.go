package callback

import (
	"context"
	"net"
	"time"
)

// DialThrough puts a network of the test's own, which needs no guard, in the
// place of the real one.
func (s *Sender) DialThrough(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	s.transport.DialContext = dial
}

// Times that tests hold the sender to.
const (
	LeaseTime = leaseTime
	StopTime  = stopTime
)

// Gap is the nominal gap after failed attempt n.
func Gap(n int) time.Duration { return gap(n, 0.5) }
