// Package screen draws what a terminal shows: a View in, a picture out. It is
// pure: no clock, no I/O, the same View gives the same pixels. The agent owns
// the picture and hands it to a panel, which sends only what differs; so this
// package always draws the whole.
//
// A payment's QR is encoded once, by EncodeQR, away from the drawing; Render
// only copies its modules.
//
// # Where to look
//
// View (view.go) is all that a picture depends on. Words (words.go) are the
// table of all texts, one column a language, and reasons (reasons.go) names the
// text of each reason that the protocol knows. Each panel size has one file of
// layouts (portrait240.go), with the coordinates of terminal-ux: Device
// screens. canvas, font and icon are the means.
package screen
