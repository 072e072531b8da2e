package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/galla-pay/galla/agent/internal/identity"
	"github.com/galla-pay/galla/agent/internal/screen"
	"github.com/galla-pay/galla/agent/panel"
	"github.com/galla-pay/galla/protocol"
)

// Config says who the terminal is and where it finds its controller.
type Config struct {
	// Identity is the terminal's; required.
	Identity protocol.Identity
	// Controller is its base URL, http(s)://host:port, used to enrol. Required
	// with Enrol.
	Controller string
	// Brokers override those of the enrolment: mqtt:// or mqtts://, host:port.
	Brokers []string
	// DataDir holds keys, token and spool, with modes 0700 and 0600; one agent
	// at a time may use it. "" keeps all in memory, for a terminal of a fleet.
	DataDir string
	// KeyFile is where the device's key is, if not in DataDir: an absolute path, such
	// as one in a store that a TPM seals. "": in DataDir.
	KeyFile string
	// Enrol makes a key and asks a sandbox controller for credentials when
	// DataDir has none yet (phonepe-api: The sandbox). The screen then says that
	// no money moves.
	Enrol bool
	// Software is the version that is told in each sync.
	Software string
	// Dial makes connections, to the broker and to enrol; nil: net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Language is that of the words on the glass: "en" or "hi". "" takes what the
	// controller says, and English where it says nothing.
	Language string
	// Wall is the device's wall clock; nil: time.Now. It may be wrong by years, and
	// jump: only the validity of certificates depends on it, and what it says is
	// checked first. Everything else is measured in durations.
	Wall func() time.Time
	// Restart: a value asks the terminal to end for an update or a reboot. It does,
	// with ErrRestart, once nothing is under way (failure matrix R23). nil: nobody
	// asks.
	Restart <-chan struct{}
	// Alive is called by the event loop at least every ten seconds: whoever does
	// not hear it for a minute may cut the power (failure matrix R10). It must not
	// block. nil: nobody.
	Alive func()
	// Status is called on every change, once the glass shows it (or cannot), from
	// the event loop: it must not block.
	// nil: nobody.
	Status func(Status)
	// Log gets what an operator should know; nil: nowhere.
	Log *slog.Logger
}

// Panel is the driver of an opened chip; panel.ST7789 is one.
type Panel = panel.Panel

// Hardware is what the terminal is made of: opened things, no global names. Who
// opened them closes them, after Run.
type Hardware struct {
	Panel Panel
	Kind  panel.Kind // what Panel is: its pixels and millimetres
	// Keys brings the keys that were pressed. nil: a terminal without keys, which
	// can neither prompt nor pull. Run takes every key, within the time of one
	// write to its disk; a key that means nothing just then is dropped.
	Keys <-chan Key
	// Card is the reader of a terminal that takes cards; nil: none.
	Card CardReader
	// Companion is a second, small panel that shows the status in words and never a
	// payment's QR; nil: none. That it breaks stops no payment.
	Companion Panel
	// CompanionKind is what Companion is.
	CompanionKind panel.Kind
	// Hidden reports that nobody looks at the panel: a picture is then not made,
	// and counts as drawn. For a terminal of a fleet; nil: it is always looked at.
	// A value of Look has the picture made after all, once Hidden says otherwise.
	// Hidden is called from other goroutines, often: it must not block.
	Hidden func() bool
	Look   <-chan struct{}
}

// ErrRestart is what Run returns when the terminal has ended because Restart asked
// for it.
var ErrRestart = errors.New("agent: restart for an update")

// Status is what the terminal is doing.
type Status struct {
	Mode protocol.Mode
	// The payment that the screen is about; zero when it is about none.
	PaymentID             string
	MerchantTransactionID string
	AmountPaise           protocol.Paise
	OrderID               string
	// ShortOrderID is what the payment was pulled by; "" when it was pushed, and
	// in a result.
	ShortOrderID string
	// Ends is when its time is up, with a monotonic reading, while prompting,
	// choosing and presenting; else zero.
	Ends time.Time
	// PayMode is how it is paid, while presenting and checking, once that is
	// settled.
	PayMode protocol.PayMode
	// Choices are what the keys 1 and 2 mean while choosing; else empty.
	Choices [2]protocol.PayMode
	// Waiting counts the sales that wait behind it.
	Waiting int
	// Keypad is what is on the glass while pulling; else zero.
	Keypad Keypad
	// Result is "" unless Mode is result.
	Result protocol.Outcome
	// Reason of a result, a fault or a refused enrolment; of an outage, if it is
	// known; while checking, why nobody can have paid, if so.
	Reason string
	// Link: connected to the broker and in sync with the controller.
	Link bool
	// UpdateWaits: the terminal is to restart as soon as nothing is under way.
	UpdateWaits bool
	// Last is the last payment that came in since the terminal was switched on; 0:
	// none. Repeats counts how often the cashier wanted to hear it again.
	Last    protocol.Paise
	Repeats int
	// Language is that of the words on the glass: "en" or "hi".
	Language string
	// Muted: the cashier has switched the voice off.
	Muted bool
	// Late: the result is that of a payment which had left the glass before anybody
	// knew its end. What is paid late is PAID all the same.
	Late bool
	// CompanionBroken: the companion panel takes no pictures.
	CompanionBroken bool
	// Since is when the mode began for this payment, with a monotonic reading.
	Since time.Time
}

// Keypad is what the mode pulling shows.
type Keypad struct {
	Digits string
	// Asking: the order is asked for, and there is no answer yet.
	Asking bool
	// Outcome is the answer to the last pull, as long as it is shown: never taken,
	// because then there is a sale to show.
	Outcome protocol.PullOutcome
	// Message is what the glass says of all that, in words; may be empty.
	Message string
}

// check fills the defaults in and says what is wrong, before anything is opened.
func (c Config) check(hw Hardware) (Config, error) {
	if !c.Identity.Valid() {
		return c, fmt.Errorf("agent: identity %q: %w", c.Identity, protocol.ErrIdentity)
	}
	if c.Enrol {
		if err := identity.CheckController(c.Controller); err != nil {
			return c, fmt.Errorf("agent: %w", err)
		}
	}
	if len(c.Brokers) > 0 {
		if err := identity.CheckBrokers(c.Brokers); err != nil {
			return c, fmt.Errorf("agent: %w", err)
		}
	}
	if hw.Panel == nil {
		return c, errors.New("agent: no panel")
	}
	if size := hw.Panel.Bounds().Size(); size != hw.Kind.Size {
		return c, fmt.Errorf("agent: panel is %v pixels, its kind %q says %v", size, hw.Kind.Name, hw.Kind.Size)
	}
	if known := screen.Languages(); c.Language != "" && !slices.Contains(known, screen.Lang(c.Language)) {
		return c, fmt.Errorf("agent: language %q: known are %v", c.Language, known)
	}
	if hw.Companion != nil {
		if size := hw.Companion.Bounds().Size(); size != hw.CompanionKind.Size {
			return c, fmt.Errorf("agent: companion is %v pixels, its kind %q says %v", size, hw.CompanionKind.Name, hw.CompanionKind.Size)
		}
		if hw.CompanionKind.ShowsQR {
			return c, fmt.Errorf("agent: a companion shows the status only, and %q is made for a QR", hw.CompanionKind.Name)
		}
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
