package main

import (
	"fmt"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/conn/v3/spi/spireg"
	periph "periph.io/x/host/v3"
)

// host is the device that this runs on: where its lines and ports are found by
// the names that the configuration has.
type host interface {
	// Init comes before everything else.
	Init() error
	// Pin is a line of the header, nil when there is none of that name.
	Pin(name string) gpio.PinIO
	// Port opens an SPI port.
	Port(name string) (spi.PortCloser, error)
}

// periphHost is the real device, by periph's registries.
type periphHost struct{}

// Init implements host.
func (periphHost) Init() error {
	if _, err := periph.Init(); err != nil {
		return fmt.Errorf("hardware: %w", err)
	}
	return nil
}

// Pin implements host.
func (periphHost) Pin(name string) gpio.PinIO { return gpioreg.ByName(name) }

// Port implements host.
func (periphHost) Port(name string) (spi.PortCloser, error) { return spireg.Open(name) }
