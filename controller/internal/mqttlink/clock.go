package mqttlink

import "time"

// clockAge is how long a reading of the database's time is good for. Two clocks drift
// apart by less than ten milliseconds meanwhile, and a database that has another clock,
// since it is another one, is believed after that.
const clockAge = time.Minute

// clock is the database's time, which payments end by, without asking for it. It is
// late by what a reading took to arrive, never early. tellAll's goroutine has it.
type clock struct{ read, at time.Time }

// set takes a reading that has just arrived, unless an earlier one arrived sooner.
func (c *clock) set(read time.Time) {
	if now, ok := c.now(); !ok || read.After(now) {
		c.read, c.at = read, time.Now()
	}
}

// now is the time, unless there is no reading that is good for it.
func (c *clock) now() (time.Time, bool) {
	passed := time.Since(c.at)
	return c.read.Add(passed), !c.at.IsZero() && passed < clockAge
}
