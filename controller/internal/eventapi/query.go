package eventapi

import (
	"net/url"
	"strconv"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
)

// The bounds of a request.
const (
	// DefaultLimit and MaxLimit are how many events an answer holds at most.
	DefaultLimit = 50
	MaxLimit     = 100
	// MaxWait is how long an answer may wait for the first event.
	MaxWait = 30 * time.Second
	// MaxSince is how far back a feed can be begun by time.
	MaxSince = 30 * 24 * time.Hour
)

// query is what is asked for.
type query struct {
	after   string
	fromNow bool // begin since before now, without a cursor
	since   time.Duration
	limit   int
	wait    time.Duration
}

// parseQuery reads the query: after (a cursor), or since (seconds before now, 0
// to 30 days); limit (1 to 100); wait (0 to 30 seconds). Without after and since
// the feed begins with the first event that there is. Other names are ignored,
// as unknown fields are everywhere.
func parseQuery(raw string) (query, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return query{}, badRequest("the query cannot be read")
	}
	q := query{limit: DefaultLimit}
	for _, name := range []string{"after", "since", "limit", "wait"} {
		if len(values[name]) > 1 {
			return query{}, badRequest(name + " is there more than once")
		}
	}
	if values.Has("after") && values.Has("since") {
		return query{}, badRequest("a feed begins after a cursor or since a time, not both")
	}
	if values.Has("after") {
		q.after = values.Get("after")
		if _, err := journal.ParseCallbackCursor(q.after); err != nil {
			return query{}, badRequest("after is no cursor that was given out")
		}
	}
	for _, n := range []struct {
		name        string
		least, most int
		set         func(int)
	}{
		{"since", 0, int(MaxSince / time.Second), func(n int) { q.fromNow, q.since = true, time.Duration(n)*time.Second }},
		{"limit", 1, MaxLimit, func(n int) { q.limit = n }},
		{"wait", 0, int(MaxWait / time.Second), func(n int) { q.wait = time.Duration(n) * time.Second }},
	} {
		if !values.Has(n.name) {
			continue
		}
		text := values.Get(n.name)
		number, err := strconv.Atoi(text)
		if err != nil || number < n.least || number > n.most || strconv.Itoa(number) != text {
			return query{}, badRequest(n.name + " must be a whole number from " + strconv.Itoa(n.least) + " to " + strconv.Itoa(n.most))
		}
		n.set(number)
	}
	return q, nil
}
