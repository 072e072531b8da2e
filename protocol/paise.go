package protocol

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Paise is an amount of Indian money in whole paise (1/100 rupee). It may be
// negative in arithmetic, never on the wire. Rupees appear only as text at the
// edge; floats appear nowhere (DESIGN section 1).
type Paise int64

// MaxPaise is the largest amount that any door accepts: 10^10 paise, ten crore
// rupees (phonepe-api: Wire rules).
const MaxPaise Paise = 10_000_000_000

// Errors of money arithmetic and of its text form.
var (
	ErrPaiseOverflow = errors.New("amount does not fit in 64 bits of paise")
	ErrRupeesForm    = errors.New(`rupees must be written as digits with at most two decimals, like "245.00"`)
)

// Add returns p+q, or ErrPaiseOverflow.
func (p Paise) Add(q Paise) (Paise, error) {
	if (q > 0 && p > math.MaxInt64-q) || (q < 0 && p < math.MinInt64-q) {
		return 0, ErrPaiseOverflow
	}
	return p + q, nil
}

// Sub returns p-q, or ErrPaiseOverflow.
func (p Paise) Sub(q Paise) (Paise, error) {
	if (q < 0 && p > math.MaxInt64+q) || (q > 0 && p < math.MinInt64+q) {
		return 0, ErrPaiseOverflow
	}
	return p - q, nil
}

// Valid reports whether p is an amount that can be asked for: 1..MaxPaise.
func (p Paise) Valid() bool { return p >= 1 && p <= MaxPaise }

// ParseRupees reads rupees as UPI writes them, `\d+(\.\d{1,2})?` (upi-switch:
// Messages): no sign, no grouping, no exponent, at most two decimals. It
// returns ErrRupeesForm or ErrPaiseOverflow.
func ParseRupees(s string) (Paise, error) {
	whole, frac, dotted := strings.Cut(s, ".")
	if whole == "" || !digits(whole) || (dotted && (frac == "" || len(frac) > 2 || !digits(frac))) {
		return 0, ErrRupeesForm
	}
	for len(frac) < 2 {
		frac += "0"
	}
	n, err := strconv.ParseInt(whole+frac, 10, 64)
	if err != nil {
		return 0, ErrPaiseOverflow
	}
	return Paise(n), nil
}

// ParsePaise reads a whole number of paise, digits only.
func ParsePaise(s string) (Paise, error) {
	if s == "" || !digits(s) {
		return 0, fmt.Errorf("%q is not a whole number of paise", s)
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, ErrPaiseOverflow
	}
	return Paise(n), nil
}

// Rupees writes p with two decimals and no grouping, as UPI does: "1000.00".
func (p Paise) Rupees() string {
	sign, u := "", uint64(p)
	if p < 0 {
		sign, u = "-", -u
	}
	return fmt.Sprintf("%s%d.%02d", sign, u/100, u%100)
}

// String writes p for people, with the rupee sign and Indian grouping:
// "₹1,23,456.00".
func (p Paise) String() string {
	s := p.Rupees()
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	whole, frac, _ := strings.Cut(s, ".")
	if n := len(whole); n > 3 {
		head, tail := whole[:n-3], whole[n-3:]
		for len(head) > 2 {
			tail = head[len(head)-2:] + "," + tail
			head = head[:len(head)-2]
		}
		whole = head + "," + tail
	}
	return sign + "₹" + whole + "." + frac
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
