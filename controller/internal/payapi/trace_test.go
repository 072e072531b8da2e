package payapi_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/payapi"
)

// TestTraceIsKept: whatever request makes a payment, the payment's row holds what
// the door was told of its trace, and nothing where nobody traces.
func TestTraceIsKept(t *testing.T) {
	t.Parallel()
	type requestKey struct{}
	for _, traced := range []bool{true, false} {
		house := doortest.New(t, shops)
		config := payapi.Config{
			Journal: house.Journal, Reader: house.Storage, Directory: house.Directory, LinkKey: house.LinkKey,
			OrgID: "MER101", Sandbox: true, Log: house.Log,
		}
		if traced {
			config.Trace = func(ctx context.Context, merchantID, paymentID string) string {
				if ctx.Value(requestKey{}) == nil {
					t.Error("it is not the request's context")
				}
				return "trace of " + merchantID + " " + paymentID
			}
		}
		engine := newEngine(payapi.New(config))
		c := &city{door: &door{t: t, House: house, handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			engine.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey{}, true)))
		})}}
		original := c.made(qrPath, qrSample, "", paid...)
		for _, row := range []struct {
			path   string
			sample fields
		}{
			{initPath, sample(fields{"merchantTransactionId": nil})},
			{"/v1/edc/transaction/init", edcSample},
			{qrPath, qrSample},
			{collectPath, collectSample},
			{refundPath, with(refundSample, fields{"originalTransactionId": original, "amount": 1})},
		} {
			id := c.fresh()
			if a := c.send(postTo(t, row.path, merchantKey, with(row.sample, fields{"transactionId": id}))); a.status != http.StatusOK {
				t.Fatalf("%s: %s", row.path, a.raw)
			}
			p, want := c.kept(id), ""
			if traced {
				want = "trace of MERCHANTUAT " + p.ID
			}
			if p.Trace != want {
				t.Errorf("%s: it holds %q, want %q", row.path, p.Trace, want)
			}
		}
	}
}
