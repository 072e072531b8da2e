package watchdog

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The limits of WatchdogSec=.
const (
	// MinLimit is the shortest that can be kept: the event loop reports at least
	// every ten seconds, and one report may be late or lost.
	MinLimit = 25 * time.Second
	// MaxLimit is the longest that is of use: within it a terminal that stands
	// still is started again (failure matrix R10).
	MaxLimit = time.Minute
)

// feedGap is the shortest time between two messages; the loop may turn far more
// often.
const feedGap = time.Second

// Watchdog talks to the service manager. Make one with FromEnv or New. Its methods
// may be called from any goroutine, and never block.
type Watchdog struct {
	conn  *net.UnixConn // nil: nobody listens
	limit time.Duration // 0: nobody waits for Alive
	log   *slog.Logger

	mu     sync.Mutex
	ready  bool
	fed    time.Time // the last time
	failed bool      // the last message did not go out, and that was logged
}

// FromEnv is New with the environment of this process.
func FromEnv(log *slog.Logger) (*Watchdog, error) { return New(os.Getenv, os.Getpid(), log) }

// New takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID of env, as systemd sets
// them for the process pid. Without NOTIFY_SOCKET the Watchdog does nothing. An
// error says what of the unit is wrong.
func New(env func(string) string, pid int, log *slog.Logger) (*Watchdog, error) {
	w := &Watchdog{log: log}
	address := env("NOTIFY_SOCKET")
	if address == "" {
		return w, nil
	}
	if !strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "@") {
		return nil, fmt.Errorf("watchdog: NOTIFY_SOCKET %q is neither a path nor @ and a name", address)
	}
	limit, err := limitOf(env, pid)
	if err != nil {
		return nil, err
	}
	w.limit = limit
	w.conn, err = net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("watchdog: NOTIFY_SOCKET: %w", err)
	}
	return w, nil
}

// limitOf is how long the service manager waits for Alive; 0: it does not, or it
// waits for another process.
func limitOf(env func(string) string, pid int) (time.Duration, error) {
	usec, whose := env("WATCHDOG_USEC"), env("WATCHDOG_PID")
	if usec == "" || whose != "" && whose != strconv.Itoa(pid) {
		return 0, nil
	}
	n, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || n <= 0 || n > int64(24*time.Hour/time.Microsecond) {
		return 0, fmt.Errorf("watchdog: WATCHDOG_USEC %q is no number of microseconds up to a day", usec)
	}
	limit := time.Duration(n) * time.Microsecond
	if limit < MinLimit || limit > MaxLimit {
		return 0, fmt.Errorf("watchdog: the unit's WatchdogSec= is %v, which must be from %v to %v: set WatchdogSec=60", limit, MinLimit, MaxLimit)
	}
	return limit, nil
}

// Limit is how long the service manager waits for the next Alive before it starts
// the terminal anew; 0: nobody waits.
func (w *Watchdog) Limit() time.Duration { return w.limit }

// Ready says that the terminal works (Type=notify); only the first call counts.
func (w *Watchdog) Ready() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ready {
		w.ready = w.send("READY=1")
	}
}

// Alive says that the event loop has turned. It is agent.Config.Alive, and for
// nobody else to call. The first call says Ready, too: a terminal works once its
// event loop does.
func (w *Watchdog) Alive() {
	w.Ready()
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.limit == 0 || !w.fed.IsZero() && now.Sub(w.fed) < feedGap {
		return
	}
	if w.send("WATCHDOG=1") {
		w.fed = now
	}
}

// Status is one line for people: systemctl status shows it.
func (w *Watchdog) Status(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.send("STATUS=" + strings.Map(oneLine, line))
}

// oneLine replaces what would begin another assignment.
func oneLine(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}

// Stopping says that the terminal ends because it was asked to.
func (w *Watchdog) Stopping() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.send("STOPPING=1")
}

// Close says Stopping and lets go of the socket. Calls after it do nothing.
func (w *Watchdog) Close() error {
	w.Stopping()
	w.mu.Lock()
	defer w.mu.Unlock()
	conn := w.conn
	w.conn = nil
	if conn == nil {
		return nil
	}
	return conn.Close()
}

// send sends one datagram without waiting, and tells whether it went out; w.mu is
// held. What did not go out is logged once: the terminal works all the same, and
// a watchdog that is not fed starts it anew at worst.
func (w *Watchdog) send(message string) bool {
	if w.conn == nil {
		return false
	}
	err := sendNow(w.conn, message)
	if err != nil && !w.failed {
		w.log.Warn("service manager is not told", "message", message, "err", err)
	}
	w.failed = err != nil
	return err == nil
}
