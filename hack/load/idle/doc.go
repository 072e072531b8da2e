// Package idle measures what waiting costs: a controller on PostgreSQL that knows
// thousands of terminals, one on SQLite, and a terminal that is connected and shows
// that it is ready, with nobody who buys anything.
//
// hack/load calls Run; the benchmark of this package calls Measure, for make bench.
// Both start the real programs, each in a process of its own, let them settle, and
// read what the kernel counts for them: CPU time to the nanosecond, context
// switches, and reads and writes. Nothing of it is timed: what an idle program is
// given does not depend on how busy the machine is, but for the caches that others
// take from it.
//
// Where the kernel counts no such things (/proc of Linux), there is an error.
package idle
