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
// starts no further transfer and ends when the port lets go of it.
//
// # Adding a chip
//
// Write chipname.go with a constructor and a function that returns its Kind,
// name that function in kinds(), and put the same chip into panel/paneltest.
// bus (bounded, chunked transfers) and frame (shadow, changed rectangles) are
// there to be shared by chips that take RGB565.
package panel
