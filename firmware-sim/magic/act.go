package magic

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/firmware-sim/magic/wallet"
	"github.com/galla-pay/galla/firmware-sim/phone"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/merchantapi"
)

// darkFor is how long a terminal that loses its power has none, at least.
const darkFor = 2 * time.Second

// otherAmount is that of the sale that has to wait: it is paid by itself, too.
const otherAmount protocol.Paise = 100

// otherExpiry is how many seconds that sale is good for: longer than the first may
// keep it waiting.
const otherExpiry = 300

// play makes the sale end.
func (a *act) play(ctx context.Context, tail Tail) error {
	if tail == Rejected {
		return a.reject(ctx)
	}
	if err := a.serve(ctx); err != nil {
		return err
	}
	switch tail {
	case Paid, LateCallback, CallbackTwice, CallbackFails:
		return a.pay(ctx, phone.Payer)
	case Declined:
		return a.pay(ctx, phone.Decliner)
	case Unpaid:
		a.Tell(Customer, a.id, "does not pay")
		return nil
	case Offline:
		return a.offline(ctx)
	case PaidTooLate:
		return a.payTooLate(ctx)
	case Reboots:
		return a.reboot(ctx)
	case CancelLoses:
		return a.cancel(ctx)
	case Busy:
		return a.busy(ctx)
	}
	return fmt.Errorf("nothing is known of the tail %02d", int(tail))
}

// reject is a cashier who does not take it. A Dynamic-QR display asks no cashier.
func (a *act) reject(ctx context.Context) error {
	if mode := a.Terminal.View().Mode; mode != protocol.ModePrompting {
		a.Tell(Cashier, a.id, "is not asked, and nobody pays")
		return nil
	}
	return a.press(ctx, agent.KeyReject)
}

// ask scans the QR and gets a promise.
func (a *act) ask(ctx context.Context) (wallet.Bill, error) {
	bill, err := a.scan(ctx)
	if err == nil {
		err = a.Wallet.Ask(ctx, &bill)
	}
	if err == nil {
		a.Tell(Customer, a.id, "scans the QR of "+bill.Link.AM.String())
	}
	return bill, err
}

// settle pays a bill and tells how that went. That it is refused is no error.
func (a *act) settle(ctx context.Context, bill wallet.Bill, payer string) error {
	_, err := a.Wallet.Pay(ctx, &bill, payer)
	refused := (*wallet.Refused)(nil)
	switch {
	case errors.As(err, &refused):
		a.Tell(Customer, a.id, "is refused, "+refused.Error())
		return nil
	case err != nil:
		return err
	}
	a.Tell(Customer, a.id, "has paid")
	return nil
}

func (a *act) pay(ctx context.Context, payer string) error {
	if err := wait(ctx, a.After); err != nil {
		return err
	}
	bill, err := a.ask(ctx)
	if err != nil {
		return err
	}
	return a.settle(ctx, bill, payer)
}

// offline cuts the network until the payment has ended.
func (a *act) offline(ctx context.Context) error {
	a.Tell(Plug, a.id, "pulls the network cable")
	if err := a.Terminal.Network(false); err != nil {
		return err
	}
	err := a.awaitEnd(ctx)
	a.Tell(Plug, a.id, "puts the network cable back")
	return errors.Join(err, a.Terminal.Network(true))
}

// awaitEnd returns when the status is final.
func (a *act) awaitEnd(ctx context.Context) error {
	for {
		payment, err := a.Till.Status(ctx, a.id)
		if err == nil && payment.Final() {
			return nil
		}
		if err != nil && !errors.Is(err, merchantapi.ErrUnknown) {
			return err
		}
		if err := wait(ctx, askEvery); err != nil {
			return err
		}
	}
}

// payTooLate keeps the promise until it is worth nothing any more.
func (a *act) payTooLate(ctx context.Context) error {
	bill, err := a.ask(ctx)
	if err == nil {
		err = a.awaitEnd(ctx)
	}
	if err != nil {
		return err
	}
	return a.settle(ctx, bill, phone.Payer)
}

// reboot takes the terminal's power between the scan and the payment.
func (a *act) reboot(ctx context.Context) error {
	bill, err := a.ask(ctx)
	if err != nil {
		return err
	}
	if err := wait(ctx, a.After); err != nil {
		return err
	}
	a.Tell(Plug, a.id, "pulls the power plug")
	if err := a.Terminal.PowerOff(); err != nil {
		return err
	}
	err = a.settle(ctx, bill, phone.Payer)
	if err == nil {
		err = wait(ctx, darkFor)
	}
	a.Tell(Plug, a.id, "puts the power plug back")
	return errors.Join(err, a.Terminal.PowerOn())
}

// cancel takes the sale back when it has just been paid: payment wins.
func (a *act) cancel(ctx context.Context) error {
	if err := a.pay(ctx, phone.Payer); err != nil {
		return err
	}
	answer, err := a.Till.Cancel(ctx, a.id)
	refused := (*merchantapi.Error)(nil)
	switch {
	case errors.As(err, &refused):
		a.Tell(Till, a.id, "cancels, and is answered "+refused.Code)
		return nil
	case err != nil:
		return err
	}
	a.Tell(Till, a.id, "cancels, and is answered "+answer.Code)
	return nil
}

// busy makes another sale while the customer holds a promise for this one. It
// waits until this one has ended, and is paid then.
func (a *act) busy(ctx context.Context) error {
	bill, err := a.ask(ctx)
	if err != nil {
		return err
	}
	id, other := a.Terminal.Identity(), a.NewID()
	if _, err := a.Till.InitDQR(ctx, merchantapi.DQRSale{
		StoreID: id.StoreID, TerminalID: id.TerminalID, TransactionID: other, OrderID: "BEHIND-" + a.id,
		Amount: int64(otherAmount), ExpiresIn: otherExpiry,
	}); err != nil {
		return err
	}
	a.Tell(Till, a.id, "asks for "+otherAmount.String()+" more, as "+other)
	if err := wait(ctx, a.After); err != nil {
		return err
	}
	return a.settle(ctx, bill, phone.Payer)
}
