package machine

import (
	"time"

	"github.com/galla-pay/galla/protocol"
)

// Check is one thing that the self-test looks at.
type Check string

// The checks.
const (
	CheckPanel     Check = "panel"     // it takes a picture of which every pixel is sent
	CheckCompanion Check = "companion" // so does that one
	CheckStorage   Check = "storage"   // the disk gives back what it was given
	CheckLink      Check = "link"      // the controller answers a question
	CheckClock     Check = "clock"     // the wall clock is not off by years
	CheckKeys      Check = "keys"
	CheckCard      Check = "card" // the card machine answers a question
)

// CheckCount is how many checks there are.
const CheckCount = 7

// Checks are all, in the order in which they are shown.
func Checks() [CheckCount]Check {
	return [CheckCount]Check{CheckPanel, CheckCompanion, CheckStorage, CheckLink, CheckClock, CheckKeys, CheckCard}
}

// Finding is what came of a check.
type Finding string

// The findings.
const (
	FindingOpen   Finding = "" // nothing yet
	FindingOK     Finding = "ok"
	FindingFailed Finding = "failed"
	FindingAbsent Finding = "absent" // the terminal has no such part
)

const (
	// testAnswer is how long a part may take to answer; then it has failed.
	testAnswer = 10 * time.Second
	// testLimit is how long the findings are shown: nobody has to end a test.
	testLimit = time.Minute
)

// TestRef is the payment that the card machine is asked about in a self-test: it
// never read a card for it, and says so.
const TestRef = "SELFTEST"

// SelfTest is the mode testing. What it asks of the surroundings is carried out by
// package agent (RunSelfTest), but for the picture, the question to the controller
// and that to the card machine: those are asked as always.
type SelfTest struct {
	Open  bool
	Begun time.Duration
	// Found is what came of Checks, in that order.
	Found [CheckCount]Finding
}

// beginTest begins a self-test; its number tells its answers from those of another.
func (m *Machine) beginTest(now time.Duration, w *work) {
	m.Tests++
	m.Test = SelfTest{Open: true, Begun: now}
	m.found(CheckKeys, present(m.Parts.Keys))
	if !m.Parts.Card {
		m.found(CheckCard, FindingAbsent)
	}
	w.do(Ask{Why: "self-test"})
	w.do(RunSelfTest{Run: m.Tests})
}

func present(there bool) Finding {
	if there {
		return FindingOK
	}
	return FindingAbsent
}

// found notes what came of a check. The first answer counts.
func (m *Machine) found(c Check, f Finding) {
	for i, known := range Checks() {
		if m.Test.Open && known == c && m.Test.Found[i] == FindingOpen {
			m.Test.Found[i] = f
		}
	}
}

// checking reports whether a check of a running test has no finding yet.
func (m Machine) checking(c Check) bool {
	for i, known := range Checks() {
		if known == c {
			return m.Test.Open && m.Test.Found[i] == FindingOpen
		}
	}
	return false
}

func (t SelfTest) open() bool {
	for _, f := range t.Found {
		if f == FindingOpen {
			return true
		}
	}
	return false
}

// until is when the test does something by itself.
func (t SelfTest) until() time.Duration {
	if t.open() {
		return t.Begun + testAnswer
	}
	return t.Begun + testLimit
}

// testIsOnGlass: the panel has taken a picture of the test.
func testIsOnGlass(m *Machine, _ time.Duration, ev Event, _ *work) {
	if ev.(Drawn).Mode == protocol.ModeTesting {
		m.found(CheckPanel, FindingOK)
	}
}

func partWasTested(m *Machine, _ time.Duration, ev Event, _ *work) {
	if t := ev.(Tested); t.Run == m.Tests {
		m.found(t.Check, t.Finding)
	}
}

// leavesTest: a key ends the test; so does any sale, by itself.
func leavesTest(m *Machine, _ time.Duration, ev Event, _ *work) {
	if key := ev.(Pressed).Key; key == KeyTest || key == KeyClear {
		m.Test = SelfTest{}
	}
}

// testWaits bounds both waits: for the answers, and for the cashier.
func testWaits(m *Machine, now time.Duration, _ Event, _ *work) {
	if now >= m.Test.Begun+testLimit {
		m.Test = SelfTest{}
		return
	}
	if now >= m.Test.Begun+testAnswer {
		for _, c := range Checks() {
			m.found(c, FindingFailed)
		}
	}
}

// ofTest takes what the card machine says of a self-test, and leaves everything
// else to move: no card is ever read for one.
func ofTest(answer Finding, own move) move {
	return func(m *Machine, now time.Duration, ev Event, w *work) {
		if paymentOf(ev) == TestRef {
			m.found(CheckCard, answer)
			return
		}
		own(m, now, ev, w)
	}
}

// paymentOf is the payment that the card machine speaks of.
func paymentOf(ev Event) string {
	switch ev := ev.(type) {
	case CardRead:
		return ev.PaymentID
	case CardApproved:
		return ev.PaymentID
	case CardDeclined:
		return ev.PaymentID
	case CardUnknown:
		return ev.PaymentID
	case CardFailed:
		return ev.PaymentID
	case CardUnread:
		return ev.PaymentID
	}
	return ""
}
