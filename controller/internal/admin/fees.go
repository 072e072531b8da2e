package admin

import (
	"context"

	"github.com/galla-pay/galla/controller/internal/admin/record"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// Any stands for any merchant, and for any category, where a fee is named.
const Any = "*"

// Fee is a rule of the fee schedules as it is shown. Of the rules that fit a
// payment the most specific counts: the merchant's own for its category, its own
// for any, anybody's for the category, anybody's; where none fits, the basis
// points of the payee.
type Fee struct {
	// MerchantID says whose payments pay it; * is anybody's.
	MerchantID string `json:"merchantId"`
	// MCC is the category of the merchants that pay it; * is any.
	MCC string `json:"mcc"`
	// BasisPoints are hundredths of a per cent.
	BasisPoints int64 `json:"basisPoints"`
	// MinPaise is the least that is taken; 0 is no bound.
	MinPaise int64 `json:"minPaise"`
	// CapPaise is the most that is taken; 0 is no bound.
	CapPaise int64 `json:"capPaise"`
	// Rounding to the paisa: half_up, half_even, up or down.
	Rounding string `json:"rounding"`
}

// FeeTerms are the terms of a fee that is set: all of them, also where it was set
// before.
type FeeTerms struct {
	// BasisPoints are hundredths of a per cent, 0 to 10000.
	BasisPoints *int64 `json:"basisPoints"`
	// MinPaise is the least that is taken, at most CapPaise; 0 is no bound.
	MinPaise int64 `json:"minPaise"`
	// CapPaise is the most that is taken; 0 is no bound.
	CapPaise int64 `json:"capPaise"`
	// Rounding to the paisa: half_up, which is the default, half_even, up or down.
	Rounding string `json:"rounding"`
}

func viewFee(f merchant.FeeRule) Fee {
	return Fee{
		MerchantID: orAny(f.MerchantID), MCC: orAny(f.MCC), BasisPoints: f.BasisPoints,
		MinPaise: int64(f.Min), CapPaise: int64(f.Cap), Rounding: f.Rounding,
	}
}

func orAny(text string) string {
	if text == "" {
		return Any
	}
	return text
}

func orNone(text string) string {
	if text == Any {
		return ""
	}
	return text
}

func feePlace(f merchant.FeeRule) string { return path(orAny(f.MerchantID), orAny(f.MCC)) }

func checkFee(f merchant.FeeRule) error {
	var c checks
	if f.MerchantID != "" {
		c.id("merchantId", f.MerchantID)
	}
	if f.MCC != "" {
		c.mcc("mcc", f.MCC)
	}
	c.fee("basisPoints", f.BasisPoints)
	const bounds = "must be 0 to 10000000000 paise"
	c.that(f.Min >= 0 && f.Min <= protocol.MaxPaise, "minPaise", bounds)
	c.that(f.Cap >= 0 && f.Cap <= protocol.MaxPaise, "capPaise", bounds)
	c.that(f.Cap == 0 || f.Min <= f.Cap, "minPaise", "must not be more than capPaise")
	c.that(f.Rounding != "" && quote.Rounding(f.Rounding).Valid(), "rounding", "must be half_up, half_even, up or down")
	return c.err
}

// SetFee sets the fee of a merchant and a category, each of which may be Any. A
// payment that is made from a few seconds on pays it; one that has ended stays as
// it is. NOT_FOUND where there is no such merchant.
func (s *Service) SetFee(ctx context.Context, by By, merchantID, mcc string, in FeeTerms) (Fee, error) {
	row := merchant.FeeRule{
		MerchantID: orNone(merchantID), MCC: orNone(mcc), Min: protocol.Paise(in.MinPaise), Cap: protocol.Paise(in.CapPaise), Rounding: in.Rounding,
	}
	if row.Rounding == "" {
		row.Rounding = string(quote.RoundHalfUp)
	}
	var c checks
	c.that(merchantID != "", "merchantId", "is missing; * is any")
	c.that(mcc != "", "mcc", "is missing; * is any")
	c.that(in.BasisPoints != nil, "basisPoints", "is missing")
	if c.err != nil {
		return Fee{}, c.err
	}
	row.BasisPoints = *in.BasisPoints
	if err := checkFee(row); err != nil {
		return Fee{}, err
	}
	key := record.FeeKey{MerchantID: row.MerchantID, MCC: row.MCC}
	needs := record.Needs{Fees: []record.FeeKey{key}}
	if row.MerchantID != "" {
		needs.Merchants = []string{row.MerchantID}
	}
	err := s.change(ctx, needs, func(snap record.Snapshot) (record.Changes, error) {
		if _, ok := snap.Merchants[row.MerchantID]; !ok && row.MerchantID != "" {
			return record.Changes{}, NotFound("merchant " + row.MerchantID)
		}
		old, there := snap.Fees[key]
		switch {
		case old == row:
			return record.Changes{}, nil
		case there:
			return record.Changes{
				Fees:  []merchant.FeeRule{row},
				Audit: []record.Entry{by.did(snap, "fee.set", feePlace(row), viewFee(old), viewFee(row))},
			}, nil
		}
		return record.Changes{
			NewFees: []merchant.FeeRule{row},
			Audit:   []record.Entry{by.did(snap, "fee.set", feePlace(row), nil, viewFee(row))},
		}, nil
	})
	if err != nil {
		return Fee{}, err
	}
	return viewFee(row), nil
}

// RemoveFee takes a fee away and returns what it was. NOT_FOUND where there is
// none.
func (s *Service) RemoveFee(ctx context.Context, by By, merchantID, mcc string) (Fee, error) {
	none := NotFound("such fee")
	key := record.FeeKey{MerchantID: orNone(merchantID), MCC: orNone(mcc)}
	if merchantID == "" || mcc == "" || checkFee(merchant.FeeRule{MerchantID: key.MerchantID, MCC: key.MCC, Rounding: string(quote.RoundHalfUp)}) != nil {
		return Fee{}, none
	}
	var old merchant.FeeRule
	err := s.change(ctx, record.Needs{Fees: []record.FeeKey{key}}, func(snap record.Snapshot) (record.Changes, error) {
		var there bool
		if old, there = snap.Fees[key]; !there {
			return record.Changes{}, NotFound("fee of " + path(merchantID, mcc))
		}
		return record.Changes{
			OldFees: []record.FeeKey{key},
			Audit:   []record.Entry{by.did(snap, "fee.remove", feePlace(old), viewFee(old), nil)},
		}, nil
	})
	if err != nil {
		return Fee{}, err
	}
	return viewFee(old), nil
}

// Fees lists the fee schedules, of one merchant where merchantID is not "", and of
// any where it is Any.
func (s *Service) Fees(ctx context.Context, merchantID, after string, limit int) (Page[Fee], error) {
	in := []string{""}
	if merchantID != Any {
		var err error
		if in, err = within([]string{"merchantId"}, merchantID); err != nil {
			return Page[Fee]{}, err
		}
	}
	p, err := page(in, after, 2, limit)
	if err != nil {
		return Page[Fee]{}, err
	}
	for i := range p.After {
		p.After[i] = orNone(p.After[i])
	}
	rows, err := s.store.FeePage(ctx, p)
	return pageOf(rows, limit, viewFee, feePlace), err
}
