// Package fleet is many simulated terminals at once: real agents, each with a
// memory for a disk and a glass that is drawn only while somebody looks at it,
// against a sandbox controller, with power cuts, network cuts and sales. cmd/galla-sim
// calls Run; Part is what a child process of it runs.
//
// # Who is who
//
// A part is the terminals of one process. It switches them on, disturbs them,
// sells at them and keeps a Tally. Run shares the terminals out over parts: one,
// in its own process, or as many child processes as it takes, because a process
// may have only so many sockets. Children are told by a line on their standard
// input what to do and answer with lines of JSON (package comment of part.go);
// one that dies is started again.
//
// # What a power cut is here
//
// The sockets are cut first, so that no farewell gets out, and then the agent is
// stopped. Its disk is its memory, so it comes back as a device that was flashed
// anew: it enrols again, which the sandbox lets it do. A cut of the network leaves
// the agent alone.
//
// # What is measured
//
// A terminal is connected when it is in sync with the controller. How long that
// takes is counted from the moment at which it could begin: power, or network, or
// the loss of a link that nobody here cut. From the API to the glass is counted
// from sending the signed request until the agent says that its glass shows the
// payment; the glass of a terminal with a sale is looked at, so it is drawn.
//
// PAID on a screen is false when the controller does not say SUCCESS of the same
// payment and amount when all is over. All that were shown are looked up.
package fleet
