package board

import (
	"errors"
	"fmt"
	"time"

	"github.com/galla-pay/galla/agent"
	"periph.io/x/conn/v3/gpio"
)

const (
	// scanEvery is how often a keypad is looked at while a key is pressed.
	scanEvery = 10 * time.Millisecond
	// restAfter is how long it may be quiet under a pressed key before it is looked
	// at every restEvery only: something lies on it.
	restAfter = 5 * time.Second
	restEvery = 250 * time.Millisecond
	// lineSettle is what a column needs to follow its row: 50 kohm of a pull-up and
	// a metre of ribbon cable, twenty times.
	lineSettle = 100 * time.Microsecond
)

// Matrix is a keypad whose keys connect a row with a column and have no diodes.
// Rows are driven low one at a time, the others are let go, so that two keys of a
// column never make two outputs fight; columns are pulled up.
type Matrix struct {
	Rows []gpio.PinIO
	Cols []gpio.PinIn
	// Keys has a list for each row with a key for each column; "" is a place
	// without a key.
	Keys [][]agent.Key
}

// MatrixKeys are those of a 4x3 keypad: 1 2 3, 4 5 6, 7 8 9, and * 0 # where * is
// clear and # is OK.
func MatrixKeys() [][]agent.Key {
	return [][]agent.Key{
		{agent.Key1, agent.Key2, agent.Key3},
		{agent.Key4, agent.Key5, agent.Key6},
		{agent.Key7, agent.Key8, agent.Key9},
		{agent.KeyClear, agent.Key0, agent.KeyOK},
	}
}

// maxColumns is what a look at a keypad has room for.
const maxColumns = 16

// check names what is wrong with m; add takes each of its keys.
func (m *Matrix) check(add func(agent.Key) error) error {
	if len(m.Rows) == 0 || len(m.Cols) == 0 || len(m.Cols) > maxColumns || len(m.Keys) != len(m.Rows) {
		return fmt.Errorf("a keypad of %d rows and %d columns has keys for %d rows", len(m.Rows), len(m.Cols), len(m.Keys))
	}
	for r, keys := range m.Keys {
		if len(keys) != len(m.Cols) {
			return fmt.Errorf("row %d of the keypad has %d keys for %d columns", r+1, len(keys), len(m.Cols))
		}
		if m.Rows[r] == nil {
			return fmt.Errorf("row %d of the keypad has no pin", r+1)
		}
		for c, key := range keys {
			if m.Cols[c] == nil {
				return fmt.Errorf("column %d of the keypad has no pin", c+1)
			}
			if key == "" {
				continue
			}
			if err := add(key); err != nil {
				return err
			}
		}
	}
	return nil
}

// halt ends the waits on the columns.
func (m *Matrix) halt() error {
	var errs []error
	for c, pin := range m.Cols {
		if err := pin.Halt(); err != nil {
			errs = append(errs, fmt.Errorf("keypad, column %d: %w", c+1, err))
		}
	}
	return errors.Join(errs...)
}

// release lets go of the rows: nothing drives them any more.
func (m *Matrix) release() error {
	var errs []error
	for r, pin := range m.Rows {
		if err := errors.Join(pin.In(gpio.PullUp, gpio.NoEdge), pin.Halt()); err != nil {
			errs = append(errs, fmt.Errorf("keypad, row %d: %w", r+1, err))
		}
	}
	return errors.Join(errs...)
}

// without is m without the rows and columns that cannot be had.
func (m Matrix) without(rows, cols map[int]bool) Matrix {
	var left Matrix
	for r := range m.Rows {
		if rows[r] {
			continue
		}
		var keys []agent.Key
		for c, key := range m.Keys[r] {
			if !cols[c] {
				keys = append(keys, key)
			}
		}
		left.Rows, left.Keys = append(left.Rows, m.Rows[r]), append(left.Keys, keys)
	}
	for c, pin := range m.Cols {
		if !cols[c] {
			left.Cols = append(left.Cols, pin)
		}
	}
	return left
}

// grid is which places of a keypad are connected; a bit is a column.
type grid []uint32

func (g grid) at(r, c int) bool { return g[r]>>c&1 == 1 }

// ambiguous are the places that nobody can tell apart: where two rows share two
// columns, three pressed keys make a fourth look pressed.
func (g grid) ambiguous() grid {
	doubt := make(grid, len(g))
	for a := range g {
		for b := range a {
			if shared := g[a] & g[b]; shared&(shared-1) != 0 { // more than one column
				doubt[a] |= shared
				doubt[b] |= shared
			}
		}
	}
	return doubt
}
