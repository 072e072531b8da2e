package machine

import (
	"time"

	"github.com/galla-pay/galla/protocol"
)

// maxCards bounds the cards whose outcome is open at once. One more drops the
// oldest: it was reported as unknown, and is the controller's to settle.
const maxCards = 4

// Card is a card that was read and whose outcome is not known.
type Card struct {
	PaymentID string `json:"paymentId,omitempty"` // empty: none
	// Told: the controller has heard that nobody knows.
	Told bool `json:"told,omitempty"`

	At    time.Duration `json:"-"` // the card machine is asked then
	Since time.Duration `json:"-"` // it was read, or the terminal was switched on
	Tries int           `json:"-"` // how often it was asked in vain
}

// Cards are the open ones, oldest first.
type Cards [maxCards]Card

// remembered is what of them must survive a power cut.
func (c Cards) remembered() Cards {
	for i := range c {
		c[i] = Card{PaymentID: c[i].PaymentID, Told: c[i].Told}
	}
	return c
}

// of is the open card of a payment, nil when there is none.
func (c *Cards) of(paymentID string) *Card {
	for i := range c {
		if c[i].PaymentID == paymentID && paymentID != "" {
			return &c[i]
		}
	}
	return nil
}

func (c *Cards) add(n Card) {
	if c[maxCards-1].PaymentID != "" {
		copy(c[:], c[1:])
		c[maxCards-1] = Card{}
	}
	for i := range c {
		if c[i].PaymentID == "" {
			c[i] = n
			return
		}
	}
}

func (c *Cards) remove(paymentID string) {
	kept := Cards{}
	n := 0
	for _, card := range c {
		if card.PaymentID != "" && card.PaymentID != paymentID {
			kept[n] = card
			n++
		}
	}
	*c = kept
}

// Call is what the card machine is to do. Its zero value is nothing.
type Call struct {
	PaymentID   string
	AmountPaise protocol.Paise // of a card that is wanted
	// Last asks how the payment ended; else a card is wanted for it.
	Last bool
}

// Call is what is wanted of the card machine at now. As long as it is the same,
// one call goes on; when it is another, a card is not waited for any more.
func (m Machine) Call(now time.Duration) Call {
	if !m.Parts.Card || !m.Ready {
		return Call{}
	}
	if s := m.Sale; s.wantsCard() && now >= s.RetryAt {
		switch {
		case s.Unsure:
			return Call{PaymentID: s.PaymentID, Last: true}
		case now < s.Ends:
			return Call{PaymentID: s.PaymentID, AmountPaise: s.AmountPaise}
		}
	}
	for _, c := range m.Cards {
		if c.PaymentID != "" && now >= c.At {
			return Call{PaymentID: c.PaymentID, Last: true}
		}
	}
	if m.checking(CheckCard) {
		return Call{PaymentID: TestRef, Last: true}
	}
	return Call{}
}

// CallDue is when Call becomes another by time alone; 0: it does not. That the
// sale's time is up is no part of it: see Until.
func (m Machine) CallDue(now time.Duration) time.Duration {
	due := time.Duration(0)
	take := func(at time.Duration) {
		if at > now && (due == 0 || at < due) {
			due = at
		}
	}
	if m.Sale.wantsCard() {
		take(m.Sale.RetryAt)
	}
	for _, c := range m.Cards {
		if c.PaymentID != "" {
			take(c.At)
		}
	}
	return due
}

// wantsCard reports whether the customer is asked for a card, or would be if it
// were sure that none was read. Once the time is up there is none to wait for.
func (s Sale) wantsCard() bool {
	return s.PaymentID != "" && s.Chosen == protocol.PayCard && (s.Presented || s.Unsure) && !s.Paying
}

// cardWasRead: from now on the outcome is open, and only the card machine knows
// it. This is on the disk before the card machine goes on.
func cardWasRead(m *Machine, now time.Duration, ev Event, w *work) {
	m.read(now, ev.(CardRead).PaymentID, w)
}

// read opens a card, whose sale may be gone meanwhile: what became of it is told
// all the same, and the controller gives the money back.
func (m *Machine) read(now time.Duration, paymentID string, w *work) *Card {
	if m.Sale.PaymentID == paymentID {
		m.Sale.CardRead, m.Sale.Paying, m.Sale.Unsure = true, true, false
	}
	if c := m.Cards.of(paymentID); c != nil {
		return c
	}
	m.Cards.add(Card{PaymentID: paymentID, At: now + approvalLimit, Since: now})
	w.record(Fact{Kind: protocol.FactCardRead, PaymentID: paymentID})
	return m.Cards.of(paymentID)
}

func cardWasApproved(m *Machine, now time.Duration, ev Event, w *work) {
	e := ev.(CardApproved)
	m.read(now, e.PaymentID, w)
	m.Cards.remove(e.PaymentID)
	w.record(Fact{Kind: protocol.FactCardApproved, PaymentID: e.PaymentID, Card: e.Card})
}

func cardWasDeclined(m *Machine, now time.Duration, ev Event, w *work) {
	e := ev.(CardDeclined)
	m.read(now, e.PaymentID, w)
	m.Cards.remove(e.PaymentID)
	w.record(Fact{Kind: protocol.FactCardDeclined, PaymentID: e.PaymentID, Reason: e.Reason})
}

// cardIsUnknown: unknown is never declined (failure matrix R2). It is told once,
// and the card machine is asked again.
func cardIsUnknown(m *Machine, now time.Duration, ev Event, w *work) {
	m.askLater(now, m.read(now, ev.(CardUnknown).PaymentID, w), w)
}

// cardIsUnread: the card machine knows of no card. If that was the question,
// one is wanted; if a card was read, nobody knows what became of it.
func cardIsUnread(m *Machine, now time.Duration, ev Event, w *work) {
	id := ev.(CardUnread).PaymentID
	if c := m.Cards.of(id); c != nil {
		m.askLater(now, c, w)
	} else if m.Sale.PaymentID == id {
		m.Sale.Unsure = false
	}
}

// cardFailed: a call came to nothing. Without a card it is tried again; with one
// the card machine is asked for its outcome, at first at once.
func cardFailed(m *Machine, now time.Duration, ev Event, w *work) {
	e := ev.(CardFailed)
	switch c := m.Cards.of(e.PaymentID); {
	case c != nil && !e.Asked:
		c.At = now
	case c != nil:
		m.askLater(now, c, w)
	case m.Sale.PaymentID == e.PaymentID:
		m.Sale.RetryAt = now + retryEvery
	}
}

// askGaps are the waits between two questions for the outcome of a card; the
// last one comes again and again.
func askGaps() []time.Duration {
	return []time.Duration{2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute}
}

func (m *Machine) askLater(now time.Duration, c *Card, w *work) {
	if !c.Told {
		c.Told = true
		w.record(Fact{Kind: protocol.FactCardUnknown, PaymentID: c.PaymentID})
	}
	if m.Sale.PaymentID != c.PaymentID && now-c.Since >= unwantedLimit {
		m.Cards.remove(c.PaymentID)
		return
	}
	gaps := askGaps()
	c.At = now + gaps[min(c.Tries, len(gaps)-1)]
	c.Tries++
}
