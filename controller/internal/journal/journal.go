package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/recall"
)

// Limits and waits. Those of Config may be changed there.
const (
	DefaultMaxBatch    = 512
	DefaultMaxWait     = 2 * time.Millisecond
	DefaultQueueLength = 8192

	// rerunLimit is how often one batch is run again after ErrAgain before it is
	// halved, and how often a single decision is before it fails.
	rerunLimit = 5
	// awayLimit is how long a batch waits for a database that is away.
	awayLimit = time.Second
	// overdue is how long a decision has waited that gets no try of its own any
	// more once others have found the database away.
	overdue = awayLimit / 2
	// tidyEvery is how often Storage.Tidy is called.
	tidyEvery = 10 * time.Minute
)

// What Do answers when the decision itself did not.
var (
	// ErrBusy: the queue is full, or a row that the decision needs stays locked.
	// Nothing was changed; the caller may come again (doors: 503 with
	// Retry-After).
	ErrBusy = errors.New("journal: busy")
	// ErrClosed: the journal takes no more decisions. Nothing was changed.
	ErrClosed = errors.New("journal: closed")
	// ErrUnavailable: the database is away. Nothing was changed.
	ErrUnavailable = errors.New("journal: database is unavailable")
	// ErrUnknown: the decision may have been committed or not, and it could not
	// be found out. The caller learns the truth by reading later.
	ErrUnknown = errors.New("journal: outcome is unknown")
)

// PanicError is the answer of a decision that panicked. Nothing of it was kept.
type PanicError struct{ Value any }

func (e *PanicError) Error() string {
	return fmt.Sprintf("journal: the decision panicked: %T", e.Value)
}

// Metrics is told what happens. Its methods are called by the writers and must
// not block.
type Metrics interface {
	// BatchDone: a writer is done with a batch of this many decisions: they are
	// answered, or set aside (locked, unknown); took counts from its first try.
	BatchDone(decisions int, took time.Duration)
	// DecisionDone: a decision was answered, this long after it was accepted.
	DecisionDone(took time.Duration)
	// BatchRetried: a batch is tried again; why is again, locked, halved, away
	// or unknown.
	BatchRetried(why string)
	// QueueFull: a decision was refused with ErrBusy because the queue was full.
	QueueFull()
}

// Config is what New needs. Zero numbers mean the defaults.
type Config struct {
	Storage Storage
	// Writers is how many batches are written at once. SQLite takes one.
	Writers int
	// MaxBatch is how many decisions a batch holds at most.
	MaxBatch int
	// MaxWait is how long a writer that was busy a moment ago lets decisions
	// gather, at most; an idle writer never waits. Below 0 means not at all.
	MaxWait time.Duration
	// QueueLength is how many decisions may be accepted and not yet answered.
	QueueLength int
	// OnCommit, when not nil, is told what every batch changed, after it has
	// committed and its callers have been answered. It is called by the writers,
	// several at once, and a writer's next batch waits for it: it must hand on and
	// return, within microseconds. What it is not told because of a crash is
	// found by the readers (Unacked, LeaseCallbacks).
	OnCommit func(decide.Changes)
	Metrics  Metrics
	Log      *slog.Logger
}

// Journal runs decisions. Make one with New and run it with Run; its methods may
// be used by several goroutines.
type Journal struct {
	cfg      Config
	resolver *queue
	writers  []*queue
	settled  chan struct{}                // closed when Run has ended
	leads    *recall.Memory[string, lead] // by token

	unknown sync.WaitGroup // batches that are being found out about
	late    atomic.Int64   // those of them that nobody waits for

	mu      sync.Mutex
	pending int // accepted and not yet answered
	closing bool
	idle    chan struct{} // closed when closing and pending is 0

	stop context.CancelFunc // ends work under way
	work context.Context

	// running ends when all that was accepted has been answered and no more comes.
	running context.Context
	ended   context.CancelFunc
}

// New checks cfg and makes a Journal, which accepts decisions at once and works
// on them once Run is called.
func New(cfg Config) (*Journal, error) {
	switch {
	case cfg.Storage == nil:
		return nil, errors.New("journal: no Storage")
	case cfg.Log == nil:
		return nil, errors.New("journal: no Log")
	case cfg.Writers < 0 || cfg.MaxBatch < 0 || cfg.QueueLength < 0:
		return nil, errors.New("journal: a number in Config is below 0")
	}
	if cfg.Writers == 0 {
		cfg.Writers = 1
	}
	if cfg.MaxBatch == 0 {
		cfg.MaxBatch = DefaultMaxBatch
	}
	if cfg.MaxWait == 0 {
		cfg.MaxWait = DefaultMaxWait
	}
	if cfg.QueueLength == 0 {
		cfg.QueueLength = DefaultQueueLength
	}
	if cfg.Metrics == nil {
		cfg.Metrics = noMetrics{}
	}
	j := &Journal{
		cfg: cfg, resolver: newQueue(), leads: recall.New[string, lead](recalled),
		settled: make(chan struct{}), idle: make(chan struct{}),
	}
	for range cfg.Writers {
		j.writers = append(j.writers, newQueue())
	}
	j.work, j.stop = context.WithCancel(context.Background())
	j.running, j.ended = context.WithCancel(j.work)
	return j, nil
}

// Run works until ctx ends or Close is called, and returns when every decision
// that was accepted has been answered. It may be called once.
func (j *Journal) Run(ctx context.Context) error {
	defer close(j.settled)
	var workers sync.WaitGroup
	workers.Go(func() { j.resolve(j.resolver) })
	for _, q := range j.writers {
		workers.Go(func() { newWriter(j, q).run() })
	}
	workers.Go(func() { j.tidy(j.running) })
	select {
	case <-ctx.Done():
		j.refuse()
		<-j.idle
	case <-j.idle:
	}
	j.ended()
	j.resolver.close()
	for _, q := range j.writers {
		q.close()
	}
	workers.Wait()
	j.unknown.Wait()
	j.stop()
	return nil
}

// Close makes the journal refuse decisions, and waits until those that it has
// accepted are answered and Run has returned, or until ctx ends; then it gives
// up what is under way, whose callers get ErrUnavailable or ErrUnknown. A journal
// that was never run has nobody to answer: Close waits for its context.
func (j *Journal) Close(ctx context.Context) error {
	j.refuse()
	select {
	case <-j.settled:
		return nil
	case <-ctx.Done():
		j.stop()
		return fmt.Errorf("journal: close: %w", ctx.Err())
	}
}

func (j *Journal) refuse() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.closing {
		j.closing = true
		if j.pending == 0 {
			close(j.idle)
		}
	}
}

// Pending is how many decisions are accepted and not yet answered.
func (j *Journal) Pending() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.pending
}

// Do runs a decision and returns its answer once it is committed. An error that
// the decision returned comes back as it is, and then nothing of it was kept;
// so do ErrText, *PanicError, and the errors above.
//
// A decision that was accepted is carried out even if ctx ends meanwhile: then
// the error is ctx's, and the outcome is not known to the caller.
func Do[A any](ctx context.Context, j *Journal, d decide.Decision[A]) (A, error) {
	var none A
	if err := ctx.Err(); err != nil {
		return none, err
	}
	var answer A
	var refused error
	w := &job{
		done: make(chan error, 1),
		run: func(b *decide.Batch) {
			answer, refused = none, nil
			defer func() {
				if v := recover(); v != nil {
					j.panicked(v)
					refused = &PanicError{v}
				}
			}()
			answer, refused = decide.Run(b, d)
		},
	}
	if err := j.ask(w, func() decide.Needs { return d.Needs() }); err != nil {
		return none, err
	}
	if err := j.submit(w); err != nil {
		return none, err
	}
	select {
	case err := <-w.done:
		if err == nil {
			err = refused
		}
		if err != nil {
			return none, err
		}
		return answer, nil
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// ask takes down a decision's needs.
func (j *Journal) ask(w *job, needs func() decide.Needs) (err error) {
	defer func() {
		if v := recover(); v != nil {
			j.panicked(v)
			err = &PanicError{v}
		}
	}()
	w.needs = needs()
	return checkText(w.needs)
}

// submit takes a job in, or refuses it.
func (j *Journal) submit(w *job) error {
	j.mu.Lock()
	switch {
	case j.closing:
		j.mu.Unlock()
		return ErrClosed
	case j.pending >= j.cfg.QueueLength:
		j.mu.Unlock()
		j.cfg.Metrics.QueueFull()
		return ErrBusy
	}
	j.pending++
	j.mu.Unlock()
	w.accepted = time.Now()
	if w.needsResolving() {
		needs, known := j.recall(w.needs)
		if !known {
			j.resolver.put(w)
			return nil
		}
		w.needs = needs
	}
	j.dispatch(w)
	return nil
}

// answer ends a job.
func (j *Journal) answer(w *job, err error) {
	j.cfg.Metrics.DecisionDone(time.Since(w.accepted))
	w.done <- err
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pending--
	if j.closing && j.pending == 0 {
		close(j.idle)
	}
}

func (j *Journal) tidy(ctx context.Context) {
	for {
		if err := j.cfg.Storage.Tidy(ctx); err != nil && ctx.Err() == nil {
			j.cfg.Log.Warn("the journal could not tidy up; it tries again", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(tidyEvery):
		}
	}
}

type noMetrics struct{}

func (noMetrics) BatchDone(int, time.Duration) {}
func (noMetrics) DecisionDone(time.Duration)   {}
func (noMetrics) BatchRetried(string)          {}
func (noMetrics) QueueFull()                   {}
