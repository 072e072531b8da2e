package admin

import (
	"context"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol"
)

// ShopStore is a store of a merchant as it is shown.
type ShopStore struct {
	MerchantID string `json:"merchantId"`
	StoreID    string `json:"storeId"`
	Name       string `json:"name"`
	Active     bool   `json:"active"`
}

// NewStore is a store to be made.
type NewStore struct {
	MerchantID string `json:"merchantId"`
	StoreID    string `json:"storeId"`
	Name       string `json:"name"`
}

// StoreUpdate changes what it names; nil leaves a field as it is.
type StoreUpdate struct {
	Name   *string `json:"name"`
	active *bool
}

func viewStore(s merchant.Store) ShopStore {
	return ShopStore{MerchantID: s.MerchantID, StoreID: s.ID, Name: s.Name, Active: s.Active}
}

// CreateStore makes a store, active.
func (s *Service) CreateStore(ctx context.Context, by By, in NewStore) (ShopStore, error) {
	row := merchant.Store{MerchantID: in.MerchantID, ID: in.StoreID, Name: in.Name, Active: true}
	var c checks
	c.id("merchantId", row.MerchantID)
	c.id("storeId", row.ID)
	c.name("name", row.Name)
	if c.err != nil {
		return ShopStore{}, c.err
	}
	key := record.StoreKey{MerchantID: row.MerchantID, ID: row.ID}
	needs := record.Needs{Merchants: []string{row.MerchantID}, Stores: []record.StoreKey{key}}
	err := s.change(ctx, needs, func(snap record.Snapshot) (record.Changes, error) {
		if _, ok := snap.Merchants[row.MerchantID]; !ok {
			return record.Changes{}, Invalid("merchantId", "names no merchant")
		}
		if _, taken := snap.Stores[key]; taken {
			return record.Changes{}, Exists("store " + path(row.MerchantID, row.ID))
		}
		return record.Changes{
			NewStores: []merchant.Store{row},
			Audit:     []record.Entry{by.did(snap, "store.create", path(row.MerchantID, row.ID), nil, viewStore(row))},
		}, nil
	})
	return viewStore(row), err
}

// UpdateStore changes a store.
func (s *Service) UpdateStore(ctx context.Context, by By, merchantID, id string, u StoreUpdate) (ShopStore, error) {
	return s.updateStore(ctx, by, "store.update", record.StoreKey{MerchantID: merchantID, ID: id}, u)
}

// SetStoreActive enables or disables a store. A disabled one is refused by every
// door.
func (s *Service) SetStoreActive(ctx context.Context, by By, merchantID, id string, active bool) (ShopStore, error) {
	return s.updateStore(ctx, by, "store."+activity(active), record.StoreKey{MerchantID: merchantID, ID: id}, StoreUpdate{active: &active})
}

func (s *Service) updateStore(ctx context.Context, by By, action string, key record.StoreKey, u StoreUpdate) (ShopStore, error) {
	if !validIDs(key.MerchantID, key.ID) {
		return ShopStore{}, NotFound("such store")
	}
	var changed merchant.Store
	err := s.change(ctx, record.Needs{Stores: []record.StoreKey{key}}, func(snap record.Snapshot) (record.Changes, error) {
		row, ok := snap.Stores[key]
		if !ok {
			return record.Changes{}, NotFound("store " + path(key.MerchantID, key.ID))
		}
		changed = row
		set(&changed.Name, u.Name)
		set(&changed.Active, u.active)
		if changed == row {
			return record.Changes{}, nil
		}
		var c checks
		if c.name("name", changed.Name); c.err != nil && u.active == nil {
			return record.Changes{}, c.err
		}
		return record.Changes{
			Stores: []merchant.Store{changed},
			Audit:  []record.Entry{by.did(snap, action, path(key.MerchantID, key.ID), viewStore(row), viewStore(changed))},
		}, nil
	})
	return viewStore(changed), err
}

// Store shows a store.
func (s *Service) Store(ctx context.Context, merchantID, id string) (ShopStore, error) {
	if !validIDs(merchantID, id) {
		return ShopStore{}, NotFound("such store")
	}
	key := record.StoreKey{MerchantID: merchantID, ID: id}
	snap, err := s.store.Look(ctx, record.Needs{Stores: []record.StoreKey{key}})
	if err != nil {
		return ShopStore{}, err
	}
	if row, ok := snap.Stores[key]; ok {
		return viewStore(row), nil
	}
	return ShopStore{}, NotFound("store " + path(merchantID, id))
}

// Stores lists stores, of one merchant where merchantID is not "".
func (s *Service) Stores(ctx context.Context, merchantID, after string, limit int) (Page[ShopStore], error) {
	in, err := within([]string{"merchantId"}, merchantID)
	if err != nil {
		return Page[ShopStore]{}, err
	}
	p, err := page(in, after, 2, limit)
	if err != nil {
		return Page[ShopStore]{}, err
	}
	rows, err := s.store.StorePage(ctx, p)
	return pageOf(rows, limit, viewStore, func(s merchant.Store) string { return path(s.MerchantID, s.ID) }), err
}

// path is ids with / between, as the command line and the audit log name things.
func path(ids ...string) string {
	text := ids[0]
	for _, id := range ids[1:] {
		text += "/" + id
	}
	return text
}

func validIDs(ids ...string) bool {
	for _, id := range ids {
		if !protocol.ValidID(id, MaxID) {
			return false
		}
	}
	return true
}

// shown is a time as it is shown; nil for none.
func shown(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
