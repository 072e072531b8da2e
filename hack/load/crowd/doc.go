// Package crowd puts the load of a whole fleet of terminals on a controller: ten
// thousand connections, sales at a fixed rate spread over them, and the herd that
// comes back when the controller and the broker in it were killed.
//
// hack/load calls Run. Nothing that is shipped imports it.
//
// # Who is who
//
// A house is what is measured: galla-controller in a process of its own, with its
// embedded broker, on a PostgreSQL that syncs. A terminal is as much of a Dynamic-QR
// display as the controller can tell from a real one: it speaks MQTT 3.1.1 by hand,
// signs its messages, asks for its state with a nonce, acknowledges what it was
// told, reports that it has a sale and then that the QR is on glass, beats every 15 s
// and comes back by the agent's own rule. It draws nothing, keeps nothing on a disk,
// and believes a state without looking at its signature, unless Options.Verify is
// set: that would cost this program more than all the rest. A desk is all the shops'
// points of sale: it asks for payments when their time has come, whatever became of
// those before (open loop).
//
// # How the terminals come to be
//
// The rows of stores and terminals are put into the database by SQL: the
// administration makes one at a time, with a line of its log each, which takes
// minutes for ten thousand. Then each terminal enrols with a key of its own, through
// the sandbox's door.
//
// # What counts as lost
//
// A sale is accepted when its init was answered SUCCESS. It has arrived when its
// terminal has put it on glass and the controller has acknowledged that. Of every
// other one the status route is asked at the end: it must have ended with a reason.
// One that has not, is lost; so is one that nobody knows. An init without an answer
// may have been accepted or not: what the status route knows of must have arrived or
// ended, too. A sale of a terminal that is not in sync, where a herd did not come back
// in time, waits for it.
//
// A display shows the newest unpaid sale, so a terminal's next sale ends the one
// before: no sale is cancelled or paid here.
package crowd
