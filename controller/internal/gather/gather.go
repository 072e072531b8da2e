// Package gather lets questions that come at the same time be asked together: one
// statement for many callers costs little more than one for each, and there are as
// many callers as there are requests. It is for reading what needs no lock; what is
// written goes together in package journal, by the same rule: who finds nobody at
// work is served at once, who comes meanwhile goes with the others.
//
// The doors and package assess gather what they ask a storage.
package gather

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Limits of a Gather.
const (
	// most is how many questions go together.
	most = 256
	// width is how many rounds are under way at once, so that one that is slow does
	// not hold up everybody.
	width = 2
	// patience bounds a round: its answer matters to nobody after that.
	patience = 5 * time.Second
)

// Gather asks questions of one kind. Make one with New; its methods may be used by
// several goroutines. It has no goroutine while nothing is asked.
type Gather[Q, A any] struct {
	ask func(ctx context.Context, questions []Q) ([]A, error)

	mu      sync.Mutex
	waiting []*question[Q, A] // in the order in which they came
	rounds  int               // under way
}

// question is one that was not answered yet.
type question[Q, A any] struct {
	ctx  context.Context
	q    Q
	done chan outcome[A] // has room for the one there is
}

type outcome[A any] struct {
	answer A
	err    error
}

// New makes a Gather. ask answers questions, of which there is at least one, each
// in its place; its error is everybody's of that round. So it must be asked nothing
// that fails for being asked: callers look at that before. Its context has the
// values of the first who asks and ends after 5 s, and not when a caller's does.
func New[Q, A any](ask func(ctx context.Context, questions []Q) ([]A, error)) *Gather[Q, A] {
	return &Gather[Q, A]{ask: ask}
}

// Ask returns the answer to q, read after Ask was called. Where ctx ends before, the
// error is ctx's.
func (g *Gather[Q, A]) Ask(ctx context.Context, q Q) (A, error) {
	var none A
	if err := ctx.Err(); err != nil {
		return none, err
	}
	w := &question[Q, A]{ctx, q, make(chan outcome[A], 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, w)
	idle := g.rounds < width
	if idle {
		g.rounds++
	}
	g.mu.Unlock()
	if idle {
		go g.run()
	}
	select {
	case o := <-w.done:
		return o.answer, o.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// run does rounds as long as somebody waits.
func (g *Gather[Q, A]) run() {
	for {
		round := g.take()
		if len(round) == 0 {
			return
		}
		answers, err := g.answers(round)
		for i, w := range round {
			o := outcome[A]{err: err}
			if err == nil {
				o.answer = answers[i]
			}
			w.done <- o
		}
	}
}

// take takes those who have waited longest and still do. Where there are none the
// round ends, which is settled under the same lock under which they come.
func (g *Gather[Q, A]) take() []*question[Q, A] {
	g.mu.Lock()
	defer g.mu.Unlock()
	round := make([]*question[Q, A], 0, min(len(g.waiting), most))
	taken := 0
	for _, w := range g.waiting {
		if len(round) == most {
			break
		}
		taken++
		if w.ctx.Err() == nil {
			round = append(round, w)
		}
	}
	if g.waiting = g.waiting[taken:]; len(g.waiting) == 0 {
		g.waiting = nil
	}
	if len(round) == 0 {
		g.rounds--
	}
	return round
}

// ErrAnswers says that a round was not answered one by one: the fault is in the
// program.
var ErrAnswers = errors.New("gather: the questions were not answered each")

func (g *Gather[Q, A]) answers(round []*question[Q, A]) (answers []A, err error) {
	questions := make([]Q, len(round))
	for i, w := range round {
		questions[i] = w.q
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(round[0].ctx), patience)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			answers, err = nil, fmt.Errorf("%w: %T", ErrAnswers, v) // what it says may hold what no log should
		}
	}()
	answers, err = g.ask(ctx, questions)
	if err == nil && len(answers) != len(questions) {
		err = ErrAnswers
	}
	return answers, err
}
