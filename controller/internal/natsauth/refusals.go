package natsauth

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

// refusals logs what strangers and wrong configurations can cause at will: of
// each kind the first at once, and then one line a minute at most, that counts.
type refusals struct {
	log *slog.Logger

	mu    sync.Mutex
	kinds map[string]*kind
}

type kind struct {
	logged time.Time
	since  int // more of them since then
}

const (
	complainEvery = time.Minute
	// longestDetail bounds what is quoted, in bytes.
	longestDetail = 300
)

// add counts one. what is one of few fixed texts; detail is that of this one.
func (r *refusals) add(what, detail string) {
	now := time.Now()
	r.mu.Lock()
	if r.kinds == nil {
		r.kinds = map[string]*kind{}
	}
	k := r.kinds[what]
	if k == nil {
		k = &kind{}
		r.kinds[what] = k
	}
	if !k.logged.IsZero() && now.Sub(k.logged) < complainEvery {
		k.since++
		r.mu.Unlock()
		return
	}
	more := k.since
	k.logged, k.since = now, 0
	r.mu.Unlock()
	if len(detail) > longestDetail {
		detail = strings.ToValidUTF8(detail[:longestDetail], "") + "..."
	}
	r.log.Warn(what, "because", strings.Join(strings.Fields(detail), " "), "more since the last line", more)
}
