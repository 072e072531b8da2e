// Package machine decides what a terminal does next (DESIGN 3.3). It is pure:
// no I/O, no clock, no goroutines. Package agent owns the one Machine of a
// terminal, feeds it events with the monotonic time at which they happened,
// and carries out the effects that come back, in order.
//
// A terminal never decides money. It shows what the newest signed state wants;
// when it cannot know, it says "checking", never PAID and never FAILED.
//
// # Reading order
//
// Machine (machine.go) is what is known: the sale, the cards whose outcome is open
// (card.go), the keypad (keypad.go). Events are in event.go, effects in
// effect.go. The table (table.go) names, for every mode and event, the one
// function that takes note of what happened; rest (settle.go) then computes
// the mode from what is known. obey.go takes note of a controller's state, late.go
// of an end that comes after its sale has left the glass, cashier.go of the answers
// to its questions, switches.go of the keys that mean the same everywhere,
// selftest.go and update.go of what happens between sales. What the card machine is
// to do is no effect: Call computes it, as the mode, from what is known.
package machine
