package admin

import (
	"context"
	"slices"

	"github.com/galla-pay/galla/controller/internal/admin/record"
)

// Provider is a POS vendor as it is shown.
type Provider struct {
	ProviderID string `json:"providerId"`
	Active     bool   `json:"active"`
	// Merchants are those that it signs for; nil in a list.
	Merchants []string `json:"merchants,omitempty"`
}

// NewProvider is a provider to be made.
type NewProvider struct {
	ProviderID string   `json:"providerId"`
	Merchants  []string `json:"merchants"`
}

// maxMapped is how many merchants one body may name.
const maxMapped = 100

func viewProvider(p record.Provider) Provider { return Provider{ProviderID: p.ID, Active: p.Active} }

func viewMapped(snap record.Snapshot, id string) Provider {
	p := viewProvider(snap.Providers[id])
	p.Merchants = append([]string{}, snap.Mappings[id]...)
	return p
}

// CreateProvider makes a provider that signs for some merchants, active.
// ALREADY_EXISTS where a provider or a merchant has the id: either could own the
// salt keys of that name.
func (s *Service) CreateProvider(ctx context.Context, by By, in NewProvider) (Provider, error) {
	var c checks
	c.id("providerId", in.ProviderID)
	c.that(len(in.Merchants) <= maxMapped, "merchants", "must name at most 100; map the others afterwards")
	merchants := slices.Clone(in.Merchants)
	slices.Sort(merchants)
	for i, id := range merchants {
		c.id("merchants", id)
		c.that(i == 0 || id != merchants[i-1], "merchants", "names a merchant twice")
	}
	if c.err != nil {
		return Provider{}, c.err
	}
	made := Provider{ProviderID: in.ProviderID, Active: true, Merchants: append([]string{}, merchants...)}
	needs := record.Needs{Providers: []string{in.ProviderID}, Merchants: append([]string{in.ProviderID}, merchants...)}
	err := s.change(ctx, needs, func(snap record.Snapshot) (record.Changes, error) {
		changes := record.Changes{
			NewProviders: []record.Provider{{ID: in.ProviderID, Active: true}},
			Audit:        []record.Entry{by.did(snap, "provider.create", in.ProviderID, nil, made)},
		}
		if _, taken := snap.Providers[in.ProviderID]; taken {
			return changes, Exists("provider " + in.ProviderID)
		}
		if _, taken := snap.Merchants[in.ProviderID]; taken {
			return changes, Exists("merchant " + in.ProviderID)
		}
		for _, id := range merchants {
			if _, ok := snap.Merchants[id]; !ok {
				return changes, Invalid("merchants", "names "+id+", which is no merchant")
			}
			changes.NewMappings = append(changes.NewMappings, record.Mapping{ProviderID: in.ProviderID, MerchantID: id})
		}
		return changes, nil
	})
	return made, err
}

// SetProviderActive enables or disables a provider. A disabled one signs for
// nobody.
func (s *Service) SetProviderActive(ctx context.Context, by By, id string, active bool) (Provider, error) {
	return s.provider(ctx, id, nil, func(snap record.Snapshot, shown *Provider) (record.Changes, error) {
		row := snap.Providers[id]
		if row.Active == active {
			return record.Changes{}, nil
		}
		before := viewProvider(row)
		row.Active, shown.Active = active, active
		return record.Changes{
			Providers: []record.Provider{row},
			Audit:     []record.Entry{by.did(snap, "provider."+activity(active), id, before, viewProvider(row))},
		}, nil
	})
}

// MapProvider lets a provider sign for a merchant.
func (s *Service) MapProvider(ctx context.Context, by By, id, merchantID string) (Provider, error) {
	return s.provider(ctx, id, []string{merchantID}, func(snap record.Snapshot, shown *Provider) (record.Changes, error) {
		if _, ok := snap.Merchants[merchantID]; !ok {
			return record.Changes{}, NotFound("merchant " + merchantID)
		}
		if slices.Contains(shown.Merchants, merchantID) {
			return record.Changes{}, nil
		}
		shown.Merchants = append(shown.Merchants, merchantID)
		slices.Sort(shown.Merchants)
		return record.Changes{
			NewMappings: []record.Mapping{{ProviderID: id, MerchantID: merchantID}},
			Audit:       []record.Entry{by.did(snap, "provider.map", id, nil, map[string]string{"merchant": merchantID})},
		}, nil
	})
}

// UnmapProvider lets it sign no more. NOT_FOUND where it did not.
func (s *Service) UnmapProvider(ctx context.Context, by By, id, merchantID string) (Provider, error) {
	return s.provider(ctx, id, []string{merchantID}, func(snap record.Snapshot, shown *Provider) (record.Changes, error) {
		at := slices.Index(shown.Merchants, merchantID)
		if at < 0 {
			return record.Changes{}, NotFound("merchant " + merchantID + " of provider " + id)
		}
		shown.Merchants = slices.Delete(shown.Merchants, at, at+1)
		return record.Changes{
			OldMappings: []record.Mapping{{ProviderID: id, MerchantID: merchantID}},
			Audit:       []record.Entry{by.did(snap, "provider.unmap", id, map[string]string{"merchant": merchantID}, nil)},
		}, nil
	})
}

// provider changes a provider that must be there.
func (s *Service) provider(ctx context.Context, id string, merchants []string,
	change func(record.Snapshot, *Provider) (record.Changes, error)) (Provider, error) {
	if !validIDs(append([]string{id}, merchants...)...) {
		return Provider{}, NotFound("such provider or merchant")
	}
	var shown Provider
	needs := record.Needs{Providers: []string{id}, Merchants: merchants}
	err := s.change(ctx, needs, func(snap record.Snapshot) (record.Changes, error) {
		if _, ok := snap.Providers[id]; !ok {
			return record.Changes{}, NotFound("provider " + id)
		}
		shown = viewMapped(snap, id)
		return change(snap, &shown)
	})
	return shown, err
}

// Provider shows a provider with its merchants.
func (s *Service) Provider(ctx context.Context, id string) (Provider, error) {
	if !validIDs(id) {
		return Provider{}, NotFound("such provider")
	}
	snap, err := s.store.Look(ctx, record.Needs{Providers: []string{id}})
	if err != nil {
		return Provider{}, err
	}
	if _, ok := snap.Providers[id]; !ok {
		return Provider{}, NotFound("provider " + id)
	}
	return viewMapped(snap, id), nil
}

// Providers lists providers.
func (s *Service) Providers(ctx context.Context, after string, limit int) (Page[Provider], error) {
	p, err := page(nil, after, 1, limit)
	if err != nil {
		return Page[Provider]{}, err
	}
	rows, err := s.store.ProviderPage(ctx, p)
	return pageOf(rows, limit, viewProvider, func(p record.Provider) string { return p.ID }), err
}
