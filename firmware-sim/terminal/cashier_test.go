package terminal_test

import (
	"strings"
	"testing"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/firmware-sim/card"
	"github.com/galla-pay/galla/firmware-sim/phone"
	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
)

// asked is a sale that the cashier has to accept, and that is paid by card or QR.
func asked(payment, transaction string, amount protocol.Paise) *protocol.Sale {
	s := sale(payment, transaction, amount)
	s.Prompt, s.PayModes = true, []protocol.PayMode{protocol.PayCard, protocol.PayDQR}
	return s
}

// byCard is a sale that only a card pays, and nobody is asked.
func byCard(payment, transaction string, amount protocol.Paise) *protocol.Sale {
	s := sale(payment, transaction, amount)
	s.PayModes, s.QR = []protocol.PayMode{protocol.PayCard}, ""
	return s
}

// on is a rig with power whose terminal is ready.
func on(t *testing.T, d *desk) *rig {
	t.Helper()
	r := newRig(t, d, nil)
	r.flip("/power/on")
	r.awaitReady()
	return r
}

// fact demands the terminal's next fact.
func (d *desk) fact(kind protocol.FactKind, payment string) protocol.Fact {
	d.t.Helper()
	fact := within(d.t, "the fact "+string(kind), d.facts)
	if fact.Kind != kind || fact.PaymentID != payment {
		d.t.Fatalf("the fact is %+v, want %s of %s", fact, kind, payment)
	}
	return fact
}

// awaitCardWanted waits until glass and reader ask for a card.
func (r *rig) awaitCardWanted() {
	r.t.Helper()
	r.await("a card wanted", func(s terminal.State) bool { return s.Mode == protocol.ModePresenting && s.Card == card.Waiting })
}

// showsNoQR looks at the glass as it is now.
func (r *rig) showsNoQR() {
	r.t.Helper()
	if text, err := phone.ReadPicture(r.get("/panel.png")); err == nil {
		r.t.Fatalf("there is a QR on the glass: %s", text)
	}
}

// The cashier accepts, the customer chooses the QR, and the glass shows it.
func TestPromptAcceptQR(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := on(t, d)
	s := asked("P1", "TXN-1", 24_500)
	d.offer(s)
	now := r.awaitMode(protocol.ModePrompting)
	if now.MerchantTransactionID != "TXN-1" || now.AmountPaise != 24_500 || now.OrderID != "ORDER-1" || now.LeftMs <= 0 ||
		now.PayMode != "" || now.Choices != (terminal.Choices{}) {
		t.Fatalf("it asks for %+v", now)
	}
	r.showsNoQR()
	d.fact(protocol.FactReceived, "P1")
	r.press(agent.KeyAccept)
	d.fact(protocol.FactAccepted, "P1")
	now = r.awaitMode(protocol.ModeChoosing)
	if now.Choices != (terminal.Choices{protocol.PayDQR, protocol.PayCard}) || now.PayMode != "" || now.LeftMs <= 0 {
		t.Fatalf("it offers %+v", now)
	}
	r.showsNoQR()
	r.press(agent.KeyDQR)
	r.awaitPresenting(s)
	r.awaitQR(s.QR)
	if now = r.State(); now.PayMode != protocol.PayDQR || now.Choices != (terminal.Choices{}) {
		t.Fatalf("it presents %+v", now)
	}
	if fact := d.fact(protocol.FactPresented, "P1"); fact.PayMode != protocol.PayDQR {
		t.Fatalf("presented by %s", fact.PayMode)
	}
	if now := r.State(); now.Card != card.Idle {
		t.Fatalf("the card reader is %s", now.Card)
	}
	d.want(func(state *protocol.State) { state.Waiting = 2 })
	r.await("two sales that wait", func(now terminal.State) bool { return now.Waiting == 2 })
	d.end(s, protocol.OutcomeSucceeded, "")
	if now := r.awaitMode(protocol.ModeResult); now.Result != protocol.OutcomeSucceeded {
		t.Fatalf("the result is %+v", now)
	}
}

// The cashier rejects: no QR, no card, and the terminal is free.
func TestPromptReject(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := on(t, d)
	s := asked("P1", "TXN-1", 24_500)
	d.offer(s)
	r.awaitMode(protocol.ModePrompting)
	d.fact(protocol.FactReceived, "P1")
	r.press(agent.KeyReject)
	d.fact(protocol.FactRejected, "P1")
	r.await("no prompt any more", func(now terminal.State) bool { return now.Mode != protocol.ModePrompting })
	// Too late for second thoughts.
	r.press(agent.KeyAccept, agent.KeyDQR, agent.KeyCard)
	d.end(s, protocol.OutcomeFailed, "REJECTED_BY_CASHIER")
	next := sale("P2", "TXN-2", 100)
	d.offer(next)
	r.awaitPresenting(next)
	d.fact(protocol.FactReceived, "P2")
	if r.everSeen(func(v terminal.View) bool {
		return v.MerchantTransactionID == "TXN-1" && v.Mode != protocol.ModePrompting && v.Mode != protocol.ModeResult
	}) || len(r.cards()) != 0 {
		t.Fatal("a rejected sale went on")
	}
}

// What a card comes to, as the controller is told of it.
func TestCard(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		tap    string
		facts  []protocol.FactKind // after presented
		ledger card.Result
	}{
		{"outcome=approve&last4=0042&network=RUPAY&type=CREDIT", []protocol.FactKind{protocol.FactCardRead, protocol.FactCardApproved}, card.Approved},
		{"outcome=approve&last4=0042&network=RUPAY&type=CREDIT&delayMillis=300", []protocol.FactKind{protocol.FactCardRead, protocol.FactCardApproved}, card.Approved},
		{"outcome=decline", []protocol.FactKind{protocol.FactCardRead, protocol.FactCardDeclined}, card.Declined},
		{"outcome=timeout", []protocol.FactKind{protocol.FactCardRead, protocol.FactCardUnknown}, card.NoAnswer},
		{"outcome=late&last4=0042&network=RUPAY&type=CREDIT", []protocol.FactKind{protocol.FactCardRead, protocol.FactCardUnknown, protocol.FactCardApproved}, card.Approved},
	} {
		t.Run(tt.tap, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			r := on(t, d)
			s := asked("P1", "TXN-1", 24_500)
			d.offer(s)
			r.awaitMode(protocol.ModePrompting)
			r.press(agent.KeyAccept)
			r.awaitMode(protocol.ModeChoosing)
			r.press(agent.KeyCard)
			r.awaitCardWanted()
			r.showsNoQR()
			d.fact(protocol.FactReceived, "P1")
			d.fact(protocol.FactAccepted, "P1")
			if fact := d.fact(protocol.FactPresented, "P1"); fact.PayMode != protocol.PayCard {
				t.Fatalf("presented by %s", fact.PayMode)
			}
			if entry := r.tap(tt.tap); entry.Ref != "P1" || entry.AmountPaise != 24_500 {
				t.Fatalf("the card is read as %+v", entry)
			}
			var last protocol.Fact
			for _, kind := range tt.facts {
				last = d.fact(kind, "P1")
			}
			ledger := r.cards()
			if len(ledger) != 1 || ledger[0].Outcome != tt.ledger {
				t.Fatalf("the reader has %+v", ledger)
			}
			switch last.Kind {
			case protocol.FactCardApproved:
				want := protocol.Card{RRN: ledger[0].RRN, AmountPaise: 24_500, Last4: "0042", Network: "RUPAY", Type: "CREDIT"}
				if last.Card == nil || *last.Card != want {
					t.Fatalf("approved is %+v, the reader has %+v", last.Card, want)
				}
				d.end(s, protocol.OutcomeSucceeded, "")
				if now := r.awaitMode(protocol.ModeResult); now.Result != protocol.OutcomeSucceeded {
					t.Fatalf("the result is %+v", now)
				}
			case protocol.FactCardDeclined:
				if last.Reason != "INSUFFICIENT_FUNDS" || last.Card != nil {
					t.Fatalf("declined is %+v", last)
				}
				d.end(s, protocol.OutcomeFailed, "CARD_DECLINED")
				if now := r.awaitMode(protocol.ModeResult); now.Result != protocol.OutcomeFailed {
					t.Fatalf("the result is %+v", now)
				}
			case protocol.FactCardUnknown:
				// Unknown is not failed (failure matrix R2): it says so and waits.
				r.awaitMode(protocol.ModeChecking)
			}
			// No card is asked for once more.
			if status, body := r.post("/card/tap", asForm, "outcome=approve&holdMillis=0"); status != 409 {
				t.Fatalf("another card = %d %s", status, body)
			}
		})
	}
}

// A sale that only a card pays asks at once; when it is cancelled before there
// was a card, the reader asks no more.
func TestCardNotWantedAnyMore(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := on(t, d)
	s := byCard("P1", "TXN-1", 24_500)
	d.offer(s)
	r.awaitCardWanted()
	d.end(s, protocol.OutcomeCancelled, "CANCELLED_BY_MERCHANT")
	r.await("a reader that asks for nothing", func(now terminal.State) bool { return now.Card == card.Idle })
	if status, body := r.post("/card/tap", asForm, "outcome=approve&holdMillis=0"); status != 409 {
		t.Fatalf("a card = %d %s", status, body)
	}
	if ledger := r.cards(); len(ledger) != 0 {
		t.Fatalf("the reader has %+v", ledger)
	}
}

// Power is cut while the bank is asked. The reader is another box: with power
// again the terminal asks it what became of the card, and tells that.
func TestPowerCutInMidCard(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		outcome string
		want    protocol.FactKind
	}{
		{"approve", protocol.FactCardApproved},
		{"decline", protocol.FactCardDeclined},
	} {
		t.Run(tt.outcome, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			r := on(t, d)
			d.offer(byCard("P1", "TXN-1", 24_500))
			r.awaitCardWanted()
			d.fact(protocol.FactReceived, "P1")
			d.fact(protocol.FactPresented, "P1")
			r.tap("outcome=" + tt.outcome + "&delayMillis=1500")
			d.fact(protocol.FactCardRead, "P1")
			if now := r.flip("/power/off"); now.Card != card.Idle {
				t.Fatalf("without the terminal the reader is %s", now.Card)
			}
			r.flip("/power/on")
			fact := within(t, "what became of the card", d.facts)
			if fact.Kind == protocol.FactCardUnknown { // it asked before the bank had answered
				fact = within(t, "what became of the card in the end", d.facts)
			}
			if fact.Kind != tt.want || fact.PaymentID != "P1" {
				t.Fatalf("the fact is %+v, want %s", fact, tt.want)
			}
			ledger := r.cards()
			if len(ledger) != 1 || fact.Card != nil && fact.Card.RRN != ledger[0].RRN {
				t.Fatalf("the terminal tells %+v, the reader has %+v", fact.Card, ledger)
			}
		})
	}
}

// The same when terminal and reader are both gone in between, with what is on
// their disk.
func TestReaderSurvivesSimulator(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	disk := t.TempDir()
	here := func(cfg *terminal.Config) { cfg.DataDir = disk }
	r := newRig(t, d, here)
	r.flip("/power/on")
	r.awaitReady()
	d.offer(byCard("P1", "TXN-1", 24_500))
	r.awaitCardWanted()
	d.fact(protocol.FactReceived, "P1")
	d.fact(protocol.FactPresented, "P1")
	r.flip("/network/off") // nothing of it is told
	entry := r.tap("outcome=approve")
	r.await("checking", func(now terminal.State) bool { return now.Mode == protocol.ModeChecking })
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	next := newRig(t, d, here)
	next.flip("/power/on")
	d.fact(protocol.FactCardRead, "P1")
	if fact := d.fact(protocol.FactCardApproved, "P1"); fact.Card == nil || fact.Card.RRN != entry.RRN {
		t.Fatalf("approved is %+v, the reader said %+v", fact.Card, entry)
	}
	if ledger := next.cards(); len(ledger) != 1 || ledger[0] != entry {
		t.Fatalf("the reader has %+v, had %+v", ledger, entry)
	}
}

// pulling is a terminal that may pull orders.
func pulling(t *testing.T) (*desk, *rig) {
	t.Helper()
	d := newDesk(t)
	d.want(func(s *protocol.State) { s.Display.Pull = true })
	return d, on(t, d)
}

// digits are the keys of a number.
func digits(number string) []agent.Key {
	var keys []agent.Key
	for _, digit := range number {
		keys = append(keys, agent.Key(digit))
	}
	return keys
}

// An order is pulled by typing its number, leading zeros and all.
func TestPull(t *testing.T) {
	t.Parallel()
	d, r := pulling(t)
	r.press(digits("00427")...)
	typed := func(number string, asking bool) {
		t.Helper()
		r.await("the number "+number, func(now terminal.State) bool {
			return now.Mode == protocol.ModePulling && now.Keypad.Digits == number && now.Keypad.Asking == asking
		})
	}
	typed("00427", false)
	r.press(agent.KeyClear)
	typed("0042", false)
	r.showsNoQR()
	r.press(agent.KeyOK)
	pull := within(t, "the pull", d.pulls)
	if pull.ShortOrderID != "0042" {
		t.Fatalf("it pulls %q", pull.ShortOrderID)
	}
	typed("0042", true)
	s := asked("P1", "TXN-1", 24_500)
	s.ShortOrderID, s.Phase, s.Prompt = "0042", protocol.PhaseTaken, false
	d.want(func(state *protocol.State) {
		state.Sale = s
		state.Pull = &protocol.PullAnswer{PullID: pull.PullID, ShortOrderID: "0042", Outcome: protocol.PullTaken}
	})
	if now := r.awaitMode(protocol.ModeChoosing); now.ShortOrderID != "0042" || now.Keypad != (terminal.Keypad{}) {
		t.Fatalf("it is %+v", now)
	}
	r.press(agent.KeyDQR)
	r.awaitPresenting(s)
	r.awaitQR(s.QR)
}

// An order that another terminal has is refused, and the state says who has it
// and since when.
func TestPullRefused(t *testing.T) {
	t.Parallel()
	d, r := pulling(t)
	r.press(digits("0042")...)
	r.awaitMode(protocol.ModePulling)
	r.press(agent.KeyOK)
	pull := within(t, "the pull", d.pulls)
	d.want(func(state *protocol.State) {
		state.Pull = &protocol.PullAnswer{
			PullID: pull.PullID, ShortOrderID: "0042", Outcome: protocol.PullOther, By: "testterminal2", AgeMillis: 61_000,
		}
	})
	now := r.await("the refusal", func(now terminal.State) bool { return now.Keypad.Outcome == protocol.PullOther })
	if now.Mode != protocol.ModePulling || now.Keypad.Asking || now.Keypad.Digits != "0042" ||
		!strings.Contains(now.Keypad.Message, "testterminal2") || !strings.Contains(now.Keypad.Message, "1 min") {
		t.Fatalf("it is %+v", now)
	}
	if text := r.View().Text; text != "Order number 0042: "+now.Keypad.Message {
		t.Fatalf("the page says %q", text)
	}
	// Nobody presses it away: the next number may be typed at once.
	r.press(digits("1")...)
	r.await("the next number", func(now terminal.State) bool {
		return now.Keypad == terminal.Keypad{Digits: "1", Message: now.Keypad.Message} && !strings.Contains(now.Keypad.Message, "testterminal2")
	})
}
