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
	// noDisk and noPanel are the weather.
	noDisk, noPanel bool
}

func (l *life) step(ev Event) {
	before := l.m
	after, effects := Step(before, l.now, ev)
	l.m = after
	l.check(before, ev)
	for _, e := range effects {
		switch e := e.(type) {
		case Save:
			if l.noDisk {
				l.step(StoreFailed{Reason: "no space left", Facts: e.Facts})
				return
			}
			l.disk = e.Memory
			l.step(Stored{})
		case Tell:
			for _, f := range e.Facts {
				if f.Kind == protocol.FactReceived {
					l.t.Fatalf("%s is said to be stored, and is not", f.PaymentID)
				}
			}
		}
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
	if m.Result != before.Result && m.Result.Outcome != "" {
		l.checkResult(before, ev)
	}
	if m.Mode == protocol.ModeResult && (m.Result.Outcome == "" || m.Result.AmountPaise != m.Ended.AmountPaise || m.Result.PaymentID != m.Ended.PaymentID) {
		l.t.Fatalf("the result %+v is on the glass for the sale %+v", m.Result, m.Ended)
	}
	if m.Mode == protocol.ModePresenting && (m.Sale.Paying || m.Left(l.now) <= 0 || unfit(&protocol.Sale{
		AmountPaise: m.Sale.AmountPaise, QR: m.Sale.QR, Phase: protocol.PhaseOffered}) != "") {
		l.t.Fatalf("a QR that is not to be seen is on the glass: %+v", m.Sale)
	}
	if m.Until != 0 && m.Until < before.Until && m.Until < l.now && m.Mode != protocol.ModeResult {
		l.t.Fatalf("a wait ends in the past: %v, it is %v", m.Until, l.now)
	}
}

// checkResult: a result comes from a state that was obeyed, for the payment that
// was on the screen or remembered from before the power cut, same amount, newer.
func (l *life) checkResult(before Machine, ev Event) {
	got, ok := ev.(Received)
	if !ok || got.State.Result == nil || *got.State.Result != l.m.Result {
		l.t.Fatalf("%+v shows the result %+v, which no state just brought", ev, l.m.Result)
	}
	r := l.m.Result
	var on []Order
	switch {
	case before.Sale.PaymentID != "":
		on = []Order{before.Sale.Order}
	default:
		on = []Order{before.Remembered.Sale, before.Remembered.Ended}
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
		protocol.OutcomeExpired, protocol.OutcomeCancelled, "?",
	}
)

func anyState(t *rapid.T) protocol.State {
	st := protocol.State{Seq: rapid.Uint64Range(1, 12).Draw(t, "seq"), Epoch: "e"}
	if rapid.Bool().Draw(t, "has a sale") {
		st.Sale = sale(rapid.SampledFrom(ids).Draw(t, "sale"), rapid.SampledFrom(phases).Draw(t, "phase"))
		st.Sale.LeftMillis = rapid.SampledFrom([]int64{-1, 0, 1, 2_000, 60_000, 1 << 62}).Draw(t, "left")
		st.Sale.Prompt = rapid.IntRange(0, 19).Draw(t, "prompt") == 0
		if st.Sale.AmountPaise = rapid.SampledFrom(amounts).Draw(t, "amount"); st.Sale.AmountPaise == 100 {
			st.Sale.QR = "upi://pay?pa=merchant@upi&tr=" + st.Sale.PaymentID + "&am=1.00"
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
	switch rapid.IntRange(0, 14).Draw(t, "what") {
	case 0, 1, 2, 3:
		l.step(Received{State: anyState(t)})
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
		l.m = New(l.disk)
		l.step(Ready{})
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
	l := &life{t: t, m: New(Memory{}), brought: map[Order]bool{}}
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
// nothing more, the terminal is idle within 10 s (DESIGN 5, failure matrix L2).
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
		healed := l.now
		l.step(Received{State: end, Answer: true})
		for range 100 {
			l.draw()
			if l.m.Mode == protocol.ModeIdle {
				break
			}
			if l.m.Until == 0 {
				t.Fatalf("%s has no limit", l.m.Mode)
			}
			l.now = max(l.now, l.m.Until)
			l.step(Tick{})
		}
		if l.m.Mode != protocol.ModeIdle || l.now-healed > 10*time.Second {
			t.Fatalf("%v after the end the terminal is %s: %+v", l.now-healed, l.m.Mode, l.m)
		}
	})
}
