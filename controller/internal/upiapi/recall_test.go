package upiapi_test

import (
	"context"
	"errors"
	"testing"

	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/upiapi"
)

// silent is a storage that cannot say what was promised.
type silent struct{ upiapi.Reader }

func (silent) Promises(context.Context, []string) (map[string]quote.Promise, error) {
	return nil, errors.New("the disk is on fire")
}

// What a door promised itself it does not ask the database for; what another did it
// does.
func TestPromisesAreRecalled(t *testing.T) {
	t.Parallel()
	h := doortest.New(t)
	here := open(t, h, func(c *upiapi.Config) { c.Reader = silent{c.Reader} })
	there := open(t, h, func(*upiapi.Config) {})
	for i, tt := range []struct {
		by   *door
		code string
	}{{here, "00"}, {there, "96"}} {
		n := string(rune('a' + i))
		_, answer := tt.by.post("validate", valQr("V"+n, "10.00", "initiation_mode=16&pa=nofee@mercury", ""))
		token := field(answer, "VerToken")
		if token == "" {
			t.Fatal(answer)
		}
		if _, answer = here.post("pay", reqPay("P"+n, "X"+n, token, "10.00", "customer@upi", "nofee@mercury")); field(answer, "Status") != tt.code {
			t.Errorf("%d: %s, want %s", i, answer, tt.code)
		}
	}
}
