package decide

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/fleet"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// edc is an EDC init: pushed to the counter, or OPEN under a short id.
func (w *world) edc(id, short string) payment.Payment {
	w.t.Helper()
	p, err := do(w, newEDC(id, short))
	if err != nil {
		w.t.Fatalf("init %s: %v", id, err)
	}
	return p
}

func newEDC(id, short string) Init {
	d := newSale(id, 24500)
	d.Payment.ID = id
	d.Payment.Solution, d.Payment.AllowCard, d.Payment.AllowDQR = payment.EDC, true, true
	d.ExpiresIn = time.Minute
	if short != "" {
		d.Payment.Open, d.Payment.ShortOrderID, d.Payment.TerminalID = true, short, ""
	}
	return d
}

// second is another terminal of the counter's store.
var second = protocol.Identity{MerchantID: counter.MerchantID, StoreID: counter.StoreID, TerminalID: "T2"}

func (w *world) withSecond() *world {
	w.snap.Terminals[second] = fleet.Terminal{Identity: second, Active: true, Integrated: true, WindowSeconds: 30}
	return w
}

func (w *world) pull(at protocol.Identity, pullID, short string) fleet.Pull {
	w.t.Helper()
	t, err := do(w, Claim{protocol.Pull{Header: protocol.Header{Identity: at}, PullID: pullID, ShortOrderID: short}})
	if err != nil {
		w.t.Fatalf("pull %s: %v", short, err)
	}
	return t.Pull
}

// tells is a terminal's report of facts.
func (w *world) tells(at protocol.Identity, facts ...protocol.Fact) {
	w.t.Helper()
	t := w.snap.Terminals[at]
	r := protocol.Report{Header: protocol.Header{Type: protocol.TypeReport, Identity: at}, Epoch: "E"}
	for i, f := range facts {
		f.N = t.FactSeq + uint64(i) + 1
		if t.Epoch != "E" {
			f.N = uint64(i) + 1
		}
		r.Facts = append(r.Facts, f)
	}
	if _, err := do(w, Report{r}); err != nil {
		w.t.Fatal(err)
	}
}

func fact(kind protocol.FactKind, id string) protocol.Fact {
	return protocol.Fact{Kind: kind, PaymentID: id}
}

func approved(id, rrn string, amount protocol.Paise) protocol.Fact {
	return protocol.Fact{Kind: protocol.FactCardApproved, PaymentID: id, Card: &protocol.Card{
		RRN: rrn, AmountPaise: amount, Last4: "4242", Network: "VISA", Type: "DEBIT",
	}}
}

func (w *world) is(id string, state payment.State, reason string) {
	w.t.Helper()
	if p := w.snap.Payments[id]; p.State != state || p.Reason != reason {
		w.t.Fatalf("%s is %s %q, want %s %q", id, p.State, p.Reason, state, reason)
	}
}

// TestPushed: an EDC sale is taken, accepted, chosen, paid by card. The
// customer's window begins with the handover.
func TestPushed(t *testing.T) {
	w := newWorld(t)
	w.edc("E1", "")
	wanted := func() protocol.State {
		p := w.snap.Payments["E1"]
		return Wanted{Terminal: w.snap.Terminals[counter], Sale: &p, Now: w.snap.Now, EDC: true}.State("")
	}
	if s := wanted().Sale; s == nil || !s.Prompt || len(s.PayModes) != 2 || s.LeftMillis != 60_000 {
		t.Fatalf("the terminal is offered %+v", s)
	}
	w.pass(50 * time.Second)
	w.tells(counter, fact(protocol.FactReceived, "E1"))
	if s := wanted().Sale; s.LeftMillis != 180_000 || s.TotalMillis != 180_000 || s.Phase != protocol.PhaseTaken {
		t.Fatalf("after the handover: %+v", s)
	}
	w.tells(counter, fact(protocol.FactAccepted, "E1"))
	if wanted().Sale.Prompt {
		t.Fatal("the cashier is asked again")
	}
	w.tells(counter, protocol.Fact{Kind: protocol.FactPresented, PaymentID: "E1", PayMode: protocol.PayCard}, fact(protocol.FactCardRead, "E1"))
	w.is("E1", payment.InProgress, "")
	if s := wanted().Sale; s.Chosen != protocol.PayCard || s.Phase != protocol.PhasePaying {
		t.Fatalf("while the card is read: %+v", s)
	}
	w.tells(counter, approved("E1", "632512004217", 24500))
	w.is("E1", payment.Succeeded, "")
	if p := w.snap.Payments["E1"]; p.Reference != "632512004217" || p.CardLast4 != "4242" || p.Instrument != protocol.PayCard {
		t.Fatalf("paid as %+v", p)
	}
	w.tells(counter, approved("E1", "632512004217", 24500)) // told again in another report
	if len(w.credits) != 1 || w.credits[0].State != CreditApplied || len(w.network) != 0 {
		t.Fatalf("credits %+v, network %+v", w.credits, w.network)
	}
}

// TestEDCEnds: each way that a pushed sale ends without money.
func TestEDCEnds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		do     func(w *world)
		state  payment.State
		reason string
	}{
		{"nobody takes it", func(w *world) { w.pass(time.Minute); w.expire("E1") }, payment.Expired, payment.ReasonHandoverTimeout},
		{"taken, and nobody pays", func(w *world) {
			w.tells(counter, fact(protocol.FactReceived, "E1"))
			w.pass(179 * time.Second)
			w.expire("E1")
			w.is("E1", payment.HandedOver, "")
			w.pass(time.Second)
			w.expire("E1")
		}, payment.Expired, payment.ReasonQRExpired},
		{"rejected", func(w *world) {
			w.tells(counter, fact(protocol.FactReceived, "E1"), fact(protocol.FactRejected, "E1"))
		}, payment.Failed, payment.ReasonRejectedByCashier},
		{"refused", func(w *world) { w.tells(counter, fact(protocol.FactRefused, "E1")) }, payment.Failed, payment.ReasonTerminalRefused},
		{"declined", func(w *world) {
			w.tells(counter, fact(protocol.FactCardRead, "E1"), fact(protocol.FactCardDeclined, "E1"))
		}, payment.Failed, payment.ReasonCardDeclined},
		{"another amount", func(w *world) {
			w.tells(counter, fact(protocol.FactCardRead, "E1"), approved("E1", "632512004217", 24400))
			if len(w.network) != 1 || w.network[0].Kind != NetworkReversal || w.network[0].Amount != 24400 {
				w.t.Fatalf("network %+v", w.network)
			}
		}, payment.Failed, payment.ReasonAmountDiffers},
		{"declined after a cancel", func(w *world) {
			w.tells(counter, fact(protocol.FactCardRead, "E1"))
			if c, err := do(w, Cancel{Key: w.snap.Payments["E1"].Key}); err != nil || !c.Asked || c.Ended {
				w.t.Fatalf("cancel: %+v %v", c, err)
			}
			w.tells(counter, fact(protocol.FactCardDeclined, "E1"))
		}, payment.Cancelled, payment.ReasonCancelledByMerchant},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.edc("E1", "")
			tt.do(w)
			w.is("E1", tt.state, tt.reason)
			if w.snap.Terminals[counter].Sale != "" {
				t.Error("the terminal is not free")
			}
		})
	}
}

func (w *world) expire(id string) {
	w.t.Helper()
	if _, err := do(w, Expire{id}); err != nil {
		w.t.Fatal(err)
	}
}

// TestCardPaidTooLate: money of a card for a payment that has ended, or that is
// another terminal's, is recorded and reversed, once (failure matrix R3).
func TestCardPaidTooLate(t *testing.T) {
	w := newWorld(t).withSecond()
	p := w.edc("E1", "")
	if c, err := do(w, Cancel{Key: p.Key}); err != nil || !c.Ended {
		t.Fatalf("cancel: %+v %v", c, err)
	}
	for range 2 {
		w.tells(counter, approved("E1", "632512004217", 24500))
	}
	w.is("E1", payment.Cancelled, payment.ReasonCancelledByMerchant)
	w.edc("E2", "")
	w.tells(second, approved("E2", "632512004218", 24500))
	w.is("E2", payment.Created, "")
	if len(w.credits) != 2 || len(w.network) != 2 {
		t.Fatalf("credits %+v, network %+v", w.credits, w.network)
	}
	for i, c := range w.credits {
		if c.State != CreditReversing || w.network[i].TxnKey != c.TxnKey || w.network[i].Kind != NetworkReversal {
			t.Errorf("credit %+v, request %+v", c, w.network[i])
		}
	}
}

// TestOpenOrder: one terminal wins; the other is told who has it and since
// when; a rejected order goes back to the pool while its time lasts.
func TestOpenOrder(t *testing.T) {
	w := newWorld(t).withSecond()
	w.edc("E1", "0042")
	if w.snap.Terminals[counter].Sale != "" {
		t.Fatal("an OPEN order was pushed")
	}
	if got := w.pull(second, "PULL0001", "42420"); got.Outcome != protocol.PullUnknown {
		t.Fatalf("an order that nobody made: %+v", got)
	}
	if got := w.pull(counter, "PULL0002", "0042"); got.Outcome != protocol.PullTaken {
		t.Fatalf("the first: %+v", got)
	}
	w.pass(7 * time.Second)
	got := w.pull(second, "PULL0003", "0042")
	if got.Outcome != protocol.PullOther || got.By != counter.TerminalID || w.snap.Now.Sub(got.Since) != 7*time.Second {
		t.Fatalf("the second: %+v", got)
	}
	if again := w.pull(second, "PULL0003", "0042"); again != got {
		t.Fatalf("asked again: %+v", again)
	}
	w.edc("E2", "0043")
	if got := w.pull(counter, "PULL0004", "0043"); got.Outcome != protocol.PullBusy {
		t.Fatalf("a terminal with a sale: %+v", got)
	}
	w.tells(counter, fact(protocol.FactReceived, "E1"), fact(protocol.FactRejected, "E1"))
	w.is("E1", payment.Created, "")
	if p := w.snap.Payments["E1"]; p.TerminalID != "" || !p.ExpiresAt.Equal(start.Add(time.Minute)) {
		t.Fatalf("back in the pool: %+v", p)
	}
	if got := w.pull(second, "PULL0005", "0042"); got.Outcome != protocol.PullTaken {
		t.Fatalf("after the rejection: %+v", got)
	}
	if p := w.snap.Payments["E1"]; !p.ExpiresAt.Equal(w.snap.Now.Add(30 * time.Second)) {
		t.Fatalf("the second terminal's window is not its own: %v", p.ExpiresAt)
	}
	if _, err := do(w, newEDC("E3", "0042")); !errors.Is(err, ErrShortOrderUsed) {
		t.Fatalf("a live short id was given out again: %v", err)
	}
	if _, err := do(w, Cancel{Key: w.snap.Payments["E1"].Key}); err != nil {
		t.Fatal(err)
	}
	if got := w.pull(counter, "PULL0006", "0042"); got.Outcome != protocol.PullEnded {
		t.Fatalf("a cancelled order: %+v", got)
	}
	w.edc("E4", "0042") // the short id is free again
	if got := w.pull(counter, "PULL0007", "0042"); got.Outcome != protocol.PullTaken || w.snap.Terminals[counter].Sale != "E4" {
		t.Fatalf("the next order of the same short id: %+v", got)
	}
	w.pass(time.Hour)
	if got := w.pull(second, "PULL0008", "0043"); got.Outcome != protocol.PullEnded {
		t.Fatalf("an order past its time that nobody swept: %+v", got)
	}
}

// TestHandoverLost: only the terminal's own sync gives an order back.
func TestHandoverLost(t *testing.T) {
	for _, tt := range []struct {
		name   string
		stored bool
		holds  string
		lost   bool
	}{
		{"stored and still held", true, "E1", false},
		{"stored and lost", true, "", true},
		{"never stored: it is told again", false, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.edc("E1", "0042")
			w.pull(counter, "PULL0001", "0042")
			if tt.stored {
				w.tells(counter, fact(protocol.FactReceived, "E1"))
			}
			w.pass(45 * time.Second) // silence
			w.is("E1", payment.HandedOver, "")
			_, err := do(w, Report{protocol.Report{
				Header: protocol.Header{Type: protocol.TypeSync, Identity: counter}, Epoch: "E", Session: "S2", Holds: tt.holds,
			}})
			if err != nil {
				t.Fatal(err)
			}
			if p := w.snap.Payments["E1"]; (p.State == payment.Created) != tt.lost || (p.TerminalID == "") != tt.lost {
				t.Fatalf("the order is %s, at %q", p.State, p.TerminalID)
			}
		})
	}
}

// TestBusy: what a new sale does to a terminal that has one, by product and by
// setting.
func TestBusy(t *testing.T) {
	for _, tt := range []struct {
		busy       fleet.Busy
		first, two payment.Solution
		replaced   bool
	}{
		{fleet.BusyByProduct, payment.DQRDevice, payment.DQRDevice, true},
		{fleet.BusyByProduct, payment.EDC, payment.EDC, false},
		{fleet.BusyByProduct, payment.EDC, payment.DQRDevice, false},
		{fleet.BusyByProduct, payment.DQRDevice, payment.EDC, false},
		{fleet.BusyReplace, payment.EDC, payment.EDC, true},
		{fleet.BusyQueue, payment.DQRDevice, payment.DQRDevice, false},
	} {
		t.Run(fmt.Sprintf("%q: %s then %s", tt.busy, tt.first, tt.two), func(t *testing.T) {
			w := newWorld(t)
			terminal := w.snap.Terminals[counter]
			terminal.Busy = tt.busy
			w.snap.Terminals[counter] = terminal
			for i, solution := range []payment.Solution{tt.first, tt.two, tt.two} {
				d := newEDC(fmt.Sprint("E", i+1), "")
				d.Payment.Solution = solution
				if _, err := do(w, d); err != nil {
					t.Fatal(err)
				}
			}
			row := w.snap.Terminals[counter]
			switch {
			case tt.replaced:
				w.is("E1", payment.Cancelled, payment.ReasonSuperseded)
				w.is("E2", payment.Cancelled, payment.ReasonSuperseded)
				if row.Sale != "E3" || len(row.Waiting) != 0 {
					t.Fatalf("shows %s, waiting %v", row.Sale, row.Waiting)
				}
				return
			case row.Sale != "E1" || row.Waiting[len(row.Waiting)-1] != "E3":
				t.Fatalf("shows %s, waiting %v", row.Sale, row.Waiting)
			}
			if _, err := do(w, Cancel{Key: w.snap.Payments["E1"].Key}); err != nil {
				t.Fatal(err)
			}
			if next := w.snap.Terminals[counter].Sale; next == "" || next == "E1" {
				t.Fatalf("after the first, %q is shown", next)
			}
		})
	}
}

// TestUnknownEnd: a payment whose end nobody knows: the terminal is freed at the
// first question, three are asked at most, then it is parked, and evidence
// settles it (failure matrix R13, R14, I14, I15).
func TestUnknownEnd(t *testing.T) {
	for _, paid := range []bool{true, false} {
		w := newWorld(t)
		w.edc("E1", "")
		w.edc("E2", "") // waits
		w.tells(counter, fact(protocol.FactReceived, "E1"), fact(protocol.FactCardRead, "E1"), fact(protocol.FactCardUnknown, "E1"))
		if _, err := do(w, Resolve{PaymentID: "E2", Paid: true, Reference: "R"}); err == nil {
			t.Fatal("a payment that nobody began was resolved")
		}
		var freed time.Duration
		for range int(payment.ParkAfter/time.Second) + 2 {
			if _, err := do(w, Attend{"E1"}); err != nil {
				t.Fatal(err)
			}
			if freed == 0 && w.snap.Terminals[counter].Sale != "E1" {
				freed = w.snap.Now.Sub(start)
			}
			w.pass(time.Second)
		}
		w.is("E1", payment.Parked, "")
		if freed != payment.Asks()[0] || w.snap.Terminals[counter].Sale != "E2" {
			t.Fatalf("freed after %v, shows %q", freed, w.snap.Terminals[counter].Sale)
		}
		if len(w.network) != 0 {
			t.Fatalf("the network was asked about a card: %+v", w.network)
		}
		for range 2 {
			if _, err := do(w, Resolve{PaymentID: "E1", Paid: paid, Reference: "632512004217", Actor: "operator"}); err != nil {
				t.Fatal(err)
			}
		}
		if paid {
			w.is("E1", payment.Succeeded, "")
		} else {
			w.is("E1", payment.Failed, payment.ReasonResolvedUnpaid)
		}
		if len(w.callbacks) != 1 || (len(w.credits) == 1) != paid {
			t.Fatalf("callbacks %+v, credits %+v", w.callbacks, w.credits)
		}
	}
}

// TestALatePayment: the terminal was freed, has shown that nobody knows, and hears
// that the money came after all; that none came it need not hear.
func TestALatePayment(t *testing.T) {
	for _, tt := range []struct {
		name   string
		paid   bool
		shown  bool   // that nobody knows it
		result string // another one, which is to be shown
		want   string
	}{
		{"it came", true, true, "", "E1"},
		{"it came, and nothing was shown yet", true, false, "", "E1"},
		{"none came", false, true, "", ""},
		{"it came while another result is to be shown", true, true, "E0", "E0"},
	} {
		w := newWorld(t)
		w.edc("E1", "")
		w.tells(counter, fact(protocol.FactReceived, "E1"), fact(protocol.FactCardRead, "E1"), fact(protocol.FactCardUnknown, "E1"))
		for range int(payment.ParkAfter/time.Second) + 2 {
			if _, err := do(w, Attend{"E1"}); err != nil {
				t.Fatal(err)
			}
			w.pass(time.Second)
		}
		if tt.shown {
			w.tells(counter, fact(protocol.FactShown, "E1"))
		}
		row := w.snap.Terminals[counter]
		if tt.result != "" {
			row.Result = tt.result
			w.snap.Terminals[counter] = row
		}
		before := row.Seq
		if _, err := do(w, Resolve{PaymentID: "E1", Paid: tt.paid, Reference: "632512004217", Actor: "operator"}); err != nil {
			t.Fatal(err)
		}
		row = w.snap.Terminals[counter]
		if row.Result != tt.want || (row.Seq > before) != (tt.want == "E1") {
			t.Errorf("%s: it is to tell %q in state %d, after %d", tt.name, row.Result, row.Seq, before)
		}
	}
}

// TestAsksTheNetwork: of an attempt by UPI, three times in half an hour.
func TestAsksTheNetwork(t *testing.T) {
	w := newWorld(t)
	d := newEDC("E1", "")
	d.Payment.Solution = payment.DQRDevice
	if _, err := do(w, d); err != nil {
		t.Fatal(err)
	}
	p := w.snap.Payments["E1"]
	b := NewBatch(w.snap)
	tx := &Tx{batch: b, own: newLayer()}
	if _, err := move(tx, p, payment.Happening{Event: payment.EventPayStarted, Actor: "upi:O"}); err != nil {
		t.Fatal(err)
	}
	b.done.add(tx.own)
	w.save(b.Changes())
	for range int(payment.ParkAfter/time.Second) + 2 {
		if _, err := do(w, Attend{"E1"}); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
	}
	var asked []string
	for _, r := range w.network {
		if r.Kind != NetworkAsk {
			t.Fatalf("%+v", r)
		}
		asked = append(asked, fmt.Sprint(r.ID, "@", r.At.Sub(start)))
	}
	if got, want := fmt.Sprint(asked), "[E1-ask1@1m30s E1-ask2@5m0s E1-ask3@20m0s]"; got != want {
		t.Fatalf("asked %s, want %s", got, want)
	}
	w.is("E1", payment.Parked, "")
}

// TestCancel: one outcome for each state (phonepe-api: Cancel).
func TestCancel(t *testing.T) {
	for _, tt := range []struct {
		name         string
		before       func(w *world)
		ended, asked bool
		state        payment.State
	}{
		{"created", func(*world) {}, true, false, payment.Cancelled},
		{"again", func(w *world) { _, _ = do(w, Cancel{Key: w.snap.Payments["E1"].Key}) }, true, false, payment.Cancelled},
		{"taken", func(w *world) { w.tells(counter, fact(protocol.FactReceived, "E1")) }, true, false, payment.Cancelled},
		{"paying", func(w *world) { w.tells(counter, fact(protocol.FactCardRead, "E1")) }, false, true, payment.InProgress},
		{"paid", func(w *world) { w.tells(counter, approved("E1", "1", 24500)) }, false, false, payment.Succeeded},
		{"rejected", func(w *world) { w.tells(counter, fact(protocol.FactRejected, "E1")) }, false, false, payment.Failed},
		{"expired", func(w *world) { w.pass(time.Hour); w.expire("E1") }, false, false, payment.Expired},
	} {
		w := newWorld(t)
		w.edc("E1", "")
		tt.before(w)
		c, err := do(w, Cancel{Key: w.snap.Payments["E1"].Key, Actor: "pos:M"})
		if err != nil || c.Ended != tt.ended || c.Asked != tt.asked || c.Payment.State != tt.state {
			t.Errorf("%s: %+v, %v", tt.name, c, err)
		}
	}
	w := newWorld(t)
	if _, err := do(w, Cancel{Key: payment.Key{MerchantID: "M", TransactionID: "nobody's"}}); !errors.Is(err, ErrNoPayment) {
		t.Errorf("unknown: %v", err)
	}
}
