package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
)

// scenes are what is played on every terminal, in this order: what a
// Dynamic-QR display does, then what an EDC terminal does.
func (p *script) scenes() []func(context.Context) error {
	return []func(context.Context) error{
		p.paid, p.declined, p.expired, p.cancelled, p.networkLost, p.powerLost,
		p.accepted, p.rejected, p.carded, p.pulled,
	}
}

// display is a sale for the terminal as a Dynamic-QR display.
func (p *script) display(name string, amount protocol.Paise, status string, outcome protocol.Outcome) act {
	return act{name: name, sale: newSale(p.c, amount, expiresLate), status: status, outcome: outcome}
}

// edc is a sale for the terminal as an EDC terminal.
func (p *script) edc(name string, amount protocol.Paise, e EDC, status string, outcome protocol.Outcome) act {
	a := p.display(name, amount, status, outcome)
	a.sale.EDC = &e
	return a
}

// beginDisplay makes the sale and waits until its QR is on glass.
func (p *script) beginDisplay(ctx context.Context, a act) error {
	return p.begin(ctx, a, "presents the QR", presents(a.sale))
}

func (p *script) paid(ctx context.Context) error {
	a := p.display("paid", 24_500, "SUCCESS", protocol.OutcomeSucceeded)
	if err := p.beginDisplay(ctx, a); err != nil {
		return err
	}
	return p.finish(ctx, a, false)
}

func (p *script) declined(ctx context.Context) error {
	a := p.display("declined", 1_23_456, "FAILED", protocol.OutcomeFailed)
	if err := p.beginDisplay(ctx, a); err != nil {
		return err
	}
	return p.finish(ctx, a, true)
}

// expired is the sale that nobody pays. When the controller was killed, its few
// seconds may be over before it is on glass; its end is checked all the same,
// and another one is made.
func (p *script) expired(ctx context.Context) error {
	c := p.c
	for try := 1; ; try++ {
		// It has a few seconds only; they are not to be spent under the last
		// sale's end.
		p.now("expired: terminal %d is ready again", c.number)
		if err := c.seen.Await(ctx, c.seen.Count()-1, ready); err != nil {
			return err
		}
		a := p.display("expired", 9_900, "EXPIRED", protocol.OutcomeExpired)
		a.sale.ExpiresIn = expiresSoon
		before, _ := p.controller.Restarts()
		p.now("expired: the sale is taken")
		if err := p.sell(ctx, a.sale); err != nil {
			return err
		}
		p.now("expired: the status becomes EXPIRED")
		status, err := p.follow(ctx, a.sale)
		if err != nil {
			return err
		}
		after, _ := p.controller.Restarts()
		if !c.seen.Has(presents(a.sale)) && after > before && try < expiryTries && status.Status == a.status {
			p.timeline.Add(whoDemo, a.sale.TransactionID, "was over before it was on glass, because the controller was down; once more")
			a.outcome = "" // nothing was shown, so nothing has to be
			p.acts = append(p.acts, a)
			continue
		}
		p.now("expired: terminal %d presents the QR", c.number)
		if !c.seen.Has(presents(a.sale)) {
			return errors.New("it was over before it was on glass")
		}
		return p.ended(ctx, a, status)
	}
}

// cancelled is the sale that the till takes back while its QR is on glass.
func (p *script) cancelled(ctx context.Context) error {
	a := p.display("cancelled", 31_000, "FAILED", protocol.OutcomeCancelled)
	if err := p.beginDisplay(ctx, a); err != nil {
		return err
	}
	p.now("cancelled: the till takes it back")
	for {
		code, err := p.till.Cancel(ctx, a.sale.TransactionID)
		if err == nil {
			p.timeline.Add(whoTill, a.sale.TransactionID, "cancel %s", code)
			return p.concluded(ctx, a)
		}
		if !errors.Is(err, ErrAnswerLost) {
			return err
		}
		if err := p.pause(ctx); err != nil {
			return err
		}
	}
}

// networkLost is the sale whose terminal has no network while the customer, who
// has, pays what is on its glass.
func (p *script) networkLost(ctx context.Context) error {
	a := p.display("network lost", 18_040, "SUCCESS", protocol.OutcomeSucceeded)
	if err := p.beginDisplay(ctx, a); err != nil {
		return err
	}
	p.now("network lost: the terminal keeps the QR")
	if err := p.c.Network(false); err != nil {
		return err
	}
	p.now("network lost: the phone's payment ends as %s", a.status)
	status, err := p.settle(ctx, p.c, a.sale, false)
	if err != nil {
		return err
	}
	if !presents(a.sale)(p.c.View()) {
		return fmt.Errorf("the terminal, which nobody can tell anything, shows: %s", p.c.View().Text)
	}
	if err := p.c.Network(true); err != nil {
		return err
	}
	return p.ended(ctx, a, status)
}

// powerLost is the sale whose terminal loses its power with the QR on glass.
func (p *script) powerLost(ctx context.Context) error {
	c := p.c
	a := p.display("power lost", 7_950, "SUCCESS", protocol.OutcomeSucceeded)
	if err := p.beginDisplay(ctx, a); err != nil {
		return err
	}
	p.now("power lost: the QR can be read from the glass")
	before, err := p.awaitQR(ctx, c)
	if err != nil {
		return err
	}
	p.now("power lost: the terminal goes dark")
	if err := c.PowerOff(); err != nil {
		return err
	}
	if err := dark(c.Terminal); err != nil {
		return err
	}
	p.now("power lost: the terminal presents the same QR again within %v", presentsAgainWithin)
	mark := c.seen.Count()
	on := time.Now()
	if err := c.PowerOn(); err != nil {
		return err
	}
	if err := c.seen.Await(ctx, mark, presents(a.sale)); err != nil {
		return err
	}
	since := on
	if _, readyAt := p.controller.Restarts(); readyAt.After(on) {
		since = readyAt
	}
	if took := time.Since(since); took > presentsAgainWithin {
		return fmt.Errorf("it took %v", took.Round(time.Millisecond))
	}
	after, err := p.awaitQR(ctx, c)
	if err != nil {
		return err
	}
	if after != before {
		return fmt.Errorf("the QR is another one: %q, it was %q", after, before)
	}
	p.timeline.Add(whoDemo, a.sale.TransactionID, "same QR again %d ms after power on", time.Since(on).Milliseconds())
	return p.finish(ctx, a, false)
}

// accepted is the sale that the cashier accepts and the customer pays by QR.
func (p *script) accepted(ctx context.Context) error {
	a := p.edc("accepted, by QR", 41_200, EDC{Modes: []string{"CARD", "DQR"}}, "SUCCESS", protocol.OutcomeSucceeded)
	if err := p.begin(ctx, a, "asks the cashier", prompts(a.sale)); err != nil {
		return err
	}
	if err := p.press(agent.KeyAccept); err != nil {
		return err
	}
	p.now("%s: terminal %d asks how it is paid", a.name, p.c.number)
	if err := p.c.seen.Await(ctx, 0, mode(a.sale, protocol.ModeChoosing)); err != nil {
		return err
	}
	if err := p.press(agent.KeyDQR); err != nil {
		return err
	}
	p.now("%s: terminal %d presents the QR", a.name, p.c.number)
	if err := p.c.seen.Await(ctx, 0, presents(a.sale)); err != nil {
		return err
	}
	return p.finish(ctx, a, false)
}

// rejected is the sale that the cashier does not take.
func (p *script) rejected(ctx context.Context) error {
	a := p.edc("rejected", 5_500, EDC{Modes: []string{"DQR"}}, "FAILED", protocol.OutcomeFailed)
	if err := p.begin(ctx, a, "asks the cashier", prompts(a.sale)); err != nil {
		return err
	}
	if err := p.press(agent.KeyReject); err != nil {
		return err
	}
	// The cashier knows: a terminal need not show what its own key said.
	p.now("%s: the status becomes %s", a.name, a.status)
	status, err := p.follow(ctx, a.sale)
	if err != nil {
		return err
	}
	if status.Status != a.status || status.ResponseCode != "REJECTED_BY_CASHIER" {
		return fmt.Errorf("the status is %s%s", status.Status, because(status))
	}
	a.outcome, a.took = "", time.Since(p.timeline.Began(a.sale.TransactionID))
	p.acts = append(p.acts, a)
	return nil
}

// carded is the sale that is paid on the card reader beside the terminal.
func (p *script) carded(ctx context.Context) error {
	a := p.edc("paid by card", 64_000, EDC{Modes: []string{"CARD"}, AutoAccept: true}, "SUCCESS", protocol.OutcomeSucceeded)
	a.card = true
	if err := p.begin(ctx, a, "wants a card", presents(a.sale)); err != nil {
		return err
	}
	p.now("%s: a card is read", a.name)
	if err := p.tap(ctx, "approve"); err != nil {
		return err
	}
	return p.concluded(ctx, a)
}

// pulled is the OPEN order that a cashier asks for by its number.
func (p *script) pulled(ctx context.Context) error {
	a := p.edc("pulled by number", 99_050, EDC{Modes: []string{"DQR"}, ShortOrderID: shortOrderID()}, "SUCCESS", protocol.OutcomeSucceeded)
	p.now("%s: the terminal is ready again", a.name)
	if err := p.c.seen.Await(ctx, p.c.seen.Count()-1, ready); err != nil {
		return err
	}
	p.now("%s: the sale is taken", a.name)
	if err := p.sell(ctx, a.sale); err != nil {
		return err
	}
	p.now("%s: terminal %d gets the order", a.name, p.c.number)
	if err := p.pull(ctx, a.sale); err != nil {
		return err
	}
	if err := p.press(agent.KeyAccept); err != nil {
		return err
	}
	p.now("%s: terminal %d presents the QR", a.name, p.c.number)
	if err := p.c.seen.Await(ctx, 0, presents(a.sale)); err != nil {
		return err
	}
	return p.finish(ctx, a, false)
}

// pressAgain is how long a key may take to be seen before it is pressed again.
const pressAgain = 5 * time.Second

// pull types the order's number and asks for it, again when nobody answered,
// until the terminal asks whether to take it.
func (p *script) pull(ctx context.Context, sale Sale) error {
	digits := sale.EDC.ShortOrderID
	for !p.c.seen.Has(prompts(sale)) {
		_, changed := p.c.seen.After(p.c.seen.Count())
		view := p.c.View()
		var err error
		switch {
		case view.Mode != protocol.ModeIdle && view.Mode != protocol.ModePulling, view.Keypad.Asking, !view.Link:
		case view.Keypad.Digits == digits:
			err = p.press(agent.KeyOK)
		case strings.HasPrefix(digits, view.Keypad.Digits):
			err = p.press(agent.Key(digits[len(view.Keypad.Digits) : len(view.Keypad.Digits)+1]))
		default: // a key was taken twice
			err = p.press(agent.KeyClear)
		}
		if err != nil {
			return err
		}
		again := time.NewTimer(pressAgain)
		select {
		case <-changed:
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return ctx.Err()
		}
		again.Stop()
	}
	return nil
}

func (p *script) press(key agent.Key) error {
	p.timeline.Add(whoCashier, p.c.View().MerchantTransactionID, "presses %s on terminal %d", key, p.c.number)
	return p.c.Press(key)
}

// tap holds a card to the reader until it is read.
func (p *script) tap(ctx context.Context, outcome string) error {
	form := url.Values{"outcome": {outcome}, "holdMillis": {"20000"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.c.url+"/card/tap", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := p.phones.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the card reader answers %s", answer.Status)
	}
	return nil
}

// shortOrderID is an order number of eight digits, as a till makes them.
func shortOrderID() string {
	n, err := rand.Int(rand.Reader, big.NewInt(90_000_000))
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return fmt.Sprint(10_000_000 + n.Int64())
}

// mode is the terminal in that mode about the sale.
func mode(sale Sale, mode protocol.Mode) func(terminal.View) bool {
	return func(v terminal.View) bool {
		return v.Mode == mode && v.MerchantTransactionID == sale.TransactionID && v.AmountPaise == sale.Amount
	}
}

// prompts is the terminal asking its cashier.
func prompts(sale Sale) func(terminal.View) bool { return mode(sale, protocol.ModePrompting) }
