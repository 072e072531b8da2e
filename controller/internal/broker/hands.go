package broker

import (
	"context"
	"time"
)

// handsRest is how long a hand without work stays, with its stack.
const handsRest = time.Second

// hands are the goroutines that do a terminal's work: TLS, the login, a packet, a
// command on its way out. mochi copies packets of 800 bytes from frame to frame, so
// that work takes stacks of 16 KiB and more. A terminal's own goroutine would grow
// to that with its first packet and keep it for as long as it waits: ten thousand
// of them cost more than everything else that they have (performance: idle
// terminals). So few have large stacks, and use them in turn.
type hands struct {
	end  context.Context
	jobs chan func()
}

func newHands(end context.Context) *hands { return &hands{end: end, jobs: make(chan func())} }

// do has job done, at once, by a hand that is free or by another one. It does not
// wait for it.
func (h *hands) do(job func()) {
	select {
	case h.jobs <- job:
	default:
		go h.work(job)
	}
}

func (h *hands) work(job func()) {
	rest := time.NewTimer(handsRest)
	defer rest.Stop()
	for {
		job()
		rest.Reset(handsRest)
		select {
		case job = <-h.jobs:
		case <-rest.C:
			return
		case <-h.end.Done():
			return
		}
	}
}
