package paneltest

import (
	"errors"
	"fmt"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// DefaultMaxTxSize is spidev's limit unless Linux is told otherwise.
const DefaultMaxTxSize = 4096

// ErrClosed is returned by transfers on a port that was closed, also by one
// that was stuck when it happened.
var ErrClosed = errors.New("paneltest: port is closed")

var (
	_ spi.PortCloser = (*ST7789)(nil)
	_ conn.Limits    = (*ST7789)(nil)
	_ spi.Conn       = (*session)(nil)
	_ conn.Limits    = (*session)(nil)
)

// session is what one Connect gave out. It dies with Close, so that a driver
// that was given up cannot reach the chip through the next one's connection.
type session struct {
	chip *ST7789
	gone chan struct{} // closed by Close
}

// String implements spi.Port.
func (c *ST7789) String() string { return "EMULATED-ST7789" }

// Connect implements spi.Port. As in Linux it can be called once; after Close
// it can be called again, as if the port had been opened anew.
func (c *ST7789) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	switch {
	case f < 100*physic.Hertz || f > physic.GigaHertz:
		return nil, fmt.Errorf("paneltest: invalid speed %s", f)
	case mode != spi.Mode0:
		return nil, fmt.Errorf("paneltest: ST7789 is wired for mode 0, not %v", mode)
	case bits != 8:
		return nil, fmt.Errorf("paneltest: ST7789 takes words of 8 bits, not %d", bits)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil {
		return nil, errors.New("paneltest: Connect() can only be called exactly once")
	}
	c.session = &session{chip: c, gone: make(chan struct{})}
	c.speed = f
	return c.session, nil
}

// Close implements spi.PortCloser: transfers under way and later ones return
// ErrClosed. The picture stays. Closing twice does nothing.
func (c *ST7789) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil {
		close(c.session.gone)
		c.session = nil
	}
	return nil
}

// LimitSpeed implements spi.PortCloser.
func (c *ST7789) LimitSpeed(f physic.Frequency) error {
	if f < 100*physic.Hertz || f > physic.GigaHertz {
		return fmt.Errorf("paneltest: invalid speed %s", f)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.speedCap = f
	return nil
}

// Speed returns the clock of the last Connect, capped by LimitSpeed; 0 before.
func (c *ST7789) Speed() physic.Frequency {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.speedCap != 0 && c.speedCap < c.speed {
		return c.speedCap
	}
	return c.speed
}

// MaxTxSize implements conn.Limits.
func (c *ST7789) MaxTxSize() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.maxTx
}

// SetMaxTxSize sets the longest transfer in bytes. With 0 the port says that it
// knows no limit while one of DefaultMaxTxSize is still enforced, as spidev
// does when its parameter cannot be read.
func (c *ST7789) SetMaxTxSize(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.maxTx = max(n, 0)
}

// SetStuck makes transfers block until SetStuck(false) or Close.
func (c *ST7789) SetStuck(stuck bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case stuck && c.unstuck == nil:
		c.unstuck = make(chan struct{})
	case !stuck && c.unstuck != nil:
		close(c.unstuck)
		c.unstuck = nil
	}
}

// FailNext makes the next transfer return err and send nothing; nil takes that
// back.
func (c *ST7789) FailNext(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failNext = err
}

// Stats counts what arrived since the chip was made.
type Stats struct {
	Transfers int // accepted transfers
	Bytes     int // bytes in them
	Largest   int // bytes in the longest of them
}

// Stats returns the counts so far.
func (c *ST7789) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

func (s *session) String() string      { return s.chip.String() }
func (s *session) Duplex() conn.Duplex { return conn.Full }
func (s *session) MaxTxSize() int      { return s.chip.MaxTxSize() }

// Tx implements conn.Conn. The chip's output line is not connected: r, when
// given, must be as long as w and reads as zeros.
func (s *session) Tx(w, r []byte) error {
	return s.TxPackets([]spi.Packet{{W: w, R: r}})
}

// TxPackets implements spi.Conn. The limit counts for all packets together.
func (s *session) TxPackets(packets []spi.Packet) error {
	total := 0
	for _, p := range packets {
		if len(p.W) != 0 && len(p.R) != 0 && len(p.W) != len(p.R) {
			return fmt.Errorf("paneltest: when both w and r are used, they must be the same size; got %d and %d bytes", len(p.W), len(p.R))
		}
		if p.BitsPerWord != 0 && p.BitsPerWord != 8 {
			return fmt.Errorf("paneltest: ST7789 takes words of 8 bits, not %d", p.BitsPerWord)
		}
		total += max(len(p.W), len(p.R))
	}
	c := s.chip
	c.mu.Lock()
	defer c.mu.Unlock()
	limit := c.maxTx
	if limit == 0 {
		limit = DefaultMaxTxSize
	}
	switch {
	case total == 0:
		return errors.New("paneltest: Tx() with empty buffers")
	case total > limit:
		return fmt.Errorf("paneltest: maximum Tx length is %d, got %d bytes", limit, total)
	}
	if err := s.wait(); err != nil {
		return err
	}
	if err := c.failNext; err != nil {
		c.failNext = nil
		return err
	}
	c.stats.Transfers++
	c.stats.Bytes += total
	c.stats.Largest = max(c.stats.Largest, total)
	for _, p := range packets {
		if len(p.W) > 0 {
			c.receive(c.DC.Level(), p.W)
		}
		clear(p.R)
	}
	return nil
}

// wait returns when the bus is not stuck; it is called with c.mu held and lets
// go of it while it waits.
func (s *session) wait() error {
	for {
		select {
		case <-s.gone:
			return ErrClosed
		default:
		}
		free := s.chip.unstuck
		if free == nil {
			return nil
		}
		s.chip.mu.Unlock()
		select {
		case <-free:
		case <-s.gone:
		}
		s.chip.mu.Lock()
	}
}
