package terminal

import (
	"sync"
	"time"

	"github.com/galla-pay/galla/agent/board"
	"periph.io/x/conn/v3/gpio"
)

// looksOver is how long a driver is quiet that has seen enough: while it is in
// doubt it looks again within board.Settle.
const looksOver = 3 * board.Settle

// looks notes when a driver begins to look at a contact, so that a finger moves
// on when the driver has seen it, and no sooner on a machine that is busy.
type looks struct {
	mu   sync.Mutex
	at   []time.Time // since the finger moved
	rest time.Time   // when the contact came to rest; zero: it moves
}

func (l *looks) note() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.rest.IsZero() {
		l.at = append(l.at, time.Now())
	}
}

// settle is called when the contact has come to rest. It returns when the driver
// counts it as it is now or is gone, at the latest after fingerLimit.
func (l *looks) settle(gone <-chan struct{}) {
	l.mu.Lock()
	l.at, l.rest = nil, time.Now()
	l.mu.Unlock()
	poll := time.NewTicker(board.Settle / 4)
	defer poll.Stop()
	limit := time.NewTimer(fingerLimit)
	defer limit.Stop()
	for waiting := true; waiting && !l.settled(); {
		select {
		case <-poll.C:
		case <-gone:
			waiting = false
		case <-limit.C:
			waiting = false
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at, l.rest = nil, time.Time{}
}

// settled reports that the driver has seen the contact twice, board.Settle apart,
// and is done with the second look: it began another one, or is quiet.
func (l *looks) settled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.at)
	if n == 0 {
		return false
	}
	if last := l.at[n-1]; last.Sub(l.rest) >= board.Settle*9/10 && time.Since(last) >= looksOver {
		return true
	}
	// What the first look saw is noted before the second one begins.
	return n >= 4 && l.at[n-2].Sub(l.at[1]) >= board.Settle
}

// watchedLine is the pin of a button.
type watchedLine struct {
	gpio.PinIn
	looks *looks
}

// Read implements gpio.PinIn.
func (w watchedLine) Read() gpio.Level {
	w.looks.note()
	return w.PinIn.Read()
}

// watchedRow is the first row of the keypad. For a look at the keypad it is let go
// twice: before all rows, and after its own turn.
type watchedRow struct {
	gpio.PinIO
	looks *looks
	mid   *bool // only the scanner's goroutine uses it
}

// In implements gpio.PinIn.
func (w watchedRow) In(pull gpio.Pull, edge gpio.Edge) error {
	if *w.mid = !*w.mid; *w.mid {
		w.looks.note()
	}
	return w.PinIO.In(pull, edge)
}
