package protocol

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestParseRupees is upi-switch: Messages, amounts: `\d+(\.\d{1,2})?`.
func TestParseRupees(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Paise
		err  error
	}{
		{"1000.00", 100_000, nil}, {"1000", 100_000, nil}, {"1000.5", 100_050, nil}, {"0.01", 1, nil}, {"00012.30", 1230, nil},
		{"8000.01", 800_001, nil}, {"92233720368547758.07", math.MaxInt64, nil},
		{"92233720368547758.08", 0, ErrPaiseOverflow}, {"99999999999999999999", 0, ErrPaiseOverflow},
		{"", 0, ErrRupeesForm}, {".50", 0, ErrRupeesForm}, {"1.", 0, ErrRupeesForm}, {"1.234", 0, ErrRupeesForm},
		{"-1", 0, ErrRupeesForm}, {"+1", 0, ErrRupeesForm}, {"1e3", 0, ErrRupeesForm}, {"1,000", 0, ErrRupeesForm},
		{" 1", 0, ErrRupeesForm}, {"1.0.0", 0, ErrRupeesForm}, {"१", 0, ErrRupeesForm}, {"0x10", 0, ErrRupeesForm},
	} {
		got, err := ParseRupees(tt.text)
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("ParseRupees(%q) = %d, %v; want %d, %v", tt.text, int64(got), err, int64(tt.want), tt.err)
		}
	}
}

// TestIndianGrouping: the last three digits, then by twos.
func TestIndianGrouping(t *testing.T) {
	for p, want := range map[Paise]string{
		0: "₹0.00", 5: "₹0.05", 99_999: "₹999.99", 100_000: "₹1,000.00", 12_345_678: "₹1,23,456.78",
		MaxPaise: "₹10,00,00,000.00", -24_500: "-₹245.00", math.MinInt64: "-₹92,23,37,20,36,85,47,758.08",
	} {
		if got := p.String(); got != want {
			t.Errorf("%d paise are %s, want %s", int64(p), got, want)
		}
	}
}

// TestRupeesRoundTrip: text and paise are one.
func TestRupeesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Paise(rapid.Int64Range(0, math.MaxInt64).Draw(t, "paise"))
		if back, err := ParseRupees(p.Rupees()); err != nil || back != p {
			t.Fatalf("%s is read as %d: %v", p.Rupees(), int64(back), err)
		}
	})
}

// TestCheckedArithmetic: right, or refused.
func TestCheckedArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		sum, err := Paise(a).Add(Paise(b))
		wrapped := a + b
		fits := (b >= 0) == (wrapped >= a)
		if (err == nil) != fits || fits && int64(sum) != wrapped {
			t.Fatalf("%d + %d = %d, %v", a, b, int64(sum), err)
		}
		diff, err := Paise(a).Sub(Paise(b))
		wrapped = a - b
		fits = (b >= 0) == (wrapped <= a)
		if (err == nil) != fits || fits && int64(diff) != wrapped {
			t.Fatalf("%d - %d = %d, %v", a, b, int64(diff), err)
		}
	})
}
