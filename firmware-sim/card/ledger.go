package card

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"time"
)

// ledger is what a reader remembers: every card that it read, oldest first. A
// card's whole story is decided when it is read, so an attempt is written once
// and never changed.
type ledger struct {
	file     string // "": in memory
	attempts []attempt
}

// openLedger reads the file, if there is one. A last line without its end is
// what a crash in the middle of a write leaves; that card was not read, and the
// line is cut off.
func openLedger(file string) (ledger, error) {
	l := ledger{file: file}
	if file == "" {
		return l, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return ledger{}, err
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	for line := range bytes.Lines(whole) {
		var a attempt
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&a); err != nil || !a.valid() {
			return ledger{}, fmt.Errorf("%s: line %d is not a card that was read", file, len(l.attempts)+1)
		}
		l.attempts = append(l.attempts, a)
	}
	if len(whole) < len(text) {
		return l, os.Truncate(file, int64(len(whole)))
	}
	return l, nil
}

// find returns the card that was read for a reference.
func (l *ledger) find(ref string) (attempt, bool) {
	for _, a := range l.attempts {
		if a.Ref == ref {
			return a, true
		}
	}
	return attempt{}, false
}

// read enters a card. Nothing is changed when there is an error.
func (l *ledger) read(asks request, tap Tap, now time.Time) (attempt, error) {
	rrn, err := l.newRRN(rand.Reader)
	if err != nil {
		return attempt{}, err
	}
	a := attempt{
		Ref: asks.ref, AmountPaise: asks.amount, Outcome: tap.Outcome, RRN: rrn,
		Last4: tap.Last4, Network: tap.Network, Type: tap.Type,
		ReadAt: now, AnswerAt: now.Add(tap.Delay),
	}
	if l.file != "" {
		if err := l.write(a); err != nil {
			return attempt{}, err
		}
	}
	l.attempts = append(l.attempts, a)
	return a, nil
}

// write adds a line to the file, whole or not at all.
func (l *ledger) write(a attempt) error {
	line, err := json.Marshal(a)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(l.file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	before, err := file.Stat()
	if err != nil {
		return err
	}
	_, err = file.Write(append(line, '\n'))
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		return errors.Join(err, file.Truncate(before.Size()))
	}
	return nil
}

// newRRN returns a retrieval reference number, 12 digits, that this ledger does
// not have.
func (l *ledger) newRRN(random io.Reader) (string, error) {
	for {
		n, err := rand.Int(random, big.NewInt(1_000_000_000_000))
		if err != nil {
			return "", err
		}
		rrn := fmt.Sprintf("%012d", n)
		if !l.hasRRN(rrn) {
			return rrn, nil
		}
	}
}

func (l *ledger) hasRRN(rrn string) bool {
	for _, a := range l.attempts {
		if a.RRN == rrn {
			return true
		}
	}
	return false
}
