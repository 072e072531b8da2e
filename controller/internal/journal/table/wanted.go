package table

import (
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// Wanted puts terminals and their payments together as they are read.
type Wanted struct {
	ids      []protocol.Identity
	found    map[protocol.Identity]decide.Wanted
	payments map[string]*payment.Payment
}

// NewWanted is for these terminals, in this order.
func NewWanted(ids []protocol.Identity) *Wanted {
	return &Wanted{ids: ids, found: map[protocol.Identity]decide.Wanted{}, payments: map[string]*payment.Payment{}}
}

// Terminal was read.
func (w *Wanted) Terminal(t fleet.Terminal, merchantName string, edc bool) {
	w.found[t.Identity] = decide.Wanted{Terminal: t, MerchantName: merchantName, EDC: edc}
}

// Needs are the payments that the terminals name.
func (w *Wanted) Needs() []string {
	var ids []string
	for _, t := range w.found {
		for _, id := range []string{t.Terminal.Sale, t.Terminal.Result} {
			if id != "" {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// Payment was read.
func (w *Wanted) Payment(p payment.Payment) { w.payments[p.ID] = &p }

// All are the terminals that were read, with their payments, as of now.
func (w *Wanted) All(now time.Time) []decide.Wanted {
	var all []decide.Wanted
	for _, id := range w.ids {
		if t, ok := w.found[id]; ok {
			t.Sale, t.Result, t.Now = w.payments[t.Terminal.Sale], w.payments[t.Terminal.Result], now
			all = append(all, t)
		}
	}
	return all
}

// Prefer picks the payment that the merchant calls id, else any.
func Prefer(found []payment.Payment, id string) (payment.Payment, bool) {
	for _, p := range found {
		if p.TransactionID == id {
			return p, true
		}
	}
	if len(found) == 0 {
		return payment.Payment{}, false
	}
	return found[0], true
}
