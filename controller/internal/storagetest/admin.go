package storagetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/protocol"
)

// Administered is a storage as the administration sees it.
type Administered interface {
	Storage
	admin.Store
	DirectoryVersion(ctx context.Context) (int64, error)
	Rewrap(ctx context.Context, to *seal.Box) (record.Rewrapped, error)
}

// RunAdmin runs the contract of the administration. fresh makes a database that
// is migrated and empty, and returns how it is opened, with the key that seals
// its secrets; the test's end closes all.
func RunAdmin(t *testing.T, fresh func(t *testing.T) func(*seal.Box) Administered) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, office)
	}{
		{"all that is added is there, and listed", adminAdds},
		{"all that is changed is changed, and nothing else", adminChanges},
		{"every change raises the directory's version, and nothing else does", adminVersion},
		{"lists go by key, a page at a time", adminPages},
		{"salt keys are listed by their numbers", adminKeyOrder},
		{"what is refused changes nothing", adminRefused},
		{"a change without a line in the audit log is none", adminUnaudited},
		{"what is there cannot be added, what is not cannot be changed", adminCollides},
		{"a text that cannot be kept is refused", adminText},
		{"changes are made one at a time", adminOneAtATime},
		{"a terminal's change and a batch's both stay", adminBesideJournal},
		{"the audit log is narrowed by who, what, to what and when", adminAudit},
		{"a token is found by its hash alone", adminTokens},
		{"another key seals everything, or nothing", adminRewraps},
		{"whoever has the old key can add nothing", adminOldKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			open := fresh(t)
			c.test(t, office{Administered: open(sealBox(t, 1)), open: open})
		})
	}
}

// office is a storage whose errors fail the test where none is wanted.
type office struct {
	Administered
	open func(*seal.Box) Administered
}

// try makes a change with a line that says so.
func (o office) try(t *testing.T, c record.Changes) error {
	t.Helper()
	c.Audit = append(c.Audit, record.Entry{At: day, Actor: "tester", Source: "test", Action: "test", Target: "x", Details: "{}"})
	return o.Administer(t.Context(), record.Needs{}, func(record.Snapshot) (record.Changes, error) { return c, nil })
}

func (o office) must(t *testing.T, c record.Changes) {
	t.Helper()
	if err := o.try(t, c); err != nil {
		t.Fatal(err)
	}
}

func (o office) look(t *testing.T, needs record.Needs) record.Snapshot {
	t.Helper()
	snap, err := o.Look(t.Context(), needs)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// audit is the whole audit log.
func (o office) audit(t *testing.T) []record.Entry {
	t.Helper()
	lines, err := o.AuditPage(t.Context(), record.AuditQuery{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// additions fills every field of every row that can be added.
func additions(t *testing.T) record.Changes {
	var c record.Changes
	fill(t, &c.NewMerchants)
	fill(t, &c.NewStores)
	fill(t, &c.NewTerminals)
	fill(t, &c.NewPayees)
	fill(t, &c.NewProviders)
	fill(t, &c.NewMappings)
	fill(t, &c.NewOrganisations)
	fill(t, &c.NewKeys)
	fill(t, &c.NewTokens)
	fill(t, &c.NewFees)
	for i := range c.NewTokens {
		hash := sha256.Sum256([]byte{byte(i)})
		c.NewTokens[i].Role, c.NewTokens[i].Hash = "operator", hash[:]
		c.NewMappings[i].ProviderID = c.NewProviders[0].ID
	}
	c.NewTokens[1].RevokedAt = time.Time{}
	c.NewFees[1].MerchantID, c.NewFees[2].MerchantID, c.NewFees[2].MCC = "", "", ""
	return c
}

func needsOf(c record.Changes) record.Needs {
	var n record.Needs
	for _, m := range c.NewMerchants {
		n.Merchants = append(n.Merchants, m.ID)
	}
	for _, s := range c.NewStores {
		n.Stores = append(n.Stores, record.StoreKey{MerchantID: s.MerchantID, ID: s.ID})
	}
	for _, x := range c.NewTerminals {
		n.Terminals = append(n.Terminals, x.Identity)
	}
	for _, p := range c.NewPayees {
		n.Payees = append(n.Payees, p.VPA)
	}
	for _, p := range c.NewProviders {
		n.Providers = append(n.Providers, p.ID)
	}
	for _, o := range c.NewOrganisations {
		n.Organisations = append(n.Organisations, o.ID)
	}
	for _, k := range c.NewKeys {
		n.Owners = append(n.Owners, k.Owner)
	}
	for _, x := range c.NewTokens {
		n.Tokens = append(n.Tokens, x.Name)
	}
	for _, f := range c.NewFees {
		n.Fees = append(n.Fees, record.FeeKey{MerchantID: f.MerchantID, MCC: f.MCC})
	}
	return n
}

// expect is the snapshot of what was added.
func expect(c record.Changes, now time.Time) record.Snapshot {
	snap := record.NewSnapshot(now)
	for _, m := range c.NewMerchants {
		snap.Merchants[m.ID] = m
	}
	for _, s := range c.NewStores {
		snap.Stores[record.StoreKey{MerchantID: s.MerchantID, ID: s.ID}] = s
	}
	for _, x := range c.NewTerminals {
		snap.Terminals[x.Identity] = x
	}
	for _, p := range c.NewPayees {
		snap.Payees[p.VPA] = p
	}
	for _, p := range c.NewProviders {
		snap.Providers[p.ID] = p
	}
	for _, m := range c.NewMappings {
		snap.Mappings[m.ProviderID] = append(snap.Mappings[m.ProviderID], m.MerchantID)
	}
	for _, list := range snap.Mappings {
		slices.Sort(list)
	}
	for _, o := range c.NewOrganisations {
		snap.Organisations[o.ID] = o
	}
	for _, k := range c.NewKeys {
		k.Secret = ""
		snap.Keys[k.Owner] = append(snap.Keys[k.Owner], k)
	}
	for _, x := range c.NewTokens {
		snap.Tokens[x.Name] = x
	}
	for _, f := range c.NewFees {
		snap.Fees[record.FeeKey{MerchantID: f.MerchantID, MCC: f.MCC}] = f
	}
	return snap
}

func adminAdds(t *testing.T, o office) {
	c := additions(t)
	o.must(t, c)
	snap := o.look(t, needsOf(c))
	if snap.Now.Before(day) || snap.Now.Location() != time.UTC {
		t.Errorf("now is %v", snap.Now)
	}
	same(t, "the snapshot", snap, expect(c, snap.Now))
	for what, found := range map[string][2]any{
		"merchants":     pair(c.NewMerchants)(o.MerchantPage(t.Context(), record.Page{Limit: 9})),
		"stores":        pair(c.NewStores)(o.StorePage(t.Context(), record.Page{Limit: 9})),
		"terminals":     pair(c.NewTerminals)(o.TerminalPage(t.Context(), record.Page{Limit: 9})),
		"payees":        pair(c.NewPayees)(o.PayeePage(t.Context(), record.Page{Limit: 9})),
		"providers":     pair(c.NewProviders)(o.ProviderPage(t.Context(), record.Page{Limit: 9})),
		"organisations": pair(c.NewOrganisations)(o.OrganisationPage(t.Context(), record.Page{Limit: 9})),
		"tokens":        pair(c.NewTokens)(o.TokenPage(t.Context(), record.Page{Limit: 9})),
		"fees":          pair(c.NewFees)(o.FeePage(t.Context(), record.Page{Limit: 9})),
	} {
		if !reflect.DeepEqual(found[0], found[1]) {
			t.Errorf("%s are\n  %+v, want\n  %+v", what, found[0], found[1])
		}
	}
	dir, err := o.Directory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range c.NewKeys {
		if got, ok := dir.SaltKey(k.Owner, k.Index); !ok || got != k {
			t.Errorf("the directory has another key of %s", k.Owner)
		}
	}
	for _, f := range c.NewFees {
		if got, ok := dir.FeeRule(f.MerchantID, f.MCC); !ok || got != f {
			t.Errorf("the directory has the fee %+v, want %+v", got, f)
		}
	}
	if m, ok := dir.Merchant(c.NewMerchants[0].ID); !ok || !reflect.DeepEqual(m, c.NewMerchants[0]) {
		t.Errorf("the directory has %+v", m)
	}
}

// pair is what a list is and what it should be, without regard to order.
func pair[T any](want []T) func([]T, error) [2]any {
	set := func(rows []T) map[string]bool {
		all := map[string]bool{}
		for _, r := range rows {
			all[show(r)] = true
		}
		return all
	}
	return func(got []T, err error) [2]any {
		if err != nil {
			return [2]any{err, nil}
		}
		return [2]any{set(got), set(want)}
	}
}

func adminChanges(t *testing.T, o office) {
	c := additions(t)
	o.must(t, c)
	before := o.look(t, needsOf(c))

	m, s, x, p := c.NewMerchants[0], c.NewStores[0], c.NewTerminals[0], c.NewPayees[0]
	m.Name, m.Active, m.DQR, m.EDC, m.MCC, m.Payee, m.CallbackURL, m.CallbackHosts = "b", false, false, false, "1", "p@q", "u", nil
	s.Name, s.Active = "b", false
	x.Label, x.Active, x.Integrated = "b", false, false
	x.PaymentWindowSeconds, x.Busy, x.Language = 77, "queue", "hi"
	p.Active, p.FeeBasisPoints, p.AcquirerCode, p.MerchantID = false, 3, "YH", "other"
	v, org, key, token := c.NewProviders[0], c.NewOrganisations[0], c.NewKeys[0], c.NewTokens[1]
	v.Active, org.Active, org.Certificates, org.Unsigned, org.DefaultPayee = false, false, []string{"x"}, false, "z@z"
	key.NotBefore, key.NotAfter, key.Secret = time.Time{}, day, ""
	token.RevokedAt = day
	fee, gone := c.NewFees[0], record.FeeKey{MerchantID: c.NewFees[1].MerchantID, MCC: c.NewFees[1].MCC}
	fee.BasisPoints, fee.Min, fee.Cap, fee.Rounding = 7, 8, 9, "up"
	o.must(t, record.Changes{
		Merchants: []merchant.Merchant{m}, Stores: []merchant.Store{s}, Terminals: []merchant.Terminal{x}, Payees: []merchant.Payee{p},
		Providers: []record.Provider{v}, OldMappings: c.NewMappings[:1], Organisations: []record.Organisation{org},
		Keys: []merchant.SaltKey{key}, Tokens: []record.Token{token}, Fees: []merchant.FeeRule{fee}, OldFees: []record.FeeKey{gone},
	})
	after := o.look(t, needsOf(c))
	want := before
	want.Now = after.Now
	want.Merchants[m.ID], want.Stores[record.StoreKey{MerchantID: s.MerchantID, ID: s.ID}], want.Terminals[x.Identity] = m, s, x
	want.Payees[p.VPA], want.Providers[v.ID], want.Organisations[org.ID], want.Tokens[token.Name] = p, v, org, token
	want.Keys[key.Owner] = []merchant.SaltKey{key}
	want.Fees[record.FeeKey{MerchantID: fee.MerchantID, MCC: fee.MCC}] = fee
	delete(want.Fees, gone)
	want.Mappings[v.ID] = slices.DeleteFunc(want.Mappings[v.ID], func(id string) bool { return id == c.NewMappings[0].MerchantID })
	same(t, "the snapshot", after, want)

	dir, err := o.Directory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key.Secret = c.NewKeys[0].Secret
	if got, _ := dir.SaltKey(key.Owner, key.Index); got != key {
		t.Error("a key whose times were changed has another secret")
	}
}

func adminPages(t *testing.T, o office) {
	var c record.Changes
	for m := range 3 {
		merchantID := fmt.Sprint("M", m)
		c.NewMerchants = append(c.NewMerchants, merchant.Merchant{ID: merchantID})
		for s := range 3 {
			storeID := fmt.Sprint("S", s)
			c.NewStores = append(c.NewStores, merchant.Store{MerchantID: merchantID, ID: storeID})
			c.NewPayees = append(c.NewPayees, merchant.Payee{VPA: protocol.VPA(fmt.Sprintf("%d-%d@upi", s, m)), MerchantID: merchantID})
			for x := range 3 {
				c.NewTerminals = append(c.NewTerminals, merchant.Terminal{
					Identity: protocol.Identity{MerchantID: merchantID, StoreID: storeID, TerminalID: fmt.Sprint("T", x)},
				})
			}
		}
	}
	for _, k := range []record.FeeKey{{MerchantID: "M1", MCC: "5411"}, {MerchantID: "M1"}, {MCC: "5411"}, {}} {
		c.NewFees = append(c.NewFees, merchant.FeeRule{MerchantID: k.MerchantID, MCC: k.MCC})
	}
	o.must(t, c)
	for _, tt := range []struct {
		within []string
		want   int
	}{{nil, 27}, {[]string{"M1"}, 9}, {[]string{"M1", "S2"}, 3}, {[]string{"M9"}, 0}} {
		var seen []string
		p := record.Page{Within: tt.within, Limit: 4}
		for {
			rows, err := o.TerminalPage(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) == 0 {
				break
			}
			for _, r := range rows {
				seen = append(seen, r.String())
				p.After = []string{r.MerchantID, r.StoreID, r.TerminalID}
			}
		}
		if len(seen) != tt.want || !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) != len(seen) {
			t.Errorf("within %v: %v, want %d in order", tt.within, seen, tt.want)
		}
	}
	stores, err := o.StorePage(t.Context(), record.Page{Within: []string{"M0"}, After: []string{"M0", "S0"}, Limit: 9})
	if err != nil || len(stores) != 2 || stores[0].ID != "S1" {
		t.Errorf("stores are %+v, %v", stores, err)
	}
	payees, err := o.PayeePage(t.Context(), record.Page{Within: []string{"M2"}, After: []string{"0-2@upi"}, Limit: 1})
	if err != nil || len(payees) != 1 || payees[0].VPA != "1-2@upi" {
		t.Errorf("payees are %v, %v", payees, err)
	}
	fees, err := o.FeePage(t.Context(), record.Page{After: []string{"", ""}, Limit: 2})
	if err != nil || len(fees) != 2 || fees[0].MCC != "5411" || fees[1].MerchantID != "M1" {
		t.Errorf("fees are %+v, %v", fees, err)
	}
	fees, err = o.FeePage(t.Context(), record.Page{Within: []string{"M1"}, Limit: 9})
	if err != nil || len(fees) != 2 || fees[0].MCC != "" || fees[1].MCC != "5411" {
		t.Errorf("fees of one are %+v, %v", fees, err)
	}
	if _, err := o.StorePage(t.Context(), record.Page{After: []string{"M0"}, Limit: 1}); err == nil {
		t.Error("half a place was taken")
	}
	if _, err := o.MerchantPage(t.Context(), record.Page{Within: []string{"M0"}, Limit: 1}); err == nil {
		t.Error("merchants are within nothing")
	}
}

func adminKeyOrder(t *testing.T, o office) {
	var c record.Changes
	for _, index := range []string{"10", "9", "1", "100", "2"} {
		for _, owner := range []string{"B", "A"} {
			c.NewKeys = append(c.NewKeys, merchant.SaltKey{Owner: owner, Index: index, Secret: "a secret of sixteen"})
		}
	}
	o.must(t, c)
	var seen []string
	p := record.Page{Limit: 3}
	for {
		rows, err := o.KeyPage(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			break
		}
		for _, k := range rows {
			if k.Secret != "" {
				t.Error("a list has a secret")
			}
			seen = append(seen, k.Owner+k.Index)
			p.After = []string{k.Owner, k.Index}
		}
	}
	if want := strings.Fields("A1 A2 A9 A10 A100 B1 B2 B9 B10 B100"); !slices.Equal(seen, want) {
		t.Errorf("keys are %v, want %v", seen, want)
	}
	keys := o.look(t, record.Needs{Owners: []string{"B"}}).Keys["B"]
	if len(keys) != 5 || keys[4].Index != "100" || keys[0].Index != "1" {
		t.Errorf("keys of one are %+v", keys)
	}
}
