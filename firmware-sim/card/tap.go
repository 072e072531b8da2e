package card

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Outcome is what comes of a card that is put on the reader. The values are in
// requests and in the ledger's file: never change one.
type Outcome string

// The outcomes.
const (
	Approve Outcome = "approve" // the bank says yes
	Decline Outcome = "decline" // the bank says no
	Timeout Outcome = "timeout" // the bank never answers
	// Late: Pay gets no answer, and the bank says yes after it gave up.
	Late Outcome = "late"
	// Remove: the card is taken out before its bank was asked: the reader says no.
	// While a card is in the reader, it is that card that is taken out.
	Remove Outcome = "remove"
	// Reverse: the bank says yes, the terminal does not hear of it, and the reader
	// gives the money back a while later.
	Reverse Outcome = "reverse"
)

// Outcomes are all outcomes, in the order of the list above. The slice is the
// caller's.
func Outcomes() []Outcome { return []Outcome{Approve, Decline, Timeout, Late, Remove, Reverse} }

// networks and types are the words that a card can be described by
// (phonepe-api: paymentInstruments, cardNetwork and cardType).
func networks() []string { return []string{"VISA", "MASTERCARD", "RUPAY", "AMEX", "MAESTRO", "DINERS"} }
func types() []string    { return []string{"CREDIT", "DEBIT"} }

// ErrTap: what was put on the reader is no card that it takes.
var ErrTap = errors.New("the card reader takes no such card")

// MaxDelay is the longest that a bank thinks about a card here.
const MaxDelay = 10 * time.Minute

// Tap is one card that is put on the reader, and what its bank will say.
type Tap struct {
	Outcome Outcome
	// Last4 are the card's last four digits; "" is 4242.
	Last4 string
	// Network is VISA, MASTERCARD, RUPAY, AMEX, MAESTRO or DINERS; "" is VISA.
	Network string
	// Type is CREDIT or DEBIT; "" is DEBIT.
	Type string
	// Delay, 0 to MaxDelay, is from the reading of the card to what the bank
	// says. With Late, Pay gives up at once and the approval comes after Delay.
	Delay time.Duration
}

// check fills the defaults in. Its error is ErrTap with the rule that was
// broken; it never holds what was given: it could be a card number (failure
// matrix T23).
func (t Tap) check() (Tap, error) {
	if !has(Outcomes(), t.Outcome) {
		return refuse("outcome is one of %s", list(Outcomes()))
	}
	if t.Last4 == "" {
		t.Last4 = "4242"
	}
	if len(t.Last4) != 4 || strings.Trim(t.Last4, "0123456789") != "" {
		return refuse("last4 is four digits, never more of a card's number")
	}
	if t.Network == "" {
		t.Network = "VISA"
	}
	if !has(networks(), t.Network) {
		return refuse("network is one of %s", list(networks()))
	}
	if t.Type == "" {
		t.Type = "DEBIT"
	}
	if !has(types(), t.Type) {
		return refuse("type is one of %s", list(types()))
	}
	if t.Delay < 0 || t.Delay > MaxDelay {
		return refuse("delay is 0 to %v", MaxDelay)
	}
	return t, nil
}

func refuse(format string, args ...any) (Tap, error) {
	return Tap{}, fmt.Errorf("%w: %s", ErrTap, fmt.Sprintf(format, args...))
}

func has[T ~string](words []T, word T) bool {
	for _, w := range words {
		if w == word {
			return true
		}
	}
	return false
}

func list[T ~string](words []T) string {
	var texts []string
	for _, w := range words {
		texts = append(texts, string(w))
	}
	return strings.Join(texts, ", ")
}
