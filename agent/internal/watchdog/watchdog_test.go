package watchdog

import (
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// manager is the service manager's end of the socket.
type manager struct {
	conn *net.UnixConn
	env  map[string]string
}

// newManager listens at address and makes the environment of a unit with
// WatchdogSec=60.
func newManager(t *testing.T, address string) *manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &manager{conn, map[string]string{"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}}
}

// start makes the Watchdog of process 7.
func (m *manager) start(t *testing.T) *Watchdog {
	t.Helper()
	w, err := New(m.get, 7, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func (m *manager) get(name string) string { return m.env[name] }

// heard is what has come since the last call. A datagram is there as soon as it
// is sent, so nothing is waited for.
func (m *manager) heard(t *testing.T) (messages []string) {
	t.Helper()
	raw, err := m.conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for {
		var n int
		var failed error
		buffer := make([]byte, 4096)
		if err := raw.Read(func(fd uintptr) bool {
			n, _, failed = syscall.Recvfrom(int(fd), buffer, 0)
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if errors.Is(failed, syscall.EAGAIN) {
			return messages
		}
		if failed != nil {
			t.Fatal(failed)
		}
		messages = append(messages, string(buffer[:n]))
	}
}

func (m *manager) wants(t *testing.T, want ...string) {
	t.Helper()
	if got := m.heard(t); !slices.Equal(got, want) {
		t.Fatalf("the service manager heard %q, want %q", got, want)
	}
}

// TestALife is what systemd hears from the start to the end, by a socket with a
// path and by one with a name.
func TestALife(t *testing.T) {
	t.Parallel()
	for _, address := range []string{filepath.Join(t.TempDir(), "notify"), "@galla-watchdog-" + strconv.FormatInt(time.Now().UnixNano(), 36)} {
		m := newManager(t, address)
		w := m.start(t)
		if w.Limit() != time.Minute {
			t.Errorf("limit is %v", w.Limit())
		}
		m.wants(t)
		w.Ready()
		w.Ready()
		m.wants(t, "READY=1")
		w.Alive()
		m.wants(t, "WATCHDOG=1")
		w.Status("idle\nWATCHDOG=1")
		m.wants(t, "STATUS=idle WATCHDOG=1")
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		m.wants(t, "STOPPING=1")
		w.Alive()
		w.Status("gone")
		m.wants(t)
	}
}

// TestTheFirstTurnIsReady: a terminal works once its event loop turns.
func TestTheFirstTurnIsReady(t *testing.T) {
	t.Parallel()
	m := newManager(t, filepath.Join(t.TempDir(), "notify"))
	m.start(t).Alive()
	m.wants(t, "READY=1", "WATCHDOG=1")
}

// TestAStalledLoopIsStartedAnew (failure matrix R10): systemd counts from the last
// WATCHDOG=1. While the loop turns that is never long ago; once it stands still,
// though the program lives, nothing comes any more, and after 60 s it is cut.
func TestAStalledLoopIsStartedAnew(t *testing.T) {
	t.Parallel()
	m := newManager(t, filepath.Join(t.TempDir(), "notify"))
	w := m.start(t)
	synctest.Test(t, func(t *testing.T) {
		stall, stop := make(chan struct{}), make(chan struct{})
		go func() { // the event loop
			beat := time.NewTicker(10 * time.Second)
			defer beat.Stop()
			for {
				w.Alive()
				select {
				case <-stall:
					<-stop
					return
				case <-beat.C:
				}
			}
		}()
		begun := time.Now()
		last := begun // that systemd heard something
		wait := func(until func() bool) time.Duration {
			for !until() {
				synctest.Wait()
				if len(m.heard(t)) > 0 {
					last = time.Now()
				}
				time.Sleep(100 * time.Millisecond)
			}
			return time.Since(last)
		}
		for time.Since(begun) < 10*time.Minute {
			if silent := wait(func() bool { return time.Since(begun)%time.Second == 0 }); silent > 11*time.Second {
				t.Fatalf("a loop that turns is silent for %v", silent)
			}
			time.Sleep(100 * time.Millisecond)
		}
		close(stall)
		stalled := time.Now()
		wait(func() bool { return time.Since(last) > w.Limit() })
		if took := time.Since(stalled); took > time.Minute+time.Second {
			t.Errorf("it is cut %v after it stalled", took)
		}
		close(stop)
	})
}

// TestABusyLoopIsQuiet: however often the loop turns, one message a second is
// enough.
func TestABusyLoopIsQuiet(t *testing.T) {
	t.Parallel()
	m := newManager(t, filepath.Join(t.TempDir(), "notify"))
	w := m.start(t)
	synctest.Test(t, func(t *testing.T) {
		for range 10_000 {
			w.Alive()
			time.Sleep(time.Millisecond)
		}
		if n := len(m.heard(t)); n < 10 || n > 11 {
			t.Errorf("%d messages in 10 s", n)
		}
	})
}

// TestNobodyReads: a service manager that hangs does not stop a sale, and hears
// the rest once it reads again.
func TestNobodyReads(t *testing.T) {
	t.Parallel()
	m := newManager(t, filepath.Join(t.TempDir(), "notify"))
	var log strings.Builder
	w := m.start(t)
	w.log = slog.New(slog.NewTextHandler(&log, nil))
	begun := time.Now()
	for i := range 10_000 {
		w.Status(strconv.Itoa(i))
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it waited: %v", took)
	}
	if got := len(m.heard(t)); got == 0 || got == 10_000 {
		t.Errorf("%d of 10000 messages came", got)
	}
	if got := strings.Count(log.String(), "service manager is not told"); got != 1 {
		t.Errorf("it was logged %d times:\n%s", got, log.String())
	}
	w.Alive()
	m.wants(t, "READY=1", "WATCHDOG=1")
}

// TestEnvironments is the table of what a unit can say.
func TestEnvironments(t *testing.T) {
	t.Parallel()
	path := newManager(t, filepath.Join(t.TempDir(), "notify")).env["NOTIFY_SOCKET"]
	for _, row := range []struct {
		name              string
		socket, usec, pid string
		limit             time.Duration
		err               string // "": none
	}{
		{"no systemd", "", "", "", 0, ""},
		{"no systemd, but a limit", "", "60000000", "7", 0, ""},
		{"no watchdog", path, "", "", 0, ""},
		{"a watchdog", path, "60000000", "7", time.Minute, ""},
		{"a watchdog of the whole unit", path, "30000000", "", 30 * time.Second, ""},
		{"a watchdog of another process", path, "60000000", "8", 0, ""},
		{"too short to be kept", path, "10000000", "7", 0, "set WatchdogSec=60"},
		{"too long to be of use", path, "3600000000", "7", 0, "set WatchdogSec=60"},
		{"no number", path, "soon", "7", 0, "WATCHDOG_USEC"},
		{"negative", path, "-1", "7", 0, "WATCHDOG_USEC"},
		{"longer than there is time", path, "9223372036854775807", "7", 0, "WATCHDOG_USEC"},
		{"another kind of socket", "vsock:2:1", "", "", 0, "NOTIFY_SOCKET"},
		{"a relative path", "notify", "", "", 0, "NOTIFY_SOCKET"},
		{"nobody there", path + "-gone", "", "", 0, "NOTIFY_SOCKET"},
	} {
		env := map[string]string{"NOTIFY_SOCKET": row.socket, "WATCHDOG_USEC": row.usec, "WATCHDOG_PID": row.pid}
		w, err := New(func(name string) string { return env[name] }, 7, slog.New(slog.DiscardHandler))
		switch {
		case row.err != "":
			if err == nil || !strings.Contains(err.Error(), row.err) {
				t.Errorf("%s: %v, want %q", row.name, err, row.err)
			}
			continue
		case err != nil:
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if w.Limit() != row.limit {
			t.Errorf("%s: limit %v, want %v", row.name, w.Limit(), row.limit)
		}
		w.Alive() // without anybody there it does nothing
		if err := w.Close(); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}
