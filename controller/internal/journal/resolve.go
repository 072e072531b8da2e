package journal

import (
	"context"
	"errors"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/protocol"
)

// resolve follows the references of jobs whose terminal is not known, many at
// once, and hands them on.
func (j *Journal) resolve(q *queue) {
	down := false // the last look found the database away
	for {
		jobs, open := q.take(j.cfg.MaxBatch)
		if len(jobs) > 0 {
			if down {
				jobs = j.dropOverdue(jobs)
			}
			if len(jobs) > 0 {
				down = j.resolveJobs(jobs)
			}
			continue
		}
		if !open {
			return
		}
		<-q.signal
	}
}

// resolveJobs reports whether the database is away.
func (j *Journal) resolveJobs(jobs []*job) (away bool) {
	var all decide.Needs
	for _, w := range jobs {
		all.Add(w.needs)
	}
	all.Sort()
	found, err := j.lookUp(all)
	switch {
	case err == nil:
		for _, w := range jobs {
			w.needs = follow(w.needs, found)
			j.dispatch(w)
		}
	case len(jobs) == 1 || errors.Is(err, ErrUnavailable):
		for _, w := range jobs {
			j.answer(w, err)
		}
	default: // only one of them is guilty
		j.cfg.Metrics.BatchRetried("halved")
		if away = j.resolveJobs(jobs[:len(jobs)/2]); away {
			j.fail(jobs[len(jobs)/2:], ErrUnavailable)
			return true
		}
		return j.resolveJobs(jobs[len(jobs)/2:])
	}
	return errors.Is(err, ErrUnavailable)
}

// lookUp asks the storage, as long as a database that is away is waited for.
func (j *Journal) lookUp(n decide.Needs) (Resolved, error) {
	wait := newBackoff(awayLimit)
	for {
		found, err := j.cfg.Storage.Resolve(j.work, n)
		if err == nil || !errors.Is(err, ErrAway) {
			return found, err
		}
		j.cfg.Metrics.BatchRetried("away")
		if !wait.pause(j.work) {
			j.cfg.Log.Error("the database is away", "err", err)
			return Resolved{}, ErrUnavailable
		}
	}
}

// follow adds to n what its references lead to.
func follow(n decide.Needs, r Resolved) decide.Needs {
	payments := append([]string(nil), n.Payments...)
	for _, t := range n.Tokens {
		if id := r.Tokens[t]; id != "" {
			payments = append(payments, id)
		}
	}
	for _, k := range n.Keys {
		if id := r.Keys[k]; id != "" {
			payments = append(payments, id)
		}
	}
	for _, k := range n.Short {
		if id := r.Short[k]; id != "" {
			payments = append(payments, id)
		}
	}
	terminals := append([]protocol.Identity(nil), n.Terminals...)
	for _, id := range payments {
		if t, ok := r.Terminals[id]; ok {
			terminals = append(terminals, t)
		}
	}
	n.Payments, n.Terminals = payments, terminals
	return n
}

// backoff waits longer each time: 0, 10 ms, 20 ms and so on, up to a limit.
type backoff struct {
	until time.Time
	next  time.Duration
}

func newBackoff(limit time.Duration) *backoff { return &backoff{until: time.Now().Add(limit)} }

// pause waits, or reports false when the limit is over or ctx has ended.
func (b *backoff) pause(ctx context.Context) bool {
	if time.Now().Add(b.next).After(b.until) {
		return false
	}
	t := time.NewTimer(b.next)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		b.next = min(max(2*b.next, 10*time.Millisecond), 200*time.Millisecond)
		return true
	}
}
