package admin

import (
	"context"
	"slices"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/protocol"
)

// Payee is a VPA that customers pay to, as it is shown.
type Payee struct {
	VPA            string `json:"vpa"`
	MerchantID     string `json:"merchantId"`
	Active         bool   `json:"active"`
	FeeBasisPoints int64  `json:"feeBasisPoints"`
	// AcquirerCode is how the acquirer always answers; "" but in a sandbox.
	AcquirerCode string `json:"acquirerCode,omitempty"`
}

// NewPayee is a payee to be made.
type NewPayee struct {
	VPA            string `json:"vpa"`
	MerchantID     string `json:"merchantId"`
	FeeBasisPoints int64  `json:"feeBasisPoints"`
	AcquirerCode   string `json:"acquirerCode"`
}

// PayeeUpdate changes what it names; nil leaves a field as it is.
type PayeeUpdate struct {
	FeeBasisPoints *int64  `json:"feeBasisPoints"`
	AcquirerCode   *string `json:"acquirerCode"`
	active         *bool
}

func viewPayee(p merchant.Payee) Payee {
	return Payee{
		VPA: string(p.VPA), MerchantID: p.MerchantID, Active: p.Active, FeeBasisPoints: p.FeeBasisPoints, AcquirerCode: p.AcquirerCode,
	}
}

func checkPayee(p merchant.Payee) error {
	var c checks
	c.vpa("vpa", p.VPA)
	c.id("merchantId", p.MerchantID)
	c.fee("feeBasisPoints", p.FeeBasisPoints)
	c.that(slices.Contains(acquirerCodes(), p.AcquirerCode), "acquirerCode", "must be YH, IP05, IP08, IP10 or nothing")
	return c.err
}

// CreatePayee makes a payee of a merchant, active. A VPA is kept in lower case:
// UPI does not tell case.
func (s *Service) CreatePayee(ctx context.Context, by By, in NewPayee) (Payee, error) {
	row := merchant.Payee{
		VPA: lowerVPA(in.VPA), MerchantID: in.MerchantID, Active: true, FeeBasisPoints: in.FeeBasisPoints, AcquirerCode: in.AcquirerCode,
	}
	if err := checkPayee(row); err != nil {
		return Payee{}, err
	}
	needs := record.Needs{Merchants: []string{row.MerchantID}, Payees: []protocol.VPA{row.VPA}}
	err := s.change(ctx, needs, func(snap record.Snapshot) (record.Changes, error) {
		if _, ok := snap.Merchants[row.MerchantID]; !ok {
			return record.Changes{}, Invalid("merchantId", "names no merchant")
		}
		if _, taken := snap.Payees[row.VPA]; taken {
			return record.Changes{}, Exists("payee of that VPA")
		}
		return record.Changes{
			NewPayees: []merchant.Payee{row},
			Audit:     []record.Entry{by.did(snap, "payee.create", string(row.VPA), nil, viewPayee(row))},
		}, nil
	})
	return viewPayee(row), err
}

// UpdatePayee changes a payee.
func (s *Service) UpdatePayee(ctx context.Context, by By, vpa string, u PayeeUpdate) (Payee, error) {
	return s.updatePayee(ctx, by, "payee.update", vpa, u)
}

// SetPayeeActive enables or disables a payee. A disabled one is paid nothing.
func (s *Service) SetPayeeActive(ctx context.Context, by By, vpa string, active bool) (Payee, error) {
	return s.updatePayee(ctx, by, "payee."+activity(active), vpa, PayeeUpdate{active: &active})
}

func (s *Service) updatePayee(ctx context.Context, by By, action, text string, u PayeeUpdate) (Payee, error) {
	vpa := lowerVPA(text)
	if !vpa.Valid() {
		return Payee{}, NotFound("such payee")
	}
	var changed merchant.Payee
	err := s.change(ctx, record.Needs{Payees: []protocol.VPA{vpa}}, func(snap record.Snapshot) (record.Changes, error) {
		row, ok := snap.Payees[vpa]
		if !ok {
			return record.Changes{}, NotFound("payee " + string(vpa))
		}
		changed = row
		set(&changed.FeeBasisPoints, u.FeeBasisPoints)
		set(&changed.AcquirerCode, u.AcquirerCode)
		set(&changed.Active, u.active)
		if changed == row {
			return record.Changes{}, nil
		}
		if err := checkPayee(changed); err != nil && u.active == nil {
			return record.Changes{}, err
		}
		return record.Changes{
			Payees: []merchant.Payee{changed},
			Audit:  []record.Entry{by.did(snap, action, string(vpa), viewPayee(row), viewPayee(changed))},
		}, nil
	})
	return viewPayee(changed), err
}

// Payee shows a payee.
func (s *Service) Payee(ctx context.Context, text string) (Payee, error) {
	vpa := lowerVPA(text)
	if !vpa.Valid() {
		return Payee{}, NotFound("such payee")
	}
	snap, err := s.store.Look(ctx, record.Needs{Payees: []protocol.VPA{vpa}})
	if err != nil {
		return Payee{}, err
	}
	if row, ok := snap.Payees[vpa]; ok {
		return viewPayee(row), nil
	}
	return Payee{}, NotFound("payee " + string(vpa))
}

// Payees lists payees, of one merchant where merchantID is not "".
func (s *Service) Payees(ctx context.Context, merchantID, after string, limit int) (Page[Payee], error) {
	in, err := within([]string{"merchantId"}, merchantID)
	if err != nil {
		return Page[Payee]{}, err
	}
	p, err := page(in, after, 1, limit)
	if err != nil {
		return Page[Payee]{}, err
	}
	rows, err := s.store.PayeePage(ctx, p)
	return pageOf(rows, limit, viewPayee, func(p merchant.Payee) string { return string(p.VPA) }), err
}
