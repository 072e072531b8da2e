// Package spool keeps what a terminal must not lose when the power goes: the
// facts that its controller has not yet acknowledged, the number of the newest
// state, and the sale in hand (DESIGN 3.3, failure matrix S10).
//
// A Spool is a bbolt file, or only memory for a terminal of a test fleet. The
// event loop of package agent owns it: no method may be called from two
// goroutines at once.
//
// # One record, one write
//
// All of it is one record with a checksum, so that a Save is one synced
// transaction (bbolt syncs its pages, then the page that makes them count), and a
// file that was cut off at any byte holds either the record before or the record
// after. A Save that would change nothing writes nothing, and there is never more
// than one for a report: SD cards wear out. Acknowledged facts leave the disk with
// the next Save; a fact that is told twice changes nothing (protocol.Report).
//
// # Epochs
//
// Facts are numbered 1, 2, 3 ... within an epoch, and a number is never given
// to two facts. So when the disk refuses, the facts that are told all the same
// get numbers of a new epoch: the old one goes on where the disk left it.
package spool
