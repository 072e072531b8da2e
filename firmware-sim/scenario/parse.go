package scenario

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// Scenario is a file that was read and can be played.
type Scenario struct {
	Name  string
	About string // the comment that it begins with
	Steps []Step
}

// Step is one line.
type Step struct {
	Line int
	Text string // as it was written, without its comment
	// watches is a step that only looks: what was seen before it still counts.
	watches bool
	// ours is a step that only a controller of the scenario's own can take.
	ours bool
	do   action
}

// Error is a mistake in a file.
type Error struct {
	File string
	Line int
	Text string // the line
	Why  string // what is wrong, and what is allowed
}

// Error implements error.
func (e *Error) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Why)
	}
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Text, e.Why)
}

// Bounds of a file.
const (
	maxLine  = 1 << 10
	maxSteps = 10_000
)

// Parse reads a scenario; name is the file's, for its errors, which are *Error.
func Parse(name string, text io.Reader) (*Scenario, error) {
	s := &Scenario{Name: name}
	lines := bufio.NewScanner(text)
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	known := &names{}
	n, begun := 0, false
	for lines.Scan() {
		n++
		line, comment, commented := strings.Cut(lines.Text(), "#")
		line = strings.TrimSpace(line)
		if line == "" {
			if commented && !begun {
				s.About = strings.TrimSpace(s.About + " " + strings.TrimSpace(comment))
			}
			continue
		}
		begun = true
		step, err := parseLine(line, known)
		if err != nil {
			return nil, &Error{name, n, line, err.Error()}
		}
		step.Line, step.Text = n, line
		if s.Steps = append(s.Steps, step); len(s.Steps) > maxSteps {
			return nil, &Error{name, n, line, fmt.Sprintf("a scenario has at most %d steps", maxSteps)}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, &Error{name, n + 1, "", fmt.Sprintf("a line has at most %d bytes: %v", maxLine, err)}
	}
	if len(s.Steps) == 0 {
		return nil, &Error{name, n + 1, "", "there is no step; a step is one of " + strings.Join(verbNames(), ", ")}
	}
	return s, nil
}

func parseLine(line string, known *names) (Step, error) {
	w := &words{rest: strings.Fields(line), names: known}
	verb := w.next()
	for _, v := range verbs() {
		if v.name != verb {
			continue
		}
		step := v.parse(w)
		if w.err == nil && len(w.rest) > 0 {
			w.fail("%q is too much", strings.Join(w.rest, " "))
		}
		if w.err != nil {
			return Step{}, fmt.Errorf("%w; the form is: %s", w.err, v.form)
		}
		step.watches, step.ours = v.watches, v.ours
		return step, nil
	}
	return Step{}, fmt.Errorf("there is no verb %q; the verbs are %s", verb, strings.Join(verbNames(), ", "))
}

// names are the payments that the lines so far have asked for.
type names struct {
	payments []string
}

// words reads a line. After the first mistake, which it keeps, it reads nothing.
type words struct {
	rest  []string
	names *names
	err   error
}

func (w *words) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

// next takes a word; "" when there is none.
func (w *words) next() string {
	if w.err != nil || len(w.rest) == 0 {
		return ""
	}
	word := w.rest[0]
	w.rest = w.rest[1:]
	return word
}

// has takes the word if it comes next.
func (w *words) has(word string) bool {
	if w.err != nil || len(w.rest) == 0 || w.rest[0] != word {
		return false
	}
	w.rest = w.rest[1:]
	return true
}

// more reports whether there is another word.
func (w *words) more() bool { return w.err == nil && len(w.rest) > 0 }

// one takes one of the words.
func (w *words) one(what string, of ...string) string {
	word := w.next()
	if w.err == nil && !slices.Contains(of, word) {
		w.fail("%s is one of %s, not %q", what, strings.Join(of, ", "), word)
	}
	return word
}

// terminalNames are the terminals that there are.
func terminalNames() []string { return []string{"T1", "T2", "T3"} }

func (w *words) terminal() string { return w.one("a terminal", terminalNames()...) }

// payment takes the name of a payment that was asked for.
func (w *words) payment() string {
	word := w.next()
	switch {
	case w.err != nil || slices.Contains(w.names.payments, word):
	case len(w.names.payments) == 0:
		w.fail("there is no payment %q: none was asked for before this line", word)
	default:
		w.fail("there is no payment %q; so far there are %s", word, strings.Join(w.names.payments, ", "))
	}
	return word
}

// target takes a payment, or a terminal whose payment is meant.
func (w *words) target() string {
	if w.err == nil && len(w.rest) > 0 && slices.Contains(terminalNames(), w.rest[0]) {
		return w.terminal()
	}
	return w.payment()
}

// newPayment takes "as NAME", or gives the next name.
func (w *words) newPayment() string {
	name := fmt.Sprintf("P%d", len(w.names.payments)+1)
	if w.has("as") {
		name = w.next()
		if w.err == nil && (len(name) < 2 || len(name) > 8 || name[0] != 'P' || !protocol.ValidID(name, 8)) {
			w.fail("a payment's name is P and 1 to 7 letters or digits, not %q", name)
		}
	}
	if slices.Contains(w.names.payments, name) {
		w.fail("there is a payment %s already", name)
	}
	if w.err == nil {
		w.names.payments = append(w.names.payments, name)
	}
	return name
}

// amount takes rupees.
func (w *words) amount() protocol.Paise {
	word := w.next()
	if w.err != nil {
		return 0
	}
	amount, err := protocol.ParseRupees(word)
	if err != nil || !amount.Valid() {
		w.fail("an amount is rupees like 245.00, not %q", word)
	}
	return amount
}

// Longest is the longest time that a line may name.
const Longest = 10 * time.Minute

// duration takes a time.
func (w *words) duration() time.Duration {
	word := w.next()
	if w.err != nil {
		return 0
	}
	d, err := time.ParseDuration(word)
	if err != nil || d <= 0 || d > Longest {
		w.fail("a time is like 500ms, 2s or 1m, at most %v, not %q", Longest, word)
	}
	return d
}

// code takes a word of capitals, like CANCEL_REQUESTED or UPI:IP08.
func (w *words) code(what string) string {
	word := w.next()
	if w.err == nil && (word == "" || strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:") != "") {
		w.fail("%s is a word of capitals, digits, _ and :, not %q", what, word)
	}
	return word
}
