package panel

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/pin"
	"periph.io/x/conn/v3/spi"
)

// link is the port and connection that a driver of periph.io/x/devices gets: it
// sends through a bus, so that its transfers are no longer than the port takes
// and none begins after the bus was given up. The device drives D/C by itself.
// Its methods may be called only inside bus.do.
type link struct {
	bus  *bus
	name string // of the port
	// wait is asked before each transfer whether the chip may be given more.
	wait func() error
}

var _ spi.Port = (*link)(nil)

// String implements spi.Port and spi.Conn.
func (l *link) String() string { return l.name }

// Connect implements spi.Port: the connection is there already, at the speed
// that Options ask for.
func (l *link) Connect(_ physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	if mode != spi.Mode0 || bits != 8 {
		return nil, fmt.Errorf("connected in mode 0 with 8 bits, not in %v with %d", mode, bits)
	}
	return l, nil
}

// Duplex implements conn.Conn.
func (l *link) Duplex() conn.Duplex { return conn.Half }

// TxPackets implements spi.Conn; no device here uses it.
func (l *link) TxPackets([]spi.Packet) error { return errors.New("packets are not sent") }

// Tx implements conn.Conn. Chips select between the pieces without harm: both
// take a byte at a time.
func (l *link) Tx(w, r []byte) error {
	if len(r) > 0 {
		return errors.New("the panel cannot be read")
	}
	for len(w) > 0 {
		if err := l.wait(); err != nil {
			return err
		}
		n := copy(l.bus.out, w)
		if err := l.bus.send(n); err != nil {
			return err
		}
		w = w[n:]
	}
	return nil
}

// low sends bytes with D/C low: on SSD1306 parameters are commands too.
func (l *link) low(bytes ...byte) error {
	if err := l.bus.dc.Out(gpio.Low); err != nil {
		return fmt.Errorf("set D/C pin %s: %w", l.bus.dc, err)
	}
	return l.Tx(bytes, nil)
}

// noPin is the chip select line that a device drives besides the port's own: the
// port does it.
type noPin struct{ pin.BasicPin }

// Out implements gpio.PinOut.
func (*noPin) Out(gpio.Level) error { return nil }

// PWM implements gpio.PinOut.
func (*noPin) PWM(gpio.Duty, physic.Frequency) error { return errors.New("not a pin") }

// busyPin is a BUSY line that no driver can wait on for ever: when it has been
// high for longer than limit it reads low and err says why. It is used inside
// bus.do only.
type busyPin struct {
	gpio.PinIn
	limit time.Duration
	since time.Time // when it was first seen high
	err   error
}

// Read implements gpio.PinIn.
func (b *busyPin) Read() gpio.Level {
	if b.err != nil {
		return gpio.Low
	}
	if b.PinIn.Read() == gpio.Low {
		b.since = time.Time{}
		return gpio.Low
	}
	now := time.Now()
	if b.since.IsZero() {
		b.since = now
	}
	if now.Sub(b.since) >= b.limit {
		b.err = fmt.Errorf("%w: BUSY pin %s is high for %v", ErrBusStuck, b.PinIn, b.limit)
		return gpio.Low
	}
	return gpio.High
}

// WaitForEdge implements gpio.PinIn; it waits 10 ms at most, whatever the pin
// does with a timeout.
func (b *busyPin) WaitForEdge(timeout time.Duration) bool {
	return b.PinIn.WaitForEdge(min(max(timeout, 0), 10*time.Millisecond))
}

func (b *busyPin) problem() error { return b.err }
