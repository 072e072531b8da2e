package table

import (
	"strconv"
	"time"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol"
)

// AdminProviders is table providers as the administration sees it.
var AdminProviders = Table[record.Provider]{
	Name: "providers", Key: []string{"id"},
	Columns: []Column[record.Provider]{
		text("id", func(p *record.Provider) *string { return &p.ID }),
		boolean("active", func(p *record.Provider) *bool { return &p.Active }),
	},
}

// AdminOrganisations is table organisations as the administration sees it.
var AdminOrganisations = Table[record.Organisation]{
	Name: "organisations", Key: []string{"id"},
	Columns: []Column[record.Organisation]{
		text("id", func(o *record.Organisation) *string { return &o.ID }),
		text("default_payee", func(o *record.Organisation) *protocol.VPA { return &o.DefaultPayee }),
		boolean("unsigned", func(o *record.Organisation) *bool { return &o.Unsigned }),
		list("certificates", func(o *record.Organisation) *[]string { return &o.Certificates }),
		boolean("active", func(o *record.Organisation) *bool { return &o.Active }),
	},
}

// KeyTimes is table salt_keys without what is sealed: all that is listed, and
// all that ever changes of a key.
var KeyTimes = Table[merchant.SaltKey]{
	Name: "salt_keys", Key: []string{"owner", "key_index"},
	Columns: []Column[merchant.SaltKey]{
		text("owner", func(k *merchant.SaltKey) *string { return &k.Owner }),
		text("key_index", func(k *merchant.SaltKey) *string { return &k.Index }),
		instant("not_before", func(k *merchant.SaltKey) *time.Time { return &k.NotBefore }),
		instant("not_after", func(k *merchant.SaltKey) *time.Time { return &k.NotAfter }),
	},
}

// Tokens is table admin_tokens.
var Tokens = Table[record.Token]{
	Name: "admin_tokens", Key: []string{"name"}, Fixed: fixed("role", "hash", "created_at", "created_by"),
	Columns: []Column[record.Token]{
		text("name", func(t *record.Token) *string { return &t.Name }),
		text("role", func(t *record.Token) *string { return &t.Role }),
		blob("hash", func(t *record.Token) *[]byte { return &t.Hash }),
		instant("created_at", func(t *record.Token) *time.Time { return &t.CreatedAt }),
		text("created_by", func(t *record.Token) *string { return &t.CreatedBy }),
		instant("revoked_at", func(t *record.Token) *time.Time { return &t.RevokedAt }),
	},
}

// Audit is table audit_log.
var Audit = Table[record.Entry]{
	Name: "audit_log", Key: []string{"id"},
	Columns: []Column[record.Entry]{
		number("id", func(e *record.Entry) *int64 { return &e.ID }),
		instant("at", func(e *record.Entry) *time.Time { return &e.At }),
		text("actor", func(e *record.Entry) *string { return &e.Actor }),
		text("source", func(e *record.Entry) *string { return &e.Source }),
		text("action", func(e *record.Entry) *string { return &e.Action }),
		text("target", func(e *record.Entry) *string { return &e.Target }),
		text("details", func(e *record.Entry) *string { return &e.Details }),
	},
}

// Listing is how a table is listed: what a record.Page's Within narrows, and
// what its After says the place of, in this order.
type Listing[T any] struct {
	Table  Table[T]
	Within []string
	Order  []string
}

// The listings of the administration.
var (
	MerchantList = Listing[merchant.Merchant]{Merchants, nil, []string{"id"}}
	StoreList    = Listing[merchant.Store]{Stores, []string{"merchant_id"}, []string{"merchant_id", "id"}}
	TerminalList = Listing[merchant.Terminal]{Counters, []string{"merchant_id", "store_id"}, []string{"merchant_id", "store_id", "terminal_id"}}
	PayeeList    = Listing[merchant.Payee]{Payees, []string{"merchant_id"}, []string{"vpa"}}
	ProviderList = Listing[record.Provider]{AdminProviders, nil, []string{"id"}}
	OrgList      = Listing[record.Organisation]{AdminOrganisations, nil, []string{"id"}}
	// Indexes are numbers without leading zeros: by length, then by text.
	KeyList   = Listing[merchant.SaltKey]{KeyTimes, []string{"owner"}, []string{"owner", "CAST(length(key_index) AS TEXT)", "key_index"}}
	TokenList = Listing[record.Token]{Tokens, nil, []string{"name"}}
)

// KeyPlace is the place of a salt key in KeyList.
func KeyPlace(owner, index string) []string { return []string{owner, strconv.Itoa(len(index)), index} }

// SealedColumn is a column, called sealed, of secrets sealed by the key file's
// key.
type SealedColumn struct {
	Table string
	Key   []string // the columns of the primary key, all texts
	// SealName is the name that the secret of a row is sealed under.
	SealName func(key []string) string
}

// Sealed are all of them: what a change of the sealing key must seal anew.
func Sealed() []SealedColumn {
	return []SealedColumn{
		{"salt_keys", []string{"owner", "key_index"}, func(key []string) string { return SaltName(key[0], key[1]) }},
		{"secrets", []string{"name"}, func(key []string) string { return SecretName(key[0]) }},
	}
}

// ActiveProviders are the providers that the directory has: a disabled one signs
// for nobody.
func ActiveProviders(all []record.Provider) []Provider {
	var active []Provider
	for _, p := range all {
		if p.Active {
			active = append(active, Provider{p.ID})
		}
	}
	return active
}

// ActiveOrganisations are the organisations that the directory has: a disabled
// one is a stranger.
func ActiveOrganisations(all []record.Organisation) []merchant.Organisation {
	var active []merchant.Organisation
	for _, o := range all {
		if o.Active {
			active = append(active, o.Organisation)
		}
	}
	return active
}
