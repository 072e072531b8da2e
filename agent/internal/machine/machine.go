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
	// A success that was late stays a little longer (terminal-ux says 30 s; but no
	// terminal is busy for 10 s after the end, DESIGN 5, with another result before).
	holdLate = 6 * time.Second
	// A terminal that has just been switched on says so for this long, before it says
	// that there is no internet.
	bootGrace = 3 * time.Second
	// No sale lasts longer; it bounds what a state can ask for.
	saleLimit = 24 * time.Hour
	// A pull that nobody answers, and a keypad that nobody touches.
	pullLimit   = 15 * time.Second
	keypadLimit = 30 * time.Second
	// A card machine that has read a card and says nothing for this long is
	// asked what became of it.
	approvalLimit = 2 * time.Minute
	// An approval that stays unknown after its sale is gone is asked for this
	// long; then it is the controller's to settle.
	unwantedLimit = 15 * time.Minute
)

// The reasons of a refused sale and of a fault that come from here. They are on
// the wire as Fact.Reason: never change one.
const (
	ReasonNoKeys   = "NO_KEYS"        // there is nobody to ask: the prompt needs keys
	ReasonNoReader = "NO_CARD_READER" // only a card is allowed
	ReasonNoMode   = "NO_PAY_MODE"    // no pay mode that this build knows is allowed
	ReasonAmount   = "AMOUNT_INVALID"
	ReasonQR       = "QR_INVALID"        // not a upi://pay link for this amount
	ReasonQRAmount = "QR_AMOUNT_DIFFERS" // the QR asks for another amount
	ReasonUnfit    = "QR_DOES_NOT_FIT"   // too dense for this panel
	ReasonPanel    = "PANEL_FAULT"
	ReasonStorage  = "STORAGE_FAULT"
	// ReasonContested: another device connects as this terminal (failure matrix T2).
	ReasonContested = "IDENTITY_IN_USE"
	// ReasonNotTaken is phonepe-api's word for a sale that nobody took in time. While
	// the controller has not said so yet, it says why a terminal waits for its word.
	ReasonNotTaken = "HANDOVER_TIMEOUT"
)

// Machine is all that a terminal knows. It is a value: Step returns another one
// and leaves its argument alone. Make one with New.
type Machine struct {
	Parts Parts

	Mode  protocol.Mode
	Since time.Duration // when this mode began for this payment
	Until time.Duration // a Tick is wanted then; 0: none

	// Ready: the terminal has its credentials, since ReadyAt; Enrolling: it asks for
	// them.
	Ready     bool
	ReadyAt   time.Duration
	Enrolling bool
	Refusal   string // why the last enrolment was refused

	// Link: connected, and the state is known since. Linked: it ever was.
	Link   bool
	Linked bool
	// Contested: another device seems to have this terminal's identity.
	Contested bool
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
	// Late: Result came after its sale had left the glass.
	Late bool
	// Doubt is the last sale that left the glass while nobody knew its end; empty:
	// none. News is that it was paid after all, waiting for the glass, NewsOf its sale.
	Doubt  Order
	News   protocol.Result
	NewsOf Order

	// Remembered is the sales that the spool held when the terminal started.
	// They are consumed by the first state that is obeyed.
	Remembered Memory

	// Declined is the last payment that was refused or rejected here: a state
	// that still names it changes nothing.
	Declined Declined
	// PullID is that of the answer in the newest state, empty if it had none.
	PullID string
	// Cards are the cards that were read and whose outcome is not known yet.
	Cards Cards
	// Keypad is where the cashier types a short order id.
	Keypad Keypad

	// Panel and Storage say what is broken; empty: nothing.
	Panel   string
	Storage string

	// Test is the self-test, Tests their number so far.
	Test  SelfTest
	Tests int
	// Update is a restart that was asked for.
	Update Update

	// Language is the cashier's choice, empty as long as there is none. Muted: the
	// voice is off. Repeats counts how often the last payment was to be said again.
	Language string
	Muted    bool
	Repeats  int

	Display protocol.Display
	Waiting int
	// Last is the last payment that came in since the terminal was switched on.
	Last protocol.Paise
}

// Parts says what a terminal has beside its panel.
type Parts struct {
	Keys bool // a cashier can answer
	Card bool // a card machine is connected
	NoQR bool // the panel is too small for any payment's QR
}

// Sale is a sale request as this terminal has it.
type Sale struct {
	Order
	QR string
	// ShortOrderID is what it was pulled by; empty when it was pushed.
	ShortOrderID string
	// Prompt: the cashier has to accept it first.
	Prompt bool
	// Seen is the question that was on the glass for it last, prompting or
	// choosing: only what the cashier could see is answered by a key.
	Seen protocol.Mode
	// Offered: the controller does not yet know that it is here. What is left
	// then is the time to take it; the customer's begins afterwards.
	Offered bool
	// Paying: the customer has begun, so the QR is dead for ever.
	Paying bool
	// Unsure: its card was wanted before the power went. Whether one was read
	// is asked before another is.
	Unsure bool
	// RetryAt is when the card machine is tried again after an error.
	RetryAt time.Duration
	// Ends is when its time is up, Total the whole of it.
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
	// Accepted: the cashier has accepted it.
	Accepted bool `json:"accepted,omitempty"`
	// Chosen is how the customer pays; empty as long as that is open.
	Chosen protocol.PayMode `json:"chosen,omitempty"`
	// Presented: its QR has been on the glass, or its card was wanted there.
	Presented bool `json:"presented"`
	// CardRead: a card was read for it. Another is never wanted.
	CardRead bool `json:"cardRead,omitempty"`
}

// Declined is a payment that this terminal does not take. The cashier may pull
// an OPEN order that was rejected once more: that is another PullID.
type Declined struct {
	PaymentID string `json:"paymentId,omitempty"`
	PullID    string `json:"pullId,omitempty"` // of the answer in the state then
}

// Memory is what must survive a power cut. Its zero value is a new terminal's.
type Memory struct {
	Seq uint64 `json:"seq"`
	// Sale is the sale in hand, Ended the one whose result is known but was
	// not yet on the glass. An empty PaymentID means none.
	Sale  Order `json:"sale"`
	Ended Order `json:"ended"`
	// Declined and Cards: see Machine.
	Declined Declined `json:"declined,omitzero"`
	Cards    Cards    `json:"cards,omitzero"`
	// Doubt, Language and Muted: see Machine.
	Doubt    Order  `json:"doubt,omitzero"`
	Language string `json:"language,omitempty"`
	Muted    bool   `json:"muted,omitempty"`
}

// New is a terminal of these parts that has just been switched on.
func New(mem Memory, parts Parts) Machine {
	return Machine{
		Parts: parts, Mode: protocol.ModeStarting, Seq: mem.Seq,
		Remembered: Memory{Sale: mem.Sale, Ended: mem.Ended}, Declined: mem.Declined, Cards: mem.Cards,
		Doubt: mem.Doubt, Language: mem.Language, Muted: mem.Muted,
	}
}

// Memory is what the spool has to hold now.
func (m Machine) Memory() Memory {
	mem := m.Remembered
	mem.Seq, mem.Declined, mem.Cards = m.Seq, m.Declined, m.Cards.remembered()
	mem.Doubt, mem.Language, mem.Muted = m.Doubt, m.Language, m.Muted
	if m.News.Outcome != "" {
		mem.Ended = m.NewsOf
	}
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
	case protocol.ModePrompting, protocol.ModeChoosing, protocol.ModePresenting, protocol.ModeChecking:
		return m.Sale.Order
	case protocol.ModeResult:
		return m.Ended.Order
	}
	return Order{}
}

// Left is how much of the sale's time is left at now, never below 0.
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
	case protocol.ModeOffline:
		if m.Contested {
			return ReasonContested
		}
	case protocol.ModeChecking:
		if m.Sale.lapsed() {
			return ReasonNotTaken
		}
	case protocol.ModeFault:
		if m.Panel != "" {
			return ReasonPanel
		}
		return ReasonStorage
	}
	return ""
}

// lapsed reports whether the time of a sale is up that nobody can have paid: it was
// never presented, only asked about.
func (s Sale) lapsed() bool {
	return s.PaymentID != "" && !s.mayBePaid() && (s.Prompt || s.Chosen == "")
}
