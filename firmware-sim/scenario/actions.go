package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/firmware-sim/magic/wallet"
	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/firmware-sim/phone"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/merchantapi"
)

// action is what a line does. It gives up when ctx ends; its error says what is so
// instead.
type action interface {
	do(ctx context.Context, w *world) error
	// terminals are those that it names.
	terminals() []string
}

// askFor is a till that asks for money.
type askFor struct {
	name, terminal string
	amount         protocol.Paise
	expires        time.Duration // of a Dynamic QR
	modes          []string      // nil: a Dynamic-QR display
	auto           bool
	number         string // of an OPEN order
}

func (a askFor) terminals() []string { return []string{a.terminal} }

func (a askFor) do(ctx context.Context, w *world) error {
	id, _ := identity(a.terminal)
	p := &payment{name: a.name, terminal: a.terminal, amount: a.amount, id: "SCN-" + a.name + "-" + uuid.NewString()[:13]}
	var err error
	if a.modes == nil {
		_, err = w.till.InitDQR(ctx, merchantapi.DQRSale{
			StoreID: id.StoreID, TerminalID: id.TerminalID, TransactionID: p.id, OrderID: "ORDER-" + a.name, Amount: int64(a.amount),
			ExpiresIn: int64((a.expires + time.Second - 1) / time.Second),
		})
	} else {
		sale := merchantapi.EDCSale{
			StoreID: id.StoreID, TerminalID: id.TerminalID, TransactionID: p.id, OrderID: "ORDER-" + a.name, Amount: int64(a.amount),
			Mapping: merchantapi.OneToOne, AutoAccept: a.auto,
		}
		for _, mode := range a.modes {
			sale.PaymentModes = append(sale.PaymentModes, merchantapi.PaymentMode(mode))
		}
		if a.number != "" {
			sale.Mapping, sale.ShortOrderID, sale.TerminalID = merchantapi.Open, a.number, ""
		}
		_, err = w.till.InitEDC(ctx, sale)
	}
	if err != nil {
		return err
	}
	w.payments[a.name], w.ids[p.id] = p, a.name
	return nil
}

// cancel is a till that takes a payment back.
type cancel struct{ payment, code string }

func (cancel) terminals() []string { return nil }

func (a cancel) do(ctx context.Context, w *world) error {
	answer, err := w.till.Cancel(ctx, w.payments[a.payment].id)
	code := answer.Code
	said := (*merchantapi.Error)(nil)
	switch {
	case errors.As(err, &said):
		code = said.Code
	case err != nil:
		return err
	}
	if code != a.code {
		return fmt.Errorf("it is answered %s, not %s", code, a.code)
	}
	return nil
}

// scan is a customer who reads a QR and asks whether it may be paid.
type scan struct{ terminal, refused string }

func (a scan) terminals() []string { return []string{a.terminal} }

func (a scan) do(ctx context.Context, w *world) error {
	p, err := w.onGlass(a.terminal)
	if err != nil {
		return err
	}
	return w.scan(ctx, p, w.counters[a.terminal], a.refused)
}

// scan reads the QR of a payment from a glass and asks.
func (w *world) scan(ctx context.Context, p *payment, c *counter, refused string) error {
	bill, err := read(ctx, c)
	if err != nil {
		return err
	}
	p.qr = bill.Text
	if err := as(w.wallet.Ask(ctx, &bill), refused); err != nil {
		return err
	}
	p.bill = &bill
	return nil
}

// read reads the QR on a glass, as soon as it can be read.
func read(ctx context.Context, c *counter) (wallet.Bill, error) {
	for {
		changed := c.Terminal.Changed()
		picture, _, err := c.PNG()
		if err != nil {
			return wallet.Bill{}, err
		}
		bill, err := wallet.Read(picture)
		if err == nil {
			return bill, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return bill, fmt.Errorf("%s shows %w: %s", c.name, err, c.View().Text)
		}
	}
}

// as compares how something went with the refusal that was wanted; "" is none.
func as(err error, refused string) error {
	said := (*wallet.Refused)(nil)
	switch {
	case errors.As(err, &said) && said.Code == refused:
		return nil
	case err != nil:
		return err
	case refused != "":
		return fmt.Errorf("it is not refused; %s was wanted", refused)
	}
	return nil
}

// pay is a customer who pays.
type pay struct {
	target     string
	declined   bool
	refused    string
	unanswered bool
}

func (a pay) terminals() []string {
	if strings.HasPrefix(a.target, "T") {
		return []string{a.target}
	}
	return nil
}

func (a pay) do(ctx context.Context, w *world) error {
	p, err := w.target(a.target)
	if err != nil {
		return err
	}
	if p.bill == nil {
		err := w.scan(ctx, p, w.counters[p.terminal], "")
		if a.refused != "" && as(err, a.refused) == nil && err != nil {
			return nil // the network said so already
		}
		if err != nil {
			return err
		}
	}
	payer := phone.Payer
	if a.declined {
		payer = phone.Decliner
	}
	_, err = w.wallet.Pay(ctx, p.bill, payer)
	p.tries = append(p.tries, p.bill.TxnID)
	said := (*wallet.Refused)(nil)
	switch {
	case a.unanswered && errors.Is(err, npci.ErrNoAnswer):
		return nil
	case a.unanswered:
		return fmt.Errorf("it is answered: %v", err)
	case a.declined && errors.As(err, &said):
		return nil
	case a.declined && err == nil:
		return errors.New("the bank did not decline")
	}
	return as(err, a.refused)
}

// keys is a cashier at the keys.
type keys struct {
	terminal string
	keys     []agent.Key
}

func (a keys) terminals() []string { return []string{a.terminal} }

func (a keys) do(_ context.Context, w *world) error {
	for _, key := range a.keys {
		if err := w.counters[a.terminal].Press(key); err != nil {
			return err
		}
	}
	return nil
}

// tap is a card on the reader.
type tap struct{ terminal, outcome string }

func (a tap) terminals() []string { return []string{a.terminal} }

// tapFor is how long it is held there.
const tapFor = 10 * time.Second

func (a tap) do(ctx context.Context, w *world) error {
	form := url.Values{"outcome": {a.outcome}, "holdMillis": {fmt.Sprint(tapFor.Milliseconds())}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1/card/tap", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	// The reader is worked as people work it, through the terminal's own page.
	answer := httptest.NewRecorder()
	w.counters[a.terminal].Handler().ServeHTTP(answer, request)
	if answer.Code/100 != 2 {
		return fmt.Errorf("the reader answers %d %s", answer.Code, strings.TrimSpace(answer.Body.String()))
	}
	return nil
}

// cable is the network's.
type cable struct {
	terminal, to string
	long         time.Duration
}

func (a cable) terminals() []string { return []string{a.terminal} }

func (a cable) do(ctx context.Context, w *world) error {
	c := w.counters[a.terminal]
	if a.to != "flap" {
		return c.Network(a.to == "on")
	}
	if err := c.Flap(1, a.long); err != nil {
		return err
	}
	return pause(ctx, a.long)
}

// plug is the power's.
type plug struct {
	terminal, to string
	long         time.Duration
}

func (a plug) terminals() []string { return []string{a.terminal} }

func (a plug) do(ctx context.Context, w *world) error {
	c := w.counters[a.terminal]
	if a.to != "on" {
		if err := c.PowerOff(); err != nil {
			return err
		}
		c.mark = c.seen.Count() // what it showed until then is no answer to what follows
	}
	if a.to == "cycle" {
		if err := pause(ctx, a.long); err != nil {
			return err
		}
	}
	if a.to != "off" {
		return c.PowerOn()
	}
	return nil
}

// clock is the terminal's wall clock.
type clock struct {
	terminal string
	offset   time.Duration
}

func (a clock) terminals() []string { return []string{a.terminal} }

func (a clock) do(_ context.Context, w *world) error {
	return w.counters[a.terminal].SetClock(a.offset)
}

// process is the controller's.
type process struct{ to string }

func (process) terminals() []string { return nil }

func (a process) do(ctx context.Context, w *world) error {
	switch a.to {
	case "kill":
		return w.controller.end(syscall.SIGKILL)
	case "stop":
		return w.controller.end(syscall.SIGTERM)
	case "pause":
		return w.controller.hold(true)
	case "resume":
		return w.controller.hold(false)
	}
	return w.controller.start(ctx)
}

// wait is nobody who does nothing.
type wait struct{ long time.Duration }

func (wait) terminals() []string { return nil }

func (a wait) do(ctx context.Context, _ *world) error { return pause(ctx, a.long) }

// within is for how long the lines that follow wait.
type within struct{ long time.Duration }

func (within) terminals() []string { return nil }

func (a within) do(_ context.Context, w *world) error {
	w.patience = a.long
	return nil
}

func pause(ctx context.Context, long time.Duration) error {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
