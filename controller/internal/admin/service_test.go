package admin_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol"
)

// is fails unless an error has a code, and names a field; "" wants no error.
func is(t *testing.T, what string, err error, code admin.Code, field string) {
	t.Helper()
	if code == "" {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return
	}
	var p *admin.Problem
	if !errors.As(err, &p) || p.Code != code || p.Field != field || p.Detail == "" {
		t.Errorf("%s: %v, want %s %s", what, err, code, field)
	}
}

func directory(t *testing.T, db storage) *merchant.Directory {
	t.Helper()
	dir, err := db.Directory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// shop makes SHOP1/STORE1/T1 by the Service.
func shop(t *testing.T, s *admin.Service) {
	t.Helper()
	_, err := s.CreateMerchant(t.Context(), me, admin.NewMerchant{MerchantID: "SHOP1", Name: "Shop One", MCC: "5411", Payee: "Shop1@UPI", DQR: true, FeeBasisPoints: 50})
	is(t, "merchant", err, "", "")
	_, err = s.CreateStore(t.Context(), me, admin.NewStore{MerchantID: "SHOP1", StoreID: "STORE1", Name: "High Street"})
	is(t, "store", err, "", "")
	_, err = s.CreateTerminal(t.Context(), me, admin.NewTerminal{MerchantID: "SHOP1", StoreID: "STORE1", TerminalID: "T1", Label: "Counter"})
	is(t, "terminal", err, "", "")
}

var t1 = protocol.Identity{MerchantID: "SHOP1", StoreID: "STORE1", TerminalID: "T1"}

// TestChangesReachTheDirectory: what the doors ask, the Directory, says what was
// changed as soon as it is read anew.
func TestChangesReachTheDirectory(t *testing.T) {
	onBoth(t, func(t *testing.T, db storage) {
		s, ctx := admin.NewService(db), t.Context()
		shop(t, s)
		dir := directory(t, db)
		m, _ := dir.Merchant("SHOP1")
		store, _ := dir.Store("SHOP1", "STORE1")
		terminal, _ := dir.Terminal(t1)
		payee, ok := dir.Payee("SHOP1@upi")
		if !m.Active || m.Payee != "shop1@upi" || !m.DQR || m.EDC || !store.Active || !terminal.Active || !terminal.Integrated ||
			terminal.PaymentWindowSeconds != 0 || terminal.Busy != "" || !ok || payee.MerchantID != "SHOP1" || payee.FeeBasisPoints != 50 || !payee.Active {
			t.Fatalf("%+v %+v %+v %+v", m, store, terminal, payee)
		}
		name, no, yes, window, busy, hindi, hosts := "New", false, true, int64(60), "queue", "hi", []string{"pos.example.in"}
		url, other := "https://pos.example.in/cb?key="+canary, "new@upi"
		_, err := s.UpdateMerchant(ctx, me, "SHOP1", admin.MerchantUpdate{Name: &name, DQR: &no, EDC: &yes, CallbackHosts: &hosts, CallbackURL: &url, Payee: &other})
		is(t, "merchant", err, "", "")
		_, err = s.UpdateStore(ctx, me, "SHOP1", "STORE1", admin.StoreUpdate{Name: &name})
		is(t, "store", err, "", "")
		_, err = s.UpdateTerminal(ctx, me, t1, admin.TerminalUpdate{Label: &name, Integrated: &no, PaymentWindowSeconds: &window, Busy: &busy, Language: &hindi})
		is(t, "terminal", err, "", "")
		_, err = s.UpdatePayee(ctx, me, "SHOP1@UPI", admin.PayeeUpdate{FeeBasisPoints: &window})
		is(t, "payee", err, "", "")
		dir = directory(t, db)
		m, _ = dir.Merchant("SHOP1")
		store, _ = dir.Store("SHOP1", "STORE1")
		terminal, _ = dir.Terminal(t1)
		payee, _ = dir.Payee("shop1@upi")
		if m.Name != "New" || m.DQR || !m.EDC || m.CallbackURL != url || !slices.Equal(m.CallbackHosts, hosts) || m.Payee != "new@upi" || m.MCC != "5411" ||
			store.Name != "New" || terminal.Label != "New" || terminal.Integrated || terminal.PaymentWindowSeconds != 60 || terminal.Busy != "queue" || terminal.Language != "hi" ||
			payee.FeeBasisPoints != 60 {
			t.Fatalf("%+v %+v %+v %+v", m, store, terminal, payee)
		}
		if p, ok := dir.Payee("new@upi"); !ok || p.MerchantID != "SHOP1" {
			t.Error("the new payee is not there")
		}
		for _, active := range []bool{false, false, true} { // to disable twice is to disable once
			_, err = s.SetMerchantActive(ctx, me, "SHOP1", active)
			is(t, "merchant", err, "", "")
			_, err = s.SetStoreActive(ctx, me, "SHOP1", "STORE1", active)
			is(t, "store", err, "", "")
			_, err = s.SetTerminalActive(ctx, me, t1, active)
			is(t, "terminal", err, "", "")
			_, err = s.SetPayeeActive(ctx, me, "new@upi", active)
			is(t, "payee", err, "", "")
			dir = directory(t, db)
			m, _ = dir.Merchant("SHOP1")
			store, _ = dir.Store("SHOP1", "STORE1")
			terminal, _ = dir.Terminal(t1)
			payee, _ = dir.Payee("new@upi")
			if m.Active != active || store.Active != active || terminal.Active != active || payee.Active != active || (len(dir.Inactive()) == 0) != active {
				t.Errorf("%v: %+v %+v %+v %+v", active, m, store, terminal, payee)
			}
		}
		var actions []string
		for _, l := range auditOf(t, s) {
			actions = append(actions, l.Action)
			if l.Actor != me.Actor || l.Source != me.Source {
				t.Errorf("by somebody else: %+v", l)
			}
		}
		want := strings.Fields(`payee.create merchant.create store.create terminal.create payee.create merchant.update store.update
			terminal.update payee.update merchant.disable store.disable terminal.disable payee.disable
			merchant.enable store.enable terminal.enable payee.enable`)
		if !slices.Equal(actions, want) {
			t.Errorf("the audit log says\n  %v, want\n  %v", actions, want)
		}
	})
}

// TestProvidersAndOrganisations: mapping, disabling, certificates.
func TestProvidersAndOrganisations(t *testing.T) {
	onBoth(t, func(t *testing.T, db storage) {
		s, ctx := admin.NewService(db), t.Context()
		shop(t, s)
		_, err := s.CreateProvider(ctx, me, admin.NewProvider{ProviderID: "VENDOR"})
		is(t, "provider", err, "", "")
		for range 2 {
			p, err := s.MapProvider(ctx, me, "VENDOR", "SHOP1")
			is(t, "map", err, "", "")
			if !slices.Equal(p.Merchants, []string{"SHOP1"}) {
				t.Errorf("%+v", p)
			}
		}
		if p, ok := directory(t, db).Provider("VENDOR"); !ok || !p.Merchants["SHOP1"] {
			t.Errorf("the directory has %+v", p)
		}
		p, err := s.SetProviderActive(ctx, me, "VENDOR", false)
		is(t, "disable", err, "", "")
		shown, err := s.Provider(ctx, "VENDOR")
		is(t, "show", err, "", "")
		if p.Active || shown.Active || !slices.Equal(shown.Merchants, []string{"SHOP1"}) {
			t.Errorf("%+v %+v", p, shown)
		}
		_, err = s.SetProviderActive(ctx, me, "VENDOR", true)
		is(t, "enable", err, "", "")
		p, err = s.UnmapProvider(ctx, me, "VENDOR", "SHOP1")
		is(t, "unmap", err, "", "")
		if d, _ := directory(t, db).Provider("VENDOR"); len(p.Merchants) != 0 || d.Merchants["SHOP1"] || !p.Active {
			t.Errorf("%+v %+v", p, d)
		}

		one, two := certificate(t, "one"), certificate(t, "two")
		made, err := s.CreateOrganisation(ctx, me, admin.NewOrganisation{OrganisationID: "BANK1", DefaultPayee: "Bank@UPI", Certificates: []string{"\n" + one + "\n"}})
		is(t, "organisation", err, "", "")
		if len(made.Certificates) != 1 || made.Certificates[0].Fingerprint != sha256Hex(t, one) || made.Certificates[0].Subject != "CN=one" || made.DefaultPayee != "bank@upi" {
			t.Errorf("%+v", made)
		}
		_, err = s.AddCertificate(ctx, me, "BANK1", admin.NewCertificate{Certificate: two})
		is(t, "add", err, "", "")
		if o, _ := directory(t, db).Organisation("BANK1"); len(o.Certificates) != 2 || o.Certificates[0] != one || o.Certificates[1] != two {
			t.Errorf("the directory has %+v", o)
		}
		left, err := s.RemoveCertificate(ctx, me, "BANK1", sha256Hex(t, one))
		is(t, "remove", err, "", "")
		if len(left.Certificates) != 1 || left.Certificates[0].Subject != "CN=two" {
			t.Errorf("%+v", left)
		}
		yes, none := true, ""
		_, err = s.UpdateOrganisation(ctx, me, "BANK1", admin.OrganisationUpdate{Unsigned: &yes, DefaultPayee: &none})
		is(t, "update", err, "", "")
		off, err := s.SetOrganisationActive(ctx, me, "BANK1", false)
		is(t, "disable", err, "", "")
		if o, _ := directory(t, db).Organisation("BANK1"); off.Active || !off.Unsigned || off.DefaultPayee != "" || !o.Unsigned && o.ID != "" {
			t.Errorf("%+v %+v", off, o)
		}
	})
}

// TestCreatedAtOnce: of people who make the same thing at the same moment one
// makes it, and the others are told so.
func TestCreatedAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, db storage) {
		s := admin.NewService(db)
		const people = 6
		errs := make([]error, people)
		var all sync.WaitGroup
		for i := range people {
			all.Go(func() {
				_, errs[i] = s.CreateMerchant(t.Context(), me, admin.NewMerchant{MerchantID: "SHOP1", Name: fmt.Sprint("Shop ", i), MCC: "5411", Payee: "shop1@upi"})
			})
		}
		all.Wait()
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
				continue
			}
			is(t, "the others", err, admin.CodeExists, "")
		}
		if lines := auditOf(t, s); made != 1 || len(lines) != 2 {
			t.Errorf("made %d times, %d lines", made, len(lines))
		}
	})
}

// TestAuditSaysWhatChanged, from what to what, and nothing of what did not.
func TestAuditSaysWhatChanged(t *testing.T) {
	onBoth(t, func(t *testing.T, db storage) {
		s, ctx := admin.NewService(db), t.Context()
		shop(t, s)
		name, same, url, other := "Renamed", "5411", "https://pos.example.in/cb?key=a", "https://pos.example.in/cb?key=b"
		for _, u := range []admin.MerchantUpdate{{Name: &name, MCC: &same}, {Name: &name}, {CallbackURL: &url}, {CallbackURL: &other}} {
			_, err := s.UpdateMerchant(ctx, me, "SHOP1", u)
			is(t, "update", err, "", "")
		}
		var got []string
		for _, l := range auditOf(t, s)[4:] {
			got = append(got, string(l.Changes))
		}
		want := []string{
			`{"name":{"from":"Shop One","to":"Renamed"}}`, `{"callbackUrl":{"to":"https://pos.example.in/cb?***"}}`, `{"callbackUrl":{"to":"***"}}`,
		}
		if !slices.Equal(got, want) {
			t.Errorf("the audit log says\n  %s, want\n  %s", got, want)
		}
	})
}

// TestPresence: what a terminal has told of itself is shown of it.
func TestPresence(t *testing.T) {
	onBoth(t, func(t *testing.T, db storage) {
		s := admin.NewService(db)
		shop(t, s)
		v, err := s.Terminal(t.Context(), t1)
		is(t, "show", err, "", "")
		if p := v.Presence; p == nil || p.Enrolled || p.Present || p.LastSeen != nil || p.Waiting != 0 || !p.UpToDate || v.PaymentWindowSeconds != 180 {
			t.Errorf("%+v %+v", v, v.Presence)
		}
		page, err := s.Terminals(t.Context(), "SHOP1", "", "", 5)
		is(t, "list", err, "", "")
		if len(page.Items) != 1 || page.Items[0].Presence != nil {
			t.Errorf("%+v", page)
		}
	})
}
