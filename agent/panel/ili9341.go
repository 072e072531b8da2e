package panel

import (
	"image"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// ILI9341 is a 240x320 TN panel with an Ilitek ILI9341 on 4-wire SPI.
type ILI9341 struct{ dcs }

var _ Panel = (*ILI9341)(nil)

// chipILI9341 is the chip as the common modules wire it: mirrored and with blue
// first. The voltages and curves are those of their glass; what is not set here
// is as the chip has it after a reset.
func chipILI9341() dcsChip {
	return dcsChip{
		name:    "ili9341",
		chip:    "ILI9341",
		size:    image.Pt(240, 320),
		format:  formatRGB565(),
		slowest: physic.MegaHertz,
		// A serial clock cycle is at least 100 ns when writing (datasheet:
		// Display Serial Interface Timing Characteristics). A whole picture
		// takes 123 ms.
		fastest:  10 * physic.MegaHertz,
		upright:  madctlMX | madctlBGR,
		inverted: madctlMY | madctlBGR,
		setup: [][]byte{
			{0xc0, 0x23},       // PWCTRL1: grayscale reference 4.60 V
			{0xc1, 0x10},       // PWCTRL2: steps of the voltage pumps
			{0xc5, 0x3e, 0x28}, // VMCTRL1: VCOM 4.250 V and -1.500 V
			{0xc7, 0x86},       // VMCTRL2: both 58 steps lower
			{0x26, 0x01},       // GAMSET: gamma curve 1
			{0xe0, 0x0f, 0x31, 0x2b, 0x0c, 0x0e, 0x08, 0x4e, 0xf1, 0x37, 0x07, 0x10, 0x03, 0x0e, 0x09, 0x00}, // PGAMCTRL
			{0xe1, 0x00, 0x0e, 0x14, 0x03, 0x11, 0x07, 0x31, 0xc1, 0x48, 0x08, 0x0f, 0x0c, 0x31, 0x36, 0x0f}, // NGAMCTRL
			{dcsINVOFF}, // TN glass
		},
	}
}

// NewILI9341 connects (mode 0, 8 bits, at most 10 MHz) and does what NewST7789
// does, with the same waits and pins.
func NewILI9341(port spi.Port, pins Pins, opts Options) (*ILI9341, error) {
	d := new(ILI9341)
	if err := d.start(chipILI9341(), port, pins, opts); err != nil {
		return nil, err
	}
	return d, nil
}
