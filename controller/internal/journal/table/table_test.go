package table

import (
	"errors"
	"slices"
	"testing"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
)

func TestLane(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ url, want string }{
		{"https://pos.example.in/cb", "M1 pos.example.in:443"},
		{"http://pos.example.in/cb", "M1 pos.example.in:80"},
		{"https://POS.Example.IN:8443/cb?x=1", "M1 pos.example.in:8443"},
		{"https://user:secret@pos.example.in/", "M1 pos.example.in:443"},
		{"https://[2001:db8::1]:444/", "M1 2001:db8::1:444"},
		{"nonsense", "M1 nonsense"},
		{"https://%zz/", "M1 https://%zz/"},
		{"", "M1 "},
	} {
		if got := Lane("M1", c.url); got != c.want {
			t.Errorf("Lane(%q) = %q, want %q", c.url, got, c.want)
		}
	}
}

// The tables are literals: keys come first, names are told apart, and what is
// fixed exists.
func TestTablesAreWellFormed(t *testing.T) {
	t.Parallel()
	check(t, Payments)
	check(t, Events)
	check(t, Terminals)
	check(t, Quotes)
	check(t, QuoteEvents)
	check(t, Messages)
	check(t, ReqPays)
	check(t, Credits)
	check(t, ShortOrders)
	check(t, NetworkRequests)
	check(t, Callbacks)
	check(t, Merchants)
	check(t, Stores)
	check(t, Counters)
	check(t, Payees)
	check(t, Providers)
	check(t, ProviderMerchants)
	check(t, Organisations)
	check(t, SaltKeys)
}

func check[T any](t *testing.T, tab Table[T]) {
	t.Helper()
	names := tab.Names()
	if !slices.Equal(names[:len(tab.Key)], tab.Key) {
		t.Errorf("%s: the key %v is not first of %v", tab.Name, tab.Key, names)
	}
	for i, n := range names {
		if slices.Contains(names[:i], n) || n == "version" {
			t.Errorf("%s has two columns %s", tab.Name, n)
		}
	}
	for n := range tab.Fixed {
		if !slices.Contains(names, n) || slices.Contains(tab.Key, n) {
			t.Errorf("%s: %s is fixed and no column, or a key", tab.Name, n)
		}
	}
	if len(tab.Read()) < len(tab.Key) || len(tab.Changing())+len(tab.Fixed)+len(tab.Key) != len(names) {
		t.Errorf("%s: %d read, %d change, %d fixed, %d in the key, of %d", tab.Name, len(tab.Read()), len(tab.Changing()), len(tab.Fixed), len(tab.Key), len(names))
	}
}

// Money must not leave a payment by way of an update.
func TestWhatAPaymentWasAskedForNeverChanges(t *testing.T) {
	t.Parallel()
	for _, c := range Payments.Changing() {
		if slices.Contains([]string{"amount", "merchant_id", "merchant_transaction_id", "store_id", "payee_addr", "qr", "created_at"}, c.Name) {
			t.Errorf("an update writes %s", c.Name)
		}
	}
}

func TestCheckRefusesWhatNoStorageKeeps(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{"": true, "₹ 245.00": true, "a\x00": false, "\xff": false, "\xed\xa0\x80": false} {
		err := Payments.Check([]payment.Payment{{ID: "p"}, {ID: "p", OrderID: text}})
		if (err == nil) != ok || err != nil && !errors.Is(err, journal.ErrText) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
