package journal

import (
	"context"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
)

const (
	// unknownLimit is how long callers wait while the journal finds out about a
	// commit; then they are answered ErrUnknown.
	unknownLimit = 15 * time.Second
	// lateLimit is how long it goes on afterwards, so that a database that a
	// standby takes over from is lived through (failure matrix, column D).
	lateLimit = 2 * time.Minute
	// lateMost is how many batches may be found out about without callers that
	// wait. More are left to the readers, as after a crash (Config.OnCommit).
	lateMost = 16
)

// findOut finds out about a batch whose commit was not answered, and answers its
// jobs: as if nothing had been where it has committed, by running them again
// where it has not and never will. The writer goes on meanwhile: what else waits
// for a database that is away is to be told so soon. (Rows that the batch has
// locked still, it meets as locked.)
func (j *Journal) findOut(jobs []*job, id BatchID, changes decide.Changes, lost error) {
	j.cfg.Metrics.BatchRetried("unknown")
	j.cfg.Log.Warn("the connection was lost at a commit; finding out about it", "decisions", len(jobs), "err", lost)
	j.unknown.Go(func() {
		committed, err := j.askCommitted(j.work, id, unknownLimit)
		switch {
		case err == nil && committed:
			j.committed(jobs, changes)
		case err == nil:
			for _, job := range jobs {
				j.dispatch(job)
			}
		default:
			j.cfg.Log.Error("it could not be found out in time whether a batch was committed", "decisions", len(jobs), "err", err)
			j.fail(jobs, ErrUnknown)
			j.findOutLate(id, changes)
		}
	})
}

// findOutLate goes on once the callers have been told that nobody knows. Where the
// batch has committed, whoever listens is told, as of any other. Where it has not,
// it never will, which is what its callers will read: it is not run again.
func (j *Journal) findOutLate(id BatchID, changes decide.Changes) {
	if j.late.Add(1) <= lateMost {
		committed, err := j.askCommitted(j.running, id, lateLimit)
		j.cfg.Log.Warn("a batch that nobody knew about", "found", err == nil, "committed", committed)
		if committed {
			j.tell(changes)
		}
	}
	j.late.Add(-1)
}

// askCommitted asks until there is an answer, the limit is over or ctx has ended.
func (j *Journal) askCommitted(ctx context.Context, id BatchID, limit time.Duration) (committed bool, err error) {
	wait := newBackoff(limit)
	for {
		committed, err := j.cfg.Storage.Committed(ctx, id)
		if err == nil || !wait.pause(ctx) {
			return committed, err
		}
	}
}
