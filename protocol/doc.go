// Package protocol is what crosses the wire between the controller and its
// terminals, and nothing else: money, ids, the terminal messages, their
// topics, their version history and their signatures.
//
// The controller and the agent meet only here (DESIGN section 2), so a change
// of this package is a change of the terminal protocol: add a row to the
// version history, and look at the goldens of protocoltest, which both sides
// are tested against.
//
// It imports the standard library and go-jose, nothing more.
package protocol
