package eventapi

import "time"

// Query is what a request asks for.
type Query struct {
	After       string
	FromNow     bool
	Since, Wait time.Duration
	Limit       int
}

// ParseQuery reads it.
func ParseQuery(raw string) (Query, error) {
	q, err := parseQuery(raw)
	return Query{q.after, q.fromNow, q.since, q.wait, q.limit}, err
}

// Waiting is how many requests wait.
func (a *API) Waiting() int {
	a.waiting.mu.Lock()
	defer a.waiting.mu.Unlock()
	return a.waiting.all
}

// MaxWaitingOfMerchant is how many may, of one merchant.
const MaxWaitingOfMerchant = maxWaitingOfMerchant
