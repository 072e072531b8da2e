package journal

import (
	"errors"
	"slices"
	"time"
)

// How a decision is treated whose row somebody else keeps locked.
const (
	// lockPatience is how long after it was accepted it is tried at most: longer
	// than PostgreSQL keeps the locks of a controller that has vanished.
	lockPatience = 3 * time.Second
	// firstLockPause is the first pause between tries; each is twice the one
	// before, up to lastLockPause.
	firstLockPause = 30 * time.Millisecond
	lastLockPause  = 500 * time.Millisecond
	// stuckMemory is how long rows are remembered as locked that nobody asks for.
	stuckMemory = 10 * time.Second
)

// stuck is rows of which one is locked by somebody else, and the decisions that
// wait for them, oldest first. While it lasts, a try costs the writer one
// lock_timeout now and then; without it, each batch that names the row would
// cost one for each of its halves.
type stuck struct {
	names map[any]bool // what the first of them named
	jobs  []*job
	at    time.Time // of the next try
	pause time.Duration
	since time.Time // of the latest try that failed
}

// getStuck starts a group with the one job that a batch failed for.
func (w *writer) getStuck(first *job, err error) {
	w.j.cfg.Metrics.BatchRetried("locked")
	w.j.cfg.Log.Warn("a row is locked by somebody else; what needs it waits", "err", err)
	now := time.Now()
	g := &stuck{names: map[any]bool{}, jobs: []*job{first}, at: now.Add(firstLockPause), pause: firstLockPause, since: now}
	for _, n := range names(first) {
		g.names[n] = true
	}
	w.stuck = append(w.stuck, g)
}

// joinStuck takes the jobs out that need what is known to be locked.
func (w *writer) joinStuck(jobs []*job) []*job {
	if len(w.stuck) == 0 {
		return jobs
	}
	var free []*job
	for _, job := range jobs {
		if g := w.stuckOn(job); g != nil {
			g.jobs = append(g.jobs, job)
		} else {
			free = append(free, job)
		}
	}
	return free
}

func (w *writer) stuckOn(job *job) *stuck {
	for _, g := range w.stuck {
		for _, n := range names(job) {
			if g.names[n] {
				return g
			}
		}
	}
	return nil
}

// names is what a job names that can be locked.
func names(job *job) []any {
	var all []any
	for _, t := range job.needs.Terminals {
		all = append(all, t)
	}
	for _, p := range job.needs.Payments {
		all = append(all, p)
	}
	for _, k := range job.needs.Keys {
		all = append(all, k)
	}
	for _, t := range job.needs.Tokens {
		all = append(all, "token "+t)
	}
	return all
}

// retryStuck tries the first decision of each group that is due. Where it
// passes, the others follow; where not, those that have waited for too long are
// answered ErrBusy.
func (w *writer) retryStuck() {
	now := time.Now()
	for _, g := range slices.Clone(w.stuck) {
		switch {
		case len(g.jobs) == 0 && now.Sub(g.since) > stuckMemory:
			w.forget(g)
		case len(g.jobs) == 0 || g.at.After(now):
		default:
			w.retry(g)
		}
	}
}

func (w *writer) retry(g *stuck) {
	began := time.Now()
	id, changes, err := w.apply(g.jobs[:1], sortedNeeds(g.jobs[:1]))
	if !errors.Is(err, ErrLocked) || w.j.work.Err() != nil {
		w.forget(g)
		jobs := g.jobs
		switch {
		case err == nil:
			w.j.committed(jobs[:1], changes)
			jobs = jobs[1:]
		case errors.Is(err, ErrCommitUnknown):
			w.j.findOut(jobs[:1], id, changes, err)
			jobs = jobs[1:]
		}
		for len(jobs) > 0 { // settle deals with any other error
			n := min(len(jobs), w.j.cfg.MaxBatch)
			w.settle(jobs[:n])
			jobs = w.joinStuck(jobs[n:])
		}
		w.j.cfg.Metrics.BatchDone(len(g.jobs), time.Since(began))
		return
	}
	w.j.cfg.Metrics.BatchRetried("locked")
	now := time.Now()
	var still []*job
	for _, job := range g.jobs {
		if now.Sub(job.accepted) < lockPatience {
			still = append(still, job)
		} else {
			w.j.answer(job, ErrBusy)
		}
	}
	if gone := len(g.jobs) - len(still); gone > 0 {
		w.j.cfg.Log.Warn("rows stayed locked by somebody else", "decisions", gone, "err", err)
	}
	g.jobs, g.since, g.pause = still, now, min(2*g.pause, lastLockPause)
	g.at = now.Add(g.pause)
}

func (w *writer) forget(g *stuck) {
	w.stuck = slices.DeleteFunc(w.stuck, func(x *stuck) bool { return x == g })
}

// waiting reports whether a stuck job is still to be answered.
func (w *writer) waiting() bool {
	return slices.ContainsFunc(w.stuck, func(g *stuck) bool { return len(g.jobs) > 0 })
}

// nextStuck is when the next try is due.
func (w *writer) nextStuck() (next time.Time, any bool) {
	for _, g := range w.stuck {
		if len(g.jobs) > 0 && (!any || g.at.Before(next)) {
			next, any = g.at, true
		}
	}
	return next, any
}
