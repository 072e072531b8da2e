package table

import (
	"time"

	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/seal"
	"github.com/galla-pay/galla/protocol"
)

// Merchants is table merchants.
var Merchants = Table[merchant.Merchant]{
	Name: "merchants", Key: []string{"id"},
	Columns: []Column[merchant.Merchant]{
		text("id", func(m *merchant.Merchant) *string { return &m.ID }),
		text("name", func(m *merchant.Merchant) *string { return &m.Name }),
		text("mcc", func(m *merchant.Merchant) *string { return &m.MCC }),
		boolean("active", func(m *merchant.Merchant) *bool { return &m.Active }),
		boolean("dqr", func(m *merchant.Merchant) *bool { return &m.DQR }),
		boolean("edc", func(m *merchant.Merchant) *bool { return &m.EDC }),
		text("payee_addr", func(m *merchant.Merchant) *protocol.VPA { return &m.Payee }),
		text("callback_url", func(m *merchant.Merchant) *string { return &m.CallbackURL }),
		list("callback_hosts", func(m *merchant.Merchant) *[]string { return &m.CallbackHosts }),
	},
}

// Stores is table stores.
var Stores = Table[merchant.Store]{
	Name: "stores", Key: []string{"merchant_id", "id"},
	Columns: []Column[merchant.Store]{
		text("merchant_id", func(s *merchant.Store) *string { return &s.MerchantID }),
		text("id", func(s *merchant.Store) *string { return &s.ID }),
		text("name", func(s *merchant.Store) *string { return &s.Name }),
		boolean("active", func(s *merchant.Store) *bool { return &s.Active }),
	},
}

// DirectoryVersion is the statement that asks for the last line of the audit log.
const DirectoryVersion = "SELECT coalesce(max(id), 0) FROM audit_log"

// Counters is table terminals as the directory sees it; the rest of a row,
// what is wanted and what was told, is Terminals.
var Counters = Table[merchant.Terminal]{
	Name: "terminals", Key: []string{"merchant_id", "store_id", "terminal_id"},
	Columns: []Column[merchant.Terminal]{
		text("merchant_id", func(t *merchant.Terminal) *string { return &t.MerchantID }),
		text("store_id", func(t *merchant.Terminal) *string { return &t.StoreID }),
		text("terminal_id", func(t *merchant.Terminal) *string { return &t.TerminalID }),
		text("label", func(t *merchant.Terminal) *string { return &t.Label }),
		boolean("active", func(t *merchant.Terminal) *bool { return &t.Active }),
		boolean("integrated", func(t *merchant.Terminal) *bool { return &t.Integrated }),
		number("payment_window_seconds", func(t *merchant.Terminal) *int64 { return &t.PaymentWindowSeconds }),
		text("busy", func(t *merchant.Terminal) *string { return &t.Busy }),
		text("language", func(t *merchant.Terminal) *string { return &t.Language }),
	},
}

// Payees is table payees.
var Payees = Table[merchant.Payee]{
	Name: "payees", Key: []string{"vpa"},
	Columns: []Column[merchant.Payee]{
		text("vpa", func(p *merchant.Payee) *protocol.VPA { return &p.VPA }),
		text("merchant_id", func(p *merchant.Payee) *string { return &p.MerchantID }),
		boolean("active", func(p *merchant.Payee) *bool { return &p.Active }),
		number("fee_basis_points", func(p *merchant.Payee) *int64 { return &p.FeeBasisPoints }),
		text("acquirer_code", func(p *merchant.Payee) *string { return &p.AcquirerCode }),
	},
}

// Provider is a row of table providers.
type Provider struct{ ID string }

// Providers is table providers.
var Providers = Table[Provider]{
	Name: "providers", Key: []string{"id"},
	Columns: []Column[Provider]{text("id", func(p *Provider) *string { return &p.ID })},
}

// ProviderMerchant is a row of table provider_merchants: the provider signs for
// the merchant.
type ProviderMerchant struct{ ProviderID, MerchantID string }

// ProviderMerchants is table provider_merchants.
var ProviderMerchants = Table[ProviderMerchant]{
	Name: "provider_merchants", Key: []string{"provider_id", "merchant_id"},
	Columns: []Column[ProviderMerchant]{
		text("provider_id", func(p *ProviderMerchant) *string { return &p.ProviderID }),
		text("merchant_id", func(p *ProviderMerchant) *string { return &p.MerchantID }),
	},
}

// Organisations is table organisations.
var Organisations = Table[merchant.Organisation]{
	Name: "organisations", Key: []string{"id"},
	Columns: []Column[merchant.Organisation]{
		text("id", func(o *merchant.Organisation) *string { return &o.ID }),
		text("default_payee", func(o *merchant.Organisation) *protocol.VPA { return &o.DefaultPayee }),
		boolean("unsigned", func(o *merchant.Organisation) *bool { return &o.Unsigned }),
		list("certificates", func(o *merchant.Organisation) *[]string { return &o.Certificates }),
	},
}

// SealedKey is a row of table salt_keys: a salt key with its secret sealed.
type SealedKey struct {
	merchant.SaltKey
	Sealed []byte
}

// SaltKeys is table salt_keys. The secret itself has no column.
var SaltKeys = Table[SealedKey]{
	Name: "salt_keys", Key: []string{"owner", "key_index"},
	Columns: []Column[SealedKey]{
		text("owner", func(k *SealedKey) *string { return &k.Owner }),
		text("key_index", func(k *SealedKey) *string { return &k.Index }),
		blob("sealed", func(k *SealedKey) *[]byte { return &k.Sealed }),
		instant("not_before", func(k *SealedKey) *time.Time { return &k.NotBefore }),
		instant("not_after", func(k *SealedKey) *time.Time { return &k.NotAfter }),
	},
}

// SaltName is the name that a salt key is sealed under.
func SaltName(owner, index string) string { return "salt:" + owner + ":" + index }

// SecretName is the name that a secret of the controller is sealed under.
func SecretName(name string) string { return "secret:" + name }

// SealKeys seals salt keys for their table.
func SealKeys(box *seal.Box, keys []merchant.SaltKey) []SealedKey {
	var out []SealedKey
	for _, k := range keys {
		out = append(out, SealedKey{SaltKey: k, Sealed: box.Seal(SaltName(k.Owner, k.Index), []byte(k.Secret))})
	}
	return out
}

// OpenKeys opens them again, or says which one cannot be opened.
func OpenKeys(box *seal.Box, sealed []SealedKey) ([]merchant.SaltKey, error) {
	var out []merchant.SaltKey
	for _, k := range sealed {
		secret, err := box.Open(SaltName(k.Owner, k.Index), k.Sealed)
		if err != nil {
			return nil, err
		}
		k.Secret = merchant.Secret(secret)
		out = append(out, k.SaltKey)
	}
	return out, nil
}

// SplitProviders makes rows of providers.
func SplitProviders(providers []merchant.Provider) (rows []Provider, mapped []ProviderMerchant) {
	for _, p := range providers {
		rows = append(rows, Provider{p.ID})
		for m, may := range p.Merchants {
			if may {
				mapped = append(mapped, ProviderMerchant{p.ID, m})
			}
		}
	}
	return rows, mapped
}

// JoinProviders makes providers of rows.
func JoinProviders(rows []Provider, mapped []ProviderMerchant) []merchant.Provider {
	merchants := map[string]map[string]bool{}
	for _, r := range rows {
		merchants[r.ID] = map[string]bool{}
	}
	for _, m := range mapped {
		if merchants[m.ProviderID] != nil {
			merchants[m.ProviderID][m.MerchantID] = true
		}
	}
	var out []merchant.Provider
	for _, r := range rows {
		out = append(out, merchant.Provider{ID: r.ID, Merchants: merchants[r.ID]})
	}
	return out
}
