package merchant

import (
	"net/url"
	"strings"

	"github.com/galla-pay/galla/protocol"
)

// Terminal is what the front doors need to know of a terminal.
type Terminal struct {
	protocol.Identity
	Label      string
	Active     bool
	Integrated bool
	// PaymentWindowSeconds is how long an EDC customer has from the handover on,
	// 10 to 1800; 0 means the default of 180.
	PaymentWindowSeconds int64
	// Busy is what a new sale does to a terminal that has one: "" as its product
	// does, "replace" or "queue".
	Busy string
	// Language is that of its words: "en", "hi"; "" leaves it to the terminal.
	Language string
}

// Directory is a read-only picture of everyone. Build it with New; share it
// freely.
type Directory struct {
	merchants     map[string]Merchant
	stores        map[[2]string]Store
	terminals     map[protocol.Identity]Terminal
	payees        map[protocol.VPA]Payee
	providers     map[string]Provider
	organisations map[string]Organisation
	keys          map[[2]string]SaltKey
	fees          map[[2]string]FeeRule
}

// Data is what a Directory is built of, and what a storage loads and saves.
type Data struct {
	Merchants     []Merchant
	Stores        []Store
	Terminals     []Terminal
	Payees        []Payee
	Providers     []Provider
	Organisations []Organisation
	SaltKeys      []SaltKey
	FeeRules      []FeeRule
}

// New builds a Directory.
func New(d Data) *Directory {
	dir := &Directory{
		merchants: map[string]Merchant{}, stores: map[[2]string]Store{},
		terminals: map[protocol.Identity]Terminal{}, payees: map[protocol.VPA]Payee{},
		providers: map[string]Provider{}, organisations: map[string]Organisation{}, keys: map[[2]string]SaltKey{},
		fees: map[[2]string]FeeRule{},
	}
	for _, m := range d.Merchants {
		dir.merchants[m.ID] = m
	}
	for _, s := range d.Stores {
		dir.stores[[2]string{s.MerchantID, s.ID}] = s
	}
	for _, t := range d.Terminals {
		dir.terminals[t.Identity] = t
	}
	for _, p := range d.Payees {
		dir.payees[lower(p.VPA)] = p
	}
	for _, p := range d.Providers {
		dir.providers[p.ID] = p
	}
	for _, o := range d.Organisations {
		dir.organisations[o.ID] = o
	}
	for _, k := range d.SaltKeys {
		dir.keys[[2]string{k.Owner, k.Index}] = k
	}
	for _, f := range d.FeeRules {
		dir.fees[[2]string{f.MerchantID, f.MCC}] = f
	}
	return dir
}

// Merchant looks a merchant up.
func (d *Directory) Merchant(id string) (Merchant, bool) { m, ok := d.merchants[id]; return m, ok }

// Store looks up a store of a merchant.
func (d *Directory) Store(merchantID, id string) (Store, bool) {
	s, ok := d.stores[[2]string{merchantID, id}]
	return s, ok
}

// Terminal looks a terminal up.
func (d *Directory) Terminal(id protocol.Identity) (Terminal, bool) {
	t, ok := d.terminals[id]
	return t, ok
}

// HasTerminal reports whether there is a terminal that fits.
func (d *Directory) HasTerminal(fits func(Terminal) bool) bool {
	for _, t := range d.terminals {
		if fits(t) {
			return true
		}
	}
	return false
}

// Inactive lists the terminals that may not be used.
func (d *Directory) Inactive() []protocol.Identity {
	var ids []protocol.Identity
	for id, t := range d.terminals {
		if !t.Active {
			ids = append(ids, id)
		}
	}
	return ids
}

// Payee looks a VPA up; case does not matter.
func (d *Directory) Payee(vpa protocol.VPA) (Payee, bool) {
	p, ok := d.payees[lower(vpa)]
	return p, ok
}

// Provider looks a POS provider up.
func (d *Directory) Provider(id string) (Provider, bool) { p, ok := d.providers[id]; return p, ok }

// Organisation looks a UPI organisation up.
func (d *Directory) Organisation(id string) (Organisation, bool) {
	o, ok := d.organisations[id]
	return o, ok
}

// SaltKey looks up the key of a merchant or provider by its index.
func (d *Directory) SaltKey(owner, index string) (SaltKey, bool) {
	k, ok := d.keys[[2]string{owner, index}]
	return k, ok
}

// VPAs are compared without regard to case, as UPI does.
func lower(v protocol.VPA) protocol.VPA { return protocol.VPA(strings.ToLower(string(v))) }

// CallbackURLError says why a callback URL cannot be used.
type CallbackURLError string

func (e CallbackURLError) Error() string { return string(e) }

// CheckCallbackURL judges an X-CALLBACK-URL by its text alone; it never
// resolves a name. In the sandbox any http or https URL will do; elsewhere only
// https to a host that is registered for the merchant, since the header is not
// covered by X-VERIFY (phonepe-api: Callback).
func (m Merchant) CheckCallbackURL(raw string, sandbox bool) error {
	if len(raw) > 2048 {
		return CallbackURLError("is longer than 2048 characters")
	}
	if strings.ContainsFunc(raw, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return CallbackURLError("must be of printable ASCII without spaces")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return CallbackURLError("is not an absolute URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return CallbackURLError("must begin with http:// or https://")
	case u.User != nil:
		return CallbackURLError("must not hold a user name")
	case u.Fragment != "":
		return CallbackURLError("must not hold a fragment")
	case sandbox:
		return nil
	case u.Scheme != "https":
		return CallbackURLError("must begin with https://")
	case u.Port() != "" && u.Port() != "443":
		return CallbackURLError("must use port 443")
	}
	for _, host := range m.CallbackHosts {
		if strings.EqualFold(host, u.Hostname()) {
			return nil
		}
	}
	return CallbackURLError("names a host that is not registered for the merchant")
}
