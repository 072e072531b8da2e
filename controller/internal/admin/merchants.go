package admin

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol"
)

// Merchant is an account holder as it is shown.
type Merchant struct {
	MerchantID string `json:"merchantId"`
	Name       string `json:"name"`
	MCC        string `json:"mcc"`
	Active     bool   `json:"active"`
	DQR        bool   `json:"dqr"`
	EDC        bool   `json:"edc"`
	Payee      string `json:"payee"`
	// CallbackURL is without its query, which may hold a secret.
	CallbackURL   string   `json:"callbackUrl,omitempty"`
	CallbackHosts []string `json:"callbackHosts"`
}

// NewMerchant is a merchant to be made. Its payee is made with it, where it is
// not there yet.
type NewMerchant struct {
	MerchantID     string   `json:"merchantId"`
	Name           string   `json:"name"`
	MCC            string   `json:"mcc"`
	DQR            bool     `json:"dqr"`
	EDC            bool     `json:"edc"`
	Payee          string   `json:"payee"`
	FeeBasisPoints int64    `json:"feeBasisPoints"`
	CallbackURL    string   `json:"callbackUrl"`
	CallbackHosts  []string `json:"callbackHosts"`
}

// MerchantUpdate changes what it names; nil leaves a field as it is.
type MerchantUpdate struct {
	Name          *string   `json:"name"`
	MCC           *string   `json:"mcc"`
	DQR           *bool     `json:"dqr"`
	EDC           *bool     `json:"edc"`
	Payee         *string   `json:"payee"`
	CallbackURL   *string   `json:"callbackUrl"`
	CallbackHosts *[]string `json:"callbackHosts"`
	active        *bool
}

func viewMerchant(m merchant.Merchant) Merchant {
	return Merchant{
		MerchantID: m.ID, Name: m.Name, MCC: m.MCC, Active: m.Active, DQR: m.DQR, EDC: m.EDC, Payee: string(m.Payee),
		CallbackURL: shownURL(m.CallbackURL), CallbackHosts: append([]string{}, m.CallbackHosts...),
	}
}

func checkMerchant(m merchant.Merchant) error {
	var c checks
	c.id("merchantId", m.ID)
	c.name("name", m.Name)
	c.mcc("mcc", m.MCC)
	c.vpa("payee", m.Payee)
	c.callbackURL("callbackUrl", m.CallbackURL)
	c.hosts("callbackHosts", m.CallbackHosts)
	return c.err
}

// CreateMerchant makes a merchant, active. ALREADY_EXISTS where a merchant or a
// provider has the id: either could own the salt keys of that name.
func (s *Service) CreateMerchant(ctx context.Context, by By, in NewMerchant) (Merchant, error) {
	m := merchant.Merchant{
		ID: in.MerchantID, Name: in.Name, MCC: in.MCC, Active: true, DQR: in.DQR, EDC: in.EDC, Payee: lowerVPA(in.Payee),
		CallbackURL: in.CallbackURL, CallbackHosts: in.CallbackHosts,
	}
	var c checks
	c.fee("feeBasisPoints", in.FeeBasisPoints)
	if err := checkMerchant(m); err != nil {
		return Merchant{}, err
	}
	if c.err != nil {
		return Merchant{}, c.err
	}
	needs := record.Needs{Merchants: []string{m.ID}, Providers: []string{m.ID}, Payees: []protocol.VPA{m.Payee}}
	err := s.change(ctx, needs, func(snap record.Snapshot) (record.Changes, error) {
		var changes record.Changes
		if _, taken := snap.Merchants[m.ID]; taken {
			return changes, Exists("merchant " + m.ID)
		}
		if _, taken := snap.Providers[m.ID]; taken {
			return changes, Exists("provider " + m.ID)
		}
		if err := payeeOf(snap, by, m, in.FeeBasisPoints, &changes); err != nil {
			return changes, err
		}
		changes.NewMerchants = []merchant.Merchant{m}
		changes.Audit = append(changes.Audit, by.did(snap, "merchant.create", m.ID, nil, viewMerchant(m)))
		return changes, nil
	})
	return viewMerchant(m), err
}

// payeeOf sees to it that the VPA of a merchant's QRs is one of its payees.
func payeeOf(snap record.Snapshot, by By, m merchant.Merchant, fee int64, changes *record.Changes) error {
	p, there := snap.Payees[m.Payee]
	switch {
	case there && p.MerchantID != m.ID:
		return Invalid("payee", "belongs to another merchant")
	case !there:
		p = merchant.Payee{VPA: m.Payee, MerchantID: m.ID, Active: true, FeeBasisPoints: fee}
		changes.NewPayees = []merchant.Payee{p}
		changes.Audit = append(changes.Audit, by.did(snap, "payee.create", string(p.VPA), nil, viewPayee(p)))
	}
	return nil
}

// UpdateMerchant changes a merchant. What is as it was is written down nowhere.
func (s *Service) UpdateMerchant(ctx context.Context, by By, id string, u MerchantUpdate) (Merchant, error) {
	return s.updateMerchant(ctx, by, "merchant.update", id, u)
}

// SetMerchantActive enables or disables a merchant. A disabled one is refused by
// every door.
func (s *Service) SetMerchantActive(ctx context.Context, by By, id string, active bool) (Merchant, error) {
	return s.updateMerchant(ctx, by, "merchant."+activity(active), id, MerchantUpdate{active: &active})
}

func (s *Service) updateMerchant(ctx context.Context, by By, action, id string, u MerchantUpdate) (Merchant, error) {
	var changed merchant.Merchant
	if !protocol.ValidID(id, MaxID) {
		return Merchant{}, NotFound("such merchant")
	}
	needs := record.Needs{Merchants: []string{id}}
	if u.Payee != nil {
		payee := lowerVPA(*u.Payee)
		var c checks
		if c.vpa("payee", payee); c.err != nil {
			return Merchant{}, c.err
		}
		needs.Payees = []protocol.VPA{payee}
	}
	err := s.change(ctx, needs, func(snap record.Snapshot) (record.Changes, error) {
		var changes record.Changes
		m, ok := snap.Merchants[id]
		if !ok {
			return changes, NotFound("merchant " + id)
		}
		changed = m
		set(&changed.Name, u.Name)
		set(&changed.MCC, u.MCC)
		set(&changed.DQR, u.DQR)
		set(&changed.EDC, u.EDC)
		set(&changed.CallbackURL, u.CallbackURL)
		set(&changed.CallbackHosts, u.CallbackHosts)
		set(&changed.Active, u.active)
		if len(changed.CallbackHosts) == 0 {
			changed.CallbackHosts = nil
		}
		if u.Payee != nil {
			changed.Payee = lowerVPA(*u.Payee)
			if err := payeeOf(snap, by, changed, 0, &changes); err != nil {
				return changes, err
			}
		}
		if reflect.DeepEqual(changed, m) {
			return record.Changes{}, nil
		}
		if err := checkMerchant(changed); err != nil && u.active == nil {
			return changes, err
		}
		line := by.did(snap, action, id, viewMerchant(m), viewMerchant(changed))
		if line.Details == "{}" { // the query of the callback URL, which is not shown
			line.Details = `{"callbackUrl":{"to":"***"}}`
		}
		changes.Merchants = []merchant.Merchant{changed}
		changes.Audit = append(changes.Audit, line)
		return changes, nil
	})
	return viewMerchant(changed), err
}

// Merchant shows a merchant.
func (s *Service) Merchant(ctx context.Context, id string) (Merchant, error) {
	if protocol.ValidID(id, MaxID) {
		snap, err := s.store.Look(ctx, record.Needs{Merchants: []string{id}})
		if err != nil {
			return Merchant{}, err
		}
		if m, ok := snap.Merchants[id]; ok {
			return viewMerchant(m), nil
		}
		return Merchant{}, NotFound("merchant " + id)
	}
	return Merchant{}, NotFound("such merchant")
}

// Merchants lists merchants by their ids.
func (s *Service) Merchants(ctx context.Context, after string, limit int) (Page[Merchant], error) {
	p, err := page(nil, after, 1, limit)
	if err != nil {
		return Page[Merchant]{}, err
	}
	rows, err := s.store.MerchantPage(ctx, p)
	return pageOf(rows, limit, viewMerchant, func(m merchant.Merchant) string { return m.ID }), err
}

// page makes a record.Page of a cursor: the parts of a key with / between. It
// asks for one row more than limit, to see whether there is one.
func page(within []string, after string, parts, limit int) (record.Page, error) {
	if limit < 1 || limit > MaxLimit {
		return record.Page{}, Invalid("limit", "must be a whole number from 1 to 200")
	}
	p := record.Page{Within: within, Limit: limit + 1}
	if after != "" {
		p.After = strings.Split(after, "/")
		if len(p.After) != parts || slices.ContainsFunc(p.After, func(s string) bool { return s == "" || !printable(s, 255) }) {
			return record.Page{}, Invalid("after", "must be the next of the page before")
		}
	}
	return p, nil
}

// within is the leading ids that narrow a list, or what is wrong with them: one
// that is missing may not have others behind it.
func within(names []string, ids ...string) ([]string, error) {
	var out []string
	var c checks
	for i, id := range ids {
		if id == "" {
			break
		}
		c.id(names[i], id)
		out = append(out, id)
	}
	for _, id := range ids[len(out):] {
		c.that(id == "", names[len(out)], "is missing")
	}
	return out, c.err
}

// set sets a field that an update names.
func set[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}

func lowerVPA(text string) protocol.VPA { return protocol.VPA(strings.ToLower(text)) }

func activity(active bool) string {
	if active {
		return "enable"
	}
	return "disable"
}
