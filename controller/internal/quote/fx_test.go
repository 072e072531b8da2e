package quote

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/protocol"
)

func rate(t testing.TB, text string) Rate {
	t.Helper()
	e8, err := ParseRate(text)
	if err != nil {
		t.Fatal(err)
	}
	return Rate{Currency: "USD", E8: e8}
}

// TestConvert: base x rate x (1 + markup), half-even to the paisa (upi-switch:
// International, fees).
func TestConvert(t *testing.T) {
	for _, tt := range []struct {
		base   string
		rate   string
		markup int64
		want   string
	}{
		{"100.00", "83.25", 0, "8325.00"}, {"12.34", "1", 0, "12.34"}, {"10.00", "83.25", 200, "849.15"},
		{"0.01", "83.5", 0, "0.84"}, {"0.01", "82.5", 0, "0.82"}, // halves go to the even paisa
		{"0.01", "82.50000001", 0, "0.83"}, {"0.01", "82.49999999", 0, "0.82"},
		{"0.01", "0.5", 0, "0.00"}, {"0.01", "1.5", 0, "0.02"}, {"0.01", "0.00000001", 0, "0.00"},
		// One rounding, at the end: 1.5 x 1.01 is 1.515 paise, not 2 x 1.01.
		{"0.01", "1.5", 100, "0.02"}, {"0.01", "1.4", 1000, "0.02"},
		{"1.00", "1", 10_000, "2.00"}, {"0.00", "83.25", 200, "0.00"},
		{"8000.00", "0.55", 0, "4400.00"},
		{"92233720368547758.07", "1", 0, "92233720368547758.07"},
	} {
		got, err := Convert(int64(rupees(t, tt.base)), rate(t, tt.rate), tt.markup)
		if err != nil || got.Rupees() != tt.want {
			t.Errorf("%s at %s with %d basis points of markup: %s %v, want %s", tt.base, tt.rate, tt.markup, got.Rupees(), err, tt.want)
		}
	}
}

// TestConvertRefuses: what cannot be converted is an error and never a number.
func TestConvertRefuses(t *testing.T) {
	one := Rate{E8: rateOne}
	for name, tt := range map[string]struct {
		base   int64
		rate   Rate
		markup int64
		want   error
	}{
		"less than nothing":     {-1, one, 0, ErrBase},
		"no rate":               {1, Rate{}, 0, ErrRate},
		"negative rate":         {1, Rate{E8: -1}, 0, ErrRate},
		"negative markup":       {1, one, -1, ErrRate},
		"markup above all":      {1, one, 10_001, ErrRate},
		"one paisa too many":    {math.MaxInt64, Rate{E8: rateOne + 1}, 0, protocol.ErrPaiseOverflow},
		"overflow by markup":    {math.MaxInt64, one, 1, protocol.ErrPaiseOverflow},
		"twice the largest":     {math.MaxInt64, one, 10_000, protocol.ErrPaiseOverflow},
		"the largest of both":   {math.MaxInt64, Rate{E8: math.MaxInt64}, 10_000, protocol.ErrPaiseOverflow},
		"overflow of 128 bits":  {math.MaxInt64, Rate{E8: math.MaxInt64}, 0, protocol.ErrPaiseOverflow},
		"just above 64 bits":    {1 << 62, Rate{E8: 4 * rateOne}, 0, protocol.ErrPaiseOverflow},
		"just above int64":      {1 << 62, Rate{E8: 2 * rateOne}, 0, protocol.ErrPaiseOverflow},
		"rounds up to overflow": {math.MaxInt64 / 3, Rate{E8: 3*rateOne + 10}, 0, protocol.ErrPaiseOverflow},
	} {
		if got, err := Convert(tt.base, tt.rate, tt.markup); !errors.Is(err, tt.want) || got != 0 {
			t.Errorf("%s: %d %v, want %v", name, got, err, tt.want)
		}
	}
}

func drawRate(t *rapid.T) Rate {
	return Rate{E8: rapid.OneOf(rapid.Int64Range(1, 1000*rateOne), rapid.Int64Range(1, math.MaxInt64)).Draw(t, "rate")}
}

func drawBase(t *rapid.T) int64 {
	return rapid.OneOf(rapid.Int64Range(0, 1_000_000), rapid.Int64Range(0, math.MaxInt64)).Draw(t, "base")
}

// exact is base x rate x (1 + markup), in paise, as a number of any size.
func exact(base int64, r Rate, markup int64) *big.Rat {
	x := new(big.Rat).SetInt64(base)
	x.Mul(x, big.NewRat(r.E8, rateOne))
	return x.Mul(x, big.NewRat(10_000+markup, 10_000))
}

// TestConvertIsExact: half-even as with numbers of any size, and an overflow
// exactly where the answer does not fit.
func TestConvertIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base, r, markup := drawBase(t), drawRate(t), rapid.Int64Range(0, 10_000).Draw(t, "markup")
		want := roundRat(exact(base, r, markup), RoundHalfEven)
		got, err := Convert(base, r, markup)
		switch {
		case want.IsInt64() && (err != nil || int64(got) != want.Int64()):
			t.Fatalf("%d at %s with %d: %d %v, want %s", base, r, markup, got, err, want)
		case !want.IsInt64() && !errors.Is(err, protocol.ErrPaiseOverflow):
			t.Fatalf("%d at %s with %d: %d %v, want an overflow", base, r, markup, got, err)
		}
	})
}

// TestConvertHalves: amounts that lie exactly between two paise, which chance
// seldom finds.
func TestConvertHalves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := rapid.Int64Range(0, 1_000_000).Draw(t, "whole")
		r := Rate{E8: whole*rateOne + rateOne/2}
		got, err := Convert(1, r, 0)
		if want := protocol.Paise(whole + whole&1); err != nil || got != want {
			t.Fatalf("one hundredth at %s: %d %v, want %d", r, got, err, want)
		}
	})
}

// TestConvertProperties: nothing costs nothing, a rate of 1 without markup changes
// nothing, more of anything never costs less, and the markup is a part of what it
// is put on.
func TestConvertProperties(t *testing.T) {
	convert := func(t *rapid.T, base int64, r Rate, markup int64) protocol.Paise {
		got, err := Convert(base, r, markup)
		if err != nil {
			t.Fatalf("%d at %s with %d: %v", base, r, markup, err)
		}
		return got
	}
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.Int64Range(0, 1_000_000_000).Draw(t, "base")
		r := Rate{E8: rapid.Int64Range(1, 1000*rateOne).Draw(t, "rate")}
		markup := rapid.Int64Range(0, 10_000).Draw(t, "markup")
		inr := convert(t, base, r, markup)

		if got := convert(t, base, Rate{E8: rateOne}, 0); int64(got) != base {
			t.Fatalf("%d at 1 is %d", base, got)
		}
		if convert(t, 0, r, markup) != 0 {
			t.Fatal("nothing costs something")
		}
		if convert(t, base+1, r, markup) < inr || convert(t, base, Rate{E8: r.E8 + 1}, markup) < inr {
			t.Fatalf("more than %d at %s costs less", base, r)
		}
		if markup < 10_000 && convert(t, base, r, markup+1) < inr {
			t.Fatal("more markup costs less")
		}
		// Linear: with the markup it is (1 + markup) times what it is without, but for
		// half a paisa of rounding on each side.
		plain := convert(t, base, r, 0)
		left := new(big.Rat).Sub(new(big.Rat).SetInt64(int64(inr)), new(big.Rat).Mul(new(big.Rat).SetInt64(int64(plain)), big.NewRat(10_000+markup, 10_000)))
		if left.Abs(left).Cmp(big.NewRat(3, 2)) > 0 {
			t.Fatalf("%d at %s: %d without markup, %d with %d basis points", base, r, plain, inr, markup)
		}
		if doubled := convert(t, 2*base, r, markup); doubled < 2*inr-1 || doubled > 2*inr+1 {
			t.Fatalf("%d costs %d, twice as much %d", base, inr, doubled)
		}
	})
}

// TestRateText: FxRate is a plain decimal with up to eight digits, and what is
// written is read again.
func TestRateText(t *testing.T) {
	for e8, want := range map[int64]string{
		8_325_000_000: "83.25", 100_000_000: "1", 1: "0.00000001", 8_311_250_001: "83.11250001", 120_000_000: "1.2",
		math.MaxInt64: "92233720368.54775807", 0: "0", -150_000_000: "-1.5",
	} {
		if got := (Rate{E8: e8}).String(); got != want {
			t.Errorf("%d is written %s, want %s", e8, got, want)
		}
	}
	for text, want := range map[string]int64{
		"83.25": 8_325_000_000, "83.25000000": 8_325_000_000, "1": 100_000_000, "0083.1": 8_310_000_000,
		"92233720368.54775807": math.MaxInt64,
	} {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("%q is read as %d %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", ".", "1.", ".5", "0", "0.0", "0.000000001", "1.123456789", "-1", "+1", "1e2", "1E-2", "1,5", " 1", "1 ", "NaN", "Inf", "0x1",
		"१", "1.2.3", "92233720368.54775808", "99999999999999999999", strings.Repeat("9", 1000),
	} {
		if got, err := ParseRate(text); !errors.Is(err, ErrRateForm) || got != 0 {
			t.Errorf("%q is read as %d %v", text, got, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		r := drawRate(t)
		if got, err := ParseRate(r.String()); err != nil || got != r.E8 {
			t.Fatalf("%d is written %s and read as %d %v", r.E8, r, got, err)
		}
	})
}

// TestRateOf: a cross rate is the nearest that has eight digits.
func TestRateOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := big.NewRat(rapid.Int64Range(1, math.MaxInt64).Draw(t, "numerator"), rapid.Int64Range(1, math.MaxInt64).Draw(t, "denominator"))
		want := roundRat(new(big.Rat).Mul(x, new(big.Rat).SetInt64(rateOne)), RoundHalfEven)
		got, err := RateOf(x)
		if fits := want.IsInt64() && want.Sign() > 0; fits != (err == nil) || fits && got != want.Int64() {
			t.Fatalf("%s is %d %v, want %s", x, got, err, want)
		}
	})
	for _, x := range []*big.Rat{new(big.Rat), big.NewRat(-1, 1), big.NewRat(1, 1_000_000_000)} {
		if got, err := RateOf(x); !errors.Is(err, ErrRate) || got != 0 {
			t.Errorf("%s is a rate of %d: %v", x, got, err)
		}
	}
}

// TestRateFresh: a rate is good for less than 24 hours: the boundary is stale. One
// from the future is no rate.
func TestRateFresh(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	for since, want := range map[time.Duration]bool{
		0: true, 24*time.Hour - time.Nanosecond: true, 24 * time.Hour: false, 24*time.Hour + 1: false, 1000 * time.Hour: false,
		-time.Millisecond: true, -RateSkew: true, -RateSkew - 1: false, -24 * time.Hour: false,
	} {
		if got := (Rate{At: at}).Fresh(at.Add(since)); got != want {
			t.Errorf("%v after its time it is fresh: %v", since, got)
		}
	}
	if (Rate{}).Fresh(at) {
		t.Error("a rate without a time is fresh")
	}
}
