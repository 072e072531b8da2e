package storagetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol"
)

func adminRefused(t *testing.T, o office) {
	c := additions(t)
	refusal := errors.New("no")
	err := o.Administer(t.Context(), needsOf(c), func(snap record.Snapshot) (record.Changes, error) {
		if len(snap.Merchants)+len(snap.Tokens) > 0 || snap.Now.IsZero() {
			t.Errorf("an empty storage has %+v", snap)
		}
		c.Audit = []record.Entry{{At: day, Details: "{}"}}
		return c, refusal
	})
	if err != refusal {
		t.Errorf("the refusal came back as %v", err)
	}
	if err := o.Administer(t.Context(), record.Needs{}, func(record.Snapshot) (record.Changes, error) { return record.Changes{}, nil }); err != nil {
		t.Errorf("to change nothing: %v", err)
	}
	snap := o.look(t, needsOf(c))
	same(t, "the snapshot", snap, record.NewSnapshot(snap.Now))
	if lines := o.audit(t); len(lines) != 0 {
		t.Errorf("the audit log says %+v", lines)
	}
}

func adminUnaudited(t *testing.T, o office) {
	c := additions(t)
	err := o.Administer(t.Context(), record.Needs{}, func(record.Snapshot) (record.Changes, error) { return c, nil })
	if !errors.Is(err, record.ErrUnaudited) {
		t.Errorf("it ended in %v", err)
	}
	snap := o.look(t, needsOf(c))
	same(t, "the snapshot", snap, record.NewSnapshot(snap.Now))
}

func adminCollides(t *testing.T, o office) {
	c := additions(t)
	o.must(t, c)
	before, lines := o.look(t, needsOf(c)), o.audit(t)
	fresh := merchant.Merchant{ID: "fresh"}
	for what, again := range map[string]record.Changes{
		"merchant": {NewMerchants: c.NewMerchants[:1]}, "store": {NewStores: c.NewStores[:1]}, "terminal": {NewTerminals: c.NewTerminals[:1]},
		"payee": {NewPayees: c.NewPayees[:1]}, "provider": {NewProviders: c.NewProviders[:1]}, "mapping": {NewMappings: c.NewMappings[:1]},
		"organisation": {NewOrganisations: c.NewOrganisations[:1]}, "key": {NewKeys: c.NewKeys[:1]}, "token": {NewTokens: c.NewTokens[:1]},
		"fee": {NewFees: c.NewFees[2:]},
	} {
		again.NewMerchants = append(slices.Clone(again.NewMerchants), fresh)
		if err := o.try(t, again); !errors.Is(err, journal.ErrAgain) {
			t.Errorf("a second %s: %v, want ErrAgain", what, err)
		}
	}
	for what, gone := range map[string]record.Changes{
		"merchant": {Merchants: []merchant.Merchant{{ID: "gone"}}}, "store": {Stores: []merchant.Store{{ID: "gone"}}},
		"terminal": {Terminals: []merchant.Terminal{{}}}, "payee": {Payees: []merchant.Payee{{VPA: "gone@upi"}}},
		"provider": {Providers: []record.Provider{{ID: "gone"}}}, "mapping": {OldMappings: []record.Mapping{{ProviderID: "gone"}}},
		"organisation": {Organisations: []record.Organisation{{}}}, "key": {Keys: []merchant.SaltKey{{Owner: "gone"}}},
		"token": {Tokens: []record.Token{{Name: "gone"}}}, "fee": {Fees: []merchant.FeeRule{{MerchantID: "gone"}}},
		"fee to be taken away": {OldFees: []record.FeeKey{{MerchantID: "gone"}}},
	} {
		gone.NewMerchants = []merchant.Merchant{fresh}
		if err := o.try(t, gone); err == nil {
			t.Errorf("a %s that is not there was changed", what)
		}
	}
	after := o.look(t, needsOf(c))
	after.Now = before.Now
	same(t, "the snapshot", after, before)
	if _, there := o.look(t, record.Needs{Merchants: []string{"fresh"}}).Merchants["fresh"]; there || len(o.audit(t)) != len(lines) {
		t.Error("part of a change that failed was kept")
	}
}

func adminText(t *testing.T, o office) {
	for what, c := range map[string]record.Changes{
		"NUL":       {NewMerchants: []merchant.Merchant{{ID: "A\x00"}}},
		"not UTF-8": {NewStores: []merchant.Store{{ID: "A", Name: "\xff"}}},
		"in a list": {NewOrganisations: []record.Organisation{{Organisation: merchant.Organisation{ID: "A", Certificates: []string{"\x00"}}}}},
		"audited":   {Audit: []record.Entry{{Target: "\x00"}}},
	} {
		if err := o.try(t, c); !errors.Is(err, journal.ErrText) {
			t.Errorf("%s: %v, want ErrText", what, err)
		}
	}
	if lines := o.audit(t); len(lines) != 0 {
		t.Errorf("the audit log says %+v", lines)
	}
}

func adminOneAtATime(t *testing.T, o office) {
	const people, each = 8, 5
	p := merchant.Payee{VPA: "a@upi"}
	o.must(t, record.Changes{NewPayees: []merchant.Payee{p}})
	other := o.open(sealBox(t, 1)) // another controller
	var all sync.WaitGroup
	for i := range people {
		all.Go(func() {
			s := []Administered{o.Administered, other}[i%2]
			for range each {
				var err error
				for range 20 {
					err = s.Administer(t.Context(), record.Needs{Payees: []protocol.VPA{p.VPA}}, func(snap record.Snapshot) (record.Changes, error) {
						p := snap.Payees[p.VPA]
						p.FeeBasisPoints++
						return record.Changes{Payees: []merchant.Payee{p}, Audit: []record.Entry{{At: snap.Now, Details: "{}"}}}, nil
					})
					if !errors.Is(err, journal.ErrAgain) && !errors.Is(err, journal.ErrLocked) {
						break
					}
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if fee := o.look(t, record.Needs{Payees: []protocol.VPA{p.VPA}}).Payees[p.VPA].FeeBasisPoints; fee != people*each {
		t.Errorf("%d changes were kept of %d", fee, people*each)
	}
	lines := o.audit(t)
	for i, l := range lines {
		if l.ID != int64(i+1) || i > 1 && l.At.Before(lines[i-1].At) {
			t.Fatalf("line %d is %+v", i+1, l)
		}
	}
	if len(lines) != people*each+1 {
		t.Errorf("%d lines", len(lines))
	}
}

func adminBesideJournal(t *testing.T, o office) {
	b := bench{o.Administered}
	b.shop(t, "t1")
	id := terminalID("t1")
	done := make(chan error, 1)
	needs := decide.Needs{Terminals: []protocol.Identity{id}}
	err := o.Apply(t.Context(), journal.NewBatchID(), needs, func(s decide.Snapshot) (decide.Changes, error) {
		x := s.Terminals[id]
		go func() { // its row is the batch's now: this has to wait
			done <- o.try(t, record.Changes{Terminals: []merchant.Terminal{{Identity: id, Label: "renamed", PaymentWindowSeconds: 60, Busy: "queue"}}})
		}()
		x.Seq, x.Sale, x.Waiting = 7, "p1", []string{"p2"}
		return decide.Changes{Terminals: []fleet.Terminal{x}}, nil
	})
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	x, err := o.Terminal(t.Context(), id)
	if err != nil || x.Label != "renamed" || x.Active || x.Integrated || x.Seq != 7 || x.Sale != "p1" || len(x.Waiting) != 1 {
		t.Fatalf("the terminal is %+v, %v", x, err)
	}
	b.change(t, "t1", func(x *fleet.Terminal) { x.Seq++ })
	row := o.look(t, record.Needs{Terminals: []protocol.Identity{id}}).Terminals[id]
	if row.Label != "renamed" || row.PaymentWindowSeconds != 60 || row.Busy != "queue" {
		t.Errorf("a batch changed what is the administration's: %+v", row)
	}
}

func adminAudit(t *testing.T, o office) {
	var want []record.Entry
	for i := range 6 {
		e := record.Entry{
			At: day.Add(time.Duration(i) * time.Hour), Actor: fmt.Sprint("actor", i%2), Source: "192.0.2.1",
			Action: fmt.Sprint("thing.", i%3), Target: fmt.Sprint("T", i/3), Details: `{"name":{"to":"₹"}}`,
		}
		err := o.Administer(t.Context(), record.Needs{}, func(record.Snapshot) (record.Changes, error) {
			return record.Changes{Audit: []record.Entry{e}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		e.ID = int64(i + 1)
		want = append(want, e)
	}
	for _, tt := range []struct {
		q    record.AuditQuery
		want []int
	}{
		{record.AuditQuery{Limit: 9}, []int{0, 1, 2, 3, 4, 5}}, {record.AuditQuery{Limit: 2}, []int{0, 1}},
		{record.AuditQuery{Limit: 2, After: 2}, []int{2, 3}}, {record.AuditQuery{Limit: 2, Last: true}, []int{4, 5}},
		{record.AuditQuery{Limit: 9, Actor: "actor1"}, []int{1, 3, 5}}, {record.AuditQuery{Limit: 9, Action: "thing.2"}, []int{2, 5}},
		{record.AuditQuery{Limit: 9, Target: "T0", Actor: "actor0"}, []int{0, 2}}, {record.AuditQuery{Limit: 9, Target: "T"}, nil},
		{record.AuditQuery{Limit: 9, Since: day.Add(time.Hour), Until: day.Add(3 * time.Hour)}, []int{1, 2}},
	} {
		got, err := o.AuditPage(t.Context(), tt.q)
		var expected []record.Entry
		for _, i := range tt.want {
			expected = append(expected, want[i])
		}
		if err != nil || !reflect.DeepEqual(got, expected) {
			t.Errorf("%+v:\n  %+v, %v, want\n  %+v", tt.q, got, err, expected)
		}
	}
}

func adminTokens(t *testing.T, o office) {
	c := additions(t)
	o.must(t, c)
	for _, want := range c.NewTokens {
		if got, err := o.TokenByHash(t.Context(), want.Hash); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("token %+v, %v, want %+v", got, err, want)
		}
	}
	for _, hash := range [][]byte{nil, {}, []byte(c.NewTokens[0].Name), make([]byte, 32)} {
		if _, err := o.TokenByHash(t.Context(), hash); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("%x: %v", hash, err)
		}
	}
	twin := c.NewTokens[0]
	twin.Name = "twin"
	if err := o.try(t, record.Changes{NewTokens: []record.Token{twin}}); !errors.Is(err, journal.ErrAgain) {
		t.Errorf("two tokens of one text: %v", err)
	}
}
