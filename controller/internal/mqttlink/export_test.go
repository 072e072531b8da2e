package mqttlink

import "time"

// Pause is the wait after so many connections in a row that failed.
func (e *External) Pause(failed int) time.Duration { return e.pause(failed) }
