package fx

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/controller/internal/quote"
)

// noon is midday of 20 November 2026 in central Europe.
var noon = time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)

// TestTableTime: a timestamp is the table's time; a bare date is its end in central
// European time, or now while that is to come.
func TestTableTime(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		when string // the members that say it
		want string
	}{
		{`"timestamp":1795172400`, "2026-11-20T11:00:00Z"},
		{`"timestamp":1795172700`, "2026-11-20T11:05:00Z"}, // clocks differ
		{`"timestamp":1795172701`, "is of the future"},
		{`"timestamp":1795172400000`, "is of the future"}, // milliseconds
		{`"timestamp":1795086000,"date":"2026-11-20"`, "2026-11-19T11:00:00Z"},
		{`"timestamp":1500000000`, "2017-07-14T02:40:00Z"}, // stale, which Rate says
		{`"date":"2026-11-20"`, "2026-11-20T11:00:00Z"},
		{`"date":"2026-11-19"`, "2026-11-19T23:00:00Z"},
		{`"date":"2026-07-01"`, "2026-07-01T23:00:00Z"},
		{`"date":"2026-11-21"`, "is of the future"},
		{`"date":"2999-01-01"`, "is of the future"},
		{`"date":"2026-11-31"`, "has a date that is not like 2026-11-20"},
		{`"date":"20.11.2026"`, "has a date that is not like 2026-11-20"},
		{`"date":"2026-11-20T10:00:00Z"`, "has a date that is not like 2026-11-20"},
		{`"date":20261120`, "has no date that is a text"}, {`"x":1`, "has no date that is a text"}, {`"date":null`, "has no date that is a text"},
		{`"timestamp":"1795172400"`, "has a timestamp that is no number of seconds"}, {`"timestamp":1795172400.5`, "has a timestamp that is no number of seconds"},
		{`"timestamp":0`, "has a timestamp that is no number of seconds"}, {`"timestamp":-1`, "has a timestamp that is no number of seconds"},
		{`"timestamp":null`, "has a timestamp that is no number of seconds"}, {`"timestamp":99999999999999999999`, "has a timestamp that is no number of seconds"},
	} {
		table, err := parse([]byte(`{"base":"INR",`+tt.when+`,"rates":{"USD":0.0125}}`), noon, "test")
		got := table["USD"].At.Format(time.RFC3339)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.when, got, tt.want)
		}
	}
	// The day of a date begins at midnight there, which is 23:00 here.
	first := time.Date(2026, 11, 19, 23, 0, 0, 0, time.UTC)
	for at, want := range map[time.Time]bool{first: true, first.Add(-quote.RateSkew - 1): false} {
		if _, err := parse([]byte(`{"base":"INR","date":"2026-11-20","rates":{"USD":0.0125}}`), at, "test"); (err == nil) != want {
			t.Errorf("at %s a table of 20 November: %v", at, err)
		}
	}
}

// TestFriday: a table with a bare date of Friday is refused from the end of
// Saturday on.
func TestFriday(t *testing.T) {
	t.Parallel()
	saturday := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	table, err := parse([]byte(`{"base":"INR","date":"2026-11-20","rates":{"USD":0.0125}}`), saturday, "test")
	if err != nil {
		t.Fatal(err)
	}
	end := time.Date(2026, 11, 22, 0, 0, 0, 0, centralEurope)
	if r := table["USD"]; !r.Fresh(end.Add(-1)) || r.Fresh(end) {
		t.Errorf("of %s", r.At)
	}
}

// TestTable: which answers are tables.
func TestTable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ base, rates, want string }{
		{`"INR"`, `{"USD":0.0125}`, "80"},
		{`"INR"`, `{"USD":0.0125,"INR":1}`, "80"},
		{`"EUR"`, `{"USD":1.25,"INR":100}`, "80"},
		{`"USD"`, `{"INR":83.5}`, "83.5"}, {`"USD"`, `{"INR":83.5,"USD":1.00}`, "83.5"},
		{`"EUR"`, `{"USD":1.25,"INR":100,"usd":7}`, `has the key "usd" twice`},
		{`"EUR"`, `{"USD":1.25E+0,"INR":1.0e2,"XAU":0.00000000000000001,"XTS":1e30,"btc":7,"BTCX":"none"}`, "80"},
		{`"USD"`, `{"INR":83.123456785}`, "83.12345678"}, {`"USD"`, `{"INR":83.123456775}`, "83.12345678"}, // half-even

		{`"EUR"`, `{"USD":1.25}`, "has no rate of INR"},
		{`"INR"`, `{}`, "has no rate but INR's"}, {`"INR"`, `{"INR":1}`, "has no rate but INR's"},
		{`"INR"`, `{"USD":0.0125,"INR":2}`, "has a rate of its own base that is not 1"},
		{`"inr"`, `{"USD":0.0125}`, "has a base that is no currency of three capital letters"},
		{`""`, `{"USD":0.0125}`, "has a base that is no currency of three capital letters"},
		{`1`, `{"USD":0.0125}`, "has no base that is a text"}, {`null`, `{"USD":0.0125}`, "has no base that is a text"},
		{`"INR"`, `[]`, "has rates: is not a JSON object"}, {`"INR"`, `null`, "has rates: is not a JSON object"},
		{`"INR"`, `{"USD":0}`, "has a rate of USD that is not more than 0"}, {`"INR"`, `{"USD":-0.0125}`, "has a rate of USD that is not more than 0"},
		{`"INR"`, `{"USD":0e0}`, "has a rate of USD that is not more than 0"},
		{`"INR"`, `{"USD":null}`, "has a rate of USD that is no number"}, {`"INR"`, `{"USD":"0.0125"}`, "has a rate of USD that is no number"},
		{`"INR"`, `{"USD":"Infinity"}`, "has a rate of USD that is no number"}, {`"INR"`, `{"USD":[1]}`, "has a rate of USD that is no number"},
		{`"INR"`, `{"USD":true}`, "has a rate of USD that is no number"},
		{`"INR"`, `{"USD":NaN}`, "is not JSON"}, {`"INR"`, `{"USD":01}`, "is not JSON"}, {`"INR"`, `{"USD":1/2}`, "is not JSON"},
		{`"INR"`, `{"USD":1e999999999}`, "has a rate of USD that has too large an exponent"},
		{`"INR"`, `{"USD":1e-31}`, "has a rate of USD that has too large an exponent"},
		{`"INR"`, `{"USD":0.` + strings.Repeat("1", 39) + `}`, "has a rate of USD that has more than 40 characters"},
		{`"INR"`, `{"USD":0.0125,"USD":1}`, `has the key "USD" twice`},
		{`"INR"`, `{"USD":1e30}`, "has no rate but INR's"}, // less than a hundred millionth of a rupee
	} {
		answer := `{"base":` + tt.base + `,"date":"2026-11-20","rates":` + tt.rates + `}`
		table, err := parse([]byte(answer), noon, "test")
		got := table["USD"].String()
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", answer, got, tt.want)
		}
	}
}

// TestCrossRates: whatever the base is, a unit costs what dividing the two
// texts gives, half-even at eight digits.
func TestCrossRates(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) (text string, value *big.Rat) {
			text = fmt.Sprintf("%d.%06d", rapid.IntRange(0, 99_999).Draw(t, name), rapid.IntRange(1, 999_999).Draw(t, name+" decimals"))
			value, _ = new(big.Rat).SetString(text)
			return text, value
		}
		rupeesText, rupees := draw("INR")
		dollarsText, dollars := draw("USD")
		answer := fmt.Sprintf(`{"base":"EUR","date":"2026-11-20","rates":{"INR":%s,"USD":%s}}`, rupeesText, dollarsText)
		table, err := parse([]byte(answer), noon, "test")
		if err != nil {
			t.Fatal(err)
		}
		for currency, exact := range map[string]*big.Rat{"EUR": rupees, "USD": new(big.Rat).Quo(rupees, dollars)} {
			scaled := new(big.Rat).Mul(exact, big.NewRat(100_000_000, 1))
			got, there := table[currency]
			if !there {
				if scaled.Cmp(big.NewRat(1, 2)) > 0 && scaled.Cmp(new(big.Rat).SetInt64(math.MaxInt64)) < 0 {
					t.Fatalf("%s: no rate of %s", answer, currency)
				}
				continue
			}
			off := new(big.Rat).Sub(scaled, new(big.Rat).SetInt64(got.E8))
			half := off.Abs(off).Cmp(big.NewRat(1, 2))
			if half > 0 || half == 0 && got.E8%2 == 1 {
				t.Fatalf("%s: %s is %s", answer, currency, got)
			}
		}
	})
}

// FuzzTable: what is taken for a table is JSON that encoding/json reads too, and
// each of its rates is one that money can be converted by.
func FuzzTable(f *testing.F) {
	f.Add([]byte(`{"base":"EUR","date":"2026-11-20","rates":{"USD":1.25,"INR":100}}`))
	f.Add([]byte(`{"base":"INR","timestamp":1795172400,"rates":{"USD":1.25e-2}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		table, err := parse(body, noon, "fuzz")
		if err != nil {
			return
		}
		var plain struct {
			Base  string
			Rates map[string]any
		}
		if err := json.Unmarshal(body, &plain); err != nil {
			t.Fatalf("%q is a table and not JSON: %v", body, err)
		}
		for currency, r := range table {
			if _, listed := plain.Rates[currency]; !listed && currency != plain.Base {
				t.Errorf("%q has no %s", body, currency)
			}
			if r.E8 <= 0 || r.At.After(noon.Add(quote.RateSkew)) || r.Currency != currency || r.Source != "fuzz" {
				t.Errorf("%q: %+v", body, r)
			}
		}
	})
}
