package panel

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/spi"
)

// defaultTxSize is what Linux's spidev takes in one transfer unless it is told
// otherwise (libraries: SPI size); longer transfers are refused, not split.
const defaultTxSize = 4096

// bus sends commands and data to a chip that tells them apart by a D/C pin. Its
// sending methods may be called only inside do; do itself by one goroutine at a
// time.
type bus struct {
	conn    spi.Conn
	dc      gpio.PinOut
	timeout time.Duration

	out       []byte // one transfer; its length is the port's limit
	done      chan error
	timer     *time.Timer
	stuck     bool        // a call was given up: nothing may be sent any more
	abandoned atomic.Bool // the same, for the goroutine that was given up
}

// newBus takes the limit from the connection, else from its port, else
// defaultTxSize.
func newBus(port spi.Port, c spi.Conn, dc gpio.PinOut, timeout time.Duration) *bus {
	limit := 0
	if l, ok := c.(conn.Limits); ok {
		limit = l.MaxTxSize()
	}
	if l, ok := port.(conn.Limits); ok && limit <= 0 {
		limit = l.MaxTxSize()
	}
	if limit <= 0 {
		limit = defaultTxSize
	}
	t := time.NewTimer(timeout)
	t.Stop()
	return &bus{conn: c, dc: dc, timeout: timeout, out: make([]byte, limit), done: make(chan error, 1), timer: t}
}

// do runs op in a goroutine of its own and waits for it at most the bus's
// timeout plus the waits that op itself makes. After ErrBusStuck op still owns
// everything it was given, so the bus never runs another.
func (b *bus) do(op func() error, waits time.Duration) error {
	if b.stuck {
		return ErrBusStuck
	}
	b.timer.Reset(b.timeout + waits)
	go b.run(op)
	select {
	case err := <-b.done:
		b.timer.Stop()
		b.stuck = errors.Is(err, ErrBusStuck) // op itself gave up
		return err
	case <-b.timer.C:
		b.stuck = true
		b.abandoned.Store(true)
		return fmt.Errorf("%w: no answer for %v", ErrBusStuck, b.timeout)
	}
}

// run turns a panic into an error: periph's sysfs port panics when it is closed
// while a transfer is about to start, and a screen must not end the agent.
func (b *bus) run(op func() error) {
	defer func() {
		if p := recover(); p != nil {
			b.done <- fmt.Errorf("spi port panicked: %v", p)
		}
	}()
	b.done <- op()
}

// command sends one command byte and its parameters.
func (b *bus) command(c byte, params ...byte) error {
	b.out[0] = c
	if err := b.tx(gpio.Low, 1); err != nil {
		return fmt.Errorf("command %#02x: %w", c, err)
	}
	for len(params) > 0 {
		n := copy(b.out, params)
		if err := b.tx(gpio.High, n); err != nil {
			return fmt.Errorf("parameters of command %#02x: %w", c, err)
		}
		params = params[n:]
	}
	return nil
}

// pixels sends pixels as the format has them on the wire, row by row: rows of pix
// are stride apart and n wide. A transfer may end inside a pixel: the chip
// resumes where it paused (datasheet: data transfer pause).
func (b *bus) pixels(f format, pix []uint32, stride, n, rows int) error {
	used := 0
	for y := range rows {
		for _, p := range pix[y*stride:][:n] {
			wire := [3]byte{byte(p >> 16), byte(p >> 8), byte(p)}
			if f.bytes == 2 {
				v := word(p)
				wire[0], wire[1] = byte(v>>8), byte(v)
			}
			for _, part := range wire[:f.bytes] {
				if used == len(b.out) {
					if err := b.tx(gpio.High, used); err != nil {
						return err
					}
					used = 0
				}
				b.out[used] = part
				used++
			}
		}
	}
	return b.tx(gpio.High, used)
}

// tx sends the first n bytes of b.out as one transfer.
func (b *bus) tx(dc gpio.Level, n int) error {
	if b.abandoned.Load() {
		return ErrBusStuck
	}
	if err := b.dc.Out(dc); err != nil {
		return fmt.Errorf("set D/C pin %s: %w", b.dc, err)
	}
	return b.send(n)
}

// send is tx with D/C as it is.
func (b *bus) send(n int) error {
	if b.abandoned.Load() {
		return ErrBusStuck
	}
	if err := b.conn.Tx(b.out[:n], nil); err != nil {
		return fmt.Errorf("send %d bytes: %w", n, err)
	}
	return nil
}
