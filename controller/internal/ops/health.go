// Package ops is how operators see the controller: logs that hold no secret,
// metrics with bounded labels, and health that says what is wrong. It knows no
// other package of ours; who has something to tell is given a hook.
package ops

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// checkTimeout is how long one check may take.
const checkTimeout = 2 * time.Second

// NotReady is an error whose text may be shown to anybody who asks for
// /readyz. The text of every other error stays in the log.
type NotReady string

func (n NotReady) Error() string { return string(n) }

// Check is one thing that must work before the controller can be used.
type Check struct {
	// Name is shown: one word such as "database", "broker", "migrations".
	Name string
	// Run returns nil when all is well, a NotReady, or any error. It is given
	// two seconds and should mind its context.
	Run func(context.Context) error
}

// Readiness answers /readyz: whether the controller can be sent work, and if
// not, what is not ready. It is a http.Handler; make one with NewReadiness.
type Readiness struct {
	checks []*check
	log    *slog.Logger

	mu       sync.Mutex
	stopping bool
}

// NewReadiness runs checks whenever it is asked; one that is still running is
// not begun again.
func NewReadiness(log *slog.Logger, checks ...Check) *Readiness {
	r := &Readiness{log: log}
	for _, c := range checks {
		r.checks = append(r.checks, &check{Check: c})
	}
	return r
}

// Stopping makes every later answer "not ready", so that a load balancer sends
// nothing more while the controller finishes what it has accepted.
func (r *Readiness) Stopping() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopping = true
}

// readyAnswer is the document of /readyz.
type readyAnswer struct {
	Ready bool `json:"ready"`
	// NotReady are the names of the checks that failed.
	NotReady []string      `json:"notReady,omitempty"`
	Checks   []checkAnswer `json:"checks"`
}

type checkAnswer struct {
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
	// Reason is a NotReady's text, "timeout", or "failed".
	Reason string `json:"reason,omitempty"`
}

// ServeHTTP answers 200 or 503 with the same JSON document.
func (r *Readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	answer := r.ask(req.Context())
	status := http.StatusOK
	if !answer.Ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, req, status, answer)
}

func (r *Readiness) ask(ctx context.Context) readyAnswer {
	answers := make([]checkAnswer, len(r.checks))
	var wg sync.WaitGroup
	for i, c := range r.checks {
		wg.Go(func() { answers[i] = c.ask(ctx, r.log) })
	}
	wg.Wait()
	r.mu.Lock()
	if r.stopping {
		answers = append(answers, checkAnswer{Name: "process", Reason: "stopping"})
	}
	r.mu.Unlock()
	answer := readyAnswer{Ready: true, Checks: answers}
	for _, a := range answers {
		if !a.Ready {
			answer.Ready = false
			answer.NotReady = append(answer.NotReady, a.Name)
		}
	}
	return answer
}

// check runs one Check for all who ask at the same time, so that a flood of
// requests is not a flood of checks, and one that hangs hangs once.
type check struct {
	Check

	mu      sync.Mutex
	running chan struct{} // closed when the run under way is over
	last    error
	said    string // reason of the last answer that was logged
}

func (c *check) ask(ctx context.Context, log *slog.Logger) checkAnswer {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	select {
	case <-c.begin():
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) { // not that the asker went away
			c.note(log, "timeout", ctx.Err())
		}
		return checkAnswer{Name: c.Name, Reason: "timeout"}
	}
	c.mu.Lock()
	err := c.last
	c.mu.Unlock()
	reason := reasonOf(err)
	c.note(log, reason, err)
	return checkAnswer{Name: c.Name, Ready: err == nil, Reason: reason}
}

// begin starts a run, or joins the one under way.
func (c *check) begin() (over <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil {
		return c.running
	}
	done := make(chan struct{})
	c.running = done
	go func() {
		// Not the asker's context: others may have joined.
		ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
		err := c.Run(ctx)
		cancel()
		c.mu.Lock()
		c.last, c.running = err, nil
		c.mu.Unlock()
		close(done)
	}()
	return done
}

// note logs a check's turns, not every answer.
func (c *check) note(log *slog.Logger, reason string, err error) {
	c.mu.Lock()
	turned := c.said != reason
	c.said = reason
	c.mu.Unlock()
	switch {
	case !turned:
	case err == nil:
		log.Info("ready again", "check", c.Name)
	default:
		log.Warn("not ready", "check", c.Name, "reason", reason, "error", err)
	}
}

func reasonOf(err error) string {
	var told NotReady
	switch {
	case err == nil:
		return ""
	case errors.As(err, &told):
		return string(told)
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	default:
		return "failed"
	}
}

// Healthz answers /healthz: the process is alive and serves. It asks nothing of
// the database, so that a database that is away does not get every controller
// restarted.
func Healthz() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, r, http.StatusOK, map[string]string{"status": "ok"})
	})
}

func writeJSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		status, v = http.StatusMethodNotAllowed, map[string]string{"error": "only GET and HEAD"}
	}
	body, err := json.Marshal(v)
	if err != nil { // strings and booleans alone: cannot happen
		status, body = http.StatusInternalServerError, []byte(`{}`)
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(body, '\n'))
	}
}
