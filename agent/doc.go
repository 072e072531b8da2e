// Package agent is a terminal: it takes sale requests from its controller, asks
// the cashier where it must, shows each payment's QR on a panel or has a card
// read, shows how the payment ended, and reports what happened. Run it with cmd/galla-agent on a device, or in any process that has
// something to draw on.
//
// # One loop
//
// Run owns everything through one goroutine, its own: the machine that decides
// (internal/machine), the spool (internal/spool). What happens comes to it as
// events: verified states from internal/session, the panel's answers from the
// painter, the cashier's keys, the card reader's answers from the desk, the time. Each event is one step of the machine; its effects are
// carried out at once; then what is on the glass, in the report and in Status
// follows from the machine alone. Nothing in the loop waits but a synced write
// to the disk.
//
// Beside the loop are a painter for the panel, one for the companion, the card
// reader's calls, the session, and, as long as it takes, the self-test of the disk.
// A loop that turns says so by Config.Alive; that a panel hangs does not stop it.
//
// # A power cut
//
// Ending Run's context is a power cut as far as the outside can see it: no
// farewell to the broker, which publishes the last will; nothing is written any
// more. There is no other way to end it from outside, so the way that matters is the
// one that is used every day. A terminal that is asked to restart ends in the same
// way, by itself, when nothing is under way.
package agent
