package storagetest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal/table"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/protocol"
)

// RiskFacts reads every row there is.
func (m *Memory) RiskFacts(ctx context.Context, about []risk.Question) ([]risk.Facts, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	round, err := table.NewRiskRound(about)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil && !round.Empty() {
		return nil, err
	}
	now := m.now()
	for _, c := range round.Counts {
		for i, name := range c.Names {
			c.Found[i] = min(m.riskCount(c.Count, name, now.Add(-c.Window)), c.AtMost)
		}
	}
	for _, s := range round.Samples {
		for i, payee := range s.Payees {
			s.Found[i] = m.riskSample(protocol.VPA(payee), now.Add(-s.Window))
		}
	}
	return round.Facts(), nil
}

func (m *Memory) riskCount(c risk.Count, party string, from time.Time) (n int64) {
	addresses := []string{strings.ToLower(party)}
	if c.Of == risk.Merchant {
		addresses = nil
		for _, p := range m.directory.Payees {
			if p.MerchantID == party {
				addresses = append(addresses, strings.ToLower(string(p.VPA)))
			}
		}
		slices.Sort(addresses)
		addresses = addresses[:min(len(addresses), risk.MaxPayees)]
	}
	ofThem := func(v protocol.VPA) bool { return slices.Contains(addresses, strings.ToLower(string(v))) }
	if c.What == risk.Validations {
		for _, q := range m.rows.quotes {
			if q.CreatedAt.After(from) && ofThem(q.Payee) {
				n++
			}
		}
		return n
	}
	for _, r := range m.rows.reqPays {
		party := r.Payee
		if c.Of == risk.Payer {
			party = r.Payer
		}
		if r.At.After(from) && ofThem(party) && (c.What == risk.Payments || r.Status == "FAILED") {
			n++
		}
	}
	return n
}

func (m *Memory) riskSample(payee protocol.VPA, from time.Time) []protocol.Paise {
	var latest []decide.ReqPay
	for _, r := range m.rows.reqPays {
		if r.At.After(from) && strings.EqualFold(string(r.Payee), string(payee)) {
			latest = append(latest, r)
		}
	}
	slices.SortFunc(latest, func(a, b decide.ReqPay) int { return cmp.Compare(b.At.UnixMicro(), a.At.UnixMicro()) })
	sample := []protocol.Paise{}
	for _, r := range latest[:min(len(latest), risk.MaxSample)] {
		if r.Status == "SUCCESS" {
			sample = append(sample, r.Amount)
		}
	}
	return sample
}
