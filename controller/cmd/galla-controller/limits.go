package main

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/galla-pay/galla/controller/internal/limit"
	"github.com/galla-pay/galla/protocol"
)

// limitFlags say how much one party may ask. They are pointers, because the
// sandbox has no limits but those that were given (phonepe-api: The sandbox).
type limitFlags struct {
	RateMerchant   *limit.Rate `placeholder:"N/s:BURST|off" help:"Requests of one merchant. Default 50/s:200; off in the sandbox."`
	RateAddress    *limit.Rate `placeholder:"N/s:BURST|off" help:"Requests from one address (of IPv6, one /64), loopback and the UPI network's routes excepted. Default 200/s:1000; off in the sandbox. Turn it off behind a proxy that is not on loopback: all requests come from its address."`
	RateTerminal   *limit.Rate `placeholder:"N/s:BURST|off" help:"Messages of one terminal. Default 10/s:100; off in the sandbox."`
	MaxConnections int         `default:"1024" placeholder:"N" help:"HTTP connections open at once from one address, loopback excepted. Default 1024; 16 times as many in all. The one that was idle longest makes room. 0: no bound."`
}

// limits are who may ask how much.
type limits struct {
	merchants *limit.Limiter[string]
	addresses *limit.Limiter[netip.Prefix]
	terminals *limit.Limiter[protocol.Identity]
	conns     *limit.Conns
}

func (f limitFlags) newLimits(sandbox bool, meter limit.Meter, log *slog.Logger) limits {
	config := func(kind string, given *limit.Rate, usual limit.Rate) limit.Config {
		rate := usual
		switch {
		case given != nil:
			rate = *given
		case sandbox:
			rate = limit.Rate{}
		}
		return limit.Config{Kind: kind, Rate: rate, Meter: meter, Log: log}
	}
	return limits{
		merchants: limit.New[string](config("merchant", f.RateMerchant, limit.Rate{Count: 50, Per: time.Second, Burst: 200})),
		addresses: limit.New[netip.Prefix](config("address", f.RateAddress, limit.Rate{Count: 200, Per: time.Second, Burst: 1000})),
		terminals: limit.New[protocol.Identity](config("terminal", f.RateTerminal, limit.Rate{Count: 10, Per: time.Second, Burst: 100})),
		conns:     limit.NewConns(f.MaxConnections, meter),
	}
}

// allowTerminal is the terminals' limit as the link to them asks.
func (l limits) allowTerminal(id protocol.Identity) bool {
	_, ok := l.terminals.Allow(id)
	return ok
}
