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
// View (view.go) is all that a picture depends on. Words (words.go) names the
// texts, one file of words/ a language has them (lang.go), and reasons (reasons.go)
// finds that of each reason that the protocol knows.
//
// layout.go has the panel sizes. The upright coloured ones share portrait*.go,
// designed for 240x320 and put on 320x480 by grid.go. The others arrange what
// scene.go says of a View: landscape.go (480x320), paper.go (122x250 e-paper) and
// companion.go (128x64, never a payment's QR), the last two in black and white by
// mono.go. Coordinates are those of terminal-ux: Device screens. canvas, stack,
// font, shape (Devanagari), icon and sign are the means.
package screen
