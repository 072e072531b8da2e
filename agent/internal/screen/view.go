package screen

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// View is all that a picture depends on. Fields that a mode does not name are
// ignored by it. Texts may be anything: what the fonts cannot show is left out,
// what is too long is shortened, never an amount.
type View struct {
	Mode protocol.Mode // all but protocol.ModeOff, which has no picture

	// AmountPaise of the payment: required while prompting, choosing and
	// presenting (1 to protocol.MaxPaise), 0 elsewhere when there is none to show.
	AmountPaise protocol.Paise
	// PayMode says what is presented: a card is wanted, or else the QR.
	PayMode protocol.PayMode
	// QR is required while presenting one, but on a panel that carries none, which
	// ignores it: see CarriesQR. While enrolling it may be that of the link behind
	// Code, made by EncodeLink.
	QR *QR
	// Left of Total is the sale's time: the bar and the minutes while prompting,
	// choosing and presenting. Total 0 leaves both out. While enrolling, Left is
	// how long Code is valid.
	Left, Total time.Duration

	// Outcome, of a result.
	Outcome protocol.Outcome
	// Late: the payment of a success had left the glass before it came in.
	Late bool
	// Lapsed, while checking: the time is up of a sale that nobody can have paid. The
	// terminal only waits for the controller's word.
	Lapsed bool
	// Checks are those of the self-test, while testing, in the order to show them;
	// one without a name is none.
	Checks [MostChecks]Check

	// Reason, of a result, a fault, an outage or a refused enrolment: a word of the
	// protocol. Words are shown for those that are known, else the code itself.
	Reason string
	// Reference of a success: the last four digits of the UTR.
	Reference string
	// OrderID of a prompt or a result, the till's own number.
	OrderID string
	// ShortOrderID of a prompt, when the bill was pulled by it.
	ShortOrderID string

	// Digits are what was typed, while pulling. Asking: the order is asked for.
	Digits string
	Asking bool
	// Pulled is what came of it, empty as long as nothing did; Silent: no answer.
	// PulledBy has the order since PulledAge, with protocol.PullOther.
	Pulled    protocol.PullOutcome
	PulledBy  string
	PulledAge time.Duration
	Silent    bool
	// MayPull: while idle, that a number may be typed.
	MayPull bool

	MerchantName  string // idle, enrolling
	TerminalLabel string // status line
	Waiting       int    // sales that wait behind this one; 0 shows nothing
	Link          bool   // connected; a missing link is shown in words
	// Muted, while idle: the voice is switched off.
	Muted bool
	// Test marks a sandbox: no money moves. Every picture says so.
	Test bool
	// Last is the last payment received, 0 for none: idle.
	Last protocol.Paise

	Step    Step          // starting: what is being done
	Code    string        // enrolling: what to type into the console; may be empty
	Since   time.Duration // offline: how long
	NextTry time.Duration // offline: until the next try; 0 says that one is under way
	// Tick turns the spinner of checking and enrolling: one step each, at most
	// four a second (terminal-ux: Common rules).
	Tick    int
	Version string // starting, enrolling, fault: of the software

	Lang Lang // of the words; English when empty or unknown

	around bool // the QR is painted later: see RenderAround
}

// MostChecks is how many checks a self-test may have.
const MostChecks = 8

// Check is one of a self-test: what is checked, as in the words test.NAME, and what
// came of it.
type Check struct {
	Name    string
	Finding Finding
}

// Finding is what came of a check.
type Finding string

// The findings.
const (
	FindingOpen   Finding = "" // nothing yet
	FindingOK     Finding = "ok"
	FindingFailed Finding = "failed"
	FindingAbsent Finding = "absent" // there is no such part
)

// Step is one thing that a starting terminal does, in this order.
type Step string

// The steps. An empty Step is the first one.
const (
	StepScreen  Step = "screen"
	StepNetwork Step = "network"
	StepServer  Step = "server"
)

// ErrView is wrapped by what Render says of a View that cannot be drawn.
var ErrView = errors.New("cannot draw this view")

// check refuses a View before anything of it is drawn. carries says that the panel
// shows a payment's QR.
func (v View) check(carries bool) error {
	if v.AmountPaise < 0 || v.AmountPaise > protocol.MaxPaise {
		return fmt.Errorf("%w: amount of %d paise is not within 0 to %d", ErrView, v.AmountPaise, protocol.MaxPaise)
	}
	if v.Last < 0 || v.Last > protocol.MaxPaise {
		return fmt.Errorf("%w: last payment of %d paise is not within 0 to %d", ErrView, v.Last, protocol.MaxPaise)
	}
	switch v.Mode {
	case protocol.ModeStarting, protocol.ModeEnrolling, protocol.ModeOffline,
		protocol.ModeIdle, protocol.ModePulling, protocol.ModeChecking, protocol.ModeFault,
		protocol.ModeTesting, protocol.ModeUpdating:
	case protocol.ModePrompting, protocol.ModeChoosing, protocol.ModePresenting:
		if v.AmountPaise == 0 {
			return fmt.Errorf("%w: %s without an amount", ErrView, v.Mode)
		}
		if v.Mode == protocol.ModePresenting && carries && v.PayMode != protocol.PayCard && v.QR == nil && !v.around {
			return fmt.Errorf("%w: presenting without a QR", ErrView)
		}
	case protocol.ModeResult:
		switch v.Outcome {
		case protocol.OutcomeSucceeded, protocol.OutcomeFailed, protocol.OutcomeExpired, protocol.OutcomeCancelled,
			protocol.OutcomeUnknown:
		default:
			return fmt.Errorf("%w: unknown outcome %q", ErrView, v.Outcome)
		}
		if v.Outcome == protocol.OutcomeSucceeded && v.AmountPaise == 0 {
			return fmt.Errorf("%w: PAID without an amount", ErrView)
		}
	default:
		return fmt.Errorf("%w: mode %q has no picture", ErrView, v.Mode)
	}
	return nil
}

// Message is what a keypad says of its order, in words; empty when it says nothing.
func (v View) Message() string {
	switch {
	case v.Mode != protocol.ModePulling:
		return ""
	case !v.Link:
		return v.Lang.say(wNoInternet)
	case v.Asking:
		return v.Lang.say(wPullAsks)
	case v.Silent:
		return v.Lang.say(wPullSilent)
	}
	switch v.Pulled {
	case protocol.PullOther:
		return v.Lang.say(wPullOther, v.PulledBy, v.Lang.age(v.PulledAge))
	case protocol.PullUnknown:
		return v.Lang.say(wPullUnknown)
	case protocol.PullEnded:
		return v.Lang.say(wPullEnded)
	case protocol.PullBusy:
		return v.Lang.say(wPullBusy)
	case "", protocol.PullTaken:
		return ""
	}
	return v.Lang.say(wPullRefused)
}

// age says how long ago something was, roughly.
func (l Lang) age(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return l.say(wSecondsAgo, strconv.Itoa(int(d/time.Second)))
	case d < time.Hour:
		return l.say(wMinutesAgo, strconv.Itoa(int(d/time.Minute)))
	}
	return l.say(wHoursAgo, strconv.Itoa(int(d/time.Hour)))
}

// clock writes a duration as m:ss, from an hour on as h:mm:ss. A begun second
// counts whole, so that 0:00 means over.
func clock(d time.Duration) string {
	s := int64((max(d, 0) + time.Second - 1) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
