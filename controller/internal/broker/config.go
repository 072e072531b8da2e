package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// Leaves of the topics that a terminal's messages arrive on; the kind that
// Config.OnReport is told.
const (
	KindReport   = "report"   // a sync, report, pull or heartbeat
	KindPresence = "presence" // the last will of a session that ended without DISCONNECT
)

// Authenticator says whether the token whose SHA-256 is given belongs to the
// terminal. A token is 256 random bits (DESIGN section 4), so one fast hash is
// enough; the stored hash must be compared by crypto/subtle.ConstantTimeCompare.
//
// An error means that the answer is not known, for instance because the
// database is away: the terminal is told "unavailable, come back" and not
// "wrong credentials". It must honour ctx. It is called from up to 512 goroutines at
// once, and may answer them together.
type Authenticator func(ctx context.Context, id protocol.Identity, tokenSHA256 [32]byte) (bool, error)

// Config is what a Broker needs. The zero value of every limit means its
// default; a negative limit is refused by New.
type Config struct {
	// Auth decides who may log in. Required.
	Auth Authenticator

	// OnReport is handed every message that a terminal sends, one at a time and
	// in the order received for one session, before the broker acknowledges it.
	// The last message of a session may be its last will, kind KindPresence.
	// All messages of a session come before any of the next session of the same
	// terminal. Required.
	//
	// Back-pressure: while it runs, its terminal is not read from, so that what
	// waits is one message in memory and the rest in the terminal; nobody else
	// is held up. It should take well under a second. ctx ends when the session
	// is cut (takeover, Kick, Close); a handler that does not heed it delays the
	// terminal's next login. It owns payload. A panic ends the session only.
	OnReport func(ctx context.Context, id protocol.Identity, kind string, payload []byte)

	// Log gets refusals: at Warn for a terminal that has logged in, at Debug
	// for a stranger, so that a flood does not fill the disk. Required.
	Log *slog.Logger

	// ConnectTimeout bounds the time from accept to the whole CONNECT, with the
	// TLS handshake, and then again the wait for the Authenticator's answer
	// (failure matrix T5). Default 5 s.
	ConnectTimeout time.Duration
	// WriteTimeout bounds one write to a terminal. Default 10 s.
	WriteTimeout time.Duration
	// TakeoverTimeout bounds how long a login waits for the end of the session
	// it replaces, and how long OnReport may take over a last will. Default 5 s.
	TakeoverTimeout time.Duration

	// MaxTerminals bounds terminals logged in. Default 20,000.
	MaxTerminals int
	// MaxWaiting bounds sockets that have not logged in, all together. Default 2,048.
	MaxWaiting int
	// MaxWaitingPerAddress bounds sockets of one address that have not logged
	// in; an IPv6 address counts as its /64. Terminals that have logged in do
	// not count, so that a whole shop may sit behind one address (DESIGN
	// section 4). Default 64.
	MaxWaitingPerAddress int
}

const (
	defaultConnectTimeout  = 5 * time.Second
	defaultWriteTimeout    = 10 * time.Second
	defaultTakeoverTimeout = 5 * time.Second

	defaultMaxTerminals         = 20_000
	defaultMaxWaiting           = 2_048
	defaultMaxWaitingPerAddress = 64
)

// withDefaults fills in the defaults, or says what is wrong with c.
func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Auth == nil:
		return c, errors.New("broker: Config.Auth is missing")
	case c.OnReport == nil:
		return c, errors.New("broker: Config.OnReport is missing")
	case c.Log == nil:
		return c, errors.New("broker: Config.Log is missing")
	}
	for _, d := range []struct {
		name  string
		value *time.Duration
		def   time.Duration
	}{
		{"ConnectTimeout", &c.ConnectTimeout, defaultConnectTimeout},
		{"WriteTimeout", &c.WriteTimeout, defaultWriteTimeout},
		{"TakeoverTimeout", &c.TakeoverTimeout, defaultTakeoverTimeout},
	} {
		if *d.value < 0 {
			return c, fmt.Errorf("broker: Config.%s is negative: %s", d.name, *d.value)
		}
		if *d.value == 0 {
			*d.value = d.def
		}
	}
	for _, n := range []struct {
		name  string
		value *int
		def   int
	}{
		{"MaxTerminals", &c.MaxTerminals, defaultMaxTerminals},
		{"MaxWaiting", &c.MaxWaiting, defaultMaxWaiting},
		{"MaxWaitingPerAddress", &c.MaxWaitingPerAddress, defaultMaxWaitingPerAddress},
	} {
		if *n.value < 0 {
			return c, fmt.Errorf("broker: Config.%s is negative: %d", n.name, *n.value)
		}
		if *n.value == 0 {
			*n.value = n.def
		}
	}
	return c, nil
}
