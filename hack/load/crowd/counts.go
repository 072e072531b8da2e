package crowd

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// counts are what all terminals count together.
type counts struct {
	subscribed, synced      atomic.Int64 // now
	states, reports         atomic.Int64 // since the start
	repeats, lost, failures atomic.Int64 // said again; connections that ended; tries that failed
	strange                 atomic.Int64 // sales that nobody asked for

	mu   sync.Mutex
	whys map[string]int
}

// ended counts the end of a connection, or of a try to make one.
func (c *counts) ended(err error) {
	why := "the connection ended"
	dial := (*net.OpError)(nil)
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		c.failures.Add(1)
		if why = "dial failed"; errors.Is(err, syscall.ECONNREFUSED) {
			why = "nobody listens"
		}
	default:
		c.lost.Add(1)
		if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.As(err, &dial) {
			why = err.Error()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.whys == nil {
		c.whys = map[string]int{}
	}
	c.whys[why]++
}

// reasons are why connections ended, with their numbers.
func (c *counts) reasons() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]int, len(c.whys))
	for why, n := range c.whys {
		all[why] = n
	}
	return all
}
