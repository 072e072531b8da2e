// Package paneltest emulates the chips of package panel at command level, for
// tests and for terminals without hardware.
//
// An emulated chip is the SPI port, the pins beside it and the glass in one. It
// tells commands from data by the D/C pin as it stands at each transfer, keeps
// its own frame memory, and is as strict as what it stands for: Linux's spidev
// refuses transfers that are too long, and the chip minds the waits of its
// datasheet. What a driver does wrong is collected in Misuse; a test that uses
// a chip should end by demanding that list to be empty.
//
// Whoever makes a chip owns it. All methods may be called from any goroutine,
// so that a browser can look at the glass while an agent draws on it.
package paneltest
