// Package limit is how the controller keeps one noisy party from slowing the
// others: token buckets for merchants, addresses and terminals, and a bound on
// open HTTP connections.
//
// cmd/galla-controller makes the limiters and hands them to the doors as plain
// functions; a door never imports this package. The order in which a request
// meets them: the bound on connections, the address, and the merchant or
// terminal only when it has proved who it is, because a stranger's requests
// must not use up another's allowance.
package limit

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Meter counts what was refused, by kind: "address", "merchant", "terminal" or
// "connection". It must not block.
type Meter interface{ Limited(kind string) }

// Config is what a Limiter needs.
type Config struct {
	// Kind is what the keys are, for the log and the Meter.
	Kind string
	Rate Rate
	// Keys bounds the keys that are remembered; 0 means 65,536.
	Keys int
	// Meter may be nil.
	Meter Meter
	Log   *slog.Logger
}

const (
	defaultKeys = 1 << 16
	// sayEvery is the time between two log lines of one Limiter.
	sayEvery = time.Minute
)

// Limiter has one token bucket for each key. A bucket is kept as the time at
// which it will be full again; one that is full is the same as none, and is
// forgotten. Make it with New; its methods may be called from any goroutine.
//
// Keys live in two generations: used lately, and used before. When as much time
// has passed as an empty bucket needs to fill up, every bucket of the older
// generation is full, and all of it is dropped. No goroutine tidies up. When
// too many keys come in that time, the older generation is dropped early: that
// forgives keys that were quiet for a while, never one that goes on asking.
type Limiter[K comparable] struct {
	config Config
	every  time.Duration // one token
	fill   time.Duration // all of them
	start  time.Time

	mu      sync.Mutex
	lately  map[K]time.Duration // full again, since start
	before  map[K]time.Duration
	turned  time.Duration // lately began
	refused uint64        // since said
	said    time.Duration // of the last log line, since start; 0: none yet
}

// New makes a limiter whose buckets are all full.
func New[K comparable](c Config) *Limiter[K] {
	if c.Keys <= 0 {
		c.Keys = defaultKeys
	}
	return &Limiter[K]{
		config: c, every: c.Rate.every(), fill: c.Rate.fill(), start: time.Now(), lately: map[K]time.Duration{},
	}
}

// Allow takes a token of key's bucket, or says after what time there will be
// one. A refusal costs nothing: who waits that long is let in.
func (l *Limiter[K]) Allow(key K) (retryAfter time.Duration, ok bool) {
	if l.config.Rate.Off() {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Since(l.start)
	if now-l.turned >= l.fill || len(l.lately) >= max(1, l.config.Keys/2) {
		l.before, l.lately, l.turned = l.lately, map[K]time.Duration{}, now
	}
	full, known := l.lately[key]
	if !known {
		full = l.before[key]
	}
	full = max(full, now)
	if retryAfter = full + l.every - now - l.fill; retryAfter > 0 {
		l.lately[key] = full
		l.refuse(key, now)
		return retryAfter, false
	}
	l.lately[key] = full + l.every
	return 0, true
}

// Keys is how many keys are remembered now.
func (l *Limiter[K]) Keys() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lately) + len(l.before)
}

// refuse counts, and says once a minute who was refused last: a flood must not
// fill the log. l.mu is held.
func (l *Limiter[K]) refuse(key K, now time.Duration) {
	if l.config.Meter != nil {
		l.config.Meter.Limited(l.config.Kind)
	}
	l.refused++
	if l.said != 0 && now-l.said < sayEvery {
		return
	}
	l.config.Log.Warn("too many requests", "kind", l.config.Kind, "who", fmt.Sprint(key),
		"allowed", l.config.Rate.String(), "refused", l.refused)
	l.refused, l.said = 0, max(now, 1)
}
