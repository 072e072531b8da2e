package journal

import (
	"hash/maphash"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/protocol"
)

// job is a decision under way.
type job struct {
	needs    decide.Needs
	run      func(*decide.Batch) // keeps the answer; may be called again
	done     chan error          // has room for the one error, or nil
	accepted time.Time
}

// needsResolving reports whether the job's terminal, if it has one, is known by
// references alone. A job that names its terminal goes to the writer at once:
// its keys are mostly new, its payments that terminal's. A short order may be
// another terminal's.
func (w *job) needsResolving() bool {
	n := w.needs
	return len(n.Terminals) == 0 && len(n.Payments)+len(n.Keys)+len(n.Tokens) > 0 || len(n.Short) > 0
}

// queue is jobs in the order in which they came. It is unbounded: Journal
// counts.
type queue struct {
	mu     sync.Mutex
	jobs   []*job
	closed bool
	signal chan struct{} // has a token when there may be something new
}

func newQueue() *queue { return &queue{signal: make(chan struct{}, 1)} }

func (q *queue) put(w *job) {
	q.mu.Lock()
	q.jobs = append(q.jobs, w)
	q.mu.Unlock()
	q.wake()
}

func (q *queue) wake() {
	select {
	case q.signal <- struct{}{}:
	default:
	}
}

// close wakes the reader for the last time.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.wake()
}

// take takes at most limit jobs, oldest first, and reports whether more will
// ever come.
func (q *queue) take(limit int) (jobs []*job, open bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(limit, len(q.jobs))
	jobs = q.jobs[:n:n]
	if q.jobs = q.jobs[n:]; len(q.jobs) == 0 {
		q.jobs = nil
	}
	return jobs, !q.closed || len(q.jobs) > 0
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.jobs)
}

// seed is drawn once a process: which writer owns a terminal is nobody else's
// business.
var seed = maphash.MakeSeed()

// dispatch hands a job to the writer that owns its terminal.
func (j *Journal) dispatch(w *job) {
	j.writers[owner(w.needs, len(j.writers))].put(w)
}

// owner is the writer of a decision's first terminal. A decision without one
// belongs to the writer of the first thing that it does name, so that two which
// meet on it meet in one batch.
func owner(n decide.Needs, writers int) int {
	if writers == 1 {
		return 0
	}
	var name string
	switch {
	case len(n.Terminals) > 0:
		name = least(n.Terminals, protocol.Identity.String)
	case len(n.Payments) > 0:
		name = least(n.Payments, func(s string) string { return s })
	case len(n.Tokens) > 0:
		name = least(n.Tokens, func(s string) string { return s })
	case len(n.Short) > 0:
		name = n.Short[0].MerchantID + "." + n.Short[0].StoreID + "." + n.Short[0].Code
	case len(n.Keys) > 0:
		name = n.Keys[0].MerchantID + "." + n.Keys[0].TransactionID
	case len(n.Txns) > 0:
		name = n.Txns[0].OrgID + "." + n.Txns[0].TxnID
	case len(n.Messages) > 0:
		name = n.Messages[0].OrgID + "." + n.Messages[0].MsgID
	}
	return int(maphash.String(seed, name) % uint64(writers))
}

func least[K any](keys []K, name func(K) string) string {
	smallest := name(keys[0])
	for _, k := range keys[1:] {
		smallest = min(smallest, name(k))
	}
	return smallest
}

// checkText refuses needs that no database could be asked about.
func checkText(n decide.Needs) error {
	good := texts(n.Payments...) && texts(n.Tokens...)
	for _, t := range n.Terminals {
		good = good && texts(t.MerchantID, t.StoreID, t.TerminalID)
	}
	for _, k := range n.Keys {
		good = good && texts(k.MerchantID, k.TransactionID)
	}
	for _, k := range n.Messages {
		good = good && texts(k.OrgID, k.MsgID)
	}
	for _, k := range n.Txns {
		good = good && texts(k.OrgID, k.TxnID)
	}
	for _, k := range n.Short {
		good = good && texts(k.MerchantID, k.StoreID, k.Code)
	}
	for _, k := range n.Credits {
		good = good && texts(k.OrgID, k.TxnID)
	}
	if !good {
		return ErrText
	}
	return nil
}

// texts reports whether all of them can be kept. Each is looked at by itself: two
// that are broken off in the middle of a letter are not good together.
func texts(all ...string) bool {
	for _, s := range all {
		if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return false
		}
	}
	return true
}
