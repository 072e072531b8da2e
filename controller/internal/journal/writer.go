package journal

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/protocol"
)

// writer writes the batches of one queue, one after another.
type writer struct {
	j     *Journal
	q     *queue
	stuck []*stuck
	// down: the last try found the database away.
	down bool
}

func newWriter(j *Journal, q *queue) *writer { return &writer{j: j, q: q} }

func (w *writer) run() {
	busy := 0 // decisions of the batch before, if that ended just now
	for {
		w.retryStuck()
		w.gather(busy)
		jobs, open := w.q.take(w.j.cfg.MaxBatch)
		if busy = len(jobs); busy > 0 {
			if jobs = w.joinStuck(jobs); len(jobs) > 0 {
				w.batch(jobs)
			}
			continue
		}
		if !open && !w.waiting() {
			return
		}
		w.wait()
	}
}

// lull is how long nobody comes before a writer stops gathering.
const lull = 250 * time.Microsecond

// gather lets decisions come together while the system is busy: those who were
// answered a moment ago are about to ask again. It ends when as many have come
// as before, when nobody came for a moment, or after MaxWait. It never waits
// after a batch of one.
func (w *writer) gather(before int) {
	limit := w.j.cfg.MaxWait
	if before < 2 || limit <= 0 || w.q.len() >= before {
		return
	}
	end := time.NewTimer(limit)
	defer end.Stop()
	quiet := time.NewTimer(lull)
	defer quiet.Stop()
	for w.q.len() < before {
		select {
		case <-w.q.signal:
			quiet.Reset(lull)
		case <-quiet.C:
			return
		case <-end.C:
			return
		}
	}
}

// wait waits for a job, or until a stuck one is due again.
func (w *writer) wait() {
	next, any := w.nextStuck()
	if !any {
		<-w.q.signal
		return
	}
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	select {
	case <-w.q.signal:
	case <-timer.C:
	}
}

// batch runs jobs until each of them has been answered or set aside.
func (w *writer) batch(jobs []*job) {
	began := time.Now()
	w.settle(jobs)
	w.j.cfg.Metrics.BatchDone(len(jobs), time.Since(began))
}

// settle runs jobs as one batch, and as smaller ones where that fails.
func (w *writer) settle(jobs []*job) {
	if w.down {
		if jobs = w.j.dropOverdue(jobs); len(jobs) == 0 {
			return
		}
	}
	needs := sortedNeeds(jobs)
	away := newBackoff(awayLimit)
	for try := 1; ; try++ {
		id, changes, err := w.apply(jobs, needs)
		var missing *missingError
		switch {
		case err == nil:
			w.j.committed(jobs, changes)
			return
		case errors.Is(err, ErrCommitUnknown):
			w.j.findOut(jobs, id, changes, err)
			return
		case errors.As(err, &missing):
			w.j.cfg.Metrics.BatchRetried("again")
			needs.Terminals = append(needs.Terminals, missing.terminals...)
			needs.Payments = append(needs.Payments, missing.payments...)
			needs.Sort()
		case w.j.work.Err() != nil: // Close has given up
			w.j.fail(jobs, ErrUnavailable)
			return
		case errors.Is(err, ErrAgain) && try < rerunLimit:
			w.j.cfg.Metrics.BatchRetried("again")
		case errors.Is(err, ErrAway):
			w.j.cfg.Metrics.BatchRetried("away")
			if !away.pause(w.j.work) {
				w.j.cfg.Log.Error("the database is away", "err", err)
				w.j.fail(jobs, ErrUnavailable)
				return
			}
		case len(jobs) > 1:
			w.j.cfg.Metrics.BatchRetried("halved")
			w.halve(jobs)
			return
		default:
			w.guilty(jobs[0], err)
			return
		}
	}
}

// sortedNeeds are the needs of all jobs, each once, in the order of locks.
func sortedNeeds(jobs []*job) decide.Needs {
	var needs decide.Needs
	for _, job := range jobs {
		needs.Add(job.needs)
	}
	needs.Sort()
	return needs
}

// halve runs the halves of a batch that cannot pass as it is. What got stuck in
// the first half takes what belongs to it out of the second.
func (w *writer) halve(jobs []*job) {
	w.settle(jobs[:len(jobs)/2])
	if rest := w.joinStuck(jobs[len(jobs)/2:]); len(rest) > 0 {
		w.settle(rest)
	}
}

// missingError says that a payment was loaded whose terminal was not, or a quote or
// a short order whose payment was not, or a refund and not what it gives back: they
// came after references were followed.
type missingError struct {
	terminals []protocol.Identity
	payments  []string
}

func (e *missingError) Error() string {
	return fmt.Sprintf("%d terminals and %d payments are needed that were not locked", len(e.terminals), len(e.payments))
}

// apply runs the batch once.
func (w *writer) apply(jobs []*job, needs decide.Needs) (BatchID, decide.Changes, error) {
	asked := map[protocol.Identity]bool{}
	for _, id := range needs.Terminals {
		asked[id] = true
	}
	var changes decide.Changes
	id := NewBatchID()
	err := w.j.cfg.Storage.Apply(w.j.work, id, needs, func(snap decide.Snapshot) (decide.Changes, error) {
		var missing missingError
		for _, p := range snap.Payments {
			if id, ok := p.Identity(); ok && !asked[id] {
				missing.terminals = append(missing.terminals, id)
			}
			if _, ok := snap.Payments[p.Original]; p.Original != "" && !ok {
				missing.payments = append(missing.payments, p.Original)
			}
		}
		for _, q := range snap.Quotes {
			if _, ok := snap.Payments[q.PaymentID]; q.PaymentID != "" && !ok && !slices.Contains(needs.Payments, q.PaymentID) {
				missing.payments = append(missing.payments, q.PaymentID)
			}
		}
		for _, o := range snap.Short {
			if _, ok := snap.Payments[o.PaymentID]; !ok {
				missing.payments = append(missing.payments, o.PaymentID)
			}
		}
		if len(missing.terminals)+len(missing.payments) > 0 {
			return decide.Changes{}, &missing
		}
		b := decide.NewBatch(snap)
		for _, job := range jobs {
			job.run(b)
		}
		changes = b.Changes()
		return changes, nil
	})
	w.down = errors.Is(err, ErrAway)
	return id, changes, err
}

// committed answers the callers and tells whoever listens.
//
// Life of a payment, step 3: The journal commits payment + event + outbox rows
// in one transaction; only then is the POS answered.
func (j *Journal) committed(jobs []*job, changes decide.Changes) {
	j.remember(changes) // before anybody can ask about it
	for _, job := range jobs {
		j.answer(job, nil)
	}
	j.tell(changes)
}

// tell tells whoever listens what was committed.
func (j *Journal) tell(changes decide.Changes) {
	if j.cfg.OnCommit == nil || changes.Empty() {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			j.panicked(v)
		}
	}()
	j.cfg.OnCommit(changes)
}

// guilty ends the one decision that a batch fails for.
func (w *writer) guilty(job *job, err error) {
	switch {
	case errors.Is(err, ErrLocked):
		w.getStuck(job, err)
		return
	case errors.Is(err, ErrAgain):
		w.j.cfg.Log.Warn("a decision kept meeting others", "err", err)
		err = ErrBusy
	default:
		w.j.cfg.Log.Error("a decision could not be saved", "err", err)
	}
	w.j.answer(job, err)
}

func (j *Journal) fail(jobs []*job, err error) {
	for _, job := range jobs {
		j.answer(job, err)
	}
}

// dropOverdue answers those that a database which is away has been waited for long
// enough, and returns the others. Without it each of a full queue's batches would
// wait by itself, and the last one's callers for all of them.
func (j *Journal) dropOverdue(jobs []*job) []*job {
	var fresh []*job
	for _, job := range jobs {
		if time.Since(job.accepted) < overdue {
			fresh = append(fresh, job)
		} else {
			j.answer(job, ErrUnavailable)
		}
	}
	return fresh
}

// panicked writes a panic down: what kind and where, not what it said, which
// may hold what no log should.
func (j *Journal) panicked(v any) {
	what := fmt.Sprintf("%T", v)
	if err, ok := v.(interface{ RuntimeError() }); ok {
		what = fmt.Sprint(err)
	}
	j.cfg.Log.Error("a decision panicked", "panic", what, "stack", string(debug.Stack()))
}
