package journal

import (
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
)

// unknownLimit is how long the journal tries to find out about a commit.
const unknownLimit = 15 * time.Second

// findOut finds out about a batch whose commit was not answered, and answers its
// jobs: as if nothing had been where it has committed, by running them again
// where it has not and never will. The writer goes on meanwhile: what else waits
// for a database that is away is to be told so soon. (Rows that the batch has
// locked still, it meets as locked.)
func (j *Journal) findOut(jobs []*job, id BatchID, changes decide.Changes, lost error) {
	j.cfg.Metrics.BatchRetried("unknown")
	j.cfg.Log.Warn("the connection was lost at a commit; finding out about it", "decisions", len(jobs), "err", lost)
	j.unknown.Go(func() {
		wait := newBackoff(unknownLimit)
		for {
			committed, err := j.cfg.Storage.Committed(j.work, id)
			switch {
			case err == nil && committed:
				j.committed(jobs, changes)
				return
			case err == nil:
				for _, job := range jobs {
					j.dispatch(job)
				}
				return
			case !wait.pause(j.work):
				j.cfg.Log.Error("it could not be found out whether a batch was committed", "decisions", len(jobs), "err", err)
				j.fail(jobs, ErrUnknown)
				return
			}
		}
	})
}
