package machine

import (
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
	"pgregory.net/rapid"
)

// life drives a machine through anything that can happen: a controller that
// sends what it likes in any order, lost links, power cuts, a panel and a disk
// that fail. The driver does what package agent does and no more.
type life struct {
	t    *rapid.T
	m    Machine
	now  time.Duration
	disk Memory // what a power cut leaves
	// brought holds every sale that an obeyed state ever named.
	brought map[Order]bool
	// noDisk and noPanel are the weather; diskFailed is whether it ever was.
	noDisk, noPanel, diskFailed bool
	// machine is the card machine: what it has read, by payment. facts are the
	// kinds that were recorded of each payment.
	machine map[string]Kind
	facts   map[string]map[protocol.FactKind]bool
}

func (l *life) step(ev Event) {
	before := l.m
	after, effects := Step(before, l.now, ev)
	l.m = after
	l.check(before, ev)
	for _, e := range effects {
		switch e := e.(type) {
		case Save:
			l.note(e.Facts)
			if l.noDisk {
				l.diskFailed = true
				l.step(StoreFailed{Reason: "no space left", Facts: e.Facts})
				return
			}
			l.disk = e.Memory
			l.step(Stored{})
		case Restart:
			if l.m.Mode != protocol.ModeUpdating {
				l.t.Fatalf("it restarts, and is %s", l.m.Mode)
			}
			l.boot()
			return
		case Tell:
			l.note(e.Facts)
			for _, f := range e.Facts {
				if f.Kind == protocol.FactReceived || f.Kind == protocol.FactAccepted {
					l.t.Fatalf("%s is said to be %s, and that is not stored", f.PaymentID, f.Kind)
				}
			}
		}
	}
}

// boot is a power cut, or a restart, and what the agent does first then.
func (l *life) boot() {
	l.m = New(l.disk, l.m.Parts)
	l.step(Ready{})
}

func (l *life) note(facts []Fact) {
	for _, f := range facts {
		if l.facts[f.PaymentID] == nil {
			l.facts[f.PaymentID] = map[protocol.FactKind]bool{}
		}
		l.facts[f.PaymentID][f.Kind] = true
	}
}

// check is what must hold after every step, whatever happened before.
func (l *life) check(before Machine, ev Event) {
	m := l.m
	got, received := ev.(Received)
	if received && m.Seq == got.State.Seq && (got.Answer || m.Seq != before.Seq) && got.State.Sale != nil {
		s := got.State.Sale
		l.brought[Order{PaymentID: s.PaymentID, MerchantTransactionID: s.MerchantTransactionID, AmountPaise: s.AmountPaise}] = true
	}
	switch {
	case m.Result == before.Result || m.Result.Outcome == "":
	case m.Late && m.Result == before.News: // it was looked at when it came
	default:
		l.checkResult(before, ev, m.Result)
	}
	if m.News != before.News && m.News.Outcome != "" {
		l.checkResult(before, ev, m.News)
	}
	if m.Late && m.Result.Outcome != protocol.OutcomeSucceeded || m.News.Outcome != "" && m.News.Outcome != protocol.OutcomeSucceeded {
		l.t.Fatalf("late news are %+v and %+v: only that it was paid is any", m.Result, m.News)
	}
	if m.News.Outcome != "" && (m.News.PaymentID != m.NewsOf.PaymentID || m.News.AmountPaise != m.NewsOf.AmountPaise) {
		l.t.Fatalf("the news %+v is of the sale %+v", m.News, m.NewsOf)
	}
	if m.Mode == protocol.ModeUpdating && before.Mode != m.Mode {
		if s := m.Sale; s.PaymentID != "" && (s.mayBePaid() || s.Accepted || s.Seen != "") || m.Result.Outcome != "" && m.Panel == "" || m.Keypad.Open {
			l.t.Fatalf("it restarts in somebody's way: %+v", m)
		}
	}
	if m.Mode == protocol.ModeTesting && (m.Sale.PaymentID != "" || m.Result.Outcome != "") {
		l.t.Fatalf("a self-test is in the way of a sale: %+v", m)
	}
	if m.Mode == protocol.ModeChecking && m.Reason() != "" && (m.Sale.Presented || m.Sale.Paying) {
		l.t.Fatalf("nobody can have paid, it says: %+v", m.Sale)
	}
	if m.Mode == protocol.ModeResult && (m.Result.Outcome == "" || m.Result.AmountPaise != m.Ended.AmountPaise || m.Result.PaymentID != m.Ended.PaymentID) {
		l.t.Fatalf("the result %+v is on the glass for the sale %+v", m.Result, m.Ended)
	}
	if m.Mode == protocol.ModePresenting && (m.Sale.Paying || m.Sale.Prompt || m.Left(l.now) <= 0 || m.unfit(&protocol.Sale{
		AmountPaise: m.Sale.AmountPaise, QR: m.Sale.QR, Phase: protocol.PhaseOffered,
		PayModes: []protocol.PayMode{m.Sale.Chosen}}, Order{}, m.Sale.Chosen, m.Parts.NoQR) != "") {
		l.t.Fatalf("a sale that is not to be presented is on the glass: %+v", m.Sale)
	}
	if m.Mode == protocol.ModePulling && (m.Sale.PaymentID != "" || !m.Display.Pull || len(m.Keypad.Digits) > 8 ||
		m.Keypad.Pull.ID != "" && m.Keypad.Pull.ShortOrderID != m.Keypad.Digits) {
		l.t.Fatalf("the keypad is on the glass: %+v, %+v", m.Keypad, m.Sale)
	}
	for id := range l.machine {
		if m.Sale.PaymentID != id && m.Remembered.Sale.PaymentID != id && m.Cards.of(id) == nil {
			delete(l.machine, id) // the terminal has done with it
		}
	}
	switch c := m.Call(l.now); {
	case c.PaymentID == "" || c.Last:
	case c.PaymentID != m.Sale.PaymentID || m.Sale.Chosen != protocol.PayCard || m.Sale.Prompt || !m.Sale.Presented:
		l.t.Fatalf("a card is wanted: %+v, for the sale %+v", c, m.Sale)
	case l.machine[c.PaymentID] != "" && !l.diskFailed:
		l.t.Fatalf("a second card is wanted for %s: %s", c.PaymentID, l.machine[c.PaymentID])
	}
	if m.Until != 0 && m.Until < before.Until && m.Until < l.now && m.Mode != protocol.ModeResult {
		l.t.Fatalf("a wait ends in the past: %v, it is %v", m.Until, l.now)
	}
}

// checkResult: a result comes from a state that was obeyed, for the payment that
// was on the screen, left it in doubt, or is remembered from before the power cut;
// same amount, newer.
func (l *life) checkResult(before Machine, ev Event, r protocol.Result) {
	got, ok := ev.(Received)
	if !ok || got.State.Result == nil || *got.State.Result != r {
		l.t.Fatalf("%+v shows the result %+v, which no state just brought", ev, r)
	}
	on := []Order{before.Doubt}
	switch {
	case before.Sale.PaymentID != "":
		on = append(on, before.Sale.Order)
	default:
		on = append(on, before.Remembered.Sale, before.Remembered.Ended)
	}
	for _, o := range on {
		key := Order{PaymentID: r.PaymentID, MerchantTransactionID: r.MerchantTransactionID, AmountPaise: r.AmountPaise}
		if o.PaymentID == r.PaymentID && o.MerchantTransactionID == r.MerchantTransactionID && o.AmountPaise == r.AmountPaise &&
			(got.Answer || before.Link && got.State.Seq > o.Seq) && l.brought[key] {
			return
		}
	}
	l.t.Fatalf("result %+v of state %d (answer %v) is shown, while these were on the screen: %+v", r, got.State.Seq, got.Answer, on)
}

var (
	ids      = []string{"A", "B", "C"}
	amounts  = []protocol.Paise{24500, 100}
	phases   = []protocol.Phase{protocol.PhaseOffered, protocol.PhaseTaken, protocol.PhasePresented, protocol.PhasePaying, "?"}
	outcomes = []protocol.Outcome{
		protocol.OutcomeSucceeded, protocol.OutcomeSucceeded, protocol.OutcomeFailed,
		protocol.OutcomeExpired, protocol.OutcomeCancelled, protocol.OutcomeUnknown, "?",
	}
)

func anyState(t *rapid.T) protocol.State {
	st := protocol.State{Seq: rapid.Uint64Range(1, 12).Draw(t, "seq"), Epoch: "e"}
	if rapid.Bool().Draw(t, "has a sale") {
		st.Sale = sale(rapid.SampledFrom(ids).Draw(t, "sale"), rapid.SampledFrom(phases).Draw(t, "phase"))
		st.Sale.LeftMillis = rapid.SampledFrom([]int64{-1, 0, 1, 2_000, 60_000, 1 << 62}).Draw(t, "left")
		st.Sale.Prompt = rapid.IntRange(0, 3).Draw(t, "prompt") == 0
		st.Sale.PayModes = rapid.SampledFrom([][]protocol.PayMode{
			{protocol.PayDQR}, {protocol.PayCard}, {protocol.PayCard, protocol.PayDQR}, {},
		}).Draw(t, "pay modes")
		st.Sale.Chosen = rapid.SampledFrom([]protocol.PayMode{"", protocol.PayDQR, protocol.PayCard}).Draw(t, "chosen")
		if st.Sale.AmountPaise = rapid.SampledFrom(amounts).Draw(t, "amount"); st.Sale.AmountPaise == 100 {
			st.Sale.QR = "upi://pay?pa=merchant@upi&tr=" + st.Sale.PaymentID + "&am=1.00"
		}
	}
	st.Display.Pull = rapid.IntRange(0, 9).Draw(t, "may pull") > 0
	if rapid.Bool().Draw(t, "answers a pull") {
		st.Pull = &protocol.PullAnswer{
			PullID:  rapid.SampledFrom([]string{"PULL0001", "PULL0002"}).Draw(t, "pull"),
			Outcome: rapid.SampledFrom([]protocol.PullOutcome{protocol.PullTaken, protocol.PullOther, "?"}).Draw(t, "outcome"),
		}
	}
	if rapid.Bool().Draw(t, "has a result") {
		st.Result = result(rapid.SampledFrom(ids).Draw(t, "result"), rapid.SampledFrom(outcomes).Draw(t, "outcome"))
		st.Result.AmountPaise = rapid.SampledFrom(amounts).Draw(t, "amount")
		st.Result.MerchantTransactionID += rapid.SampledFrom([]string{"", "", "", "x"}).Draw(t, "other order")
		st.Result.AgeMillis = rapid.SampledFrom([]int64{0, 1000, 3_600_000}).Draw(t, "age")
	}
	return st
}

// happen lets one arbitrary thing happen.
func (l *life) happen() {
	t := l.t
	switch rapid.IntRange(0, 23).Draw(t, "what") {
	case 0, 1, 2, 3:
		l.step(Received{State: anyState(t), Unfit: rapid.IntRange(0, 9).Draw(t, "unfit") == 0})
	case 4, 5:
		l.step(Received{State: anyState(t), Answer: true})
	case 6:
		l.step(LinkLost{})
	case 7, 8:
		l.now += time.Duration(rapid.SampledFrom([]int64{0, 1, 500, 2_000, 9_000, 70_000, 1_200_000}).Draw(t, "ms")) * time.Millisecond
		if l.m.Until != 0 && l.now >= l.m.Until {
			l.step(Tick{})
		}
	case 9, 10:
		l.draw()
	case 11:
		l.noPanel = !l.noPanel
		l.draw()
	case 12:
		l.noDisk = !l.noDisk
	case 13:
		l.step(Unpresentable{PaymentID: rapid.SampledFrom(ids).Draw(t, "payment"), Reason: ReasonUnfit})
	case 14: // the power goes and comes back
		l.boot()
	case 15, 16:
		keys := []string{KeyAccept, KeyAccept, KeyReject, KeyCard, KeyDQR, "1", "2", "7", KeyOK, KeyOK, KeyClear, "?"}
		l.press(rapid.SampledFrom(keys).Draw(t, "key"))
	case 17, 18, 19:
		l.card()
	case 20:
		l.step(CardFailed{PaymentID: rapid.SampledFrom(append(ids, TestRef)).Draw(t, "payment"), Asked: rapid.Bool().Draw(t, "asked")})
	case 21:
		l.step(RestartWanted{})
	case 22:
		l.press(rapid.SampledFrom([]string{KeyTest, KeyTest, KeyMute, KeyLanguage, KeyRepeat}).Draw(t, "key"))
	case 23:
		checks := Checks()
		l.step(Tested{
			Run:     l.m.Tests - rapid.IntRange(0, 1).Draw(t, "runs ago"),
			Check:   rapid.SampledFrom(checks[:]).Draw(t, "check"),
			Finding: rapid.SampledFrom([]Finding{FindingOK, FindingFailed, FindingAbsent}).Draw(t, "finding"),
		})
	}
}

func (l *life) press(key string) {
	l.step(Pressed{
		Key:      key,
		PullID:   rapid.SampledFrom([]string{"PULL0001", "PULL0002"}).Draw(l.t, "pull"),
		Language: rapid.SampledFrom([]string{"", "en", "hi"}).Draw(l.t, "language"),
	})
}

// card lets the card machine do something about its call: read a card, or say
// how it ended.
func (l *life) card() {
	c := l.m.Call(l.now)
	switch outcome := l.machine[c.PaymentID]; {
	case c.PaymentID == "":
	case !c.Last:
		l.machine[c.PaymentID] = rapid.SampledFrom([]Kind{KindCardApproved, KindCardDeclined, KindCardUnknown}).Draw(l.t, "card")
		l.step(CardRead{PaymentID: c.PaymentID})
		if rapid.Bool().Draw(l.t, "the power goes now") {
			return
		}
		l.say(c.PaymentID, l.machine[c.PaymentID])
	case outcome == "":
		l.step(CardUnread{PaymentID: c.PaymentID})
	default:
		l.say(c.PaymentID, outcome)
	}
}

func (l *life) say(id string, outcome Kind) {
	switch outcome {
	case KindCardApproved:
		l.step(CardApproved{PaymentID: id, Card: approved})
		if !l.facts[id][protocol.FactCardApproved] {
			l.t.Fatalf("the approval of %s is not reported", id)
		}
	case KindCardDeclined:
		l.step(CardDeclined{PaymentID: id, Reason: "51"})
	case KindCardUnknown:
		l.step(CardUnknown{PaymentID: id})
	}
}

// draw is the panel's answer to what the machine wants on the glass.
func (l *life) draw() {
	if l.noPanel {
		l.step(DrawFailed{Reason: "bus is stuck"})
		return
	}
	l.step(Drawn{Mode: l.m.Mode, PaymentID: l.m.Payment().PaymentID})
}

func newLife(t *rapid.T) *life {
	parts := Parts{
		Keys: rapid.Bool().Draw(t, "keys"), Card: rapid.Bool().Draw(t, "card machine"),
		NoQR: rapid.IntRange(0, 4).Draw(t, "no QR") == 0,
	}
	l := &life{
		t: t, m: New(Memory{}, parts), brought: map[Order]bool{},
		machine: map[string]Kind{}, facts: map[string]map[protocol.FactKind]bool{},
	}
	l.step(Ready{})
	return l
}

func TestAnythingMayHappen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := newLife(t)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			l.happen()
		}
	})
}

// TestNeverStuck: once panel, disk and link work and the controller wants
// nothing more, the terminal is idle within 10 s (DESIGN 5, failure matrix L2), all
// results that it still shows included, or restarts by then for an update that
// somebody wants, and is idle as soon after that. A keypad in use and a self-test close after their own limits.
func TestNeverStuck(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := newLife(t)
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			l.happen()
		}
		l.noPanel, l.noDisk = false, false
		l.draw()
		end := anyState(t)
		end.Sale = nil
		healed, limit := l.now, 10*time.Second
		l.step(Received{State: end, Answer: true})
		switch l.m.Mode {
		case protocol.ModePulling: // then a late success may follow
			limit = pullLimit + keypadLimit + holdLate
		case protocol.ModeTesting:
			limit = testLimit
		}
		for range 100 {
			l.draw()
			if l.m.Mode == protocol.ModeIdle {
				break
			}
			if l.m.Mode == protocol.ModeStarting || l.m.Mode == protocol.ModeOffline { // it has restarted, and asks
				if l.now-healed > limit+updateSeen {
					t.Fatalf("%v after the end it restarts: %+v", l.now-healed, l.m)
				}
				healed, limit = l.now, 10*time.Second
				l.step(Received{State: end, Answer: true})
				continue
			}
			if l.m.Until == 0 {
				t.Fatalf("%s has no limit", l.m.Mode)
			}
			l.now = max(l.now, l.m.Until)
			l.step(Tick{})
		}
		if l.m.Mode != protocol.ModeIdle || l.now-healed > limit {
			t.Fatalf("%v after the end the terminal is %s: %+v", l.now-healed, l.m.Mode, l.m)
		}
	})
}
