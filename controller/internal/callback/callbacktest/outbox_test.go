package callbacktest_test

import (
	"testing"

	"github.com/galla-pay/galla/controller/internal/callback/callbacktest"
)

func TestOutboxInMemory(t *testing.T) {
	t.Parallel()
	callbacktest.Contract(t, func(*testing.T) callbacktest.Store { return new(callbacktest.Outbox) })
}

func TestOutboxRefusesAnEventTwice(t *testing.T) {
	t.Parallel()
	var o callbacktest.Outbox
	r := callbacktest.Row{EventID: "e1", MerchantID: "M1"}
	if err := o.Add(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := o.Add(t.Context(), r); err == nil {
		t.Fatal("the same event was taken twice")
	}
	for _, look := range []func() error{
		func() error { _, err := o.Row(t.Context(), "e2"); return err },
		func() error { _, err := o.Attempts(t.Context(), "e2"); return err },
	} {
		if look() == nil {
			t.Fatal("an event that is not there was found")
		}
	}
}
