// Package scenario plays scripted mishaps: a file of lines says what people do at
// simulated terminals, what breaks, and what has to be seen. It drives package
// terminal, a till, a customer and a controller, its own or one that is there;
// cmd/galla-sim calls it.
//
// # The language
//
// A line is one step; steps are played one after another. Words are separated by
// spaces; # begins a comment. Terminals are T1 (a Dynamic-QR display of 240x320),
// T2 (an EDC terminal of 320x480) and T3 (240x320), each in a store of its own;
// those that a file names have power when it begins. Payments are named P1, P2 ...
// in the order of the lines that ask for them, or as the line says.
//
// Grammar returns every verb with its form. For example:
//
//	sale 245.00                 # on T1, P1
//	await T1 presenting P1
//	network T1 off
//	pay P1
//	expect P1 SUCCESS
//	network T1 on
//	await T1 paid P1
//
// # Waiting
//
// await looks at what the terminal shows now and at all that it showed since the
// last line that did something, so nothing that was there only for a moment is
// missed. Whatever waits gives up after 20 s, or after what within says.
//
// # What is checked without being asked for
//
// At the end of every scenario no terminal may have shown a payment as paid that
// the controller does not call SUCCESS, no customer may have paid twice, and all
// callbacks about a payment must have the same event id and status.
package scenario
