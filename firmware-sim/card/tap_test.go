package card_test

import (
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/firmware-sim/card"
)

// What is no card is refused in words, and no refusal, nor anything else, repeats
// what may have been a card's number (failure matrix T23).
func TestTapRefuses(t *testing.T) {
	t.Parallel()
	const number = "4111111111111111"
	for _, tt := range []struct {
		name string
		tap  card.Tap
		want string
	}{
		{"no outcome", card.Tap{}, "outcome is one of approve, decline, timeout, late"},
		{"an unknown outcome", card.Tap{Outcome: number}, "outcome is one of"},
		{"three digits", card.Tap{Outcome: card.Approve, Last4: "123"}, "last4 is four digits"},
		{"five digits", card.Tap{Outcome: card.Approve, Last4: "12345"}, "last4 is four digits"},
		{"a card number", card.Tap{Outcome: card.Approve, Last4: number}, "never more of a card's number"},
		{"letters", card.Tap{Outcome: card.Approve, Last4: "12a4"}, "last4 is four digits"},
		{"other digits", card.Tap{Outcome: card.Approve, Last4: "४२"}, "last4 is four digits"},
		{"a sign", card.Tap{Outcome: card.Approve, Last4: "-123"}, "last4 is four digits"},
		{"a number for a network", card.Tap{Outcome: card.Approve, Network: number}, "network is one of VISA, MASTERCARD, RUPAY, AMEX, MAESTRO, DINERS"},
		{"a network in small letters", card.Tap{Outcome: card.Approve, Network: "visa"}, "network is one of"},
		{"a number for a type", card.Tap{Outcome: card.Approve, Type: number}, "type is one of CREDIT, DEBIT"},
		{"a delay before now", card.Tap{Outcome: card.Approve, Delay: -1}, "delay is 0 to 10m0s"},
		{"a delay without end", card.Tap{Outcome: card.Approve, Delay: card.MaxDelay + 1}, "delay is 0 to 10m0s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := open(t)
			p := pay(t.Context(), r, "P1", 24_500)
			_, err := r.Tap(t.Context(), tt.tap)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), number) {
				t.Fatalf("Tap = %v, want %q", err, tt.want)
			}
			if len(r.Ledger()) != 0 {
				t.Fatalf("it was read: %+v", r.Ledger())
			}
			// The reader goes on asking; a plain card is taken with its defaults.
			entry, err := r.Tap(t.Context(), card.Tap{Outcome: card.Approve, Delay: time.Nanosecond})
			if err != nil || entry.Last4 != "4242" || entry.Network != "VISA" || entry.Type != "DEBIT" {
				t.Fatalf("Tap = %+v, %v", entry, err)
			}
			if <-p.done; p.err != nil {
				t.Fatal(p.err)
			}
		})
	}
}
