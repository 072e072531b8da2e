package network

import (
	"context"
	"net"
)

// LeaseTime is how long a row is leased.
const LeaseTime = leaseTime

// Gap is the time between attempts.
var Gap = gap

// DialThrough replaces the way to the network.
func (w *Worker) DialThrough(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	w.transport.DialContext = dial
}
