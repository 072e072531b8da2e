package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol"
)

// Store is what the administration asks of a storage. Both storages pass
// storagetest's RunAdmin.
type Store interface {
	// Administer makes one change in one transaction; changes are made one at a
	// time. What decide returns is returned as it is, and nothing is saved.
	Administer(ctx context.Context, needs record.Needs, decide func(record.Snapshot) (record.Changes, error)) error
	// Look reads rows, all of one moment.
	Look(ctx context.Context, needs record.Needs) (record.Snapshot, error)

	MerchantPage(ctx context.Context, p record.Page) ([]merchant.Merchant, error)
	StorePage(ctx context.Context, p record.Page) ([]merchant.Store, error)
	TerminalPage(ctx context.Context, p record.Page) ([]merchant.Terminal, error)
	PayeePage(ctx context.Context, p record.Page) ([]merchant.Payee, error)
	ProviderPage(ctx context.Context, p record.Page) ([]record.Provider, error)
	OrganisationPage(ctx context.Context, p record.Page) ([]record.Organisation, error)
	KeyPage(ctx context.Context, p record.Page) ([]merchant.SaltKey, error)
	TokenPage(ctx context.Context, p record.Page) ([]record.Token, error)
	FeePage(ctx context.Context, p record.Page) ([]merchant.FeeRule, error)
	AuditPage(ctx context.Context, q record.AuditQuery) ([]record.Entry, error)

	// TokenByHash returns journal.ErrNotFound where there is none.
	TokenByHash(ctx context.Context, hash []byte) (record.Token, error)
	// Terminal is all that is known of a terminal; journal.ErrNotFound where there
	// is none.
	Terminal(ctx context.Context, id protocol.Identity) (fleet.Terminal, error)
	Now(ctx context.Context) (time.Time, error)
}

// Service is the use cases. It may be used by several goroutines.
//
// Errors that the caller is to see are of type *Problem; CodeOf says what any
// other means.
type Service struct{ store Store }

// NewService makes the use cases over a storage.
func NewService(store Store) *Service { return &Service{store} }

// CodeOf is the code of an error of a Service.
func CodeOf(err error) Code { return problem(err).Code }

// By is who changes something, and where from; both stand in the audit log.
type By struct {
	Actor  string // a token's name, or "cli:" and a user of the operating system
	Source string // an address, or a machine's name
}

// Limits of lists.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// Page is a part of a list. Next is what to ask for as after to get the part
// that follows; "" where this is the last.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// tries is how often a change is tried that another transaction got in between.
const tries = 4

// change makes one change, in one transaction with its lines of the audit log.
func (s *Service) change(ctx context.Context, needs record.Needs, decide func(record.Snapshot) (record.Changes, error)) error {
	var err error
	for range tries {
		if err = s.store.Administer(ctx, needs, decide); !errors.Is(err, journal.ErrAgain) {
			return err
		}
	}
	return err
}

// Note writes down what is about to be done by somebody else than the storage's
// rows: before it is done, so that nothing is ever done unseen.
func (s *Service) Note(ctx context.Context, by By, action, target string, details any) error {
	return s.change(ctx, record.Needs{}, func(snap record.Snapshot) (record.Changes, error) {
		return record.Changes{Audit: []record.Entry{by.did(snap, action, target, nil, details)}}, nil
	})
}

// did is the line of the audit log for a change from one view to another; nil is
// none.
func (by By) did(snap record.Snapshot, action, target string, before, after any) record.Entry {
	return record.Entry{
		At: snap.Now, Actor: by.Actor, Source: by.Source, Action: action, Target: target, Details: difference(before, after),
	}
}

// difference is what two views differ in, as JSON: {"name":{"from":"A","to":"B"}}.
// Views hold no secrets.
func difference(before, after any) string {
	type change struct {
		From any `json:"from,omitempty"`
		To   any `json:"to,omitempty"`
	}
	from, to := fields(before), fields(after)
	changed := map[string]change{}
	for name, v := range to {
		if old := from[name]; !reflect.DeepEqual(old, v) {
			changed[name] = change{old, v}
		}
	}
	for name, old := range from {
		if _, still := to[name]; !still {
			changed[name] = change{From: old}
		}
	}
	text, _ := json.Marshal(changed) // it was JSON before
	return string(text)
}

// fields are the fields of a view as its JSON has them.
func fields(view any) map[string]any {
	all := map[string]any{}
	if view == nil {
		return all
	}
	text, err := json.Marshal(view)
	if err != nil {
		panic(fmt.Sprintf("a view that is no JSON: %v", err)) // a mistake in this package
	}
	_ = json.Unmarshal(text, &all)
	return all
}

// pageOf makes a page of one row more than was asked for.
func pageOf[R, V any](rows []R, limit int, view func(R) V, place func(R) string) Page[V] {
	p := Page[V]{Items: []V{}}
	for i, r := range rows {
		if i == limit {
			p.Next = place(rows[i-1])
			break
		}
		p.Items = append(p.Items, view(r))
	}
	return p
}
