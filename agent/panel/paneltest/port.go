package paneltest

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// DefaultMaxTxSize is spidev's limit unless Linux is told otherwise.
const DefaultMaxTxSize = 4096

// ErrClosed is returned by transfers on a port that was closed, also by one
// that was stuck when it happened.
var ErrClosed = errors.New("paneltest: port is closed")

var (
	_ spi.PortCloser = (*Port)(nil)
	_ conn.Limits    = (*Port)(nil)
	_ spi.Conn       = (*session)(nil)
	_ conn.Limits    = (*session)(nil)
)

// Port is the SPI port of an emulated chip with the knobs that make it fail, and
// the notes that it keeps of the driver. Every chip of this package has one
// embedded; a Port alone is of no use.
type Port struct {
	name     string                            // of the chip, for example "ST7789"
	mode     spi.Mode                          // the one that it is wired for
	dc       *Pin                              // sampled at each transfer
	receiver func(dc gpio.Level, bytes []byte) // the chip; called with mu held

	mu       sync.Mutex
	session  *session
	speed    physic.Frequency
	speedCap physic.Frequency
	maxTx    int
	unstuck  chan struct{} // while stuck; closed when that ends
	failNext error
	stats    Stats
	trace    tracer

	version uint64
	changed chan struct{} // closed at the next change; nil while nobody asked
	misuse  []error
}

// session is what one Connect gave out. It dies with Close, so that a driver
// that was given up cannot reach the chip through the next one's connection.
type session struct {
	chip *Port
	gone chan struct{} // closed by Close
}

// String implements spi.Port.
func (c *Port) String() string { return "EMULATED-" + c.name }

// Connect implements spi.Port. As in Linux it can be called once; after Close
// it can be called again, as if the port had been opened anew.
func (c *Port) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	switch {
	case f < 100*physic.Hertz || f > physic.GigaHertz:
		return nil, fmt.Errorf("paneltest: invalid speed %s", f)
	case mode != c.mode:
		return nil, fmt.Errorf("paneltest: %s is wired for mode %d, not %v", c.name, int(c.mode), mode)
	case bits != 8:
		return nil, fmt.Errorf("paneltest: %s takes words of 8 bits, not %d", c.name, bits)
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
func (c *Port) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil {
		close(c.session.gone)
		c.session = nil
	}
	return nil
}

// LimitSpeed implements spi.PortCloser.
func (c *Port) LimitSpeed(f physic.Frequency) error {
	if f < 100*physic.Hertz || f > physic.GigaHertz {
		return fmt.Errorf("paneltest: invalid speed %s", f)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.speedCap = f
	return nil
}

// Speed returns the clock of the last Connect, capped by LimitSpeed; 0 before.
func (c *Port) Speed() physic.Frequency {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.speedCap != 0 && c.speedCap < c.speed {
		return c.speedCap
	}
	return c.speed
}

// MaxTxSize implements conn.Limits.
func (c *Port) MaxTxSize() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.maxTx
}

// SetMaxTxSize sets the longest transfer in bytes. With 0 the port says that it
// knows no limit while one of DefaultMaxTxSize is still enforced, as spidev
// does when its parameter cannot be read.
func (c *Port) SetMaxTxSize(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.maxTx = max(n, 0)
}

// SetStuck makes transfers block until SetStuck(false) or Close.
func (c *Port) SetStuck(stuck bool) {
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
func (c *Port) FailNext(err error) {
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
func (c *Port) Stats() Stats {
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
			return fmt.Errorf("paneltest: %s takes words of 8 bits, not %d", s.chip.name, p.BitsPerWord)
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
			c.receiver(c.dc.Level(), p.W)
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

// change tells everyone who waits that the picture may differ; c.mu is held.
func (c *Port) change() {
	c.version++
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

// Changed returns a channel that is closed at the next change of what Image
// shows. Any number may wait on it. Take the channel first, then look: a change
// between the two is then not missed.
func (c *Port) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changed == nil {
		c.changed = make(chan struct{})
	}
	return c.changed
}

// Version rises with every change of what Image shows.
func (c *Port) Version() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version
}

// Misuse lists what the driver did against the datasheet, at most the first 16.
func (c *Port) Misuse() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]error(nil), c.misuse...)
}

// wrong notes a misuse; c.mu is held.
func (c *Port) wrong(format string, args ...any) {
	if len(c.misuse) < 16 {
		c.misuse = append(c.misuse, fmt.Errorf(strings.ToLower(c.name)+": "+format, args...))
	}
}
