package quote

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/protocol"
)

func rupees(t testing.TB, text string) protocol.Paise {
	t.Helper()
	amount, err := protocol.ParseRupees(text)
	if err != nil {
		t.Fatal(err)
	}
	return amount
}

// TestFee: what the merchant gets, by every rounding and at every bound.
func TestFee(t *testing.T) {
	for _, tt := range []struct {
		amount string
		fee    Fee
		want   string // settlement
	}{
		{"1000.00", Fee{BasisPoints: 50}, "995.00"}, // PRD 8.4
		{"1000.00", Fee{}, "1000.00"},               // PRD 6.2 S1
		{"8000.00", Fee{BasisPoints: 50}, "7960.00"},

		// 0.5 paise, 1.5 paise; 0.4 and 0.6 beside them.
		{"1.00", Fee{BasisPoints: 50}, "0.99"}, {"1.00", Fee{BasisPoints: 50, Rounding: RoundHalfUp}, "0.99"},
		{"1.00", Fee{BasisPoints: 50, Rounding: RoundHalfEven}, "1.00"}, {"3.00", Fee{BasisPoints: 50, Rounding: RoundHalfEven}, "2.98"},
		{"1.00", Fee{BasisPoints: 40, Rounding: RoundHalfEven}, "1.00"}, {"1.00", Fee{BasisPoints: 60, Rounding: RoundHalfEven}, "0.99"},
		{"1.00", Fee{BasisPoints: 50, Rounding: RoundUp}, "0.99"}, {"1.00", Fee{BasisPoints: 1, Rounding: RoundUp}, "0.99"},
		{"1.00", Fee{BasisPoints: 50, Rounding: RoundDown}, "1.00"}, {"1.99", Fee{BasisPoints: 100, Rounding: RoundDown}, "1.98"},
		{"1.00", Fee{BasisPoints: 40}, "1.00"}, {"1.00", Fee{BasisPoints: 50, Rounding: "nearest"}, "0.99"},
		{"2.00", Fee{BasisPoints: 100, Rounding: RoundUp}, "1.98"}, // a whole number is not rounded

		{"100.00", Fee{BasisPoints: 50, Min: 200}, "98.00"}, {"1000.00", Fee{BasisPoints: 50, Min: 200}, "995.00"},
		{"1000.00", Fee{BasisPoints: 50, Cap: 300}, "997.00"}, {"100.00", Fee{BasisPoints: 50, Cap: 300}, "99.50"},
		{"100.00", Fee{Min: 200}, "98.00"},                            // a flat fee
		{"100.00", Fee{BasisPoints: 50, Min: 300, Cap: 200}, "98.00"}, // the cap wins
		{"1.00", Fee{Min: 200}, "0.00"},                               // never above the amount
		{"100.00", Fee{BasisPoints: 10_000}, "0.00"}, {"100.00", Fee{BasisPoints: 20_000}, "0.00"},
		{"100.00", Fee{BasisPoints: -5}, "100.00"}, {"100.00", Fee{BasisPoints: 50, Min: -1, Cap: -1}, "99.50"},
		{"0.00", Fee{BasisPoints: 50, Min: 200}, "0.00"},
	} {
		if got := tt.fee.Settlement(rupees(t, tt.amount)).Rupees(); got != tt.want {
			t.Errorf("%s with %+v settles %s, want %s", tt.amount, tt.fee, got, tt.want)
		}
	}
	if got := (Fee{BasisPoints: 50, Min: 1}).Of(-100); got != 0 {
		t.Errorf("the fee of less than nothing is %d", got)
	}
}

func drawFee(t *rapid.T) Fee {
	return Fee{
		BasisPoints: rapid.Int64Range(-100, 20_000).Draw(t, "basis points"),
		Min:         protocol.Paise(rapid.Int64Range(0, 10_000).Draw(t, "min")),
		Cap:         protocol.Paise(rapid.Int64Range(0, 10_000).Draw(t, "cap")),
		Rounding:    rapid.SampledFrom(append(Roundings(), "")).Draw(t, "rounding"),
	}
}

// TestFeeIsExact: the same as with numbers of any size, up to the largest amount
// that there is.
func TestFeeIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64Range(1, math.MaxInt64).Draw(t, "amount")
		f := drawFee(t)
		f.Min, f.Cap = 0, 0
		bp := min(max(f.BasisPoints, 0), 10_000)
		exact := big.NewRat(1, 10_000)
		exact.Mul(exact, new(big.Rat).SetInt(new(big.Int).Mul(big.NewInt(amount), big.NewInt(bp))))
		want := roundRat(exact, f.Rounding)
		if got := f.Of(protocol.Paise(amount)); int64(got) != want.Int64() || !want.IsInt64() {
			t.Fatalf("%d with %+v: fee %d, want %s", amount, f, got, want)
		}
	})
}

// roundRat rounds a number that is not negative, by the definition of each
// rounding.
func roundRat(x *big.Rat, r Rounding) *big.Int {
	floor := new(big.Int).Div(x.Num(), x.Denom())
	over := new(big.Rat).Sub(x, new(big.Rat).SetInt(floor)).Cmp(big.NewRat(1, 2)) // of the part after the point
	up := false
	switch r {
	case RoundUp:
		up = !x.IsInt()
	case RoundDown:
	case RoundHalfEven:
		up = over > 0 || over == 0 && floor.Bit(0) == 1
	default:
		up = over >= 0
	}
	if up {
		floor.Add(floor, big.NewInt(1))
	}
	return floor
}

// TestFeeIsBounded: whatever the schedule says, the merchant gets between nothing
// and the amount, and a larger amount never costs a smaller fee.
func TestFeeIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFee(t)
		low := protocol.Paise(rapid.Int64Range(0, math.MaxInt64-1).Draw(t, "amount"))
		high := low + protocol.Paise(rapid.Int64Range(1, int64(math.MaxInt64-low)).Draw(t, "more"))
		for _, amount := range []protocol.Paise{low, high} {
			fee, settled := f.Of(amount), f.Settlement(amount)
			if fee < 0 || fee > amount || settled < 0 || fee+settled != amount {
				t.Fatalf("%d with %+v: fee %d, settlement %d", amount, f, fee, settled)
			}
			if f.Cap > 0 && fee > f.Cap {
				t.Fatalf("%d with %+v: fee %d is above the cap", amount, f, fee)
			}
		}
		if f.Of(low) > f.Of(high) {
			t.Fatalf("%+v takes %d of %d and %d of %d", f, f.Of(low), low, f.Of(high), high)
		}
	})
}

// TestRoundings: the words, and only they.
func TestRoundings(t *testing.T) {
	for word, want := range map[Rounding]bool{
		"": true, "half_up": true, "half_even": true, "up": true, "down": true, "UP": false, "nearest": false, "half-up": false,
	} {
		if word.Valid() != want {
			t.Errorf("%q is valid: %v", word, !want)
		}
	}
	if len(Roundings()) != 4 {
		t.Errorf("roundings: %v", Roundings())
	}
}
