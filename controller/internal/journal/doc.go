// Package journal runs decisions (DESIGN 3.1): it collects those that arrive
// together, has their rows loaded and locked, runs them one after another over
// that snapshot, has everything written in one database transaction, and
// answers each caller once that has committed.
//
// The rules of the trade are in package decide and the rows in the storages
// (postgres, sqlite); the journal knows neither. It knows when to try again,
// how to find the one decision that a batch fails for, and how to find out
// whether a commit whose answer was lost has happened.
//
// The doors call Do. cmd makes the Journal, runs it and closes it.
//
// # Which writer
//
// Each writer owns a hash of the terminals, so that decisions about one
// terminal meet in one batch and not on a row lock. A decision that names its
// terminal goes straight to that writer; one that names only payments, keys or
// tokens is resolved first, together with others that wait for the same, by
// references that never change. Where a reference did change meanwhile (an OPEN
// order that a terminal claimed), the loaded rows show it, and the batch runs
// again with that terminal locked too.
//
// # What may fail
//
// A batch that met another controller's (a key taken, a deadlock) is run again.
// A batch that fails otherwise is halved until only the guilty decision fails.
// A decision whose row somebody else keeps locked is set aside and tried again
// a few times, so that it stops nobody else.
package journal
