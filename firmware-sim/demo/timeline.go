package demo

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Who does something in the timeline.
const (
	whoDemo       = "demo"
	whoController = "controller"
	whoTill       = "till"
	whoCashier    = "cashier"
	whoPhone      = "phone"
	whoCallback   = "callback"
	whoMagic      = "magic"
)

// keepEntries bounds what a page that comes late is told.
const keepEntries = 500

// Entry is one thing that happened.
type Entry struct {
	N       int       `json:"n"` // 1, 2, 3 ...
	At      time.Time `json:"at"`
	Who     string    `json:"who"`
	Payment string    `json:"payment"` // merchantTransactionId, if it is about one
	What    string    `json:"what"`
	// SinceMs counts from the first entry about the same payment.
	SinceMs int64 `json:"sinceMs"`
}

// Timeline collects what happens, writes it down line by line and keeps the
// newest for the page.
type Timeline struct {
	out io.Writer

	mu      sync.Mutex
	count   int
	entries []Entry
	began   map[string]time.Time
	changed chan struct{}
}

func NewTimeline(out io.Writer) *Timeline {
	return &Timeline{out: out, began: map[string]time.Time{}, changed: make(chan struct{})}
}

// Add notes that who did something now; payment may be "".
func (l *Timeline) Add(who, payment, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	e := Entry{At: now, Who: who, Payment: payment, What: fmt.Sprintf(format, args...)}
	if payment != "" {
		if _, known := l.began[payment]; !known {
			l.began[payment] = now
		}
		e.SinceMs = now.Sub(l.began[payment]).Milliseconds()
	}
	l.count++
	e.N = l.count
	l.entries = append(l.entries, e)
	if len(l.entries) > keepEntries {
		l.entries = append(l.entries[:0], l.entries[len(l.entries)-keepEntries:]...)
	}
	fmt.Fprintln(l.out, e)
	close(l.changed)
	l.changed = make(chan struct{})
}

// String is the entry's line: time of day, milliseconds since the payment
// began, who, payment, what.
func (e Entry) String() string {
	since := ""
	if e.Payment != "" {
		since = fmt.Sprintf("+%d ms", e.SinceMs)
	}
	line := fmt.Sprintf("%s  %10s  %-13s  ", e.At.Format("15:04:05.000"), since, e.Who)
	if e.Payment != "" {
		line += e.Payment + "  "
	}
	return line + e.What
}

// Began says when the first entry about the payment was made; zero: there is none.
func (l *Timeline) Began(payment string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.began[payment]
}

// After returns the entries that are newer than n, and a channel that is closed
// when there is another.
func (l *Timeline) After(n int) ([]Entry, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.count - len(l.entries) // N of the entry before the oldest kept
	skip := min(max(n-first, 0), len(l.entries))
	return append([]Entry(nil), l.entries[skip:]...), l.changed
}
