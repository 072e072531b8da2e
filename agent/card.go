package agent

import (
	"context"
	"errors"

	"github.com/galla-pay/galla/protocol"
)

// CardReader is a certified card machine beside the terminal: it gets an amount
// and a reference, and says what became of it. No card number and no PIN ever
// reaches the terminal (failure matrix T23).
//
// The terminal has one call under way at a time; only beside one that does not
// end (two minutes after a card was read, three seconds after ctx ended) it
// begins another. Errors are *CardDeclined, ErrCardNoAnswer, ErrCardUnknownRef,
// or those of ctx; any other says nothing of a card, and the call is made again:
// Last if one was read, else Pay. An error's text is logged.
//
// A reference for which a card was read is never charged again, whatever is
// asked. The terminal asks Last before it asks a second time for a card, but its
// memory may be lost where the reader's is not.
type CardReader interface {
	// Pay asks for a card and an approval of amount; ref is the payment id.
	// started is called once, when a card was read: from then on the outcome is
	// open, and only an answer or Last tells it. started returns once that is on
	// the terminal's disk; the reader should not go on before. ctx ends the wait
	// for a card with its error, never an approval under way.
	Pay(ctx context.Context, ref string, amount protocol.Paise, started func()) (protocol.Card, error)
	// Last asks how ref ended, after a restart or when Pay got no answer. Its
	// errors are those of Pay, and ErrCardUnknownRef. It may be asked at any
	// time and as often as one likes; ctx ends the question.
	Last(ctx context.Context, ref string) (protocol.Card, error)
}

// CardDeclined: the card's bank, or the reader, has said no. No money moves.
type CardDeclined struct {
	Reason string // the reader's word: "INSUFFICIENT_FUNDS", "51"
}

// Error implements error.
func (e *CardDeclined) Error() string { return "card declined: " + e.Reason }

var (
	// ErrCardNoAnswer: a card was read, and nobody said what became of it.
	ErrCardNoAnswer = errors.New("card reader got no answer")
	// ErrCardUnknownRef: the reader never read a card for that reference.
	ErrCardUnknownRef = errors.New("card reader knows no such reference")
)
