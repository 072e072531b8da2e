package risk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/galla-pay/galla/protocol"
)

// fieldError says which field is not in order, and why.
func fieldError(field, format string, args ...any) error {
	return errors.New(field + ": " + fmt.Sprintf(format, args...))
}

func check(rules []Rule) error {
	if len(rules) > MaxRules {
		return fmt.Errorf("there are %d rules, %d at most", len(rules), MaxRules)
	}
	names := map[string]bool{}
	for i, r := range rules {
		if !validName(r.Name) {
			return ruleError(i, "", fieldError("name", "must be 1 to 40 of a-z, 0-9 and -"))
		}
		err := r.check()
		if names[r.Name] {
			err = fieldError("name", "two rules have it")
		}
		if err != nil {
			return ruleError(i, r.Name, err)
		}
		names[r.Name] = true
	}
	return nil
}

// ruleError puts in front which rule it is.
func ruleError(i int, name string, err error) error {
	if name == "" {
		return fmt.Errorf("rule %d: %w", i+1, err)
	}
	return fmt.Errorf("rule %q: %w", name, err)
}

func validName(s string) bool {
	return len(s) >= 1 && len(s) <= 40 && !strings.ContainsFunc(s, func(c rune) bool {
		return c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z')
	})
}

func (r Rule) check() error {
	if n := len(r.Explanation); n == 0 || n > 400 || strings.ContainsFunc(r.Explanation, unicode.IsControl) {
		return fieldError("explanation", "must be 1 to 400 bytes of text without line breaks")
	}
	if err := oneOf("phase", r.Phase, Validation, Payment); err != nil {
		return err
	}
	if err := oneOf("kind", r.Kind, Velocity, Declines, Outlier, Amount); err != nil {
		return err
	}
	if err := r.checkFields(); err != nil {
		return err
	}
	if err := oneOf("action", r.Action, Score, Lower, Refuse); err != nil {
		return err
	}
	switch {
	case r.Score < 0 || r.Score > MaxScore:
		return fieldError("score", "must be 0 to %d", MaxScore)
	case r.Action == Lower && (r.Limit < MinLimit || r.Limit > MaxLimit):
		return fieldError("limit", "must be %s to %s rupees: a rule only ever lowers the limit", MinLimit.Rupees(), MaxLimit.Rupees())
	case r.Action != Lower && r.Limit != 0:
		return fieldError("limit", "is of action %q alone", Lower)
	}
	return r.checkMerchants()
}

// checkFields holds the rule to the fields of its kind.
func (r Rule) checkFields() error {
	for _, f := range []struct {
		name string
		set  bool
		of   []Kind
	}{
		{"window", r.Window != 0, []Kind{Velocity, Declines, Outlier}},
		{"of", r.Of != "", []Kind{Velocity, Declines}},
		{"counts", r.Counts != "", []Kind{Velocity, Declines}},
		{"threshold", r.Threshold != 0, []Kind{Velocity, Declines}},
		{"measure", r.Measure != "", []Kind{Outlier}},
		{"percent", r.Percent != 0, []Kind{Outlier}},
		{"minimum", r.Minimum != 0, []Kind{Outlier}},
		{"above", r.Above != 0, []Kind{Amount}},
	} {
		if f.set && !slices.Contains(f.of, r.Kind) {
			return fieldError(f.name, "is not of kind %q", r.Kind)
		}
	}
	if r.Kind == Amount {
		return within("above", int64(r.Above), 1, int64(protocol.MaxPaise))
	}
	if r.Window < MinWindow || r.Window > MaxWindow || r.Window%time.Second != 0 {
		return fieldError("window", "must be whole seconds, %s to %s", windowText(MinWindow), windowText(MaxWindow))
	}
	if r.Kind == Outlier {
		if _, is := quantile(r.Measure); !is && r.Measure != "mean" {
			return fieldError("measure", `must be "mean" or a quantile "p1" to "p99"`)
		}
		if err := within("percent", r.Percent, 101, 10_000); err != nil {
			return err
		}
		return within("minimum", r.Minimum, MinSample, MaxSample)
	}
	return r.checkCount()
}

func (r Rule) checkCount() error {
	if err := oneOf("of", r.Of, Payer, Payee, Merchant); err != nil {
		return err
	}
	if r.Of == Payer && r.Phase == Validation {
		return fieldError("of", "a validation names no payer")
	}
	if r.Kind == Declines {
		if r.Counts != Declined {
			return fieldError("counts", "of kind %q is always %q", Declines, Declined)
		}
	} else if err := oneOf("counts", r.Counts, Validations, Payments); err != nil {
		return err
	}
	if r.Of == Payer && r.Counts == Validations {
		return fieldError("counts", "a validation names no payer")
	}
	return within("threshold", r.Threshold, 1, MaxThreshold)
}

func (r Rule) checkMerchants() error {
	for _, id := range r.Merchants {
		if !protocol.ValidID(id, protocol.MaxIDLength) {
			return fieldError("merchants", "%.64q is no merchant id", id)
		}
	}
	for _, mcc := range r.MCCs {
		if len(mcc) != 4 || strings.Trim(mcc, "0123456789") != "" {
			return fieldError("mccs", "%.64q is no merchant category code of four digits", mcc)
		}
	}
	return nil
}

func within(field string, n, least, most int64) error {
	if n < least || n > most {
		return fieldError(field, "must be %d to %d", least, most)
	}
	return nil
}

func oneOf[T ~string](field string, v T, all ...T) error {
	if slices.Contains(all, v) {
		return nil
	}
	words := make([]string, len(all))
	for i, a := range all {
		words[i] = string(a)
	}
	if v == "" {
		return fieldError(field, "is missing: %s", strings.Join(words, ", "))
	}
	return fieldError(field, "%.64q is none of %s", v, strings.Join(words, ", "))
}

// windowText writes a window without the units that are zero: "10m", "24h",
// "1m30s".
func windowText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
