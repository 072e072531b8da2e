package quote

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// MaxRateAge is the age from which on a rate is refused (upi-switch:
// International, fees). The boundary instant is stale.
const MaxRateAge = 24 * time.Hour

// RateSkew is how far ahead of our clock a rate's time may be.
const RateSkew = 5 * time.Minute

// rateDigits is how many digits a rate has after the point, rateOne the rate 1.
const (
	rateDigits = 8
	rateOne    = 100_000_000
)

// Errors of conversion.
var (
	ErrRate     = errors.New("a rate must be more than 0, a markup 0 to 10000 basis points")
	ErrBase     = errors.New("an amount to convert must not be negative")
	ErrRateForm = errors.New(`a rate must be written as digits with at most eight decimals, like "83.1125", and be more than 0`)
)

// Rate is what one unit of a currency costs.
type Rate struct {
	Currency string // three capital letters
	// E8 is rupees for one unit, times 10^8; more than 0.
	E8 int64
	// At is the rate's own time: when its source says that it held.
	At time.Time
	// Source names who said so, for people.
	Source string
}

// Fresh reports whether the rate may be used at now: it is younger than
// MaxRateAge, and not from the future.
func (r Rate) Fresh(now time.Time) bool {
	age := now.Sub(r.At)
	return age < MaxRateAge && age >= -RateSkew
}

// String is the rate as RespValQr's FxRate has it: a plain decimal with up to
// eight digits after the point and no zeros at the end.
func (r Rate) String() string {
	sign, u := "", uint64(r.E8)
	if r.E8 < 0 {
		sign, u = "-", -u
	}
	whole, frac := u/rateOne, u%rateOne
	if frac == 0 {
		return sign + strconv.FormatUint(whole, 10)
	}
	return sign + strconv.FormatUint(whole, 10) + "." + strings.TrimRight(fmt.Sprintf("%0*d", rateDigits, frac), "0")
}

// ParseRate reads what String writes, and the same with zeros at the end:
// digits, with at most eight after a point; no sign, grouping or exponent. It
// returns E8, or ErrRateForm.
func ParseRate(text string) (int64, error) {
	whole, frac, dotted := strings.Cut(text, ".")
	if !digitsOnly(whole) || dotted && (!digitsOnly(frac) || len(frac) > rateDigits) {
		return 0, ErrRateForm
	}
	n, err := strconv.ParseInt(whole+frac+strings.Repeat("0", rateDigits-len(frac)), 10, 64)
	if err != nil || n == 0 {
		return 0, ErrRateForm
	}
	return n, nil
}

// digitsOnly reports whether text is one digit or more.
func digitsOnly(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// conversionScale is what base x E8 x (10000 + markup) is larger by than paise:
// the rate's 10^8 times the markup's 10^4. Hundredths of a unit become hundredths
// of a rupee, whatever the currency calls its own.
const conversionScale = rateOne * wholeBasisPoints

// Convert is what baseHundredths hundredths of a unit come to in INR: base x rate
// x (1 + markup), half-even to the paisa, rounded once, at the end (upi-switch:
// International, fees). It returns ErrBase, ErrRate, or
// protocol.ErrPaiseOverflow.
func Convert(baseHundredths int64, r Rate, markupBasisPoints int64) (protocol.Paise, error) {
	switch {
	case baseHundredths < 0:
		return 0, ErrBase
	case r.E8 <= 0, markupBasisPoints < 0, markupBasisPoints > wholeBasisPoints:
		return 0, ErrRate
	}
	factor := uint64(wholeBasisPoints + markupBasisPoints)
	high, low := bits.Mul64(uint64(baseHundredths), uint64(r.E8))
	if top, _ := bits.Mul64(high, factor); top != 0 {
		return 0, protocol.ErrPaiseOverflow
	}
	carry, low := bits.Mul64(low, factor)
	high, over := bits.Add64(high*factor, carry, 0)
	// The quotient fits in 64 bits as long as high is below the divisor.
	if over != 0 || high >= conversionScale {
		return 0, protocol.ErrPaiseOverflow
	}
	paise, rest := bits.Div64(high, low, conversionScale)
	const half = conversionScale / 2
	if paise <= math.MaxInt64 && (rest > half || rest == half && paise&1 == 1) {
		paise++
	}
	if paise > math.MaxInt64 {
		return 0, protocol.ErrPaiseOverflow
	}
	return protocol.Paise(paise), nil
}

// RateOf is numerator / denominator as a rate, half-even to eight digits: a cross
// rate. It returns ErrRate where that is 0, negative, or too large to be one.
func RateOf(x *big.Rat) (int64, error) {
	if x.Sign() <= 0 {
		return 0, ErrRate
	}
	n := new(big.Int).Mul(x.Num(), big.NewInt(rateOne))
	whole, rest := n.QuoRem(n, x.Denom(), new(big.Int))
	twice := rest.Lsh(rest, 1).Cmp(x.Denom())
	if twice > 0 || twice == 0 && whole.Bit(0) == 1 {
		whole.Add(whole, big.NewInt(1))
	}
	if whole.Sign() == 0 || !whole.IsInt64() {
		return 0, ErrRate
	}
	return whole.Int64(), nil
}
