package storagetest

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/merchant"
)

var directoryCases = []testCase{
	{"everything seeded is in the directory", seeded},
	{"seeding again changes nothing that is there", seedAgain},
	{"a secret is kept once", secrets},
	{"the first writer of a secret wins", secretRace},
}

// everyone fills every field that a directory keeps.
func everyone(t *testing.T) merchant.Data {
	var d merchant.Data
	fill(t, &d)
	d.Payees[0].VPA, d.Payees[1].VPA = "a@upi", "b@upi"
	d.SaltKeys[1].NotBefore, d.SaltKeys[1].NotAfter = time.Time{}, time.Time{}
	d.Merchants[1].CallbackHosts, d.Organisations[1].Certificates = nil, nil
	d.Providers[1].Merchants = map[string]bool{merchantA: true, merchantB: true}
	d.Providers[2].Merchants = map[string]bool{}
	d.FeeRules[1].MerchantID, d.FeeRules[2].MerchantID, d.FeeRules[2].MCC = "", "", ""
	return d
}

func seeded(t *testing.T, b bench) {
	d := everyone(t)
	if err := b.Seed(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	got, err := b.Directory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, merchant.New(d)) {
		t.Fatalf("the directory is\n  %+v, want\n  %+v", got, merchant.New(d))
	}
	sandbox := merchant.Sandbox()
	if err := b.Seed(t.Context(), sandbox); err != nil {
		t.Fatalf("the sandbox: %v", err)
	}
}

func seedAgain(t *testing.T, b bench) {
	d := everyone(t)
	if err := b.Seed(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	id := d.Terminals[0].Identity
	b.shop(t, "t1")
	b.change(t, "t1", func(x *fleet.Terminal) { x.Label, x.Seq, x.Sale = "mine", 9, "p" })

	changed := everyone(t)
	changed.Merchants[0].Name, changed.Merchants[0].Active = "another", false
	changed.Stores[0].Name = "another"
	changed.Terminals[0].Label = "another"
	changed.Payees[0].FeeBasisPoints++
	changed.Organisations[0].Unsigned = false
	changed.SaltKeys[0].Secret = "another"
	changed.FeeRules[0].BasisPoints++
	fresh := merchant.Store{MerchantID: merchantB, ID: "new", Name: "new", Active: true}
	changed.Stores = append(changed.Stores, fresh)
	if err := b.Seed(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	b.shop(t, "t1")

	got, err := b.Directory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := got.Store(merchantB, "new"); !ok || s != fresh {
		t.Errorf("the new store is %+v, %v", s, ok)
	}
	if m, _ := got.Merchant(d.Merchants[0].ID); !reflect.DeepEqual(m, d.Merchants[0]) {
		t.Errorf("a merchant was changed to %+v", m)
	}
	if s, _ := got.Store(d.Stores[0].MerchantID, d.Stores[0].ID); s != d.Stores[0] {
		t.Errorf("a store was changed to %+v", s)
	}
	if x, _ := got.Terminal(id); x != d.Terminals[0] {
		t.Errorf("a terminal was changed to %+v", x)
	}
	if p, _ := got.Payee(d.Payees[0].VPA); p != d.Payees[0] {
		t.Errorf("a payee was changed to %+v", p)
	}
	if o, _ := got.Organisation(d.Organisations[0].ID); !reflect.DeepEqual(o, d.Organisations[0]) {
		t.Errorf("an organisation was changed to %+v", o)
	}
	if k, _ := got.SaltKey(d.SaltKeys[0].Owner, d.SaltKeys[0].Index); k != d.SaltKeys[0] {
		t.Error("a salt key was changed")
	}
	if f, _ := got.FeeRule(d.FeeRules[0].MerchantID, d.FeeRules[0].MCC); f != d.FeeRules[0] {
		t.Errorf("a fee was changed to %+v", f)
	}
	if x, err := b.Terminal(t.Context(), terminalID("t1")); err != nil || x.Label != "mine" || x.Seq != 9 || x.Sale != "p" {
		t.Errorf("a terminal's wanted state was changed: %+v, %v", x, err)
	}
}

func secrets(t *testing.T, b bench) {
	first, err := b.PutSecret(t.Context(), "root key", []byte("one\x00\xff"))
	if err != nil || string(first) != "one\x00\xff" {
		t.Fatalf("PutSecret = %q, %v", first, err)
	}
	second, err := b.PutSecret(t.Context(), "root key", []byte("two"))
	if err != nil || string(second) != "one\x00\xff" {
		t.Fatalf("PutSecret again = %q, %v; want the first", second, err)
	}
	if got, err := b.Secret(t.Context(), "root key"); err != nil || string(got) != "one\x00\xff" {
		t.Fatalf("Secret = %q, %v", got, err)
	}
	if _, err := b.PutSecret(t.Context(), "a\x00b", nil); err == nil {
		t.Fatal("a name with a NUL byte was kept")
	}
}

func secretRace(t *testing.T, b bench) {
	const n = 8
	stored := make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			got, err := b.PutSecret(t.Context(), "key", fmt.Append(nil, "value ", i))
			if err != nil {
				t.Error(err)
			}
			stored[i] = string(got)
		})
	}
	wg.Wait()
	for _, s := range stored[1:] {
		if s != stored[0] {
			t.Fatalf("writers were told %q: want all the same", stored)
		}
	}
}
