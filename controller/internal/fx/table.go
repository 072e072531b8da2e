package fx

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/strictjson"
)

const inr = "INR"

// maxNumber and maxExponent bound a rate's text, in characters and powers of ten.
const (
	maxNumber   = 40
	maxExponent = 30
	maxDepth    = 8
)

// centralEurope is where a bare date is a day: UTC+1, in summer too.
var centralEurope = time.FixedZone("CET", 3600)

// parse reads a table. Its errors go on from "the answer".
func parse(body []byte, now time.Time, source string) (rates, error) {
	o, err := strictjson.Parse(body, maxDepth)
	if err != nil {
		return nil, err
	}
	base, err := text(o, "base")
	if err != nil {
		return nil, err
	}
	if !isCurrency(base) {
		return nil, errors.New("has a base that is no currency of three capital letters")
	}
	at, err := tableTime(o, now)
	if err != nil {
		return nil, err
	}
	listed, err := strictjson.Parse(o.Fields["rates"], maxDepth)
	if err != nil {
		return nil, fmt.Errorf("has rates: %w", err)
	}
	// perBase is what one unit of base costs in each currency.
	perBase := map[string]*big.Rat{}
	for currency, raw := range listed.Fields {
		if !isCurrency(currency) {
			continue
		}
		n, err := number(string(raw))
		if err != nil {
			return nil, fmt.Errorf("has a rate of %s that %w", currency, err)
		}
		perBase[currency] = n
	}
	one := big.NewRat(1, 1)
	if own, there := perBase[base]; there && own.Cmp(one) != 0 {
		return nil, errors.New("has a rate of its own base that is not 1")
	}
	perBase[base] = one
	rupees, there := perBase[inr]
	if !there {
		return nil, errors.New("has no rate of INR")
	}
	delete(perBase, inr)
	table := rates{}
	for currency, n := range perBase {
		e8, err := quote.RateOf(n.Quo(rupees, n))
		if err != nil {
			continue // too small or too large a unit for eight digits: nobody pays with it
		}
		table[currency] = quote.Rate{Currency: currency, E8: e8, At: at, Source: source}
	}
	if len(table) == 0 {
		return nil, errors.New("has no rate but INR's")
	}
	return table, nil
}

// tableTime is the time of a table: its timestamp, or the end of its date.
func tableTime(o strictjson.Object, now time.Time) (time.Time, error) {
	future := errors.New("is of the future")
	if raw, given := o.Fields["timestamp"]; given {
		seconds, err := strconv.ParseInt(string(raw), 10, 64)
		if err != nil || seconds <= 0 {
			return time.Time{}, errors.New("has a timestamp that is no number of seconds")
		}
		at := time.Unix(seconds, 0).UTC()
		if seconds > now.Add(quote.RateSkew).Unix() {
			return time.Time{}, future
		}
		return at, nil
	}
	date, err := text(o, "date")
	if err != nil {
		return time.Time{}, err
	}
	day, err := time.ParseInLocation(time.DateOnly, date, centralEurope)
	if err != nil {
		return time.Time{}, errors.New("has a date that is not like 2026-11-20")
	}
	if day.After(now.Add(quote.RateSkew)) {
		return time.Time{}, future
	}
	end := day.Add(24 * time.Hour)
	if end.After(now) {
		end = now
	}
	return end.UTC().Truncate(time.Microsecond), nil
}

func text(o strictjson.Object, name string) (string, error) {
	var s string
	raw := o.Fields[name]
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", fmt.Errorf("has no %s that is a text", name)
	}
	return s, nil
}

// isCurrency reports whether text looks like a code of ISO 4217.
func isCurrency(text string) bool {
	return len(text) == 3 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// number reads a JSON number, exactly, that is more than 0. JSON has no other
// form of digits than its own, and neither infinity nor NaN.
func number(raw string) (*big.Rat, error) {
	if raw == "" || strings.Trim(raw, "-+.0123456789eE") != "" {
		return nil, errors.New("is no number")
	}
	if len(raw) > maxNumber {
		return nil, fmt.Errorf("has more than %d characters", maxNumber)
	}
	_, exponent, has := strings.Cut(strings.ToLower(raw), "e")
	if has {
		// Ten to a large power would fill the memory.
		if n, err := strconv.Atoi(exponent); err != nil || n > maxExponent || n < -maxExponent {
			return nil, errors.New("has too large an exponent")
		}
	}
	x, ok := new(big.Rat).SetString(raw)
	switch {
	case !ok:
		return nil, errors.New("is no number")
	case x.Sign() <= 0:
		return nil, errors.New("is not more than 0")
	}
	return x, nil
}
