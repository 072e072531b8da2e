package quote

import (
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/protocol"
)

// TestSettlement: what the merchant gets after a fee in basis points, the fee
// rounded half up to the paisa.
func TestSettlement(t *testing.T) {
	for _, tt := range []struct {
		amount string
		bp     int64
		want   string
	}{
		{"1000.00", 50, "995.00"}, // PRD 8.4
		{"1000.00", 0, "1000.00"}, // PRD 6.2 S1
		{"1.00", 50, "0.99"},      // half a paisa of fee is a paisa
		{"0.99", 50, "0.99"},      // less than half is none
		{"8000.00", 50, "7960.00"}, {"245.00", 50, "243.77"}, {"100.00", 10_000, "0.00"}, {"100.00", 20_000, "0.00"},
		{"100.00", -5, "100.00"},
	} {
		amount, err := protocol.ParseRupees(tt.amount)
		if err != nil {
			t.Fatal(err)
		}
		if got := Settlement(amount, tt.bp).Rupees(); got != tt.want {
			t.Errorf("%s at %d basis points settles %s, want %s", tt.amount, tt.bp, got, tt.want)
		}
	}
}

// TestSettlementIsExact: the same as with numbers of any size.
func TestSettlementIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64Range(1, int64(protocol.MaxPaise)).Draw(t, "amount")
		bp := rapid.Int64Range(0, 10_000).Draw(t, "bp")
		fee := new(big.Int).Mul(big.NewInt(amount), big.NewInt(bp))
		fee.Add(fee, big.NewInt(5000)).Div(fee, big.NewInt(10_000))
		if got := int64(Settlement(protocol.Paise(amount), bp)); got != amount-fee.Int64() {
			t.Fatalf("%d at %d settles %d, want %d", amount, bp, got, amount-fee.Int64())
		}
	})
}

// TestExpired: the boundary instant is expired (upi-switch).
func TestExpired(t *testing.T) {
	end := time.UnixMicro(1_000_000)
	q := Quote{ExpiresAt: end}
	if q.Expired(end.Add(-time.Microsecond)) || !q.Expired(end) {
		t.Error("the boundary instant must be expired, the one before it not")
	}
}
