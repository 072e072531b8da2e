package machine

import (
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// second is the unit in which the tests tell the time.
const second = time.Second

// sale is a sale request of 245 rupees with 60 s left of 60.
func sale(id string, phase protocol.Phase) *protocol.Sale {
	return &protocol.Sale{
		PaymentID: id, MerchantTransactionID: "M-" + id, OrderID: "O-" + id, Phase: phase,
		AmountPaise: 24500, QR: "upi://pay?pa=merchant@upi&tr=" + id + "&am=245.00&cu=INR",
		PayModes:   []protocol.PayMode{protocol.PayDQR},
		LeftMillis: 60_000, TotalMillis: 60_000,
	}
}

// edcSale is a sale that may be paid in the modes; it has to be accepted first.
func edcSale(id string, phase protocol.Phase, modes ...protocol.PayMode) *protocol.Sale {
	s := sale(id, phase)
	s.PayModes, s.Prompt = modes, true
	return s
}

// changed is a copy of a sale with a change.
func changed(s *protocol.Sale, change func(*protocol.Sale)) *protocol.Sale {
	c := *s
	change(&c)
	return &c
}

func result(id string, o protocol.Outcome) *protocol.Result {
	r := &protocol.Result{PaymentID: id, MerchantTransactionID: "M-" + id, AmountPaise: 24500, Outcome: o}
	switch o {
	case protocol.OutcomeSucceeded:
		r.Reference = "4417"
	case protocol.OutcomeFailed:
		r.Reason = "UPI:U30"
	case protocol.OutcomeExpired:
		r.Reason = "QR_EXPIRED"
	case protocol.OutcomeCancelled:
		r.Reason = "CANCELLED_BY_MERCHANT"
	}
	return r
}

func state(seq uint64, s *protocol.Sale, r *protocol.Result) protocol.State {
	return protocol.State{Seq: seq, Epoch: "e", AckSeq: 3, Sale: s, Result: r}
}

// pushed is a state that the controller sent by itself, answer one that it was
// asked for.
func pushed(seq uint64, s *protocol.Sale, r *protocol.Result) Event {
	return Received{State: state(seq, s, r)}
}

func answer(seq uint64, s *protocol.Sale, r *protocol.Result) Event {
	return Received{State: state(seq, s, r), Answer: true}
}

// walker takes a machine through events; every Save works unless noDisk.
type walker struct {
	t      *testing.T
	m      Machine
	now    time.Duration
	noDisk bool
	done   []Effect
}

// newWalker is a Dynamic-QR display: it has neither keys nor a card machine.
func newWalker(t *testing.T, mem Memory) *walker { return &walker{t: t, m: New(mem, Parts{})} }

// newEDC is a terminal with both.
func newEDC(t *testing.T, mem Memory) *walker {
	return &walker{t: t, m: New(mem, Parts{Keys: true, Card: true})}
}

// does steps through ev and through what the disk says to it.
func (w *walker) does(ev Event) *walker {
	w.t.Helper()
	var effects []Effect
	w.m, effects = Step(w.m, w.now, ev)
	w.done = append(w.done, effects...)
	for _, e := range effects {
		save, ok := e.(Save)
		switch {
		case !ok:
		case w.noDisk:
			return w.does(StoreFailed{Reason: "no space left", Facts: save.Facts})
		default:
			w.does(Stored{})
		}
	}
	return w
}

// after lets time pass, with every Tick that falls due.
func (w *walker) after(d time.Duration) *walker {
	w.t.Helper()
	end := w.now + d
	for w.m.Until > 0 && w.m.Until <= end {
		w.now = max(w.now, w.m.Until)
		w.does(Tick{})
	}
	w.now = end
	return w
}

// drawn says that what the machine wants on the glass is there.
func (w *walker) drawn() *walker {
	w.t.Helper()
	return w.does(Drawn{Mode: w.m.Mode, PaymentID: w.m.Payment().PaymentID})
}

// is checks the mode and the payment on the screen.
func (w *walker) is(mode protocol.Mode, payment string) *walker {
	w.t.Helper()
	if w.m.Mode != mode || w.m.Payment().PaymentID != payment {
		w.t.Fatalf("at %v the terminal is %s about %q, want %s about %q",
			w.now, w.m.Mode, w.m.Payment().PaymentID, mode, payment)
	}
	return w
}

// facts are what was recorded and told so far, as text.
func (w *walker) facts() string {
	var all []string
	for _, e := range w.done {
		switch e := e.(type) {
		case Save:
			if !w.noDisk {
				all = append(all, factsText(e.Facts)...)
			}
		case Tell:
			all = append(all, factsText(e.Facts)...)
		}
	}
	return strings.Join(all, ", ")
}

func factsText(facts []Fact) (out []string) {
	for _, f := range facts {
		text := string(f.Kind) + " " + f.PaymentID
		for _, more := range []string{f.Reason, string(f.PayMode), f.Card.RRN} {
			if more != "" {
				text += " " + more
			}
		}
		out = append(out, text)
	}
	return out
}

func (w *walker) wantFacts(want string) *walker {
	w.t.Helper()
	if got := w.facts(); got != want {
		w.t.Fatalf("facts are %q, want %q", got, want)
	}
	return w
}

// idle is a terminal that is ready for sales, with state 5.
func idle(t *testing.T) *walker {
	t.Helper()
	return newWalker(t, Memory{}).does(Ready{}).is(protocol.ModeStarting, "").
		does(answer(5, nil, nil)).is(protocol.ModeIdle, "")
}

// press presses keys, one after the other; each is seen on the glass first.
func (w *walker) press(keys ...string) *walker {
	w.t.Helper()
	for _, k := range keys {
		w.drawn().does(Pressed{Key: k, PullID: "PULL-" + k})
	}
	return w
}

// wantCall checks what the card machine is to do.
func (w *walker) wantCall(want Call) *walker {
	w.t.Helper()
	if got := w.m.Call(w.now); got != want {
		w.t.Fatalf("at %v the card machine is to do %+v, want %+v", w.now, got, want)
	}
	return w
}

// idleEDC is a terminal with keys and a card machine, where orders may be
// pulled, in state 5.
func idleEDC(t *testing.T) *walker {
	t.Helper()
	return newEDC(t, Memory{}).does(Ready{}).does(pulls(answer(5, nil, nil), nil)).is(protocol.ModeIdle, "")
}

// pulls is the event with a state that lets the terminal pull, and its answer.
func pulls(ev Event, a *protocol.PullAnswer) Event {
	r := ev.(Received)
	r.State.Display.Pull, r.State.Pull = true, a
	return r
}

// presenting is a terminal with payment A on the glass, brought by state 6.
func presenting(t *testing.T) *walker {
	t.Helper()
	return idle(t).does(pushed(6, sale("A", protocol.PhaseOffered), nil)).
		is(protocol.ModePresenting, "A").drawn().wantFacts("received A, presented A DQR")
}
