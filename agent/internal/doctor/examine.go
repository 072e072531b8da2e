package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// State is what became of a check. Values are in the answers of --json: never
// change one.
type State string

// The states.
const (
	Good   State = "good"
	Bad    State = "bad"    // something to repair; the only one that is a problem
	Absent State = "absent" // not fitted, or not in use: no fault
	// Untouched: it was not looked at, because a running agent has it or because
	// another check failed.
	Untouched State = "untouched"
)

// Finding is what a check found.
type Finding struct {
	State  State
	Detail string // what is so, in one line
	Advice string // what to do next; only where it is needed
	// Took is how long that took which the check is about: one full picture, one
	// write to the disk, one answer of the controller. 0: nothing was measured.
	Took time.Duration
}

// Check is a finding with its name, as it is told.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"` // false only where State is bad
	State  State  `json:"state"`
	Detail string `json:"detail"`
	Advice string `json:"advice"` // empty where there is nothing to do
	MS     int64  `json:"ms"`     // Finding.Took in milliseconds, rounded up
}

// Test is one check that can be run.
type Test struct {
	Name string
	// Run ends with ctx at the latest, or is given up soon after.
	Run func(ctx context.Context) Finding
	// Limit bounds Run; 0 means 20 s.
	Limit time.Duration
}

const (
	testLimit = 20 * time.Second
	// testGrace is how long after its limit a test may still say what it found.
	testGrace = time.Second
)

// Examine runs the tests in their order, tells each check as it is made, and
// returns how many are bad. It ends early, with ctx's error, when ctx ends.
func Examine(ctx context.Context, tests []Test, tell func(Check)) (problems int, err error) {
	for _, t := range tests {
		f := t.bounded(ctx)
		if ctx.Err() != nil {
			return problems, ctx.Err()
		}
		if f.State == Bad {
			problems++
		}
		tell(Check{
			Name: t.Name, OK: f.State != Bad, State: f.State, Detail: f.Detail, Advice: f.Advice,
			MS: (f.Took + time.Millisecond - 1).Milliseconds(),
		})
	}
	return problems, nil
}

// bounded is Run, given up when it does not end.
func (t Test) bounded(ctx context.Context) Finding {
	limit := t.Limit
	if limit == 0 {
		limit = testLimit
	}
	trial, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	found := make(chan Finding, 1)
	go func() { found <- t.Run(trial) }()
	late := time.NewTimer(limit + testGrace)
	defer late.Stop()
	select {
	case f := <-found:
		return f
	case <-late.C:
		return bad("restart the device; if it comes again, the part is broken", "no answer for %v", limit)
	}
}

func good(format string, args ...any) Finding {
	return Finding{State: Good, Detail: fmt.Sprintf(format, args...)}
}

func bad(advice, format string, args ...any) Finding {
	return Finding{State: Bad, Detail: fmt.Sprintf(format, args...), Advice: advice}
}

// NotFitted is the finding for a part that the configuration does not name; key
// is where it would.
func NotFitted(key string) Finding {
	return Finding{State: Absent, Detail: "not fitted (no " + key + " in the configuration)"}
}

// LeftAlone is the finding for what was not looked at.
func LeftAlone(why, advice string) Finding {
	return Finding{State: Untouched, Detail: why, Advice: advice}
}

// CannotOpen is the finding for hardware that could not be opened. An error with
// a method Advice knows better what to do than advice does.
func CannotOpen(err error, advice string) Finding {
	if knows := (interface {
		error
		Advice() string
	})(nil); errors.As(err, &knows) {
		advice = knows.Advice()
	}
	return Finding{State: Bad, Detail: oneLine(err), Advice: advice}
}
