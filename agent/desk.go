package agent

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/galla-pay/galla/agent/internal/machine"
	"github.com/galla-pay/galla/protocol"
)

const (
	// lastLimit bounds one question for how a payment ended.
	lastLimit = 10 * time.Second
	// withdrawLimit is how long a reader may take to stop waiting for a card. One
	// that does not stop is left to itself, and the next call begins beside it.
	withdrawLimit = 3 * time.Second
	// approvalLimit is how long a reader may be busy with a card before it is
	// asked about cards beside that; the machine asks no sooner.
	approvalLimit = 2 * time.Minute
)

// desk works the card reader: it makes the calls that the machine wants, one at a
// time, and brings what comes of them to the event loop, which owns it.
type desk struct {
	reader CardReader
	log    *slog.Logger
	spawn  func(func(context.Context))
	events chan cardEvent

	current *call        // under way; nil: none
	wanted  machine.Call // that it was made for, or is to be made
}

// call is one call of the reader. All but want and cancel is the loop's own.
type call struct {
	want      machine.Call
	cancel    context.CancelFunc
	withdrawn time.Time // when it was cancelled; zero: it was not
	read      time.Time // when a card was; zero: none was
}

// cardEvent is what a call has to say; ev is nil when that is nothing.
type cardEvent struct {
	call *call
	ev   machine.Event
	over bool // the call
	// heard is closed once the event loop is done with it, disk and all.
	heard chan struct{}
}

func newDesk(reader CardReader, log *slog.Logger, spawn func(func(context.Context))) *desk {
	return &desk{reader: reader, log: log, spawn: spawn, events: make(chan cardEvent)}
}

// want makes the reader do what is wanted now. A call that is wanted no more is
// withdrawn, unless a card was read: its outcome is still to be heard.
func (d *desk) want(now machine.Call) {
	d.wanted = now
	if c := d.current; c != nil {
		if c.want == now || !d.ready(c, now) {
			return
		}
		d.log.Error("card reader does not answer", "payment", c.want.PaymentID)
	}
	d.current = nil
	if now != (machine.Call{}) {
		d.make(now)
	}
}

// ready reports whether another call may begin although c is under way.
func (d *desk) ready(c *call, now machine.Call) bool {
	switch {
	case !c.read.IsZero():
		return now.Last && time.Since(c.read) >= approvalLimit
	case c.withdrawn.IsZero():
		c.withdrawn = time.Now()
		c.cancel()
	}
	return time.Since(c.withdrawn) >= withdrawLimit
}

// due is when want has to be called again although nothing happened; zero: never.
func (d *desk) due() time.Time {
	c := d.current
	switch {
	case c == nil || c.want == d.wanted:
	case !c.read.IsZero() && d.wanted.Last:
		return c.read.Add(approvalLimit)
	case c.read.IsZero() && !c.withdrawn.IsZero():
		return c.withdrawn.Add(withdrawLimit)
	}
	return time.Time{}
}

// make begins a call. Whatever it has to say reaches the event loop, also when
// it was withdrawn meanwhile; only without power nobody hears it.
func (d *desk) make(want machine.Call) {
	ctx, cancel := context.WithCancel(context.Background())
	c := &call{want: want, cancel: cancel}
	d.current = c
	d.spawn(func(power context.Context) {
		defer cancel()
		defer context.AfterFunc(power, cancel)()
		tell := func(ev machine.Event, over bool) {
			e := cardEvent{call: c, ev: ev, over: over, heard: make(chan struct{})}
			select {
			case d.events <- e:
			case <-power.Done():
				return
			}
			select {
			case <-e.heard:
			case <-power.Done():
			}
		}
		if want.Last {
			tell(d.last(ctx, want), true)
		} else {
			tell(d.pay(ctx, want, func() { tell(machine.CardRead{PaymentID: want.PaymentID}, false) }), true)
		}
	})
}

// hear notes an event, before the machine takes it.
func (d *desk) hear(e cardEvent) {
	if _, read := e.ev.(machine.CardRead); read {
		e.call.read = time.Now()
	}
	if e.over && d.current == e.call {
		d.current = nil
	}
}

func (d *desk) pay(ctx context.Context, want machine.Call, started func()) machine.Event {
	read := false
	card, err := d.reader.Pay(ctx, want.PaymentID, want.AmountPaise, func() { read = true; started() })
	if ev := d.answer(want, card, err); ev != nil {
		return ev
	}
	if ctx.Err() != nil && !read {
		return nil // withdrawn
	}
	d.log.Error("card reader failed", "payment", want.PaymentID, "cardRead", read, "err", err)
	return machine.CardFailed{PaymentID: want.PaymentID}
}

func (d *desk) last(ctx context.Context, want machine.Call) machine.Event {
	limited, cancel := context.WithTimeout(ctx, lastLimit)
	defer cancel()
	card, err := d.reader.Last(limited, want.PaymentID)
	switch ev := d.answer(want, card, err); {
	case ev != nil:
		return ev
	case errors.Is(err, ErrCardUnknownRef):
		return machine.CardUnread{PaymentID: want.PaymentID}
	case ctx.Err() != nil:
		return nil // withdrawn
	}
	d.log.Error("card reader does not say how a payment ended", "payment", want.PaymentID, "err", err)
	return machine.CardFailed{PaymentID: want.PaymentID, Asked: true}
}

// answer is what the reader says of a card that was read, nil when it says
// nothing of one.
func (d *desk) answer(want machine.Call, card protocol.Card, err error) machine.Event {
	id := want.PaymentID
	declined := (*CardDeclined)(nil)
	switch {
	case err == nil:
		if plain, ok := plainCard(card); ok {
			return machine.CardApproved{PaymentID: id, Card: plain}
		}
		d.log.Error("card reader approves, and has no number or amount for it", "payment", id)
		return machine.CardUnknown{PaymentID: id}
	case errors.As(err, &declined):
		return machine.CardDeclined{PaymentID: id, Reason: plainReason(declined.Reason)}
	case errors.Is(err, ErrCardNoAnswer):
		return machine.CardUnknown{PaymentID: id}
	}
	return nil
}

// plainCard is a card with nothing in it that is not meant to be there: whatever
// a reader says, no card number goes further than this (failure matrix T23). It
// is not ok without the numbers that make it an approval.
func plainCard(c protocol.Card) (plain protocol.Card, ok bool) {
	if n := len(c.Last4); n > 4 {
		c.Last4 = c.Last4[n-4:]
	}
	if len(c.Last4) != 4 || !digits(c.Last4) {
		c.Last4 = ""
	}
	c.Network, c.Type = plainWord(c.Network), plainWord(c.Type)
	return c, len(c.RRN) == 12 && digits(c.RRN) && c.AmountPaise.Valid()
}

// plainWord is a word of at most 20 letters, else empty.
func plainWord(s string) string {
	if len(s) > 20 || strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '_' && r != ' '
	}) {
		return ""
	}
	return s
}

// plainReason is the reader's word for a no: at most 40 characters, and nothing
// that could be a card number.
func plainReason(s string) string {
	numbers := 0
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			numbers++
		case r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', r == '_', r == '-', r == ' ', r == ':', r == '.':
		default:
			return "DECLINED"
		}
	}
	if s == "" || len(s) > 40 || numbers > 6 {
		return "DECLINED"
	}
	return s
}

func digits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}
