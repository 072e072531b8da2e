package panel

import (
	"image"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// ILI9488 is a 320x480 TN panel with an Ilitek ILI9488 on 4-wire SPI. On that bus
// the chip takes no 16 bits a pixel: 18 bits in three bytes.
type ILI9488 struct{ dcs }

var _ Panel = (*ILI9488)(nil)

// chipILI9488 is the chip as the common modules wire it: mirrored and with blue
// first. The voltages and curves are those of their glass; what is not set here
// is as the chip has it after a reset.
func chipILI9488(landscape bool) dcsChip {
	c := dcsChip{
		name:   "ili9488",
		chip:   "ILI9488",
		size:   image.Pt(320, 480),
		format: formatRGB666(),
		// A whole picture is 460,800 bytes: slower than this it would not be
		// through within the default timeout.
		slowest: 4 * physic.MegaHertz,
		// A serial clock cycle is at least 50 ns when writing (datasheet: DBI
		// Type C timing). A whole picture takes 184 ms.
		fastest:  20 * physic.MegaHertz,
		upright:  madctlMX | madctlBGR,
		inverted: madctlMY | madctlBGR,
		setup: [][]byte{
			{0xc0, 0x17, 0x15},       // PWCTRL1: grayscale references
			{0xc1, 0x41},             // PWCTRL2: steps of the voltage pumps
			{0xc5, 0x00, 0x12, 0x80}, // VMCTRL: VCOM
			{0xe0, 0x00, 0x03, 0x09, 0x08, 0x16, 0x0a, 0x3f, 0x78, 0x4c, 0x09, 0x0a, 0x08, 0x16, 0x1a, 0x0f}, // PGAMCTRL
			{0xe1, 0x00, 0x16, 0x19, 0x03, 0x0f, 0x05, 0x32, 0x45, 0x46, 0x04, 0x0e, 0x0d, 0x35, 0x37, 0x0f}, // NGAMCTRL
			{dcsINVOFF}, // TN glass
		},
	}
	if landscape {
		c.name, c.size = "ili9488-landscape", image.Pt(480, 320)
		c.upright = madctlMV | madctlBGR
		c.inverted = madctlMV | madctlMY | madctlMX | madctlBGR
	}
	return c
}

// NewILI9488 connects (mode 0, 8 bits, 4 to 20 MHz) and does what NewST7789 does,
// with the same waits and pins. A landscape panel is the same one lying on its
// left edge: its right edge is the top.
func NewILI9488(port spi.Port, pins Pins, opts Options, landscape bool) (*ILI9488, error) {
	d := new(ILI9488)
	if err := d.start(chipILI9488(landscape), port, pins, opts); err != nil {
		return nil, err
	}
	return d, nil
}
