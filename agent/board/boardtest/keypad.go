package boardtest

import (
	"fmt"

	"periph.io/x/conn/v3/gpio"
)

// Keypad is a matrix of keys without diodes: a pressed key connects its row with
// its column, so that three of them make a fourth look pressed.
type Keypad struct {
	circuit *circuit
	rows    int
}

// NewKeypad makes one whose keys are all up.
func NewKeypad(rows, cols int) *Keypad {
	var names []string
	for r := range rows {
		names = append(names, fmt.Sprintf("R%d", r+1))
	}
	for c := range cols {
		names = append(names, fmt.Sprintf("C%d", c+1))
	}
	return &Keypad{circuit: newCircuit(names...), rows: rows}
}

// Row is a row's pin, from 0.
func (k *Keypad) Row(r int) *Pin { return k.circuit.pins[r] }

// Col is a column's pin, from 0.
func (k *Keypad) Col(c int) *Pin { return k.circuit.pins[k.rows+c] }

// Rows are the pins of all rows, for board.Matrix.
func (k *Keypad) Rows() []gpio.PinIO {
	var pins []gpio.PinIO
	for _, p := range k.circuit.pins[:k.rows] {
		pins = append(pins, p)
	}
	return pins
}

// Cols are the pins of all columns, for board.Matrix.
func (k *Keypad) Cols() []gpio.PinIn {
	var pins []gpio.PinIn
	for _, p := range k.circuit.pins[k.rows:] {
		pins = append(pins, p)
	}
	return pins
}

// Press pushes a key down, beside those that are.
func (k *Keypad) Press(row, col int) { k.circuit.connect(row, k.rows+col, true) }

// Release lets a key go.
func (k *Keypad) Release(row, col int) { k.circuit.connect(row, k.rows+col, false) }

// Short connects a column with ground, or not any more: a damaged cable.
func (k *Keypad) Short(col int, shorted bool) { k.circuit.connect(ground, k.rows+col, shorted) }

// Misuse is what the driver did that would harm a real keypad, or its computer.
func (k *Keypad) Misuse() []string { return k.circuit.Misuse() }
