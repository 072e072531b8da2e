// Package panel drives the screens that a terminal can have: one file a chip,
// all of them over periph's spi.Port and gpio.PinOut, so that the same driver
// runs on a Raspberry Pi and on the chip emulated in panel/paneltest.
//
// The agent owns the panel it opened: it alone calls Draw, Backlight and Halt.
// It renders a whole picture and hands it to Draw; the driver keeps a shadow of
// what is on the glass and sends only the rectangles that differ. Whoever
// opened the port closes it, after Halt.
//
// # Why a call never hangs
//
// A transfer is an ioctl that nothing can interrupt. Each call therefore moves
// its bytes in one goroutine of its own and gives up after Options.Timeout with
// ErrBusStuck. From then on that panel refuses to draw, because nobody knows
// what the chip has heard; a new one has to be opened. The abandoned goroutine
// starts no further transfer and ends when the port lets go of it. A BUSY line
// that does not fall is given up in the same way.
//
// # Adding a chip
//
// Write chipname.go with a constructor, add its Kind with its wires to Kinds(),
// put the same chip into panel/paneltest, and name it in the tests' modules():
// every test of the contract then runs on it. dcs is there for chips with MIPI's
// Display Command Set: bus (bounded, chunked transfers), frame (shadow, changed
// rectangles) and format (what a pixel is on the wire). link gives one of
// periph's own drivers the same bounded bus, mono is the shadow of a glass that
// knows black and white.
package panel
