package quote

import (
	"math/bits"

	"github.com/galla-pay/galla/protocol"
)

// Rounding names how a fee that is no whole number of paise becomes one. Values
// are in the database and on the command line: never change one.
type Rounding string

// The roundings of a fee.
const (
	RoundHalfUp   Rounding = "half_up"   // half a paisa is a paisa; "" means this one
	RoundHalfEven Rounding = "half_even" // half a paisa goes to the even neighbour
	RoundUp       Rounding = "up"        // any part of a paisa is a paisa
	RoundDown     Rounding = "down"      // a part of a paisa is nothing
)

// Roundings are all of them.
func Roundings() []Rounding { return []Rounding{RoundHalfUp, RoundHalfEven, RoundUp, RoundDown} }

// Valid reports whether r is one of Roundings, or "".
func (r Rounding) Valid() bool {
	switch r {
	case "", RoundHalfUp, RoundHalfEven, RoundUp, RoundDown:
		return true
	}
	return false
}

// wholeBasisPoints is all of an amount, in basis points (1/100 of a percent).
const wholeBasisPoints = 10_000

// Fee is what the merchant pays for a payment.
type Fee struct {
	// BasisPoints is 0 (none) to 10000 (all of it); what is outside counts as the
	// nearer bound.
	BasisPoints int64
	// Min and Cap bound the fee, in paise; 0 does not. Where they contradict each
	// other Cap wins.
	Min, Cap protocol.Paise
	// Rounding of the part of BasisPoints; one that is not Valid is half_up.
	Rounding Rounding
}

// Of is the fee of an amount: its part in basis points, rounded to the paisa,
// then at least Min, then at most Cap, and never above the amount or below 0.
func (f Fee) Of(amount protocol.Paise) protocol.Paise {
	if amount <= 0 {
		return 0
	}
	fee := f.part(amount)
	fee = max(fee, f.Min)
	if f.Cap > 0 {
		fee = min(fee, f.Cap)
	}
	return max(0, min(fee, amount))
}

// part is amount x BasisPoints / 10000, rounded. The product needs up to 77
// bits; the quotient never more than the amount's.
func (f Fee) part(amount protocol.Paise) protocol.Paise {
	bp := uint64(min(max(f.BasisPoints, 0), wholeBasisPoints))
	high, low := bits.Mul64(uint64(amount), bp)
	fee, rest := bits.Div64(high, low, wholeBasisPoints)
	const half = wholeBasisPoints / 2
	switch {
	case rest == 0:
		return protocol.Paise(fee)
	case f.Rounding == RoundUp:
		fee++
	case f.Rounding == RoundDown:
	case f.Rounding == RoundHalfEven && rest == half:
		fee += fee & 1
	case rest >= half:
		fee++
	}
	return protocol.Paise(fee)
}

// Settlement is what the merchant gets of an amount. 1000.00 at 50 basis points
// settles 995.00 (PRD 8.4); an amount that is not positive is itself.
func (f Fee) Settlement(amount protocol.Paise) protocol.Paise { return amount - f.Of(amount) }
