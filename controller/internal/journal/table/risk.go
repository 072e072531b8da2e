package table

import (
	"fmt"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/protocol"
)

// RiskRows says where the messages stand that a risk rule counts: their table,
// the column of their time and of the party's address, and what else holds of
// them, in SQL that begins with AND, or nothing. All of it is fixed text.
type RiskRows struct{ Table, At, Address, Also string }

// NewRiskRows finds out where. Only counts that a rule can name have rows.
func NewRiskRows(c risk.Count) (RiskRows, error) {
	rows := RiskRows{Table: "req_pays", At: "at", Address: "payee_addr"}
	switch c.Of {
	case risk.Payer:
		rows.Address = "payer_addr"
	case risk.Payee, risk.Merchant:
	default:
		return RiskRows{}, fmt.Errorf("risk: no messages of a %.64q are counted", c.Of)
	}
	switch {
	case c.What == risk.Validations && c.Of != risk.Payer:
		rows.Table, rows.At = "qr_validations", "created_at"
	case c.What == risk.Payments:
	case c.What == risk.Declined:
		rows.Also = " AND status = 'FAILED'"
	default:
		return RiskRows{}, fmt.Errorf("risk: no %.64q of a %s are counted", c.What, c.Of)
	}
	return rows, nil
}

// RiskRound is what questions that are asked together come to: each number once,
// however many ask for it. The storage fills what it found out in; Facts are the
// answers.
type RiskRound struct {
	Counts  []*RiskCounts
	Samples []*RiskSamples
	about   []risk.Question
}

// RiskCounts is one count of several parties, each by the name that it is found
// by. Found has a number for each of Names.
type RiskCounts struct {
	risk.CountNeed
	Names []string
	Found []int64
	place map[string]int
}

// RiskSamples is the samples of several payees. Found has one for each of Payees.
type RiskSamples struct {
	Window time.Duration
	Payees []string
	Found  [][]protocol.Paise
	place  map[string]int
}

// NewRiskRound takes the questions in. Names that no storage keeps are refused with
// journal.ErrText; what no rule can count is refused, too.
func NewRiskRound(about []risk.Question) (*RiskRound, error) {
	r := &RiskRound{about: about}
	for i := range about {
		q := &about[i]
		for _, of := range []risk.Party{risk.Payer, risk.Payee, risk.Merchant} {
			if !Keepable(riskName(q, of)) {
				return nil, fmt.Errorf("risk: %s: %w", of, journal.ErrText)
			}
		}
		for _, n := range q.Needs.Counts {
			if _, err := NewRiskRows(n.Count); err != nil {
				return nil, err
			}
			if name := riskName(q, n.Of); name != "" { // nobody is found by no name
				c := r.counts(n)
				c.Names = placed(c.place, c.Names, name)
			}
		}
		for _, window := range q.Needs.Samples {
			s := r.samples(window)
			s.Payees = placed(s.place, s.Payees, string(q.Payee))
		}
	}
	for _, c := range r.Counts {
		c.Found = make([]int64, len(c.Names))
	}
	for _, s := range r.Samples {
		s.Found = make([][]protocol.Paise, len(s.Payees))
	}
	return r, nil
}

// Empty reports whether there is nothing to find out.
func (r *RiskRound) Empty() bool { return len(r.Counts)+len(r.Samples) == 0 }

// Facts are what was found out, for each question. They may share samples.
func (r *RiskRound) Facts() []risk.Facts {
	all := make([]risk.Facts, len(r.about))
	for i := range r.about {
		q, facts := &r.about[i], risk.NewFacts()
		for _, n := range q.Needs.Counts {
			if name := riskName(q, n.Of); name != "" {
				c := r.counts(n)
				facts.Counts[n.Count] = c.Found[c.place[name]]
			}
		}
		for _, window := range q.Needs.Samples {
			s := r.samples(window)
			facts.Samples[window] = s.Found[s.place[string(q.Payee)]]
		}
		all[i] = facts
	}
	return all
}

func (r *RiskRound) counts(n risk.CountNeed) *RiskCounts {
	for _, c := range r.Counts {
		if c.CountNeed == n {
			return c
		}
	}
	c := &RiskCounts{CountNeed: n, place: map[string]int{}}
	r.Counts = append(r.Counts, c)
	return c
}

func (r *RiskRound) samples(window time.Duration) *RiskSamples {
	for _, s := range r.Samples {
		if s.Window == window {
			return s
		}
	}
	s := &RiskSamples{Window: window, place: map[string]int{}}
	r.Samples = append(r.Samples, s)
	return s
}

// placed adds a name that is new.
func placed(place map[string]int, names []string, name string) []string {
	if _, known := place[name]; known {
		return names
	}
	place[name] = len(names)
	return append(names, name)
}

// riskName is what a party is found by.
func riskName(q *risk.Question, of risk.Party) string {
	switch of {
	case risk.Payer:
		return string(q.Payer)
	case risk.Payee:
		return string(q.Payee)
	case risk.Merchant:
		return q.MerchantID
	}
	return ""
}
