package deviceapi

import (
	"net/netip"
	"sync"
	"time"
)

// How often codes may be tried (failure matrix T3). The first bound is one
// device's or one shop's; the second keeps a crowd from counting through the
// handles of codes, of which there are a million, often enough within a code's
// ten minutes to void it.
const (
	addressEvery = time.Second // a try, once the burst is used up
	addressBurst = 20
	allEvery     = 5 * time.Millisecond
	allBurst     = 200
	// maxAddresses bounds the memory of the limiter.
	maxAddresses = 10_000
)

// limiter holds a bucket for each address, and one for all.
type limiter struct {
	mu        sync.Mutex
	all       bucket
	addresses map[netip.Prefix]bucket
}

func newLimiter() *limiter { return &limiter{addresses: map[netip.Prefix]bucket{}} }

// bucket is the time at which it will be full again; the zero bucket is full.
type bucket struct{ full time.Time }

// take takes one try out, or says how long to wait for it.
func (b bucket) take(now time.Time, every time.Duration, burst int) (bucket, time.Duration) {
	full := b.full
	if full.Before(now) {
		full = now
	}
	full = full.Add(every)
	if wait := full.Sub(now) - time.Duration(burst)*every; wait > 0 {
		return b, wait
	}
	return bucket{full}, 0
}

// take takes one try of an address, or says how long it must wait. An IPv6
// address counts as its /64, which is one line of a provider.
func (l *limiter) take(address string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	who := neighbourhood(address)
	own, known := l.addresses[who]
	if !known && len(l.addresses) >= maxAddresses {
		for a, b := range l.addresses {
			if !b.full.After(now) {
				delete(l.addresses, a)
			}
		}
		if len(l.addresses) >= maxAddresses {
			return addressEvery
		}
	}
	own, wait := own.take(now, addressEvery, addressBurst)
	if wait > 0 {
		return wait
	}
	all, wait := l.all.take(now, allEvery, allBurst)
	if wait > 0 {
		return wait
	}
	l.addresses[who], l.all = own, all
	return 0
}

// neighbourhood is the zero prefix, one bucket for all, where the address is
// none.
func neighbourhood(address string) netip.Prefix {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // bits always fit
	return p
}
