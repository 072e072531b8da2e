package cardlink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
	wire "github.com/galla-pay/galla/protocol/cardlink"
)

// Pay implements agent.CardReader.
//
// The reader asks the bank only once started is back and NOTED was said; so ctx
// that ends before that ends the sale too, whether a card was read or not. ctx
// that ends later ends Pay and nothing else: the approval goes on, and Last tells
// it. An approval counts once the reader has said that it stands.
func (r *Reader) Pay(ctx context.Context, ref string, amount protocol.Paise, started func()) (protocol.Card, error) {
	ask := wire.Message{Kind: wire.Sale, Ref: ref, AmountPaise: int64(amount)}
	if _, err := ask.Text(); err != nil {
		return protocol.Card{}, ErrRef
	}
	c, err := r.call(ctx, ref, amount)
	if err != nil {
		return protocol.Card{}, err
	}
	defer c.end()
	t := talk{call: c, started: started}
	defer t.stop()
	if err := c.say(ctx, ask); err != nil {
		return t.over(ctx, err)
	}
	t.within(answerLimit)
	for {
		m, err := c.hear(ctx, t.late)
		if err == nil && !t.noted && ctx.Err() != nil {
			err = ctx.Err()
		}
		if err != nil {
			return t.over(ctx, err)
		}
		switch m.Kind {
		case wire.Waiting:
			if !t.read {
				t.within(0) // the customer may take as long as the sale has
			}
		case wire.Read:
			if t.noted {
				continue // NOTED was said, and came through
			}
			t.see()
			if ctx.Err() != nil {
				return t.over(ctx, ctx.Err())
			}
			if err := t.note(); err != nil {
				return protocol.Card{}, err
			}
		default:
			if card, over, err := t.outcome(m); over {
				return card, err
			}
		}
	}
}

// Last implements agent.CardReader. When the line breaks it asks again over the
// next one, until ctx ends.
func (r *Reader) Last(ctx context.Context, ref string) (protocol.Card, error) {
	ask := wire.Message{Kind: wire.Last, Ref: ref}
	if _, err := ask.Text(); err != nil {
		return protocol.Card{}, ErrRef
	}
	ctx, cancel := context.WithTimeout(ctx, lastLimit)
	defer cancel()
	for {
		card, err := r.last(ctx, ask)
		if !errors.Is(err, ErrLineBroke) && !errors.Is(err, ErrRestarted) || ctx.Err() != nil {
			return card, err
		}
	}
}

// last asks once.
func (r *Reader) last(ctx context.Context, ask wire.Message) (protocol.Card, error) {
	c, err := r.call(ctx, ask.Ref, 0)
	if err != nil {
		return protocol.Card{}, err
	}
	defer c.end()
	t := talk{call: c, started: func() {}}
	defer t.stop()
	if err := c.say(ctx, ask); err != nil {
		return protocol.Card{}, err
	}
	t.within(answerLimit)
	for {
		m, err := c.hear(ctx, t.late)
		switch {
		case err != nil && t.approved != nil && errors.Is(err, ErrNoWord):
			return protocol.Card{}, ErrNotKept
		case err != nil && t.read && ctx.Err() != nil:
			return protocol.Card{}, agent.ErrCardNoAnswer // the bank still thinks
		case err != nil:
			return protocol.Card{}, err
		case m.Kind == wire.None:
			return protocol.Card{}, agent.ErrCardUnknownRef
		case m.Kind == wire.Withdrawn: // of a Pay before
			continue
		}
		if card, over, err := t.outcome(m); over {
			return card, err
		}
	}
}

// talk is how far one call has come.
type talk struct {
	call     *call
	started  func()
	read     bool           // a card was; started was called
	noted    bool           // the reader may go on
	approved *protocol.Card // nil: it was not, or that does not stand yet

	timer *time.Timer
	late  <-chan time.Time
}

// within bounds the wait for the next thing that matters; 0: the line does.
func (t *talk) within(d time.Duration) {
	t.stop()
	t.late = nil
	if d > 0 {
		t.timer = time.NewTimer(d)
		t.late = t.timer.C
	}
}

func (t *talk) stop() {
	if t.timer != nil {
		t.timer.Stop()
	}
}

// see: a card was read, and the terminal is told, once.
func (t *talk) see() {
	if !t.read {
		t.read = true
		t.started()
	}
}

// note lets the reader go on.
func (t *talk) note() error {
	limited, cancel := context.WithTimeout(context.Background(), wire.GiveUp)
	defer cancel()
	t.noted = true
	if err := t.call.say(limited, wire.Message{Kind: wire.Noted, Ref: t.call.ref}); err != nil {
		return err
	}
	t.within(approvalLimit)
	return nil
}

// outcome is what a message says of the payment's end, if it is over by that.
func (t *talk) outcome(m wire.Message) (card protocol.Card, over bool, err error) {
	switch m.Kind {
	case wire.Pending:
		if t.see(); !t.noted { // the bank was asked earlier
			t.noted = true
			t.within(approvalLimit)
		}
		return card, false, nil
	case wire.Approved:
		t.see()
		t.noted = true
		if t.approved != nil {
			return card, false, nil
		}
		err := t.approve(m)
		return card, err != nil, err
	case wire.Kept:
		if t.approved == nil {
			return card, false, nil // of another call for the same payment
		}
		return *t.approved, true, nil
	case wire.Declined:
		return card, true, &agent.CardDeclined{Reason: m.Code}
	case wire.Reversed:
		t.see()
		return card, true, &agent.CardDeclined{Reason: string(wire.Reversed)}
	case wire.Unknown:
		t.see()
		return card, true, agent.ErrCardNoAnswer
	case wire.Withdrawn:
		return card, true, ErrStopped
	case wire.Error:
		return card, true, fmt.Errorf("%w: %s", ErrAnswer, m.Code)
	case wire.Remove, wire.Waiting, wire.Read: // for people, or of another call
		return card, false, nil
	}
	return card, true, errOtherThing
}

// approve takes an approval, which stands once the reader says so. Another amount
// than was asked for is no approval: nobody knows what that is.
func (t *talk) approve(m wire.Message) error {
	c := t.call
	if want := c.reader.amount(c.tag); want != 0 && int64(want) != m.AmountPaise {
		c.reader.log.Error("card reader approves another amount than it was asked for, which is not taken for an approval",
			"payment", c.ref, "askedPaise", int64(want), "approvedPaise", m.AmountPaise)
		return agent.ErrCardNoAnswer
	}
	limited, cancel := context.WithTimeout(context.Background(), keptLimit)
	defer cancel()
	t.approved = &protocol.Card{
		RRN: m.RRN, AmountPaise: protocol.Paise(m.AmountPaise), Last4: m.Last4, Network: m.Network, Type: m.Type,
	}
	if err := c.say(limited, wire.Message{Kind: wire.Took, Ref: c.ref}); err != nil {
		return err
	}
	t.within(keptLimit)
	return nil
}

// over ends a Pay that has no answer. While the reader may not go on it is told
// not to.
func (t *talk) over(ctx context.Context, err error) (protocol.Card, error) {
	switch {
	case t.approved != nil && errors.Is(err, ErrNoWord):
		return protocol.Card{}, ErrNotKept
	case t.noted && errors.Is(err, ErrNoWord):
		return protocol.Card{}, agent.ErrCardNoAnswer
	case t.noted || errors.Is(err, ErrLineBroke) || errors.Is(err, ErrRestarted):
		return protocol.Card{}, err
	}
	return t.withdraw(err)
}

// withdraw has the reader stop asking for a card, and returns why; or, if that is
// not so any more, how far it is.
func (t *talk) withdraw(why error) (protocol.Card, error) {
	limited, cancel := context.WithTimeout(context.Background(), withdrawLimit)
	defer cancel()
	if t.call.say(limited, wire.Message{Kind: wire.Cancel, Ref: t.call.ref}) != nil {
		return protocol.Card{}, why
	}
	for {
		m, err := t.call.hear(limited, nil)
		switch {
		case err != nil || m.Kind == wire.Withdrawn || m.Kind == wire.None || m.Kind == wire.Error:
			return protocol.Card{}, why
		case m.Kind == wire.Waiting || m.Kind == wire.Read || m.Kind == wire.Remove:
			continue // said before it heard
		}
		// The bank was asked before this call began: its answer, or Last's.
		card, over, err := t.outcome(m)
		switch {
		case over:
			return card, err
		case m.Kind == wire.Pending:
			return protocol.Card{}, why
		}
	}
}
