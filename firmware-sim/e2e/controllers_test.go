package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// secondCommand: second start | stop runs another controller on the same database
// and broker. What the POS and the customers ask goes to it while it runs.
func secondCommand(ts *testscript.TestScript, neg bool, args []string) {
	h := of(ts)
	switch {
	case neg || len(args) != 1 || h.stack.embedded():
		ts.Fatalf("usage: second start|stop, where the broker is not in the controller")
	case args[0] == "start":
		address, err := freeAddress()
		ts.Check(err)
		h.first, h.firstHTTP = h.controller, h.http
		h.http = address
		h.startController(ts)
	case args[0] == "stop":
		ts.Check(h.controller.stop(syscall.SIGTERM))
		h.controller, h.http, h.first = h.first, h.firstHTTP, nil
		ts.Setenv("CONTROLLER", h.url())
	}
}

// firstCommand: first kill ends the older of two controllers, kill -9.
func firstCommand(ts *testscript.TestScript, neg bool, args []string) {
	h := of(ts)
	if neg || len(args) != 1 || args[0] != "kill" || h.first == nil {
		ts.Fatalf("usage: first kill, where there are two controllers")
	}
	ts.Check(h.first.stop(syscall.SIGKILL))
	h.first = nil
}

// wakeCommand: wake ID is an old controller that wakes up. Tills sell at the first of
// two when it is stopped, and it has been asked to take the sale back; the customer
// pays at the second; then the first goes on. It must find out, and of what the
// tills asked for each sale is there once, or was not promised.
func wakeCommand(ts *testscript.TestScript, neg bool, args []string) {
	h := of(ts)
	if neg || len(args) != 1 || h.first == nil || h.customer.network == nil {
		ts.Fatalf("usage: wake ID, with two controllers and a customer who has scanned")
	}
	h.customer.network.BaseURL = h.url()
	old := "http://" + h.firstHTTP
	rush := h.rush(old, args[0])
	<-rush.busy
	ts.Check(h.first.cmd.Process.Signal(syscall.SIGSTOP))
	rush.over.Store(true)
	cancel := func() answer {
		path := "/v1/payment/" + merchantID + "/" + args[0] + "/cancel"
		return h.signedAt(context.Background(), old, http.MethodPut, path, "", "", merchant(merchantID))
	}
	answered := make(chan answer, 1)
	go func() { answered <- cancel() }()
	customerCommand(ts, false, []string{"pays"})
	statusCommand(ts, false, []string{args[0], "SUCCESS"})
	select {
	case a := <-answered:
		ts.Fatalf("a stopped controller has answered: %d %s", a.status, a.body)
	case <-time.After(paused):
	}
	ts.Check(h.first.cmd.Process.Signal(syscall.SIGCONT))
	select {
	case a := <-answered:
		// What it was asked has waited for longer than a controller does: the line is
		// cut, or it cannot say how it ended, and is asked again.
		if a.status != 0 && a.status != http.StatusInternalServerError {
			demand(ts, "cancel "+args[0]+" at the controller that was stopped", a, "PAYMENT_ALREADY_COMPLETED")
		}
	case <-time.After(patience):
		ts.Fatalf("the controller that was stopped does not answer")
	}
	until(ts, h.first, "the controller that was stopped knows", func(context.Context) (string, bool) {
		a := cancel()
		return a.body, a.code == "PAYMENT_ALREADY_COMPLETED"
	})
	rush.settle(ts, h)
}

// paused is for how long the old controller sleeps.
const paused = 10 * time.Second

// rush is tills that all sell at one controller, until it is over; those that are
// asking then have their answer when the controller goes on.
type rush struct {
	busy chan struct{} // closed when they are at it
	over atomic.Bool
	done sync.WaitGroup

	mu                sync.Mutex
	promised, unknown []string
	wrong             []string
}

func (h *house) rush(at, prefix string) *rush {
	r := &rush{busy: make(chan struct{})}
	var began sync.Once
	for worker := range 8 {
		r.done.Go(func() {
			for n := 0; !r.over.Load(); n++ {
				id := fmt.Sprintf("%s-%d-%d", prefix, worker, n)
				a := h.sell(at, id, merchant(merchantID), nil)
				r.mu.Lock()
				switch {
				case a.code == "SUCCESS":
					r.promised = append(r.promised, id)
				case a.status == 0 || a.status == http.StatusInternalServerError:
					r.unknown = append(r.unknown, id)
				default:
					r.wrong = append(r.wrong, fmt.Sprintf("%s: %d %s", id, a.status, a.body))
				}
				enough := len(r.promised) > 100
				r.mu.Unlock()
				if enough {
					began.Do(func() { close(r.busy) })
				}
			}
		})
	}
	return r
}

// settle asks the other controller for every sale.
func (r *rush) settle(ts *testscript.TestScript, h *house) {
	r.done.Wait()
	if len(r.wrong) > 0 {
		ts.Fatalf("refused: %v", r.wrong)
	}
	found := 0
	for _, id := range append(r.promised, r.unknown...) {
		d, body := askStatus(context.Background(), h, id)
		if d.Status != "" {
			found++
		} else if !slices.Contains(r.unknown, id) {
			ts.Fatalf("%s was promised and is lost: %s", id, body)
		}
	}
	ts.Logf("%d promised, %d unknown, %d found", len(r.promised), len(r.unknown), found)
}
