package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/galla-pay/galla/controller/internal/risk"
)

// riskFlags say which risk rules hold (PRD 13).
type riskFlags struct {
	RiskRules string `default:"builtin" placeholder:"FILE|builtin|off" help:"Risk rules of UPI validations and payments: a JSON file, builtin (which only score, and keep nobody from paying) or off. See galla-controller risk rules."`
}

// openRisk reads the rules that hold. Its errors say which rule and field is not
// in order.
func (f riskFlags) openRisk(log *slog.Logger) (risk.Rules, error) {
	rules, err := f.read()
	if err != nil {
		return risk.Rules{}, err
	}
	n := countRules(rules)
	log.Info("risk rules", "from", f.source(), "on", n.on, "off", n.off, "lower", n.lower, "refuse", n.refuse)
	return rules, nil
}

func (f riskFlags) source() string {
	if f.RiskRules == "" {
		return "builtin"
	}
	return f.RiskRules
}

func (f riskFlags) read() (risk.Rules, error) {
	switch f.source() {
	case "builtin":
		return risk.Builtin(), nil
	case "off":
		return risk.Rules{}, nil
	}
	return readRiskFile(f.RiskRules)
}

// readRiskFile reads a file of rules.
func readRiskFile(path string) (risk.Rules, error) {
	text, err := readAtMost(path, 1<<20)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return risk.Rules{}, &CodedError{exitNotFound, fmt.Errorf("there is no file %s of risk rules", path), "galla-controller risk rules --json"}
	case errors.Is(err, fs.ErrPermission):
		return risk.Rules{}, &CodedError{exitAuth, err, ""}
	case err != nil:
		return risk.Rules{}, err
	}
	rules, err := risk.Parse(text)
	if err != nil {
		return risk.Rules{}, &CodedError{exitUsage, fmt.Errorf("%s: %w", path, err), ""}
	}
	return rules, nil
}

// readAtMost reads a file, of one that is longer only the beginning.
func readAtMost(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// ruleCount is how many rules there are of each sort; lower and refuse are of
// those that are on.
type ruleCount struct{ on, off, lower, refuse int }

func countRules(rules risk.Rules) (n ruleCount) {
	for _, r := range rules.All() {
		switch {
		case !r.On:
			n.off++
			continue
		case r.Action == risk.Lower:
			n.lower++
		case r.Action == risk.Refuse:
			n.refuse++
		}
		n.on++
	}
	return n
}

// riskVerbs look at risk rules; they need no database.
type riskVerbs struct {
	Rules riskRulesVerb `cmd:"" help:"Print the rules that hold, each with its explanation."`
	Check riskCheckVerb `cmd:"" help:"Say whether a file of rules is in order."`
}

type riskRulesVerb struct {
	File string `arg:"" optional:"" placeholder:"FILE" help:"Print this file's rules instead of those that hold."`
	JSON bool   `name:"json" env:"-" help:"Print them as a file for --risk-rules: a beginning for one's own."`
	riskFlags
}

// Run prints the rules.
func (c riskRulesVerb) Run(out io.Writer) error {
	if c.File != "" {
		c.RiskRules = c.File
	}
	rules, err := c.read()
	if err != nil {
		return err
	}
	if c.JSON {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(rules)
	}
	_, err = io.WriteString(out, riskText(rules))
	return err
}

// riskText is the rules for people.
func riskText(rules risk.Rules) string {
	var b strings.Builder
	for i, r := range rules.All() {
		if i > 0 {
			b.WriteByte('\n')
		}
		state := "on"
		if !r.On {
			state = "off"
		}
		fmt.Fprintf(&b, "%s (%s, %s)\n  When  %s\n  Then  %s\n", r.Name, state, r.Phase, r.When(), thenText(r))
		if narrowed := append(r.Merchants, r.MCCs...); len(narrowed) > 0 {
			fmt.Fprintf(&b, "  For   %s\n", strings.Join(narrowed, ", "))
		}
		fmt.Fprintf(&b, "  Why   %s\n", r.Explanation)
	}
	if b.Len() == 0 {
		return "There are no risk rules: nothing is scored, lowered or refused.\n"
	}
	return b.String()
}

func thenText(r risk.Rule) string {
	text := fmt.Sprintf("the score rises by %d", r.Score)
	switch r.Action {
	case risk.Lower:
		text += ", the limit is " + r.Limit.String()
	case risk.Refuse:
		text += ", the " + string(r.Phase) + " is refused"
	}
	return text
}

type riskCheckVerb struct {
	File string `arg:"" placeholder:"FILE" help:"The file of rules."`
}

// Run checks the file.
func (c riskCheckVerb) Run(out io.Writer) error {
	rules, err := readRiskFile(c.File)
	if err != nil {
		return err
	}
	n := countRules(rules)
	_, err = fmt.Fprintf(out, "%s is in order: %d rules are on (%d lower the limit, %d refuse), %d are off.\n", c.File, n.on, n.lower, n.refuse, n.off)
	return err
}
