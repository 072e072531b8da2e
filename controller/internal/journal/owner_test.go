package journal

import (
	"fmt"
	"testing"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// TestEachWriterOwnsAHashOfTerminals: whatever else a decision names, its
// terminal alone says which writer it goes to, so that two decisions about one
// terminal meet in one queue; and the terminals are spread over the writers.
func TestEachWriterOwnsAHashOfTerminals(t *testing.T) {
	const writers = 4
	shares := map[int]int{}
	for i := range 400 {
		id := protocol.Identity{MerchantID: "M", StoreID: "S", TerminalID: fmt.Sprint("T", i)}
		first := owner(decide.Needs{Terminals: []protocol.Identity{id}}, writers)
		shares[first]++
		for n := range 20 {
			again := owner(decide.Needs{
				Terminals: []protocol.Identity{id}, Payments: []string{fmt.Sprint("GP", n)}, Tokens: []string{fmt.Sprint(n)},
				Keys: []payment.Key{{MerchantID: "M", TransactionID: fmt.Sprint(n)}},
			}, writers)
			if again != first {
				t.Fatalf("terminal %s belongs to writers %d and %d", id, first, again)
			}
		}
	}
	for w := range writers {
		if shares[w] < 40 {
			t.Errorf("writer %d owns %d of 400 terminals", w, shares[w])
		}
	}
}
