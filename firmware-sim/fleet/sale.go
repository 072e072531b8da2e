package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/firmware-sim/magic/wallet"
	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/firmware-sim/phone"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/merchantapi"
	"github.com/google/uuid"
)

// Bounds of a sale.
const (
	saleExpiry = 300 // seconds
	// presentWithin is how long a terminal has to show it, a power cut in between
	// included; showWithin how long to show that it is paid.
	presentWithin = 90 * time.Second
	showWithin    = 90 * time.Second
	// lookEvery is how often the controller is asked what keeps it.
	lookEvery = 3 * time.Second
	// Amounts, in paise, of a Dynamic QR (PRD 4.2).
	leastSale, mostSale = 100, 800_000
)

// LostWithPower is the kind of an error that is none of the terminal's: it had
// stored that the payment was paid and lost its power, and with it all its memory,
// before that was on the glass. A disk would have kept it (failure matrix S9).
const LostWithPower = "not shown as paid: lost with its power"

// NotPresented begins the kind of an error of a sale that its terminal did not take;
// the reason follows, as the controller says it.
const NotPresented = "not presented: "

// TerminalRefused is the kind of such an error where the terminal itself could not show
// it (phonepe-api: Status data, responseCode). With a glass that is memory that tells of
// the machine: an agent that does not get to draw for seconds takes its panel for broken.
const TerminalRefused = NotPresented + "TERMINAL_REFUSED"

// asked is a sale that was asked for.
type asked struct {
	id     string
	amount protocol.Paise
	paid   bool // the customer was told so
}

// sell sells something at a free terminal, from the till's request to the
// customer's receipt. A sale that was begun is seen through although ctx ends.
func (p *Part) sell(ctx context.Context) {
	m := p.free()
	if m == nil {
		p.counter.fail("no terminal was free for a sale")
		return
	}
	defer m.change(func() { m.selling = false })
	ctx = context.WithoutCancel(ctx)
	away := m.glass.Watch()
	defer away()
	sale := asked{id: "FLEET-" + uuid.NewString()[:13], amount: protocol.Paise(leastSale + p.random.below(mostSale-leastSale))}
	p.counter.count(func(t *Tally) { t.Sales.Asked++ })
	defer func() {
		p.mu.Lock()
		p.asked = append(p.asked, sale)
		p.mu.Unlock()
	}()
	if kind := p.carry(ctx, m, &sale); kind != "" {
		p.counter.fail(kind)
	}
}

// carry takes a sale from the till to the end. What it returns is what went wrong,
// "" for nothing.
func (p *Part) carry(ctx context.Context, m *member, sale *asked) (failed string) {
	began := time.Now()
	if _, err := p.till.InitDQR(ctx, merchantapi.DQRSale{
		StoreID: m.id.StoreID, TerminalID: m.id.TerminalID, TransactionID: sale.id, OrderID: sale.id,
		Amount: int64(sale.amount), ExpiresIn: saleExpiry,
	}); err != nil {
		return "till: " + kindOf(err)
	}
	at, failed := p.presented(ctx, m, *sale)
	if failed != "" {
		return failed
	}
	p.counter.glass(at.Sub(began))
	p.counter.count(func(t *Tally) { t.Sales.Presented++ })
	bounded, cancel := context.WithTimeout(ctx, presentWithin)
	defer cancel()
	bill, err := p.scan(bounded, m, sale.amount)
	if err != nil {
		_, _ = p.till.Cancel(ctx, sale.id)
		return "no QR could be read"
	}
	boots := m.Boots()
	if failed = p.pay(ctx, &bill); failed != "" {
		return failed
	}
	sale.paid = true
	p.counter.count(func(t *Tally) { t.Sales.Paid++ })
	bounded, cancel = context.WithTimeout(ctx, showWithin)
	defer cancel()
	if _, err = m.Await(bounded, func(s agent.Status) bool {
		return s.MerchantTransactionID == sale.id && s.Result == protocol.OutcomeSucceeded
	}); err != nil && m.Boots() != boots {
		return LostWithPower
	} else if err != nil {
		return "not shown as paid in " + showWithin.String()
	}
	p.counter.count(func(t *Tally) { t.Sales.ShownPaid++ })
	return ""
}

// presented waits until the terminal shows the sale, and returns when that was. It does
// not wait for one of which the controller says that it never will.
func (p *Part) presented(ctx context.Context, m *member, sale asked) (at time.Time, failed string) {
	bounded, cancel := context.WithTimeout(ctx, presentWithin)
	defer cancel()
	for {
		look, end := context.WithTimeout(bounded, lookEvery)
		at, err := m.Await(look, func(s agent.Status) bool {
			return s.MerchantTransactionID == sale.id && s.Mode == protocol.ModePresenting
		})
		end()
		if err == nil {
			return at, ""
		}
		if bounded.Err() != nil {
			_, _ = p.till.Cancel(ctx, sale.id) // the last word is the status, which is asked for in the end
			return at, "not presented in " + presentWithin.String()
		}
		if said, err := p.till.Status(bounded, sale.id); err == nil && said.Status == "FAILED" {
			return at, NotPresented + said.ResponseCode
		}
	}
}

// free takes a terminal that is connected, idle and has no sale of ours.
func (p *Part) free() *member {
	from := p.random.below(len(p.members))
	for i := range p.members {
		m := p.members[(from+i)%len(p.members)]
		m.mu.Lock()
		ok := m.powered && m.status.Link && m.status.Mode == protocol.ModeIdle && !m.selling
		m.selling = m.selling || ok
		m.mu.Unlock()
		if ok {
			return m
		}
	}
	return nil
}

// scan reads the QR from the glass. A customer pays no other amount than was said.
func (p *Part) scan(ctx context.Context, m *member, amount protocol.Paise) (wallet.Bill, error) {
	for {
		drawn := m.glass.Drawn()
		picture, err := m.glass.PNG(ctx)
		if err != nil {
			return wallet.Bill{}, err
		}
		bill, err := wallet.Read(picture)
		if err == nil && bill.Link.AM == amount {
			return bill, nil
		}
		select {
		case <-drawn:
		case <-ctx.Done():
			return bill, ctx.Err()
		}
	}
}

// pay asks and pays; what went wrong is returned. A payment whose answer was lost
// is asked about until it is known.
func (p *Part) pay(ctx context.Context, bill *wallet.Bill) (failed string) {
	err := p.wallet.Ask(ctx, bill)
	if err == nil {
		_, err = p.wallet.Pay(ctx, bill, phone.Payer)
	}
	if errors.Is(err, npci.ErrNoAnswer) && bill.TxnID != "" {
		entry, _, settled := p.wallet.Network.Settle(ctx, bill.TxnID)
		if settled == nil && entry.State == npci.Paid {
			return ""
		}
	}
	refused := (*wallet.Refused)(nil)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refused):
		return "customer: refused " + refused.Code
	case errors.Is(err, npci.ErrNoAnswer):
		return "customer: no answer"
	}
	return "customer: a wrong answer"
}

// check looks up every payment that a screen showed as paid and every sale, and
// counts what does not agree.
func (p *Part) check(ctx context.Context) {
	p.mu.Lock()
	shown := p.shown
	sales := p.asked
	p.mu.Unlock()
	places := make(chan struct{}, checksAtOnce)
	var checking sync.WaitGroup
	defer checking.Wait()
	look := func(id string, then func(merchantapi.Payment, error)) {
		places <- struct{}{}
		checking.Go(func() {
			defer func() { <-places }()
			then(p.till.Status(ctx, id))
		})
	}
	for what, screens := range shown {
		look(what.ID, func(s merchantapi.Payment, err error) {
			switch {
			case err != nil && !merchantapi.NotFound(err):
				p.counter.fail("check: " + kindOf(err))
			case err != nil || !s.Paid() || s.Amount != int64(what.Amount):
				p.counter.count(func(t *Tally) { t.FalsePaid += screens })
				p.log.Error("a screen showed PAID falsely", "payment", what.ID, "amount", what.Amount, "status", s.Status)
			}
		})
	}
	for _, sale := range sales {
		look(sale.id, func(s merchantapi.Payment, err error) {
			switch {
			case err != nil:
				if !merchantapi.NotFound(err) || sale.paid {
					p.counter.fail("check: " + kindOf(err))
				}
			case s.Paid():
				p.counter.count(func(t *Tally) { t.Sales.Succeeded++ })
			case sale.paid:
				p.counter.fail("the customer paid, and the status is " + s.Status)
			}
		})
	}
}

// kindOf is an error's kind, for counting.
func kindOf(err error) string {
	said := (*merchantapi.Error)(nil)
	switch {
	case errors.As(err, &said):
		return said.Code
	case errors.Is(err, merchantapi.ErrUnknown):
		return "no answer"
	}
	return "not sent"
}
