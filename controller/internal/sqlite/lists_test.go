package sqlite_test

import (
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/storagetest"
)

func TestEverybodysPayments(t *testing.T) {
	t.Parallel()
	storagetest.RunEverybody(t, func(t *testing.T) storagetest.Listing { return open(t) })
}

// No list reads more than it shows of what has ended: it goes by an index that has
// its order, or by one of the few rows that are open.
func TestListsGoByIndex(t *testing.T) {
	t.Parallel()
	db := open(t)
	byID := "USING INDEX sqlite_autoindex_transactions_1"
	for _, c := range []struct {
		q    journal.PaymentQuery
		want string
	}{
		{journal.PaymentQuery{}, byID},
		{journal.PaymentQuery{AfterTime: time.Unix(1, 0), AfterID: "x"}, byID},
		{journal.PaymentQuery{Newest: true}, byID},
		{journal.PaymentQuery{State: payment.Failed}, "USING INDEX transactions_in_vain"},
		{journal.PaymentQuery{State: payment.Cancelled, AfterTime: time.Unix(1, 0), AfterID: "x"}, "USING INDEX transactions_in_vain"},
		{journal.PaymentQuery{State: payment.Succeeded, AfterTime: time.Unix(1, 0), AfterID: "x"}, byID},
		{journal.PaymentQuery{State: payment.Parked, AfterTime: time.Unix(1, 0), AfterID: "x"}, "USING INDEX transactions_begun"},
		{journal.PaymentQuery{State: payment.InProgress, Newest: true}, "USING INDEX transactions_begun"},
		{journal.PaymentQuery{State: payment.Presented}, "USING INDEX transactions_due"}, // and sorts the few that there are
		{journal.PaymentQuery{State: payment.Created, AfterTime: time.Unix(1, 0), AfterID: "x"}, "USING INDEX transactions_due"},
		{journal.PaymentQuery{MerchantID: "M"}, "USING INDEX transactions_of_merchant"},
		{journal.PaymentQuery{MerchantID: "M", AfterTime: time.Unix(1, 0), AfterID: "x"}, "USING INDEX transactions_of_merchant"},
	} {
		got, err := db.PaymentsPlan(t.Context(), c.q)
		if err != nil || !strings.Contains(got, c.want) || strings.Contains(got, "TEMP B-TREE") != c.q.State.Unpaid() {
			t.Errorf("%+v does not go by %s: %v\n%s", c.q, c.want, err, got)
		}
	}
	cursor := journal.CallbackCursor{At: time.Unix(1, 0), EventID: "x"}.String()
	for _, c := range []struct {
		q    journal.CallbackQuery
		want string
	}{
		{journal.CallbackQuery{}, "USING INDEX callbacks_made"},
		{journal.CallbackQuery{After: cursor}, "USING INDEX callbacks_made"},
		{journal.CallbackQuery{Since: time.Unix(1, 0), Until: time.Unix(2, 0)}, "USING INDEX callbacks_made"},
		{journal.CallbackQuery{MerchantID: "M"}, "USING INDEX callbacks_of_merchant"},
		{journal.CallbackQuery{MerchantID: "M", After: cursor}, "USING INDEX callbacks_of_merchant"},
		{journal.CallbackQuery{PaymentID: "p"}, "USING INDEX callbacks_of_payment"},
		{journal.CallbackQuery{State: journal.CallbackDead}, "USING INDEX callbacks_dead"},
		{journal.CallbackQuery{State: journal.CallbackPending}, "USING INDEX callbacks_"},
		{journal.CallbackQuery{State: journal.CallbackPending, MerchantID: "M", After: cursor, Since: time.Unix(1, 0)}, "USING INDEX callbacks_"},
	} {
		got, err := db.CallbacksPlan(t.Context(), c.q)
		if c.q.State == journal.CallbackPending { // either of the two of the outbox
			got = strings.NewReplacer("callbacks_due", "callbacks_", "callbacks_free", "callbacks_", "callbacks_made", "made", "callbacks_of", "of").Replace(got)
		}
		if err != nil || !strings.Contains(got, c.want) {
			t.Errorf("%+v does not go by %s: %v\n%s", c.q, c.want, err, got)
		}
	}
}
