//go:build !linux

package cardlink

import (
	"errors"
	"io"
)

var errNoSerial = errors.New("serial lines are opened on Linux only; connect the card reader by its address")

func checkBaud(int) error { return errNoSerial }

func openSerial(string, int) (io.ReadWriteCloser, error) { return nil, errNoSerial }
