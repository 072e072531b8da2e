package machine

import (
	"time"

	"github.com/galla-pay/galla/protocol"
)

// The waits of a terminal. All are measured on the monotonic clock.
const (
	// A result stays on the glass this long (terminal-ux: Device screens).
	holdSucceeded = 4 * time.Second
	holdFailed    = 8 * time.Second
	holdOther     = 3 * time.Second
	// A waiting sale cuts a result that is not a success short.
	holdWaiting = 2 * time.Second
	// AskEvery is the gap between two questions for the state while checking.
	askEvery = 10 * time.Second
	// RetryEvery is the gap between two tries to get out of a fault.
	retryEvery = 3 * time.Second
	// A result that is older than this when the terminal can show it at last is
	// history (failure matrix S8, T).
	resultLimit = 15 * time.Minute
	// Without a link, "checking" gives way to "no internet" after this.
	checkingLimit = 15 * time.Minute
	// No sale lasts longer; it bounds what a state can ask for.
	saleLimit = 24 * time.Hour
)

// The reasons of a refused sale and of a fault that come from here. They are on
// the wire as Fact.Reason: never change one.
const (
	ReasonPrompt   = "PROMPT_NOT_SUPPORTED" // a Dynamic-QR display has no keys
	ReasonAmount   = "AMOUNT_INVALID"
	ReasonQR       = "QR_INVALID"        // not a upi://pay link for this amount
	ReasonQRAmount = "QR_AMOUNT_DIFFERS" // the QR asks for another amount
	ReasonUnfit    = "QR_DOES_NOT_FIT"   // too dense for this panel
	ReasonPanel    = "PANEL_FAULT"
	ReasonStorage  = "STORAGE_FAULT"
)

// Machine is all that a terminal knows. It is a value: Step returns another one
// and leaves its argument alone. Make one with New.
type Machine struct {
	Mode  protocol.Mode
	Since time.Duration // when this mode began for this payment
	Until time.Duration // a Tick is wanted then; 0: none

	// Ready: the terminal has its credentials; Enrolling: it asks for them.
	Ready     bool
	Enrolling bool
	Refusal   string // why the last enrolment was refused

	// Link: connected, and the state is known since.
	Link bool
	// Seq is that of the newest state.
	Seq uint64

	// Sale is the sale that the controller wants on the glass; its PaymentID
	// is empty when there is none.
	Sale Sale
	// Ended is the sale that Result, when its Outcome is set, tells the end of.
	Ended  Sale
	Result protocol.Result
	EndAt  time.Duration // when Result arrived
	HeldAt time.Duration // when Result was on the glass, or was sent there
	Shown  bool          // Result was on the glass

	// Remembered is what the spool held when the terminal started. It is
	// consumed by the first state that is obeyed.
	Remembered Memory

	// Declined is the last payment that was refused: a state that still names
	// it changes nothing.
	Declined string

	// Panel and Storage say what is broken; empty: nothing.
	Panel   string
	Storage string

	Display protocol.Display
	Waiting int
	// Last is the last payment that came in since the terminal was switched on.
	Last protocol.Paise
}

// Sale is a sale request as this terminal has it.
type Sale struct {
	Order
	QR string
	// Paying: the customer has begun, so the QR is dead for ever.
	Paying bool
	// Ends is when the QR's time is up, Total the whole of it.
	Ends  time.Duration
	Total time.Duration
	// Stored: the spool has it.
	Stored bool
}

// Order is what is remembered of a sale over a power cut.
type Order struct {
	PaymentID             string         `json:"paymentId"`
	MerchantTransactionID string         `json:"merchantTransactionId"`
	OrderID               string         `json:"orderId"`
	AmountPaise           protocol.Paise `json:"amountPaise"`
	// Seq is that of the state which brought the sale: only a newer one can
	// end it.
	Seq uint64 `json:"seq"`
	// Presented: its QR has been on the glass.
	Presented bool `json:"presented"`
}

// Memory is what must survive a power cut. Its zero value is a new terminal's.
type Memory struct {
	Seq uint64 `json:"seq"`
	// Sale is the sale in hand, Ended the one whose result is known but was
	// not yet on the glass. An empty PaymentID means none.
	Sale  Order `json:"sale"`
	Ended Order `json:"ended"`
}

// New is a terminal that has just been switched on.
func New(mem Memory) Machine {
	return Machine{Mode: protocol.ModeStarting, Seq: mem.Seq, Remembered: mem}
}

// Memory is what the spool has to hold now.
func (m Machine) Memory() Memory {
	mem := m.Remembered
	mem.Seq = m.Seq
	if m.Sale.PaymentID != "" {
		mem.Sale = m.Sale.Order
	}
	if m.Result.Outcome != "" && !m.Shown {
		mem.Ended = m.Ended.Order
	}
	return mem
}

// Payment is the payment that the screen is about; its PaymentID is empty when
// it is about none.
func (m Machine) Payment() Order {
	switch m.Mode {
	case protocol.ModePresenting, protocol.ModeChecking:
		return m.Sale.Order
	case protocol.ModeResult:
		return m.Ended.Order
	}
	return Order{}
}

// Left is how much of the QR's time is left at now, never below 0.
func (m Machine) Left(now time.Duration) time.Duration {
	return max(0, m.Sale.Ends-now)
}

// Reason says why the terminal is in its mode, empty when there is nothing to say.
func (m Machine) Reason() string {
	switch m.Mode {
	case protocol.ModeEnrolling:
		return m.Refusal
	case protocol.ModeResult:
		return m.Result.Reason
	case protocol.ModeFault:
		if m.Panel != "" {
			return ReasonPanel
		}
		return ReasonStorage
	}
	return ""
}
