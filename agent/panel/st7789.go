package panel

import (
	"image"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// ST7789 is a 240x320 IPS panel with a Sitronix ST7789 on 4-wire SPI.
type ST7789 struct{ dcs }

var _ Panel = (*ST7789)(nil)

// chipST7789 is the chip as the common modules wire it: red first, as the glass
// is.
func chipST7789() dcsChip {
	return dcsChip{
		name:     "st7789",
		chip:     "ST7789",
		size:     image.Pt(240, 320),
		format:   formatRGB565(),
		slowest:  physic.MegaHertz,
		fastest:  32 * physic.MegaHertz,
		upright:  0,
		inverted: madctlMY | madctlMX,
		setup:    [][]byte{{dcsINVON}}, // IPS glass shows true colours only when inverted
	}
}

// NewST7789 connects (mode 0, 8 bits, at most 32 MHz), resets and wakes the
// chip, paints it black and switches its output on. The backlight stays off
// until Backlight(true). It takes a quarter of a second, because of the waits
// that the datasheet asks for, and never longer than that plus Options.Timeout.
//
// Pins.DC is required. Without Pins.RST the chip is reset by command.
func NewST7789(port spi.Port, pins Pins, opts Options) (*ST7789, error) {
	d := new(ST7789)
	if err := d.start(chipST7789(), port, pins, opts); err != nil {
		return nil, err
	}
	return d, nil
}
