package risk

import (
	"encoding/json"

	"github.com/galla-pay/galla/protocol"
)

// file is the JSON form that Parse reads.
type file struct {
	Rules []fileRule `json:"rules"`
}

type fileRule struct {
	Name        string   `json:"name"`
	Explanation string   `json:"explanation"`
	On          bool     `json:"on"`
	Phase       Phase    `json:"phase"`
	Kind        Kind     `json:"kind"`
	Window      string   `json:"window,omitempty"`
	Of          Party    `json:"of,omitempty"`
	Counts      What     `json:"counts,omitempty"`
	Threshold   int64    `json:"threshold,omitempty"`
	Measure     string   `json:"measure,omitempty"`
	Percent     int64    `json:"percent,omitempty"`
	Minimum     int64    `json:"minimum,omitempty"`
	Above       string   `json:"above,omitempty"`
	Score       int      `json:"score"`
	Action      Action   `json:"action"`
	Limit       string   `json:"limit,omitempty"`
	Merchants   []string `json:"merchants,omitempty"`
	MCCs        []string `json:"mccs,omitempty"`
}

// MarshalJSON writes the rules as Parse reads them.
func (r Rules) MarshalJSON() ([]byte, error) {
	f := file{Rules: []fileRule{}}
	for _, x := range r.all {
		f.Rules = append(f.Rules, fileRule{
			x.Name, x.Explanation, x.On, x.Phase, x.Kind, x.windowField(), x.Of, x.Counts, x.Threshold,
			x.Measure, x.Percent, x.Minimum, rupeesField(x.Above), x.Score, x.Action, rupeesField(x.Limit),
			x.Merchants, x.MCCs,
		})
	}
	return json.Marshal(f)
}

func (r Rule) windowField() string {
	if r.Window == 0 {
		return ""
	}
	return windowText(r.Window)
}

func rupeesField(p protocol.Paise) string {
	if p == 0 {
		return ""
	}
	return p.Rupees()
}
