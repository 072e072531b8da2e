package upiapi_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/fx"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/upiapi"
)

// rates are a table of two currencies, one of them too old.
func rates(_ context.Context, currency string) (quote.Rate, error) {
	switch currency {
	case "USD":
		return quote.Rate{Currency: "USD", E8: 83_1125_0000, At: time.Now().Truncate(time.Microsecond), Source: "test"}, nil
	case "JPY":
		return quote.Rate{Currency: "JPY", E8: 5560_0000, At: time.Now(), Source: "test"}, nil
	case "EUR":
		return quote.Rate{}, fmt.Errorf("EUR: %w", fx.ErrStale)
	}
	return quote.Rate{}, fmt.Errorf("%s: %w", currency, fx.ErrUnknownCurrency)
}

func abroad(t testing.TB, house *doortest.House) *door {
	return open(t, house, func(c *upiapi.Config) { c.Rate, c.Markup = rates, 150 })
}

func inCurrency(message, currency string) string {
	return strings.Replace(message, "<Curr>INR</Curr>", "<Curr>"+currency+"</Curr>", 1)
}

// TestInternational is upi-switch: International. 10.00 USD at 83.1125 and 1.5 %
// are 843.591875, half to even 843.59; less the fee of 0.5 % the merchant gets
// 839.37.
func TestInternational(t *testing.T) {
	onBoth(t, func(t *testing.T, house func(testing.TB, ...func(*merchant.Data)) *doortest.House) {
		d := abroad(t, house(t))
		_, answer := d.post("validate", inCurrency(valQr("V1", "10.00", "initiation_mode=16&pa=merchant@upi", ""), "USD"))
		for name, want := range map[string]string{
			"Status": "00", "BaseAmount": "10.00", "BaseCurr": "USD", "FxRate": "83.1125", "InrAmount": "843.59",
		} {
			if got := field(answer, name); got != want {
				t.Errorf("%s is %q, want %q\n%s", name, got, want, answer)
			}
		}
		token := field(answer, "VerToken")
		q, err := d.Storage.Quote(t.Context(), token)
		if err != nil || q.Type() != "INTERNATIONAL" || q.Base != 1000 || q.Amount != 84359 || q.Rate.E8 != 83_1125_0000 || q.Rate.At.IsZero() {
			t.Errorf("%+v %v", q, err)
		}
		for n, tt := range []struct{ why, currency, amount, code string }{
			{"the rupees, not what was quoted", "INR", "843.59", "ZE"},
			{"another amount", "USD", "10.01", "ZE"},
			{"another currency", "EUR", "10.00", "ZE"},
			{"as quoted", "USD", "10.00", "00"},
			{"again", "USD", "10.00", "ZD"},
		} {
			id := fmt.Sprint("P", n)
			_, answer = d.post("pay", inCurrency(reqPay(id, "X"+id, token, tt.amount, "customer@upi", "merchant@upi"), tt.currency))
			if got := field(answer, "Status"); got != tt.code {
				t.Errorf("%s: %s, want %s\n%s", tt.why, got, tt.code, answer)
			}
			if tt.code == "00" && field(answer, "SettlementAmount") != "839.37" {
				t.Errorf("settles %s", answer)
			}
		}
		p, err := d.Storage.Payment(t.Context(), "MERCHANTUAT", "XP3")
		if err != nil || p.State != payment.Succeeded || p.Amount != 84359 || p.Settlement != 83937 {
			t.Errorf("%+v %v", p, err)
		}
		if got := d.checked("1", "XP3"); field(got, "Amount") != "843.59" || field(got, "SettlementAmount") != "839.37" {
			t.Errorf("asked for again: %s", got)
		}
	})
}

// TestInternationalRefusals: what cannot be converted, or is worth too much or too
// little.
func TestInternationalRefusals(t *testing.T) {
	d := abroad(t, doortest.New(t))
	for n, tt := range []struct {
		why, currency, amount, code string
		status                      int
	}{
		{"a currency that nobody has a rate for", "XYZ", "10.00", "BR", 400},
		{"a rate older than 24 hours", "EUR", "10.00", "96", 500},
		{"worth more than 8000", "USD", "94.84", "X7", 200},
		{"worth less", "USD", "94.83", "00", 200},
		{"worth less than a rupee", "JPY", "1.00", "BR", 400},
		{"more than can be counted", "USD", "92233720368547758.07", "BR", 400},
	} {
		status, answer := d.post("validate", inCurrency(valQr(fmt.Sprint("V", n), tt.amount, "initiation_mode=16", ""), tt.currency))
		if field(answer, "Status") != tt.code || status != tt.status {
			t.Errorf("%s: %d, want %d %s\n%s", tt.why, status, tt.status, tt.code, answer)
		}
	}
	// Our own QR asks for rupees; who pays it in another currency must reach them.
	link := d.sale("1")
	_, answer := d.post("validate", inCurrency(valQr("W1", "3.00", link, ""), "USD"))
	if field(answer, "Status") != "ZQ" {
		t.Errorf("another amount than our QR's: %s", answer)
	}
	plain := newDoor(t, true)
	if status, answer := plain.post("validate", inCurrency(valQr("V", "10.00", "initiation_mode=16", ""), "USD")); status != 400 || field(answer, "Status") != "BR" {
		t.Errorf("without rates: %d %s", status, answer)
	}
}

// TestFeeSchedules: a schedule comes before the payee's own fee.
func TestFeeSchedules(t *testing.T) {
	d := newDoor(t, true, func(m *merchant.Data) {
		m.FeeRules = append(m.FeeRules, merchant.FeeRule{MerchantID: "MERCHANTUAT", MCC: "5411", BasisPoints: 200, Cap: 1000})
	})
	_, answer := d.post("validate", valQr("V1", "1000.00", "initiation_mode=16", ""))
	_, answer = d.post("pay", reqPay("P1", "X1", field(answer, "VerToken"), "1000.00", "customer@upi", "merchant@upi"))
	if field(answer, "SettlementAmount") != "990.00" {
		t.Errorf("2 %%, at most 10.00, of 1000.00: %s", answer)
	}
}
