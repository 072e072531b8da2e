package magic

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/firmware-sim/magic/wallet"
	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/merchantapi"
)

// Terminal is what a Driver touches and sees; *terminal.Terminal is one.
type Terminal interface {
	Identity() protocol.Identity
	View() terminal.View
	Changed() <-chan struct{}
	PNG() (picture []byte, version uint64, err error)
	Press(agent.Key) error
	Network(on bool) error
	PowerOn() error
	PowerOff() error
}

// Config says at which terminal a Driver stands, and with what.
type Config struct {
	Terminal Terminal
	Wallet   *wallet.Wallet
	// Till cancels, asks for statuses and makes the sale that has to wait. It signs
	// for the terminal's merchant.
	Till *merchantapi.Client
	// NewID makes a transaction id that nobody had before.
	NewID func() string
	// Tell is told what is done of its own accord; payment is a merchant's
	// transaction id.
	Tell func(who Actor, payment, what string)
	// After is how long people take to do something; 0 means 3 s.
	After time.Duration
}

const (
	defaultAfter = 3 * time.Second
	// lookFor bounds how long a customer looks at a glass that presents.
	lookFor = 10 * time.Second
	// askEvery is the gap between two questions for a status.
	askEvery = 500 * time.Millisecond
	// maxDone bounds how many sales are remembered as done.
	maxDone = 1024
)

// Run makes the terminal's sales end as Table says, until ctx ends. Several sales
// may be under way. Whatever it began has ended when it returns.
func Run(ctx context.Context, cfg Config) {
	if cfg.After == 0 {
		cfg.After = defaultAfter
	}
	var acting sync.WaitGroup
	defer acting.Wait()
	var done []string
	for {
		changed := cfg.Terminal.Changed()
		view := cfg.Terminal.View()
		if b, ok := Of(view.AmountPaise); ok && asks(view) && !contains(done, view.MerchantTransactionID) {
			if done = append(done, view.MerchantTransactionID); len(done) > maxDone {
				done = done[1:]
			}
			a := act{cfg, view.MerchantTransactionID, view.AmountPaise}
			acting.Go(func() {
				if err := a.play(ctx, b.Tail); err != nil && ctx.Err() == nil {
					cfg.Tell(b.Actor, a.id, "cannot: "+err.Error())
				}
			})
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func contains(ids []string, id string) bool {
	for _, known := range ids {
		if known == id {
			return true
		}
	}
	return false
}

// asks reports whether the terminal wants something of somebody.
func asks(v terminal.View) bool {
	return v.MerchantTransactionID != "" &&
		(v.Mode == protocol.ModePrompting || v.Mode == protocol.ModeChoosing || v.Mode == protocol.ModePresenting)
}

// act is one sale that ends by itself.
type act struct {
	Config
	id     string
	amount protocol.Paise
}

// errGone says that the sale left the glass before anything could be done.
var errGone = errors.New("the sale is no longer on the terminal")

// errNoCard says that the terminal wants a card, which nobody here has.
var errNoCard = errors.New("the terminal wants a card: nothing happens by itself")

// serve is the cashier's part: accepts and chooses the QR until that is on the
// glass.
func (a *act) serve(ctx context.Context) error {
	for pressed := protocol.Mode(""); ; {
		changed := a.Terminal.Changed()
		view := a.Terminal.View()
		switch {
		case !a.still(view):
			return errGone
		case view.MerchantTransactionID != a.id: // without power, or starting
		case view.Mode == protocol.ModePresenting && view.PayMode == protocol.PayCard:
			return errNoCard
		case view.Mode == protocol.ModePresenting:
			return nil
		case view.Mode == pressed: // the key is on its way
		case view.Mode == protocol.ModePrompting, view.Mode == protocol.ModeChoosing:
			key := agent.KeyAccept
			if pressed = view.Mode; pressed == protocol.ModeChoosing {
				key = agent.KeyDQR
			}
			if err := a.press(ctx, key); err != nil {
				return err
			}
			continue // what it did may be there already
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// still reports whether the terminal is about the sale, or cannot say.
func (a *act) still(v terminal.View) bool {
	switch v.Mode {
	case protocol.ModeIdle, protocol.ModeResult, protocol.ModePulling:
		return false
	}
	return v.MerchantTransactionID == "" || v.MerchantTransactionID == a.id
}

// press presses a key, as soon as a cashier would.
func (a *act) press(ctx context.Context, key agent.Key) error {
	if err := wait(ctx, a.After/3); err != nil {
		return err
	}
	a.Tell(Cashier, a.id, "presses "+string(key))
	return a.Terminal.Press(key)
}

// scan reads the QR from the glass.
func (a *act) scan(ctx context.Context) (wallet.Bill, error) {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	for {
		changed := a.Terminal.Changed()
		picture, _, err := a.Terminal.PNG()
		if err != nil {
			return wallet.Bill{}, err
		}
		bill, err := wallet.Read(picture)
		if err == nil || !a.still(a.Terminal.View()) {
			return bill, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return bill, err
		}
	}
}

// wait waits.
func wait(ctx context.Context, long time.Duration) error {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
