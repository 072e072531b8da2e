package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"

	"github.com/galla-pay/galla/protocol"
)

// checkAll looks at every payment of the terminal once more when all have ended:
// the status still says the same, the callbacks say the same as the status, and
// no payment was taken twice.
func (p *script) checkAll(ctx context.Context) error {
	for _, a := range p.acts {
		id := a.sale.TransactionID
		p.now("%s: a callback about %s", a.name, id)
		callbacks, err := p.awaitCallback(ctx, id)
		if err != nil {
			return err
		}
		p.now("%s: the status of %s stays %s", a.name, id, a.status)
		status, err := p.follow(ctx, a.sale)
		if err != nil {
			return err
		}
		if err := agree(a, status, callbacks); err != nil {
			return err
		}
		p.now("%s: %s is taken once, or not at all", a.name, id)
		if err := p.phones.check(id, a.status == "SUCCESS" && !a.card); err != nil {
			return err
		}
		shown := "not shown"
		if a.outcome != "" {
			shown = "terminal showed " + string(a.outcome)
		}
		p.timeline.Add(whoDemo, id, "ok: %s is %s on %s, %s, %d callback(s)", a.name, status.Status, p.c.panel, shown, len(callbacks))
	}
	p.now("every callback is signed by the controller with the merchant's key")
	if n := p.catcher.Refused(); n > 0 {
		return fmt.Errorf("%d were not", n)
	}
	p.now("the terminal showed no payment as paid that did not succeed")
	return p.checkPaid()
}

// awaitCallback returns the callbacks of the payment when there is at least one.
func (p *script) awaitCallback(ctx context.Context, id string) ([]Callback, error) {
	for {
		callbacks, changed := p.catcher.Got(id)
		if len(callbacks) > 0 {
			return callbacks, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// agree checks that status and callbacks tell one story.
func agree(a act, status Status, callbacks []Callback) error {
	if status.Status != a.status || status.Amount != a.sale.Amount {
		return fmt.Errorf("the status is %s of %s", status.Status, status.Amount)
	}
	if len(callbacks) == 0 {
		return errors.New("there is no callback")
	}
	for _, c := range callbacks {
		if c.EventID != callbacks[0].EventID {
			return fmt.Errorf("callbacks have the event ids %s and %s", callbacks[0].EventID, c.EventID)
		}
		if c.Status != status {
			return fmt.Errorf("the callback says %+v, the status %+v", c.Status, status)
		}
	}
	return nil
}

// checkPaid looks at everything that was ever on the terminal.
func (p *script) checkPaid() error {
	succeeded := map[string]protocol.Paise{}
	for _, a := range p.acts {
		if a.status == "SUCCESS" {
			succeeded[a.sale.TransactionID] = a.sale.Amount
		}
	}
	views, _ := p.c.seen.After(0)
	for _, v := range views {
		if v.Result == protocol.OutcomeSucceeded && succeeded[v.MerchantTransactionID] != v.AmountPaise {
			return fmt.Errorf("terminal %d showed PAID for %s of %s", p.c.number, v.MerchantTransactionID, v.AmountPaise)
		}
	}
	return nil
}

// allBlack checks a panel without power.
func allBlack(picture []byte) error {
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return fmt.Errorf("the panel's picture: %w", err)
	}
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			if r, g, b, _ := img.At(x, y).RGBA(); r|g|b != 0 {
				return fmt.Errorf("the panel is lit at %d,%d", x, y)
			}
		}
	}
	return nil
}
