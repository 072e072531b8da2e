// Package fx knows what a unit of a foreign currency costs in rupees: a Source
// reads a table of rates over HTTP again and again, and answers from the last one
// that was good (upi-switch: International, fees). No payment ever waits for
// another server.
//
// The arithmetic is package quote's; this package only brings it numbers. It is
// made by the command, and asked by the UPI door.
//
// # The table
//
// It is JSON as the public sources of the European Central Bank's rates have it:
//
//	{"base":"EUR","date":"2026-11-20","rates":{"USD":1.0842,"INR":91.2035}}
//
// base may be any currency; rates are what one unit of it costs, and name INR
// unless base is INR. Members that are not named here are ignored. Rates are read
// from their decimal text, and cross rates are fractions until they are rounded
// once, half-even, to eight digits; there are no floats.
//
// # The time of a rate
//
// A table's own time is what its age is counted from, never when it was read.
// That is timestamp (seconds since 1970) where it is given. Of a bare date it is
// the end of that day in central European time, or the moment of reading while
// that is still to come: a rate of Friday holds through Friday, and is refused
// from the end of Saturday on. A source that has no rates at weekends therefore
// means no international payments from Sunday until it has: a rate older than 24
// hours is refused, whatever day it is.
//
// # What is not believed
//
// An answer that is not such a table, names a rate that is 0 or less, lies in the
// future or is older than the one in use changes nothing: the old rates stay until
// they are stale. A rate that is more than twice, or less than half, of one that
// is still fresh is not believed either, that currency's alone: the old one stays
// until it is stale, and then the new one is as good as any.
package fx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/galla-pay/galla/controller/internal/quote"
)

// Limits of reading a table.
const (
	// DefaultEvery is how often a table is read.
	DefaultEvery = time.Hour
	// Timeout bounds one reading, from the connection to the last byte.
	Timeout = 10 * time.Second
	// MaxAnswer is the longest answer, in bytes.
	MaxAnswer = 1 << 20

	firstWait = 5 * time.Second // after a failure; it doubles from one to the next
	maxWait   = 5 * time.Minute
	maxJump   = 2 // times, up or down, within the age of a rate
)

// Why there is no rate.
var (
	// ErrUnknownCurrency: the source does not have the currency.
	ErrUnknownCurrency = errors.New("no rate of that currency")
	// ErrStale: there is no rate that is less than 24 hours old.
	ErrStale = errors.New("no rate of less than 24 hours")
)

// Config is what a Source needs.
type Config struct {
	// URL answers GET with a table; "" reads none, and Builtin is all there is.
	URL string
	// Transport is the way there; nil is one of our own, by http or https.
	Transport http.RoundTripper
	// Every is how often it is asked; 0 is DefaultEvery.
	Every time.Duration
	// Markup is put on every rate when money is converted, 0 to 10000 basis points.
	Markup int64
	// Builtin are rates that hold at all times, such as Sandbox; not used where
	// there is a URL. Their At is the moment that they are asked for.
	Builtin []quote.Rate
	// Log is told of every failure.
	Log *slog.Logger
	// Aged is told, after every reading, how old the newest rates are; nil is told
	// nothing.
	Aged func(time.Duration)
	// Refused is told that a reading failed, or that a rate was not believed; nil is
	// told nothing.
	Refused func()
}

// Source has the rates. Rate may be asked by many goroutines while Run runs.
type Source struct {
	cfg  Config
	name string
	now  atomic.Pointer[rates]
}

// rates is one picture of all rates, by currency.
type rates map[string]quote.Rate

// newest is the time of the youngest of them; zero where there is none.
func (r rates) newest() time.Time {
	var at time.Time
	for _, rate := range r {
		if rate.At.After(at) {
			at = rate.At
		}
	}
	return at
}

// New makes a source, which has no rates but Builtin before Run has read some. It
// fails where the configuration cannot work.
func New(cfg Config) (*Source, error) {
	if cfg.Every == 0 {
		cfg.Every = DefaultEvery
	}
	if cfg.Transport == nil {
		cfg.Transport = newTransport()
	}
	switch {
	case cfg.Log == nil:
		return nil, errors.New("fx: a log is missing")
	case cfg.Every < 0:
		return nil, errors.New("fx: the time between two readings must be more than 0")
	case cfg.Markup < 0 || cfg.Markup > 10_000:
		return nil, errors.New("fx: the markup must be 0 to 10000 basis points")
	}
	s := &Source{cfg: cfg}
	if cfg.URL != "" {
		u, err := url.Parse(cfg.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
			return nil, errors.New("fx: the URL must be http://HOST or https://HOST, with a path and a query if need be")
		}
		s.name = u.Host
	}
	return s, nil
}

// Markup is what is put on every rate, in basis points.
func (s *Source) Markup() int64 { return s.cfg.Markup }

// Rate is what one unit of a currency, three capital letters, costs now. It never
// waits for anybody. It returns ErrUnknownCurrency or ErrStale; INR has no rate.
func (s *Source) Rate(_ context.Context, currency string) (quote.Rate, error) {
	now := time.Now()
	if s.cfg.URL == "" {
		for _, rate := range s.cfg.Builtin {
			if rate.Currency == currency {
				rate.At = now.UTC().Truncate(time.Microsecond)
				return rate, nil
			}
		}
		return quote.Rate{}, ErrUnknownCurrency
	}
	table := s.now.Load()
	if table == nil {
		return quote.Rate{}, ErrStale
	}
	rate, known := (*table)[currency]
	switch {
	case !known:
		return quote.Rate{}, ErrUnknownCurrency
	case !rate.Fresh(now):
		return quote.Rate{}, ErrStale
	}
	return rate, nil
}

// Run reads the table until ctx ends: at once, then every Config.Every, and after
// a failure sooner, waiting twice as long from one to the next. Without a URL it
// returns at once.
func (s *Source) Run(ctx context.Context) {
	if s.cfg.URL == "" {
		return
	}
	wait := firstWait
	for ctx.Err() == nil {
		next := s.cfg.Every
		if err := s.refresh(ctx); err != nil {
			if ctx.Err() != nil {
				return
			}
			next = min(wait, s.cfg.Every)
			wait = min(2*wait, maxWait)
			s.cfg.Log.Warn("exchange rates could not be read; the last ones stand until they are 24 hours old",
				"source", s.name, "error", err, "again", next)
			s.refused()
		} else {
			wait = firstWait
		}
		s.aged()
		timer := time.NewTimer(spread(next))
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
}

// spread is a time up to a tenth shorter, so that controllers that started
// together do not ask together for ever.
func spread(d time.Duration) time.Duration { return d - rand.N(d/10+1) }

// refresh reads the table once and takes of it what can be believed.
func (s *Source) refresh(ctx context.Context) error {
	body, err := s.fetch(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	read, err := parse(body, now, s.name)
	if err != nil {
		return fmt.Errorf("the answer %w", err)
	}
	var old rates
	if p := s.now.Load(); p != nil {
		old = *p
	}
	if read.newest().Before(old.newest()) {
		return errors.New("the answer is older than the rates in use")
	}
	merged, doubted := merge(old, read, now)
	s.now.Store(&merged)
	for i, d := range doubted {
		if i == 10 {
			break // one line says as much as a thousand
		}
		s.cfg.Log.Warn("exchange rate is too far from the one in use and is not believed", "source", s.name,
			"currency", d.Currency, "rate", d.String(), "used", merged[d.Currency].String())
	}
	if len(doubted) > 0 {
		s.refused()
	}
	return nil
}

// merge is the new rates, with those of the old that are still fresh where the new
// ones are missing or cannot be believed; doubted are the latter.
func merge(old, read rates, now time.Time) (merged rates, doubted []quote.Rate) {
	merged = maps.Clone(read)
	for currency, was := range old {
		if !was.Fresh(now) {
			continue
		}
		is, there := read[currency]
		if there && uint64(is.E8) <= maxJump*uint64(was.E8) && uint64(was.E8) <= maxJump*uint64(is.E8) {
			continue
		}
		if there {
			doubted = append(doubted, is)
		}
		merged[currency] = was
	}
	return merged, doubted
}

func (s *Source) refused() {
	if s.cfg.Refused != nil {
		s.cfg.Refused()
	}
}

func (s *Source) aged() {
	if table := s.now.Load(); s.cfg.Aged != nil && table != nil {
		s.cfg.Aged(time.Since(table.newest()))
	}
}
