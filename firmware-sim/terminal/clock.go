package terminal

import (
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/galla-pay/galla/firmware-sim/terminal/web"
)

// clockMost bounds how wrong the terminal's clock can be set: any time from the
// years that certificates are about.
const clockMost = 30 * clockYear

// clockYear is what "y" means in an offset.
const clockYear = 365 * 24 * time.Hour

// wallClock is the terminal's wall clock: the machine's own, wrong by an offset.
// Like the real one it goes on without power.
type wallClock struct {
	offset atomic.Int64 // nanoseconds
}

// Now is agent.Config.Wall. It has no monotonic reading: a wall clock is all it
// is.
func (c *wallClock) Now() time.Time {
	return time.Now().Round(0).Add(time.Duration(c.offset.Load()))
}

// SetClock makes the terminal's wall clock wrong by offset, at most 30 years
// either way, from now on: it jumps. 0 sets it right.
func (t *Terminal) SetClock(offset time.Duration) error {
	if offset > clockMost || offset < -clockMost {
		return fmt.Errorf("the clock can be wrong by %s, not by %s", writeOffset(clockMost), writeOffset(offset))
	}
	if t.isClosed() {
		return ErrClosed
	}
	t.wall.offset.Store(int64(offset))
	t.tellPages()
	return nil
}

// Clock is the answer of GET /clock.
type Clock struct {
	Time     string `json:"time"`     // what the terminal's clock says, RFC 3339
	Offset   string `json:"offset"`   // as POST /clock takes it: "+1h", "0"
	OffsetMs int64  `json:"offsetMs"` // the same in milliseconds
}

// Clock returns what the terminal's wall clock says.
func (t *Terminal) Clock() Clock {
	offset := time.Duration(t.wall.offset.Load())
	return Clock{
		Time:     t.wall.Now().Format(time.RFC3339),
		Offset:   writeOffset(offset),
		OffsetMs: offset.Milliseconds(),
	}
}

// offsetForm is what an offset is, for people.
const offsetForm = "a clock's offset is 0, or + or - with a whole number and s, m, h, d or y, at most 30y: +1h, -10y"

// offsetUnits are the units of an offset, the largest first.
func offsetUnits() []struct {
	name byte
	is   time.Duration
} {
	return []struct {
		name byte
		is   time.Duration
	}{{'y', clockYear}, {'d', 24 * time.Hour}, {'h', time.Hour}, {'m', time.Minute}, {'s', time.Second}}
}

// parseOffset reads "+1h". It returns an error that says what an offset is.
func parseOffset(text string) (time.Duration, error) {
	if text == "0" {
		return 0, nil
	}
	refused := fmt.Errorf("%s; not %q", offsetForm, text)
	if len(text) < 3 || text[0] != '+' && text[0] != '-' {
		return 0, refused
	}
	number, err := strconv.ParseUint(text[1:len(text)-1], 10, 31)
	if err != nil {
		return 0, refused
	}
	for _, unit := range offsetUnits() {
		if text[len(text)-1] != unit.name {
			continue
		}
		if number > uint64(clockMost/unit.is) {
			return 0, refused
		}
		offset := time.Duration(number) * unit.is
		if text[0] == '-' {
			offset = -offset
		}
		return offset, nil
	}
	return 0, refused
}

// writeOffset writes an offset as parseOffset reads it, in the largest unit that
// is whole; a part of a second is left out.
func writeOffset(offset time.Duration) string {
	sign, rest := '+', offset.Truncate(time.Second)
	if rest < 0 {
		sign, rest = '-', -rest
	}
	for _, unit := range offsetUnits() {
		if rest >= unit.is && rest%unit.is == 0 {
			return fmt.Sprintf("%c%d%c", sign, rest/unit.is, unit.name)
		}
	}
	return "0"
}

func (t *Terminal) serveClock(w http.ResponseWriter, _ *http.Request) {
	web.JSON(w, http.StatusOK, t.Clock())
}

func (t *Terminal) serveSetClock(w http.ResponseWriter, r *http.Request) {
	offset, err := parseOffset(r.PathValue("offset"))
	if err != nil {
		web.Fail(w, http.StatusBadRequest, web.CodeBadValue, err.Error())
		return
	}
	if err := t.SetClock(offset); err != nil {
		web.Fail(w, http.StatusConflict, web.CodeConflict, err.Error())
		return
	}
	web.JSON(w, http.StatusOK, t.Clock())
}
