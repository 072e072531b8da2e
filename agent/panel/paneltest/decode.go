package paneltest

import (
	"time"

	"periph.io/x/conn/v3/gpio"
)

// Commands that the chips have in common (MIPI Display Command Set), written
// again here: the emulator must not share the driver's errors.
const (
	cmdNOP     = 0x00
	cmdSWRESET = 0x01
	cmdSLPIN   = 0x10
	cmdSLPOUT  = 0x11
	cmdNORON   = 0x13
	cmdINVOFF  = 0x20
	cmdINVON   = 0x21
	cmdDISPOFF = 0x28
	cmdDISPON  = 0x29
	cmdCASET   = 0x2a
	cmdRASET   = 0x2b
	cmdRAMWR   = 0x2c
	cmdMADCTL  = 0x36
	cmdCOLMOD  = 0x3a
	cmdRAMWRC  = 0x3c
)

// Bits of MADCTL.
const (
	madctlMY  = 0x80
	madctlMX  = 0x40
	madctlMV  = 0x20
	madctlBGR = 0x08
)

// receive takes the bytes of one transfer; c.mu is held.
func (c *dcs) receive(dc gpio.Level, w []byte) {
	if dc == gpio.Low {
		c.trace.note("command", w)
		for _, b := range w {
			c.begin(b)
		}
		return
	}
	c.trace.note("data", w)
	if c.heldReset {
		c.wrong("data while RST is low")
		return
	}
	switch c.command {
	case cmdRAMWR, cmdRAMWRC:
		c.write(w)
	default:
		for _, b := range w {
			c.parameter(b)
		}
	}
}

// begin takes a command byte.
func (c *dcs) begin(cmd byte) {
	now := time.Now()
	switch {
	case c.heldReset:
		c.wrong("command %#02x while RST is low", cmd)
		return
	case now.Before(c.readyAt):
		c.wrong("command %#02x came %v too early", cmd, c.readyAt.Sub(now))
		return
	}
	c.command, c.params, c.have = cmd, c.params[:0], 0
	switch cmd {
	case cmdNOP, cmdNORON, cmdCASET, cmdRASET, cmdMADCTL, cmdCOLMOD:
	case cmdSWRESET:
		c.reset()
		c.change()
	case cmdSLPIN:
		if now.Before(c.sleepAt) {
			c.wrong("SLPIN came %v too early after SLPOUT", c.sleepAt.Sub(now))
			return
		}
		c.awake = false
		c.readyAt = now.Add(5 * time.Millisecond)
		c.wakeAt = now.Add(120 * time.Millisecond)
		c.change()
	case cmdSLPOUT:
		if now.Before(c.wakeAt) {
			c.wrong("SLPOUT came %v too early after reset or SLPIN", c.wakeAt.Sub(now))
			return
		}
		c.awake = true
		c.readyAt = now.Add(5 * time.Millisecond)
		c.sleepAt = now.Add(120 * time.Millisecond)
		c.change()
	case cmdINVOFF, cmdINVON:
		c.inverted = cmd == cmdINVON
		c.change()
	case cmdDISPOFF, cmdDISPON:
		c.displays = cmd == cmdDISPON
		c.change()
	case cmdRAMWR:
		c.at.X, c.at.Y = c.cols.first, c.rows.first
	case cmdRAMWRC:
	default:
		if _, known := c.model.tables[cmd]; !known {
			c.wrong("command %#02x is not known to the emulator", cmd)
		}
	}
}

// parameter takes one byte that belongs to the command before it.
func (c *dcs) parameter(b byte) {
	want := 0
	switch c.command {
	case cmdCASET, cmdRASET:
		want = 4
	case cmdMADCTL, cmdCOLMOD:
		want = 1
	default:
		want = c.model.tables[c.command]
	}
	if len(c.params) >= want {
		c.wrong("command %#02x takes %d parameters, got one more: %#02x", c.command, want, b)
		return
	}
	c.params = append(c.params, b)
	if len(c.params) < want {
		return
	}
	switch c.command {
	case cmdCASET, cmdRASET:
		c.window()
	case cmdMADCTL:
		c.madctl = b
		c.change()
	case cmdCOLMOD:
		c.colmod = b
	}
}

// window takes CASET or RASET when all four bytes are there. A window that ends
// before it begins is refused.
func (c *dcs) window() {
	s := span{int(c.params[0])<<8 | int(c.params[1]), int(c.params[2])<<8 | int(c.params[3])}
	if s.first > s.last {
		c.wrong("command %#02x: window from %d to %d", c.command, s.first, s.last)
		return
	}
	if c.command == cmdCASET {
		c.cols = s
	} else {
		c.rows = s
	}
}

// write takes pixels. The position moves along the row to the window's edge,
// then to the next row, and from the last one back to the window's start; a
// pixel may be spread over transfers.
func (c *dcs) write(w []byte) {
	depth, size := byte(0x05), 2
	if c.model.depth == 18 {
		depth, size = 0x06, 3
	}
	if c.colmod&0x07 != depth {
		c.wrong("pixels while COLMOD is %#02x: the emulator takes %d bits a pixel", c.colmod, c.model.depth)
		return
	}
	touched := false
	for _, b := range w {
		c.partial[c.have] = b
		if c.have++; c.have < size {
			continue
		}
		c.have = 0
		touched = c.store(c.raw()) || touched
		if c.at.X++; c.at.X > c.cols.last {
			c.at.X = c.cols.first
			if c.at.Y++; c.at.Y > c.rows.last {
				c.at.Y = c.rows.first
			}
		}
	}
	if touched {
		c.change()
	}
}

// raw is the pixel whose bytes have arrived. Of 18 bits, each byte brings six at
// its top; the rest is ignored.
func (c *dcs) raw() uint32 {
	if c.model.depth == 16 {
		return uint32(c.partial[0])<<8 | uint32(c.partial[1])
	}
	return (uint32(c.partial[0])<<16 | uint32(c.partial[1])<<8 | uint32(c.partial[2])) & 0xfcfcfc
}

// store puts one pixel where MADCTL sends it and reports whether that changed
// anything. Outside the memory it is ignored, as the datasheet says of CASET.
func (c *dcs) store(v uint32) bool {
	width, height := c.model.width, c.model.height
	x, y := c.at.X, c.at.Y
	if c.madctl&madctlMV != 0 {
		x, y = y, x
	}
	if (c.madctl&madctlMX != 0) != c.model.mirrored {
		x = width - 1 - x
	}
	if c.madctl&madctlMY != 0 {
		y = height - 1 - y
	}
	if x < 0 || x >= width || y < 0 || y >= height {
		c.wrong("pixel at column %d, row %d is outside of the memory", c.at.X, c.at.Y)
		return false
	}
	if c.gram[y*width+x] == v {
		return false
	}
	c.gram[y*width+x] = v
	return true
}
