package decide

import (
	"testing"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// TestPaidAsItWasPaid: an EDC terminal asked for a card, and the customer paid by
// the QR all the same. The payment says DQR (phonepe-api: Status data).
func TestPaidAsItWasPaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newEDC("GP1", "")
	p.Payment.Key.TransactionID = "1"
	if _, err := do(w, p); err != nil {
		t.Fatal(err)
	}
	w.tells(counter, fact(protocol.FactReceived, "GP1"),
		protocol.Fact{Kind: protocol.FactPresented, PaymentID: "GP1", PayMode: protocol.PayCard})
	if code := w.validate(validation("1", "1", 24500)); code != CodeOK {
		t.Fatal(code)
	}
	if code := w.pay(paying("1", 24500)); code != CodeOK {
		t.Fatal(code)
	}
	if p := w.payment("1"); p.State != payment.Succeeded || p.Instrument != protocol.PayDQR {
		t.Errorf("%s by %s", p.State, p.Instrument)
	}
}
