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

	wire "github.com/galla-pay/galla/protocol/cardlink"
)

// ledger is what a reader remembers: every card that it read, oldest first. A
// line of its file is a card, or a mark: what happened to a card later.
type ledger struct {
	file     string // "": in memory
	attempts []attempt
}

// mark is what happens to a card after it was read. The values are in the
// ledger's file: never change one.
type mark string

const (
	markSent    mark = "sent"    // the bank was asked
	markKept    mark = "kept"    // the terminal has the approval
	markDropped mark = "dropped" // the bank is never asked
)

// marked is a mark's line.
type marked struct {
	Ref    string    `json:"ref"`
	Mark   mark      `json:"mark"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason,omitempty"` // of dropped
}

// errMark: the mark does not fit the card.
var errMark = errors.New("that does not happen to such a card")

// openLedger reads the file, if there is one. A last line without its end is
// what a crash in the middle of a write leaves; that did not happen, and the line
// is cut off. A card whose bank was not asked before the reader went is dropped.
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
	whole, lines := text[:bytes.LastIndexByte(text, '\n')+1], 0
	for line := range bytes.Lines(whole) {
		lines++
		if !l.take(line) {
			return ledger{}, fmt.Errorf("%s: line %d is not a card that was read", file, lines)
		}
	}
	for i, a := range l.attempts {
		if a.Gated && !a.sent && a.dropped == "" {
			l.attempts[i].dropped = wire.CodeNotAuthorised
		}
	}
	if len(whole) < len(text) {
		return l, os.Truncate(file, int64(len(whole)))
	}
	return l, nil
}

// take reads one line, a card or a mark, and reports whether it is one.
func (l *ledger) take(line []byte) bool {
	var m marked
	if strictly(line, &m) == nil {
		a := l.latest(m.Ref)
		return a != nil && !m.At.Before(a.ReadAt) && a.apply(m) == nil
	}
	var a attempt
	if strictly(line, &a) != nil || !a.valid() {
		return false
	}
	l.attempts = append(l.attempts, a)
	return true
}

// strictly reads one JSON object without a field too many, and nothing behind it.
func strictly(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more behind it")
	}
	return nil
}

// apply does what the mark says.
func (a *attempt) apply(m marked) error {
	open := a.Gated && !a.sent && a.dropped == ""
	switch {
	case m.Mark == markSent && m.Reason == "" && open:
		a.ask(m.At)
	case m.Mark == markDropped && open && (m.Reason == wire.CodeNotAuthorised || m.Reason == wire.CodeCardRemoved):
		a.dropped = m.Reason
	case m.Mark == markKept && m.Reason == "" && !a.kept && a.result(m.At) == Approved:
		a.kept = true
	default:
		return errMark
	}
	return nil
}

// latest is the last card that was read for a reference, nil when none was.
func (l *ledger) latest(ref string) *attempt {
	for i := len(l.attempts) - 1; i >= 0; i-- {
		if l.attempts[i].Ref == ref {
			return &l.attempts[i]
		}
	}
	return nil
}

// find returns the last card that was read for a reference.
func (l *ledger) find(ref string) (attempt, bool) {
	if a := l.latest(ref); a != nil {
		return *a, true
	}
	return attempt{}, false
}

// mark enters what happens to the last card of a reference, and returns the card.
// Nothing is changed when there is an error.
func (l *ledger) mark(m marked) (attempt, error) {
	a := l.latest(m.Ref)
	if a == nil {
		return attempt{}, errMark
	}
	after := *a
	if err := after.apply(m); err != nil {
		return *a, err
	}
	if err := l.write(m); err != nil {
		return *a, err
	}
	*a = after
	return after, nil
}

// read enters a card. Nothing is changed when there is an error.
func (l *ledger) read(asks request, tap Tap, now time.Time, reverseAfter time.Duration) (attempt, error) {
	rrn, err := l.newRRN(rand.Reader)
	if err != nil {
		return attempt{}, err
	}
	a := attempt{
		Ref: asks.ref, AmountPaise: asks.amount, Outcome: tap.Outcome, RRN: rrn,
		Last4: tap.Last4, Network: tap.Network, Type: tap.Type,
		ReadAt: now, AnswerAt: now.Add(tap.Delay), Gated: asks.gated,
	}
	if tap.Outcome == Reverse && reverseAfter == 0 {
		reverseAfter = reverseDefault
	}
	if reverseAfter > 0 {
		a.ReverseAt = a.AnswerAt.Add(reverseAfter)
	}
	if err := l.write(a); err != nil {
		return attempt{}, err
	}
	l.attempts = append(l.attempts, a)
	return a, nil
}

// write adds a line to the file, if there is one, whole or not at all.
func (l *ledger) write(v any) error {
	if l.file == "" {
		return nil
	}
	line, err := json.Marshal(v)
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
