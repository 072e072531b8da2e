package card

import (
	"bytes"
	"io"
	"testing"
)

// A number that the ledger has is not given again, and a reader without dice
// reads no card.
func TestNewRRN(t *testing.T) {
	t.Parallel()
	one, two := []byte{0, 0, 0, 0, 1}, []byte{0, 0, 0, 0, 2}
	l := ledger{attempts: []attempt{{RRN: "000000000001"}}}
	rrn, err := l.newRRN(io.MultiReader(bytes.NewReader(one), bytes.NewReader(one), bytes.NewReader(two)))
	if err != nil || rrn != "000000000002" {
		t.Fatalf("the number is %q, %v", rrn, err)
	}
	if rrn, err := l.newRRN(bytes.NewReader(one)); err == nil {
		t.Fatalf("without dice the number is %q", rrn)
	}
}
