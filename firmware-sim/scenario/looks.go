package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/merchantapi"
)

// appearance is what a terminal shows: a mode, an end or a link, and of which
// payment.
type appearance struct{ word, payment string }

// like reports whether a terminal shows it.
func (a appearance) like(w *world, v terminal.View) bool {
	if a.payment != "" && v.MerchantTransactionID != w.payments[a.payment].id {
		return false
	}
	if outcome, ok := outcomeWords()[a.word]; ok {
		return v.Mode == protocol.ModeResult && v.Result == outcome
	}
	switch a.word {
	case "linked":
		return v.Link
	case "unlinked":
		return !v.Link
	}
	return v.Mode == protocol.Mode(a.word)
}

// await waits until a terminal shows something.
type await struct {
	terminal string
	shows    appearance
}

func (a await) terminals() []string { return []string{a.terminal} }

func (a await) do(ctx context.Context, w *world) error {
	c := w.counters[a.terminal]
	// What it shows now was seen before the mark, unless it changed since.
	from := max(0, min(c.mark, c.seen.Count()-1))
	err := c.seen.Await(ctx, from, func(v terminal.View) bool { return a.shows.like(w, v) })
	if err != nil {
		return w.instead(c)
	}
	return nil
}

// instead says what a terminal shows now.
func (w *world) instead(c *counter) error {
	view := c.View()
	text := fmt.Sprintf("it shows %s: %s", view.Mode, view.Text)
	if view.MerchantTransactionID != "" {
		text += ", of " + w.about(view.MerchantTransactionID)
	}
	if !view.Link {
		text += ", without a link"
	}
	return errors.New(text)
}

// keeps watches a terminal that has to show one thing for a while.
type keeps struct {
	terminal string
	shows    appearance
	long     time.Duration
}

func (a keeps) terminals() []string { return []string{a.terminal} }

func (a keeps) do(ctx context.Context, w *world) error {
	c := w.counters[a.terminal]
	mark := c.seen.Count()
	if !a.shows.like(w, c.View()) {
		return w.instead(c)
	}
	over := time.NewTimer(a.long)
	defer over.Stop()
	for ended := false; ; {
		views, news := c.seen.After(mark)
		for _, v := range append(views, c.View()) {
			if !a.shows.like(w, v) {
				return fmt.Errorf("it showed %s: %s", v.Mode, v.Text)
			}
		}
		if ended {
			return nil
		}
		mark += len(views)
		select {
		case <-news:
		case <-over.C:
			ended = true
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// never is what a terminal must not have shown.
type never struct {
	terminal string
	shows    appearance
}

func (a never) terminals() []string { return []string{a.terminal} }

func (a never) do(_ context.Context, w *world) error {
	if c := w.counters[a.terminal]; c.seen.Has(func(v terminal.View) bool { return a.shows.like(w, v) }) {
		return fmt.Errorf("%s has shown it", c.name)
	}
	return nil
}

// once is an end that a terminal has to have begun to show one time.
type once struct {
	terminal string
	shows    appearance
}

func (a once) terminals() []string { return []string{a.terminal} }

func (a once) do(_ context.Context, w *world) error {
	views, _ := w.counters[a.terminal].seen.After(0)
	began, showing := 0, false
	for _, v := range views {
		now := a.shows.like(w, v)
		if now && !showing {
			began++
		}
		showing = now
	}
	if began != 1 {
		return fmt.Errorf("it began to show that %d times", began)
	}
	return nil
}

// same compares the QR on the glass with what was scanned.
type same struct{ terminal string }

func (a same) terminals() []string { return []string{a.terminal} }

func (a same) do(ctx context.Context, w *world) error {
	p, err := w.onGlass(a.terminal)
	if err != nil {
		return err
	}
	if p.qr == "" {
		return fmt.Errorf("nobody has scanned %s", p.name)
	}
	bill, err := read(ctx, w.counters[a.terminal])
	if err != nil {
		return err
	}
	if bill.Text != p.qr {
		return fmt.Errorf("it is %q; it was %q", bill.Text, p.qr)
	}
	return nil
}

// askEvery is the gap between two questions for a status.
const askEvery = 100 * time.Millisecond

// expect waits for a payment's status.
type expect struct{ payment, status, code string }

func (expect) terminals() []string { return nil }

func (a expect) do(ctx context.Context, w *world) error {
	last := "" // what was said last
	for {
		p, err := w.till.Status(ctx, w.payments[a.payment].id)
		if err == nil {
			last = p.Status
		}
		if err == nil && p.Status == a.status && (a.code == "" || p.ResponseCode == a.code) {
			return nil
		}
		if err == nil && p.Final() {
			return fmt.Errorf("it is %s %s", p.Status, p.ResponseCode)
		}
		if err != nil && !errors.Is(err, merchantapi.ErrUnknown) && ctx.Err() == nil {
			return err
		}
		if pause(ctx, askEvery) != nil {
			if last == "" {
				return err
			}
			return fmt.Errorf("it is still %s", last)
		}
	}
}

// callback waits until the merchant is told how a payment ended.
type callback struct{ payment, status string }

func (callback) terminals() []string { return nil }

func (a callback) do(ctx context.Context, w *world) error {
	for {
		got, changed := w.catcher.Got(w.payments[a.payment].id)
		for _, c := range got {
			if c.Status.Status != a.status {
				return fmt.Errorf("the merchant is told %s", c.Status.Status)
			}
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errors.New("the merchant was told nothing")
		}
	}
}
