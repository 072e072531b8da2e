package agent_test

import (
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/agent/internal/watchdog"
	"github.com/galla-pay/galla/protocol"
)

// TestAStalledTerminalFallsSilent (failure matrix R10): the event loop says at least
// every ten seconds that it turns, idle or not; once something holds it up, it says
// nothing any more, and a service manager that waits 60 s cuts it. Over systemd's
// socket.
func TestAStalledTerminalFallsSilent(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	env := map[string]string{"NOTIFY_SOCKET": socket, "WATCHDOG_USEC": "60000000"}
	dog, err := watchdog.New(func(name string) string { return env[name] }, 1, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer dog.Close()
	heard := make(chan string, 10_000)
	go func() {
		for {
			buffer := make([]byte, 256)
			n, err := conn.Read(buffer)
			if err != nil {
				close(heard)
				return
			}
			heard <- string(buffer[:n])
		}
	}()
	stalls := func(t *testing.T, r *rig) {
		var mu sync.Mutex
		var beats []time.Time
		r.cfg.Alive = func() {
			dog.Alive()
			mu.Lock()
			defer mu.Unlock()
			beats = append(beats, time.Now())
		}
		gate := make(chan struct{})
		stall := false
		status := r.cfg.Status
		r.cfg.Status = func(s agent.Status) {
			status(s)
			if stall && s.PaymentID == "B" {
				<-gate // somebody breaks the rule that it must not block
			}
		}
		began := time.Now()
		r.unseen()
		time.Sleep(time.Hour)
		r.offer("A", protocol.PhaseOffered)
		time.Sleep(3 * time.Minute)
		r.ctrl.Broker.Behave(unreachable)
		r.ctrl.Broker.Cut()
		time.Sleep(time.Hour)
		r.ctrl.Broker.Behave(well)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		mu.Lock()
		last := began
		for _, b := range beats {
			if gap := b.Sub(last); gap > 10*time.Second {
				t.Errorf("%v after the start it was silent for %v", b.Sub(began), gap)
			}
			last = b
		}
		if gap := time.Since(last); gap > 10*time.Second {
			t.Errorf("it is silent since %v", gap)
		}
		mu.Unlock()

		stall = true
		r.offer("B", protocol.PhaseOffered)
		time.Sleep(time.Second)
		mu.Lock()
		before := len(beats)
		mu.Unlock()
		time.Sleep(dog.Limit())
		mu.Lock()
		if len(beats) != before {
			t.Errorf("a loop that stands still has said %d times that it turns", len(beats)-before)
		}
		mu.Unlock()
		close(gate)
	}
	// A bubble's test runs in parallel: the outer one waits for it.
	t.Run("over a socket", func(t *testing.T) {
		t.Run("of the event loop", func(t *testing.T) { bubble(t, stalls) })
	})
	// What went over the socket is what systemd needs, and no flood.
	_ = dog.Close()
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	var words []string
	for word := range heard {
		words = append(words, word)
	}
	if len(words) < 100 || words[0] != "READY=1" || words[len(words)-1] != "STOPPING=1" {
		t.Fatalf("%d messages: %.10q", len(words), words)
	}
	if inner := words[1 : len(words)-1]; slices.ContainsFunc(inner, func(w string) bool { return w != "WATCHDOG=1" }) {
		t.Errorf("it said %q", slices.Compact(inner))
	}
}
