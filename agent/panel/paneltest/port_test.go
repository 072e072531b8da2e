package paneltest_test

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/galla-pay/galla/agent/panel/paneltest"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

func TestErrorsOfThePort(t *testing.T) {
	t.Parallel()
	ok := bytes.Repeat([]byte{0}, 4096)
	long := bytes.Repeat([]byte{0}, 4097)
	for _, test := range []struct {
		name string
		call func(*paneltest.ST7789, spi.Conn) error
		want string
	}{
		{"as long as allowed", func(_ *paneltest.ST7789, c spi.Conn) error { return c.Tx(ok, nil) }, ""},
		{"one byte too long", func(_ *paneltest.ST7789, c spi.Conn) error { return c.Tx(long, nil) },
			"paneltest: maximum Tx length is 4096, got 4097 bytes"},
		{"packets too long together", func(_ *paneltest.ST7789, c spi.Conn) error {
			return c.TxPackets([]spi.Packet{{W: ok}, {W: ok[:1]}})
		}, "paneltest: maximum Tx length is 4096, got 4097 bytes"},
		{"limit 255", func(p *paneltest.ST7789, c spi.Conn) error { p.SetMaxTxSize(255); return c.Tx(ok[:256], nil) },
			"paneltest: maximum Tx length is 255, got 256 bytes"},
		{"limit 257", func(p *paneltest.ST7789, c spi.Conn) error { p.SetMaxTxSize(257); return c.Tx(ok[:257], nil) }, ""},
		{"limit unknown", func(p *paneltest.ST7789, c spi.Conn) error { p.SetMaxTxSize(0); return c.Tx(long, nil) },
			"paneltest: maximum Tx length is 4096, got 4097 bytes"},
		{"nothing to send", func(_ *paneltest.ST7789, c spi.Conn) error { return c.Tx(nil, nil) },
			"paneltest: Tx() with empty buffers"},
		{"w and r differ", func(_ *paneltest.ST7789, c spi.Conn) error { return c.Tx(ok[:2], make([]byte, 3)) },
			"paneltest: when both w and r are used, they must be the same size; got 2 and 3 bytes"},
		{"nine bits", func(_ *paneltest.ST7789, c spi.Conn) error {
			return c.TxPackets([]spi.Packet{{W: ok[:2], BitsPerWord: 9}})
		}, "paneltest: ST7789 takes words of 8 bits, not 9"},
		{"told to fail", func(p *paneltest.ST7789, c spi.Conn) error {
			p.FailNext(errors.New("input/output error"))
			return c.Tx(ok, nil)
		}, "input/output error"},
		{"connect twice", func(p *paneltest.ST7789, _ spi.Conn) error {
			_, err := p.Connect(physic.MegaHertz, spi.Mode0, 8)
			return err
		}, "paneltest: Connect() can only be called exactly once"},
		{"mode 1", func(p *paneltest.ST7789, _ spi.Conn) error {
			_, err := p.Connect(physic.MegaHertz, spi.Mode1, 8)
			return err
		}, "paneltest: ST7789 is wired for mode 0, not Mode1"},
		{"16 bits", func(p *paneltest.ST7789, _ spi.Conn) error {
			_, err := p.Connect(physic.MegaHertz, spi.Mode0, 16)
			return err
		}, "paneltest: ST7789 takes words of 8 bits, not 16"},
		{"no speed", func(p *paneltest.ST7789, _ spi.Conn) error {
			_, err := p.Connect(0, spi.Mode0, 8)
			return err
		}, "paneltest: invalid speed 0Hz"},
		{"limit speed to nothing", func(p *paneltest.ST7789, _ spi.Conn) error { return p.LimitSpeed(0) },
			"paneltest: invalid speed 0Hz"},
		{"after Close", func(p *paneltest.ST7789, c spi.Conn) error { p.Close(); return c.Tx(ok, nil) },
			"paneltest: port is closed"},
		{"the old connection after opening again", func(p *paneltest.ST7789, c spi.Conn) error {
			p.Close()
			if _, err := p.Connect(physic.MegaHertz, spi.Mode0, 8); err != nil {
				return err
			}
			return c.Tx(ok, nil)
		}, "paneltest: port is closed"},
		{"PWM", func(p *paneltest.ST7789, _ spi.Conn) error { return p.BL.PWM(gpio.DutyHalf, physic.KiloHertz) },
			"paneltest: pin EMULATED-BL has no PWM"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := connect(t)
			got := ""
			if err := test.call(w.chip, w.conn); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("error %q, want %q", got, test.want)
			}
			sent := 0
			if test.want == "" {
				sent = 1
			}
			if n := w.chip.Stats().Transfers; n != sent {
				t.Errorf("%d transfers counted, want %d", n, sent)
			}
		})
	}
}

func TestFailNextFailsOnce(t *testing.T) {
	t.Parallel()
	w := connect(t)
	broken := errors.New("broken")
	w.chip.FailNext(broken)
	if err := w.conn.Tx([]byte{0}, nil); !errors.Is(err, broken) {
		t.Errorf("first: %v", err)
	}
	r := []byte{9, 9}
	if err := w.conn.Tx([]byte{0, 0}, r); err != nil || r[0] != 0 || r[1] != 0 {
		t.Errorf("second: %v, read %v", err, r)
	}
	if got := w.chip.Stats(); got != (paneltest.Stats{Transfers: 1, Bytes: 2, Largest: 2}) {
		t.Errorf("stats %+v", got)
	}
}

func TestStuckBusBlocksUntilFreedOrClosed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		free func(*paneltest.ST7789)
		want error
	}{
		{"freed", func(c *paneltest.ST7789) { c.SetStuck(false) }, nil},
		{"closed", func(c *paneltest.ST7789) { c.Close() }, paneltest.ErrClosed},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := connect(t)
				w.chip.SetStuck(true)
				done := make(chan error, 1)
				go func() { done <- w.conn.Tx([]byte{0}, nil) }()
				synctest.Wait()
				select {
				case err := <-done:
					t.Fatalf("Tx returned %v on a stuck bus", err)
				default:
				}
				w.chip.Image() // looking is not stuck
				test.free(w.chip)
				if err := <-done; !errors.Is(err, test.want) {
					t.Errorf("Tx: %v, want %v", err, test.want)
				}
			})
		})
	}
}

func TestSpeedIsTheLowerOfPortAndDevice(t *testing.T) {
	t.Parallel()
	chip := paneltest.NewST7789()
	if err := chip.LimitSpeed(8 * physic.MegaHertz); err != nil {
		t.Fatal(err)
	}
	if _, err := chip.Connect(32*physic.MegaHertz, spi.Mode0, 8); err != nil {
		t.Fatal(err)
	}
	if got := chip.Speed(); got != 8*physic.MegaHertz {
		t.Errorf("speed %s", got)
	}
}

// However a stream of bytes is cut into transfers, the chip is in the same
// state after it, and nothing that can be sent stops it.
func FuzzTransfers(f *testing.F) {
	f.Add([]byte{0x2c, 0xff, 0xff, 0x00, 0x01}, uint64(0b11110), uint64(0b01010))
	f.Add([]byte{0x2a, 0x00, 0xef, 0x00, 0xf0, 0x2c, 1, 2, 3, 4, 0x3c, 5, 6}, uint64(0b1101111011110), uint64(0))
	f.Add([]byte{0x36, 0xe8, 0x2b, 0x01, 0x3f, 0x01, 0x3f, 0x2c, 7, 8}, uint64(0b1101111010), uint64(0xff))
	f.Add([]byte{0x3a, 0x66, 0x01, 0x10, 0x28, 0xd0, 0x20}, uint64(0b0000010), uint64(1))
	f.Fuzz(func(t *testing.T, stream []byte, data, cuts uint64) {
		synctest.Test(t, func(t *testing.T) {
			whole, pieces := connect(t), connect(t)
			whole.wake()
			pieces.wake()
			isData := func(i int) bool { return data>>(i%64)&1 == 1 }
			from, begun := 0, 0
			for i := range stream {
				end := i+1 == len(stream) || isData(i+1) != isData(i)
				if end {
					whole.tx(gpio.Level(isData(i)), stream[from:i+1])
					from = i + 1
				}
				if end || cuts>>(i%64)&1 == 1 {
					pieces.tx(gpio.Level(isData(i)), stream[begun:i+1])
					begun = i + 1
				}
			}
			if a, b := where(whole.chip.Memory()), where(pieces.chip.Memory()); a != b {
				t.Errorf("in one transfer each:\n%s\nin pieces:\n%s", a, b)
			}
			if a, b := whole.chip.Image(), pieces.chip.Image(); !bytes.Equal(a.Pix, b.Pix) || !a.Opaque() {
				t.Errorf("the glass differs, or is not opaque: %v", a.Opaque())
			}
			if a, b := whole.chip.Misuse(), pieces.chip.Misuse(); len(a) != len(b) && len(b) < 16 {
				t.Errorf("misuse %v, in pieces %v", a, b)
			}
		})
	})
}
