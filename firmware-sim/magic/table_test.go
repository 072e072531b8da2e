package magic_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/galla-pay/galla/firmware-sim/magic"
	"github.com/galla-pay/galla/protocol"
	"pgregory.net/rapid"
)

// The tails are those of the documentation, each once, in order.
func TestTable(t *testing.T) {
	t.Parallel()
	for i, b := range magic.Table() {
		if int(b.Tail) != i {
			t.Errorf("row %d has the tail .%02d", i, int(b.Tail))
		}
		if b.Does == "" || strings.HasSuffix(b.Does, ".") {
			t.Errorf(".%02d does %q: want words without a full stop", i, b.Does)
		}
		if !slices.Contains([]string{"SUCCESS", "FAILED", "EXPIRED"}, b.Ends) {
			t.Errorf(".%02d ends %q", i, b.Ends)
		}
		if !slices.Contains([]magic.Actor{magic.Customer, magic.Cashier, magic.Plug, magic.Till, magic.Merchant}, b.Actor) {
			t.Errorf(".%02d is done by %q", i, b.Actor)
		}
	}
	if n := len(magic.Table()); n != 12 {
		t.Errorf("%d rows, want .00 to .11", n)
	}
}

// The paise alone decide, and only a dozen of them do anything.
func TestOf(t *testing.T) {
	t.Parallel()
	for _, amount := range []protocol.Paise{0, -100, -93, protocol.MaxPaise + 100} {
		if b, ok := magic.Of(amount); ok {
			t.Errorf("an amount of %d that nobody can ask for is %+v", int64(amount), b)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		amount := protocol.Paise(rapid.Int64Range(1, int64(protocol.MaxPaise)).Draw(t, "paise"))
		text := amount.Rupees()
		tail := text[len(text)-2:]
		b, ok := magic.Of(amount)
		if ok != (tail <= "11") {
			t.Fatalf("%s: anything happens: %v", text, ok)
		}
		if ok && b != magic.Table()[int(amount%100)] {
			t.Fatalf("%s is %+v", text, b)
		}
	})
}
