package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/firmware-sim/card"
	"github.com/galla-pay/galla/protocol"
)

// verb is a word that a line can begin with.
type verb struct {
	name    string
	form    string
	does    string
	watches bool
	ours    bool
	parse   func(*words) Step
}

// Verb is a verb as it is shown to people.
type Verb struct {
	Form string // with what stands behind it
	Does string
}

// Grammar lists every verb, in the order of the documentation.
func Grammar() []Verb {
	var all []Verb
	for _, v := range verbs() {
		all = append(all, Verb{v.form, v.does})
	}
	return all
}

func verbNames() []string {
	var all []string
	for _, v := range verbs() {
		all = append(all, v.name)
	}
	return all
}

// verbs is the one table of the language.
func verbs() []verb {
	return []verb{
		{name: "sale", form: "sale RUPEES [on TERMINAL] [for TIME] [as NAME]", does: "the till asks for money on a Dynamic-QR display; the QR is good for 2m", parse: parseSale},
		{name: "edc", form: "edc RUPEES [on TERMINAL] [by card|qr|both] [auto] [as NAME]", does: "the till asks for money on an EDC terminal, whose cashier is asked but for auto; on T2, by both", parse: parseEDC},
		{name: "order", form: "order RUPEES NUMBER [at TERMINAL] [by card|qr|both] [as NAME]", does: "the till makes an OPEN order that any terminal of that store may pull", parse: parseOrder},
		{name: "cancel", form: "cancel PAYMENT [CODE]", does: "the till takes it back, and is answered SUCCESS or the code", parse: parseCancel},
		{name: "scan", form: "scan TERMINAL [refused CODE]", does: "the customer reads the QR from the glass and gets the network's promise", parse: parseScan},
		{name: "pay", form: "pay PAYMENT|TERMINAL [refused CODE|unanswered]", does: "the customer pays what was scanned, or scans it first", parse: parsePay},
		{name: "decline", form: "decline PAYMENT|TERMINAL", does: "the customer pays, and the bank says no", parse: parseDecline},
		{name: "key", form: "key TERMINAL KEY...", does: "the cashier presses keys: " + keyNames(), parse: parseKey},
		{name: "card", form: "card TERMINAL " + strings.Join(cardWords(), "|"), does: "the customer holds a card to the reader, until it is read", parse: parseCard},
		{name: "network", form: "network TERMINAL on|off|flap [TIME]", does: "the network cable; flap is off and on once a second, for 5s", parse: parseNetwork},
		{name: "power", form: "power TERMINAL on|off|cycle [TIME]", does: "the power plug; cycle is off, 1s, on", parse: parsePower},
		{name: "clock", form: "clock TERMINAL OFFSET", does: "sets the wall clock wrong: +10y, -1h, 0", parse: parseClock},
		{name: "controller", form: "controller kill|stop|start|pause|resume", does: "the controller's process, with its broker", ours: true, parse: parseController},
		{name: "await", form: "await TERMINAL MODE|OUTCOME|linked|unlinked [PAYMENT]", does: "the terminal shows it: " + strings.Join(awaitWords(), ", "), watches: true, parse: parseAwait},
		{name: "keeps", form: "keeps TERMINAL MODE [PAYMENT] for TIME", does: "the terminal shows that, and nothing else, all the while", watches: true, parse: parseKeeps},
		{name: "never", form: "never TERMINAL MODE|OUTCOME [PAYMENT]", does: "the terminal has not shown that since the scenario began", watches: true, parse: parseNever},
		{name: "once", form: "once TERMINAL OUTCOME PAYMENT", does: "the terminal has shown that end, and began to do so once", watches: true, parse: parseOnce},
		{name: "same", form: "same TERMINAL", does: "the QR on the glass is the one that was scanned", watches: true, parse: parseSame},
		{name: "expect", form: "expect PAYMENT PENDING|SUCCESS|FAILED|EXPIRED [CODE]", does: "the status becomes that", watches: true, parse: parseExpect},
		{name: "callback", form: "callback PAYMENT SUCCESS|FAILED|EXPIRED", does: "the merchant is told that", watches: true, parse: parseCallback},
		{name: "wait", form: "wait TIME", does: "nobody does anything", watches: true, parse: parseWait},
		{name: "within", form: "within TIME", does: "how long the lines that follow wait for what they want, instead of 20s", watches: true, parse: parseWithin},
	}
}

func keyNames() string {
	var names []string
	for _, k := range agent.AllKeys() {
		names = append(names, string(k))
	}
	return strings.Join(names, " ")
}

func cardWords() []string {
	var words []string
	for _, o := range card.Outcomes() {
		words = append(words, string(o))
	}
	return words
}

// outcomeWords are the ends that a terminal shows, in the words of the language.
func outcomeWords() map[string]protocol.Outcome {
	return map[string]protocol.Outcome{
		"paid": protocol.OutcomeSucceeded, "failed": protocol.OutcomeFailed, "expired": protocol.OutcomeExpired,
		"cancelled": protocol.OutcomeCancelled, "unknown": protocol.OutcomeUnknown,
	}
}

func modeWords() []string {
	return []string{
		string(protocol.ModeStarting), string(protocol.ModeEnrolling), string(protocol.ModeOffline), string(protocol.ModeIdle),
		string(protocol.ModePulling), string(protocol.ModePrompting), string(protocol.ModeChoosing), string(protocol.ModePresenting),
		string(protocol.ModeChecking), string(protocol.ModeResult), string(protocol.ModeFault), string(protocol.ModeOff),
	}
}

func awaitWords() []string {
	return slices.Concat(modeWords(), []string{"paid", "failed", "expired", "cancelled", "unknown", "linked", "unlinked"})
}

// onTerminal takes "on TERMINAL", or another word for on.
func (w *words) onTerminal(word, otherwise string) string {
	if w.has(word) {
		return w.terminal()
	}
	return otherwise
}

// modes takes "by card|qr|both".
func (w *words) modes() []string {
	if !w.has("by") {
		return []string{"CARD", "DQR"}
	}
	switch w.one("how it is paid", "card", "qr", "both") {
	case "card":
		return []string{"CARD"}
	case "qr":
		return []string{"DQR"}
	}
	return []string{"CARD", "DQR"}
}

func parseSale(w *words) Step {
	a := askFor{amount: w.amount(), terminal: w.onTerminal("on", "T1"), expires: 2 * time.Minute}
	if w.has("for") {
		if a.expires = w.duration(); w.err == nil && a.expires < time.Second {
			w.fail("a QR is good for a second at least")
		}
	}
	a.name = w.newPayment()
	return Step{do: a}
}

func parseEDC(w *words) Step {
	a := askFor{amount: w.amount(), terminal: w.onTerminal("on", "T2"), modes: w.modes(), auto: w.has("auto")}
	a.name = w.newPayment()
	return Step{do: a}
}

func parseOrder(w *words) Step {
	a := askFor{amount: w.amount(), number: w.next()}
	if w.err == nil && (len(a.number) < 4 || len(a.number) > 8 || strings.Trim(a.number, "0123456789") != "") {
		w.fail("an order's number is 4 to 8 digits, not %q", a.number)
	}
	a.terminal, a.modes = w.onTerminal("at", "T2"), w.modes()
	a.name = w.newPayment()
	return Step{do: a}
}

func parseCancel(w *words) Step {
	a := cancel{payment: w.payment(), code: "SUCCESS"}
	if w.more() {
		a.code = w.code("a code")
	}
	return Step{do: a}
}

func parseScan(w *words) Step {
	a := scan{terminal: w.terminal()}
	if w.has("refused") {
		a.refused = w.code("a code")
	}
	return Step{do: a}
}

func parsePay(w *words) Step {
	a := pay{target: w.target()}
	switch {
	case w.has("refused"):
		a.refused = w.code("a code")
	case w.has("unanswered"):
		a.unanswered = true
	}
	return Step{do: a}
}

func parseDecline(w *words) Step { return Step{do: pay{target: w.target(), declined: true}} }

func parseKey(w *words) Step {
	a := keys{terminal: w.terminal()}
	for first := true; first || w.more(); first = false {
		word := w.next()
		key, err := agent.ParseKey(word)
		if err != nil {
			w.fail("there is no key %q; the keys are %s", word, keyNames())
		}
		a.keys = append(a.keys, key)
	}
	return Step{do: a}
}

func parseCard(w *words) Step {
	return Step{do: tap{w.terminal(), w.one("what becomes of a card", cardWords()...)}}
}

func parseNetwork(w *words) Step {
	a := cable{terminal: w.terminal(), to: w.one("the network", "on", "off", "flap"), long: 5 * time.Second}
	if a.to == "flap" && w.more() {
		a.long = w.duration()
	}
	return Step{do: a}
}

func parsePower(w *words) Step {
	a := plug{terminal: w.terminal(), to: w.one("the power", "on", "off", "cycle"), long: time.Second}
	if a.to == "cycle" && w.more() {
		a.long = w.duration()
	}
	return Step{do: a}
}

func parseClock(w *words) Step {
	a := clock{terminal: w.terminal()}
	word := w.next()
	offset, err := parseOffset(word)
	if err != nil {
		w.fail("%v, not %q", err, word)
	}
	a.offset = offset
	return Step{do: a}
}

// parseOffset reads +10y, -1h, 0.
func parseOffset(text string) (time.Duration, error) {
	wrong := fmt.Errorf("an offset is 0, or + or - with a whole number and s, m, h, d or y, at most 30y")
	if text == "0" {
		return 0, nil
	}
	const day = 24 * time.Hour
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': day, 'y': 365 * day}
	if len(text) < 3 || text[0] != '+' && text[0] != '-' {
		return 0, wrong
	}
	n, err := strconv.ParseUint(text[1:len(text)-1], 10, 31)
	unit := units[text[len(text)-1]]
	if err != nil || unit == 0 || n > uint64(30*365*day/unit) {
		return 0, wrong
	}
	offset := time.Duration(n) * unit
	if text[0] == '-' {
		offset = -offset
	}
	return offset, nil
}

func parseController(w *words) Step {
	return Step{do: process{w.one("the controller", "kill", "stop", "start", "pause", "resume")}}
}

// appearance takes what a terminal shows, and of which payment.
func (w *words) appearance(of ...string) appearance {
	a := appearance{word: w.one("what a terminal shows", of...)}
	if w.more() && w.rest[0] != "for" {
		a.payment = w.payment()
	}
	return a
}

func parseAwait(w *words) Step { return Step{do: await{w.terminal(), w.appearance(awaitWords()...)}} }

func parseKeeps(w *words) Step {
	a := keeps{terminal: w.terminal(), shows: w.appearance(modeWords()...)}
	if !w.has("for") {
		w.fail("it says not for how long")
	}
	a.long = w.duration()
	return Step{do: a}
}

func parseNever(w *words) Step { return Step{do: never{w.terminal(), w.appearance(awaitWords()...)}} }

func parseOnce(w *words) Step {
	a := once{terminal: w.terminal(), shows: appearance{word: w.one("an end", "paid", "failed", "expired", "cancelled", "unknown")}}
	a.shows.payment = w.payment()
	return Step{do: a}
}

func parseSame(w *words) Step { return Step{do: same{w.terminal()}} }

func parseExpect(w *words) Step {
	a := expect{payment: w.payment(), status: w.one("a status", "PENDING", "SUCCESS", "FAILED", "EXPIRED")}
	if w.more() {
		a.code = w.code("a code")
	}
	return Step{do: a}
}

func parseCallback(w *words) Step {
	return Step{do: callback{w.payment(), w.one("a final status", "SUCCESS", "FAILED", "EXPIRED")}}
}

func parseWait(w *words) Step { return Step{do: wait{w.duration()}} }

func parseWithin(w *words) Step { return Step{do: within{w.duration()}} }
