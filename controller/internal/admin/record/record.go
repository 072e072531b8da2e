// Package record is what the administration reads and writes: the rows that a
// change names, the rows that it changes, and the line of the audit log that
// goes with it. It is pure, and stands apart from package admin so that the
// storages can know it without knowing a door.
//
// Package admin makes changes of it; the storages load and save them; nobody
// else imports it.
package record

import (
	"errors"
	"time"

	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol"
)

// Provider is a POS vendor; table providers. The merchants that it signs for are
// its mappings.
type Provider struct {
	ID     string
	Active bool
}

// Mapping says that a provider signs for a merchant; table provider_merchants.
type Mapping struct{ ProviderID, MerchantID string }

// Organisation is a member of the UPI network; table organisations.
type Organisation struct {
	merchant.Organisation
	Active bool
}

// Token lets its bearer in at the admin door; table admin_tokens.
type Token struct {
	Name string
	// Role is "viewer", "operator" or "admin".
	Role string
	// Hash is the SHA-256 of the token's text, which is kept nowhere.
	Hash      []byte
	CreatedAt time.Time
	CreatedBy string    // an Entry's Actor
	RevokedAt time.Time // zero: it is good
}

// Entry is a line of the audit log; table audit_log. Lines are never changed.
type Entry struct {
	// ID rises by one from line to line; the storage gives it.
	ID int64
	At time.Time
	// Actor is a token's name, or "cli:" and a user of the operating system.
	Actor string
	// Source is where from: an address, or a machine's name.
	Source string
	// Action is what was done, such as "merchant.create".
	Action string
	// Target is to what, such as "SHOP1/STORE1/T1".
	Target string
	// Details is a JSON object of what changed. It holds no secret.
	Details string
}

// FeeKey names a rule of the fee schedules; "" is any merchant, any category.
type FeeKey struct{ MerchantID, MCC string }

// StoreKey names a store.
type StoreKey struct{ MerchantID, ID string }

// Needs names the rows that a change looks at. Absence is an answer too.
type Needs struct {
	Merchants     []string
	Stores        []StoreKey
	Terminals     []protocol.Identity
	Payees        []protocol.VPA // as they are kept: in lower case
	Providers     []string       // with their mappings
	Organisations []string
	Owners        []string // of salt keys: all that each has
	Tokens        []string // by name
	Fees          []FeeKey
}

// Snapshot is the rows that there are, all of one moment, and the moment.
type Snapshot struct {
	Now           time.Time
	Merchants     map[string]merchant.Merchant
	Stores        map[StoreKey]merchant.Store
	Terminals     map[protocol.Identity]merchant.Terminal
	Payees        map[protocol.VPA]merchant.Payee
	Providers     map[string]Provider
	Mappings      map[string][]string // merchants by provider, sorted
	Organisations map[string]Organisation
	// Keys are by owner, in the order of their indexes, without their secrets.
	Keys   map[string][]merchant.SaltKey
	Tokens map[string]Token
	Fees   map[FeeKey]merchant.FeeRule
}

// NewSnapshot makes an empty one.
func NewSnapshot(now time.Time) Snapshot {
	return Snapshot{
		Now: now, Merchants: map[string]merchant.Merchant{}, Stores: map[StoreKey]merchant.Store{},
		Terminals: map[protocol.Identity]merchant.Terminal{}, Payees: map[protocol.VPA]merchant.Payee{},
		Providers: map[string]Provider{}, Mappings: map[string][]string{}, Organisations: map[string]Organisation{},
		Keys: map[string][]merchant.SaltKey{}, Tokens: map[string]Token{}, Fees: map[FeeKey]merchant.FeeRule{},
	}
}

// Changes is what a change saves. New rows must not be there yet, the others
// must.
type Changes struct {
	NewMerchants, Merchants         []merchant.Merchant
	NewStores, Stores               []merchant.Store
	NewTerminals, Terminals         []merchant.Terminal
	NewPayees, Payees               []merchant.Payee
	NewProviders, Providers         []Provider
	NewMappings, OldMappings        []Mapping
	NewOrganisations, Organisations []Organisation
	// NewKeys are sealed by the storage. Keys change their times alone.
	NewKeys, Keys     []merchant.SaltKey
	NewTokens, Tokens []Token
	NewFees, Fees     []merchant.FeeRule
	OldFees           []FeeKey // which are there
	// Audit is one line at least.
	Audit []Entry
}

// ErrUnaudited is returned for changes that nobody would ever hear of.
var ErrUnaudited = errors.New("a change without a line in the audit log")

// Empty reports whether there is nothing to save.
func (c Changes) Empty() bool { return c.rows() == 0 && len(c.Audit) == 0 }

// Check returns ErrUnaudited where rows change and no line says so.
func (c Changes) Check() error {
	if c.rows() > 0 && len(c.Audit) == 0 {
		return ErrUnaudited
	}
	return nil
}

func (c Changes) rows() int {
	return len(c.NewMerchants) + len(c.Merchants) + len(c.NewStores) + len(c.Stores) + len(c.NewTerminals) + len(c.Terminals) +
		len(c.NewPayees) + len(c.Payees) + len(c.NewProviders) + len(c.Providers) + len(c.NewMappings) + len(c.OldMappings) +
		len(c.NewOrganisations) + len(c.Organisations) + len(c.NewKeys) + len(c.Keys) + len(c.NewTokens) + len(c.Tokens) +
		len(c.NewFees) + len(c.Fees) + len(c.OldFees)
}

// Page asks for a part of a list, in the order of the keys.
type Page struct {
	// Within narrows the list: a merchant's stores and payees, a merchant's or a
	// store's terminals, an owner's salt keys.
	Within []string
	// After is the place of the last row that was seen; nil begins at the first.
	After []string
	// Limit is how many rows are taken at most, 1 or more.
	Limit int
}

// AuditQuery asks for lines of the audit log, oldest first. Each field that is
// not its zero value narrows it.
type AuditQuery struct {
	Actor, Action, Target string
	Since, Until          time.Time // Until is not in it
	After                 int64     // an Entry's ID
	// Last takes the newest lines instead of the oldest; they still come oldest
	// first.
	Last  bool
	Limit int
}

// Rewrapped is what a change of the sealing key did.
type Rewrapped struct {
	// SaltKeys and Secrets are how many there are.
	SaltKeys, Secrets int
	// Already: all of them stood under the new key before; nothing was changed.
	Already bool
}
