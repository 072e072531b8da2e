package risk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/galla-pay/galla/protocol"
)

// maxText bounds a file of rules, in bytes.
const maxText = 256 << 10

// Parse reads rules as JSON, {"about": ["...", ...], "rules": [{"name": ...}, ...]}:
// about is for those who read the file and may be left out; the fields of a rule
// are those of Rule in small letters. Amounts are rupees as text ("7500.00"),
// windows are text too ("10m", "24h"). Nothing may be left out that a rule of its
// kind and action has, and nothing else may stand there; "explanation" and "on"
// are always due, so that nobody switches a rule on or off by an oversight. The
// error names the rule and the field.
func Parse(text []byte) (Rules, error) {
	switch {
	case len(text) > maxText:
		return Rules{}, fmt.Errorf("risk rules: %d bytes, %d at most", len(text), maxText)
	case !utf8.Valid(text):
		return Rules{}, errors.New("risk rules: not UTF-8")
	}
	rules, err := parse(text)
	if err == nil {
		err = check(rules)
	}
	if err != nil {
		return Rules{}, fmt.Errorf("risk rules: %w", err)
	}
	return Rules{rules}, nil
}

func parse(text []byte) ([]Rule, error) {
	members, err := object(text)
	if err != nil {
		return nil, err
	}
	var rules []Rule
	found := false
	for _, m := range members {
		if m.key == "about" {
			var about []string
			if err := names(&about)(m.value); err != nil {
				return nil, fmt.Errorf("about: %w", err)
			}
			continue
		}
		if m.key != "rules" {
			return nil, fieldError(fmt.Sprintf("%.64s", m.key), "there is no such field beside rules and about")
		}
		found = true
		var list []json.RawMessage
		if err := decode(m.value, &list, "a list of rules"); err != nil {
			return nil, fmt.Errorf("rules: %w", err)
		}
		if len(list) > MaxRules {
			return nil, fmt.Errorf("there are %d rules, %d at most", len(list), MaxRules)
		}
		for i, raw := range list {
			r, err := parseRule(raw)
			if err != nil {
				if !validName(r.Name) {
					r.Name = ""
				}
				return nil, ruleError(i, r.Name, err)
			}
			rules = append(rules, r)
		}
	}
	if !found {
		return nil, errors.New(`the field "rules" is missing`)
	}
	return rules, nil
}

// parseRule reads one rule; with an error it returns the name, where that could
// be read.
func parseRule(raw json.RawMessage) (Rule, error) {
	members, err := object(raw)
	if err != nil {
		return Rule{}, err
	}
	var r Rule
	given := map[string]bool{}
	for _, m := range members {
		given[m.key] = true
		if m.key == "name" {
			err = decode(m.value, &r.Name, "text")
		}
	}
	if err != nil {
		return r, fmt.Errorf("name: %w", err)
	}
	fields := r.readers()
	for _, m := range members {
		read, known := fields[m.key]
		if !known {
			return r, fieldError(fmt.Sprintf("%.64s", m.key), "there is no such field")
		}
		if err := read(m.value); err != nil {
			return r, fmt.Errorf("%s: %w", m.key, err)
		}
	}
	due := r.due()
	for _, key := range due {
		if !given[key] {
			return r, fieldError(key, "is missing")
		}
	}
	for _, m := range members {
		if err := r.mayHave(m.key, due); err != nil {
			return r, err
		}
	}
	if r.Kind == Declines && r.Counts == "" {
		r.Counts = Declined
	}
	return r, nil
}

// due are the fields that must be given.
func (r Rule) due() []string {
	all := []string{"name", "explanation", "on", "phase", "kind", "score", "action"}
	switch r.Kind {
	case Velocity:
		all = append(all, "window", "of", "counts", "threshold")
	case Declines:
		all = append(all, "window", "of", "threshold")
	case Outlier:
		all = append(all, "window", "measure", "percent", "minimum")
	case Amount:
		all = append(all, "above")
	}
	if r.Action == Lower {
		all = append(all, "limit")
	}
	return all
}

// mayHave refuses a field that is of another kind or action, whatever its value.
func (r Rule) mayHave(key string, due []string) error {
	kinds := []Kind{Velocity, Declines, Outlier, Amount}
	switch {
	case slices.Contains(due, key), key == "merchants", key == "mccs", key == "counts" && r.Kind == Declines,
		!slices.Contains(kinds, r.Kind): // which is said of the kind
		return nil
	case key == "limit":
		return fieldError(key, "is of action %q alone", Lower)
	}
	return fieldError(key, "is not of kind %q", r.Kind)
}

// readers read the fields of a rule into it.
func (r *Rule) readers() map[string]func(json.RawMessage) error {
	return map[string]func(json.RawMessage) error{
		"name":        text(&r.Name),
		"explanation": text(&r.Explanation),
		"on":          func(v json.RawMessage) error { return decode(v, &r.On, "true or false") },
		"phase":       text(&r.Phase),
		"kind":        text(&r.Kind),
		"window":      window(&r.Window),
		"of":          text(&r.Of),
		"counts":      text(&r.Counts),
		"threshold":   whole(&r.Threshold),
		"measure":     text(&r.Measure),
		"percent":     whole(&r.Percent),
		"minimum":     whole(&r.Minimum),
		"above":       rupees(&r.Above),
		"score":       whole(&r.Score),
		"action":      text(&r.Action),
		"limit":       rupees(&r.Limit),
		"merchants":   names(&r.Merchants),
		"mccs":        names(&r.MCCs),
	}
}

func text[T ~string](to *T) func(json.RawMessage) error {
	return func(v json.RawMessage) error { return decode(v, to, "text") }
}

func whole[T ~int | ~int64](to *T) func(json.RawMessage) error {
	return func(v json.RawMessage) error { return decode(v, to, "a whole number") }
}

// names are a list that is there to narrow something: an empty one would mean
// the opposite of what it says.
func names(to *[]string) func(json.RawMessage) error {
	return func(v json.RawMessage) error {
		var list []json.RawMessage
		if err := decode(v, &list, "a list of texts"); err != nil {
			return err
		}
		if len(list) == 0 {
			return errors.New("must name one at least, or be left out")
		}
		for _, raw := range list {
			var s string
			if err := decode(raw, &s, "a list of texts"); err != nil {
				return err
			}
			*to = append(*to, s)
		}
		return nil
	}
}

func window(to *time.Duration) func(json.RawMessage) error {
	return func(v json.RawMessage) error {
		var s string
		err := decode(v, &s, "text")
		if err == nil {
			if *to, err = time.ParseDuration(s); err != nil {
				err = fmt.Errorf("%.64q is no duration such as 90s, 10m or 24h", s)
			}
		}
		return err
	}
}

func rupees(to *protocol.Paise) func(json.RawMessage) error {
	return func(v json.RawMessage) error {
		var s string
		err := decode(v, &s, `rupees as text, such as "7500.00"`)
		if err == nil {
			*to, err = protocol.ParseRupees(s)
		}
		return err
	}
}

// decode reads one value; null is none.
func decode(raw json.RawMessage, to any, what string) error {
	if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) || json.Unmarshal(raw, to) != nil {
		return errors.New("must be " + what)
	}
	return nil
}

type member struct {
	key   string
	value json.RawMessage
}

// object reads one JSON object, whose keys are compared exactly and stand once.
func object(text []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	var all []member
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		m := member{key: token.(string)} // of an object the decoder gives no other
		if seen[m.key] {
			return nil, fieldError(fmt.Sprintf("%.64s", m.key), "is given twice")
		}
		seen[m.key] = true
		if err := dec.Decode(&m.value); err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		all = append(all, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON object")
	}
	return all, nil
}
