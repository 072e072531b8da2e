package protocol

// Version is the version of the terminal messages that this build speaks. Both
// sides refuse any other with a clear reason.
//
// # Version history
//
//   - 1 (2026-11): sync, report, heartbeat, presence up; state, keys down. One
//     Dynamic-QR sale at a time.
//   - 2 (2026-11): pull up, and its answer in the state; prompt, pay modes and
//     card facts. A terminal of version 1 would draw a QR where only a card is
//     allowed, and without asking the cashier, so the two do not mix. Key sets
//     have a version of their own (KeySetVersion) since then, so that a set that
//     a terminal has on its disk outlives a new protocol.
const Version = 2

// Type tells the messages apart.
type Type string

// The message types. Values are on the wire: never change one.
const (
	TypeState     Type = "state"     // down: all that the controller wants of the terminal
	TypeKeys      Type = "keys"      // down: the online keys, signed by the root key
	TypeSync      Type = "sync"      // up: a report that asks for the whole state
	TypeReport    Type = "report"    // up: what is
	TypeHeartbeat Type = "heartbeat" // up: still here
	TypePresence  Type = "presence"  // up: last will, published by the broker
	TypePull      Type = "pull"      // up: the cashier asks for an OPEN order
)

// Header begins every message. Identity is inside the signature, so that a
// message for one terminal means nothing to another.
type Header struct {
	V        int      `json:"v"`
	Type     Type     `json:"type"`
	Identity Identity `json:"identity"`
}

// State is everything the controller wants of a terminal. It is
// level-triggered (DESIGN section 4): the newest wins, the terminal makes it
// so, and nothing depends on how many were sent or in which order they came.
type State struct {
	Header
	// Seq rises with every change of what is wanted. A terminal ignores a
	// state whose Seq is below the one that it has stored, unless Nonce is
	// that of its own last sync: then Seq starts anew from this one. An equal
	// Seq repeats a state: only AckSeq and the time left are news.
	Seq uint64 `json:"seq"`
	// Nonce is that of the sync which this state answers; else empty.
	Nonce string `json:"nonce,omitempty"`
	// Epoch and AckSeq say which facts are committed: all of this epoch with
	// a number up to AckSeq. Facts of another epoch are not meant.
	Epoch  string `json:"epoch,omitempty"`
	AckSeq uint64 `json:"ackSeq"`
	// Sale is the sale request to take or go on with; nil: take none.
	Sale *Sale `json:"sale,omitempty"`
	// Result is how this terminal's last sale ended; nil: nothing to tell.
	Result *Result `json:"result,omitempty"`
	// Waiting counts the sales that wait behind Sale.
	Waiting int `json:"waiting,omitempty"`
	// Pull answers the terminal's last pull; nil: it never pulled, or the
	// answer is of no use any more.
	Pull *PullAnswer `json:"pull,omitempty"`
	// Display says what the idle screen shows.
	Display Display `json:"display"`
}

// Phase is how far the sale request has come, seen from the controller.
type Phase string

// The phases. Values are on the wire: never change one.
const (
	PhaseOffered   Phase = "offered"   // not yet taken by a terminal
	PhaseTaken     Phase = "taken"     // taken, not yet on glass
	PhasePresented Phase = "presented" // on glass: after a reboot, present it again
	PhasePaying    Phase = "paying"    // the customer pays: the QR is dead, show "checking"
)

// PayMode is how a customer may pay at a terminal (phonepe-api: paymentModes).
type PayMode string

// The pay modes. Values are on the wire and in the API: never change one.
const (
	PayCard PayMode = "CARD"
	PayDQR  PayMode = "DQR"
)

// Sale is a sale request.
type Sale struct {
	PaymentID             string `json:"paymentId"`
	MerchantTransactionID string `json:"merchantTransactionId"`
	OrderID               string `json:"orderId"`
	Phase                 Phase  `json:"phase"`
	AmountPaise           Paise  `json:"amountPaise"`
	// ShortOrderID is what the cashier typed to pull it; empty for a sale that
	// was pushed.
	ShortOrderID string `json:"shortOrderId,omitempty"`
	// PayModes are the modes that the customer may choose of, never empty. With
	// one, there is nothing to choose.
	PayModes []PayMode `json:"payModes"`
	// Chosen is the mode that was presented; empty before.
	Chosen PayMode `json:"chosen,omitempty"`
	// QR is the upi://pay link to draw, character for character; empty where
	// DQR is not among PayModes.
	QR string `json:"qr,omitempty"`
	// LeftMillis and TotalMillis are durations, never times of day: what is
	// left when the message was signed, and the whole (DESIGN section 3.3).
	LeftMillis  int64 `json:"leftMillis"`
	TotalMillis int64 `json:"totalMillis"`
	// Prompt asks for the confirm/reject pop-up first; it is false once the
	// cashier has accepted.
	Prompt bool `json:"prompt,omitempty"`
}

// Outcome is how a payment ended.
type Outcome string

// The outcomes. Values are on the wire: never change one.
const (
	OutcomeSucceeded Outcome = "succeeded"
	OutcomeFailed    Outcome = "failed"
	OutcomeExpired   Outcome = "expired"
	OutcomeCancelled Outcome = "cancelled"
	// OutcomeUnknown frees the terminal while nobody knows yet whether the
	// customer has paid: "not confirmed, do not pay again" (failure matrix R13).
	OutcomeUnknown Outcome = "unknown"
)

// Result is the signed end of a payment. A terminal draws PAID only for a
// succeeded result of the very payment on its screen, with the same amount and
// a higher Seq than the one that brought the sale (DESIGN section 3.3).
type Result struct {
	PaymentID             string  `json:"paymentId"`
	MerchantTransactionID string  `json:"merchantTransactionId"`
	AmountPaise           Paise   `json:"amountPaise"`
	Outcome               Outcome `json:"outcome"`
	// Reason is a word of phonepe-api's responseCode table, empty on success.
	Reason string `json:"reason,omitempty"`
	// Reference is the UTR's last four digits, on success.
	Reference string `json:"reference,omitempty"`
	// AgeMillis is how long before signing the payment ended.
	AgeMillis int64 `json:"ageMillis"`
}

// PullOutcome is what came of a pull.
type PullOutcome string

// The outcomes of a pull. Values are on the wire: never change one.
const (
	PullTaken   PullOutcome = "taken"   // the sale of this state is the order
	PullOther   PullOutcome = "other"   // another terminal has it: By and AgeMillis say which and since when
	PullUnknown PullOutcome = "unknown" // no live order of this store has that short id
	PullEnded   PullOutcome = "ended"   // its time was over, or it was cancelled or paid
	PullBusy    PullOutcome = "busy"    // this terminal has a sale already
)

// PullAnswer says what came of a pull. Like all of a state it may be told any
// number of times; PullID ties it to its question.
type PullAnswer struct {
	PullID       string      `json:"pullId"`
	ShortOrderID string      `json:"shortOrderId"`
	Outcome      PullOutcome `json:"outcome"`
	// By is the terminal that has the order, with PullOther.
	By string `json:"by,omitempty"`
	// AgeMillis is how long before signing By took it, with PullOther.
	AgeMillis int64 `json:"ageMillis,omitempty"`
}

// Display is what a terminal needs to know for its idle screen.
type Display struct {
	MerchantName string `json:"merchantName"`
	Label        string `json:"label"`
	// Pull: OPEN orders may be pulled at this terminal.
	Pull bool `json:"pull,omitempty"`
	// Language is that of the store's staff: "en" or "hi"; empty says nothing.
	Language string `json:"language,omitempty"`
}

// Mode is what a terminal is doing (DESIGN section 3.3).
type Mode string

// The modes. Values are on the wire, in GET /state and in tests: never change one.
const (
	ModeStarting   Mode = "starting"
	ModeEnrolling  Mode = "enrolling"
	ModeOffline    Mode = "offline"
	ModeIdle       Mode = "idle"
	ModePulling    Mode = "pulling"   // the keypad for a short order id
	ModePrompting  Mode = "prompting" // asking the cashier to accept or reject
	ModeChoosing   Mode = "choosing"  // asking for CARD or DQR
	ModePresenting Mode = "presenting"
	ModeChecking   Mode = "checking"
	ModeResult     Mode = "result"
	ModeFault      Mode = "fault"
	ModeTesting    Mode = "testing"  // the self-test, by the cashier's or an engineer's wish
	ModeUpdating   Mode = "updating" // nothing is under way, and the terminal restarts for an update
	// ModeOff is a terminal without power; only firmware-sim can say so.
	ModeOff Mode = "off"
)

// FactKind is something that happened on a terminal.
type FactKind string

// The facts. Values are on the wire: never change one.
const (
	FactReceived  FactKind = "received"  // the sale request is stored on the terminal's disk
	FactAccepted  FactKind = "accepted"  // the cashier accepted the prompt
	FactRejected  FactKind = "rejected"  // the cashier rejected it
	FactPresented FactKind = "presented" // the QR is on glass, or the card is wanted; PayMode says which
	FactRefused   FactKind = "refused"   // the terminal cannot take the sale; Reason says why
	FactShown     FactKind = "shown"     // the result is on glass

	// What the card reader says. After read the QR is dead and the outcome is
	// open until one of the other three; unknown may be followed by another.
	FactCardRead     FactKind = "card_read"
	FactCardApproved FactKind = "card_approved" // Card has the details
	FactCardDeclined FactKind = "card_declined" // Reason is the reader's word
	FactCardUnknown  FactKind = "card_unknown"  // the reader or its bank gave no answer
)

// Card is what an approval says of the card. A card number is never in it
// (failure matrix T23).
type Card struct {
	// RRN is the acquirer's 12-digit retrieval reference number.
	RRN         string `json:"rrn"`
	AmountPaise Paise  `json:"amountPaise"`
	Last4       string `json:"last4"`
	Network     string `json:"network"` // VISA, MASTERCARD, RUPAY ...
	Type        string `json:"type"`    // CREDIT or DEBIT
}

// Fact is one thing that happened, numbered 1, 2, 3 ... within the spool's
// epoch.
type Fact struct {
	N         uint64   `json:"n"`
	Kind      FactKind `json:"kind"`
	PaymentID string   `json:"paymentId"`
	Reason    string   `json:"reason,omitempty"`
	PayMode   PayMode  `json:"payMode,omitempty"` // with presented
	Card      *Card    `json:"card,omitempty"`    // with card_approved
}

// Report is what is. Facts holds every fact that is not yet acknowledged,
// oldest first, so a lost or repeated report changes nothing. The same form,
// with Type sync and a Nonce, asks for the whole state: sent on every connect
// and after every doubt.
type Report struct {
	Header
	// Session is made anew for every connection; the last will carries it too,
	// so that an old connection's end is not taken for the new one's.
	Session string `json:"session"`
	// Epoch names the spool: made when the disk was first written. Another
	// epoch means that the terminal was reflashed and counts from 1 again.
	Epoch string `json:"epoch"`
	// AckSeq is the Seq of the newest state that is stored.
	AckSeq uint64 `json:"ackSeq"`
	Mode   Mode   `json:"mode"`
	// PaymentID is the payment on the screen, if any.
	PaymentID string `json:"paymentId,omitempty"`
	Facts     []Fact `json:"facts,omitempty"`
	// Nonce is set in a sync only.
	Nonce string `json:"nonce,omitempty"`
	// Holds is the payment of the sale request that is stored, in a sync only.
	// A terminal that had stored an OPEN order and does not hold it any more
	// has lost it: the order goes back to the pool (DESIGN 3.2, HandoverLost).
	Holds string `json:"holds,omitempty"`
	// Software and Panel are set in a sync only.
	Software string `json:"software,omitempty"`
	Panel    string `json:"panel,omitempty"`
	// Boot is made anew whenever the terminal starts, in a sync only: 8 to 40
	// characters of [A-Za-z0-9_-]. One that was replaced by another never comes
	// back, unless two devices have one identity (failure matrix T2).
	Boot string `json:"boot,omitempty"`
}

// Pull asks for an OPEN order of the terminal's store. The terminal repeats it,
// with the same PullID, until a state answers it.
type Pull struct {
	Header
	Session string `json:"session"`
	// PullID is random, 8 to 40 characters of [A-Za-z0-9_-], new for every time
	// that the cashier presses OK.
	PullID string `json:"pullId"`
	// ShortOrderID is 4 to 8 digits; leading zeros matter.
	ShortOrderID string `json:"shortOrderId"`
}

// Heartbeat says that the terminal is still here and which state it has.
type Heartbeat struct {
	Header
	Session string `json:"session"`
	AckSeq  uint64 `json:"ackSeq"`
	Mode    Mode   `json:"mode"`
}

// Presence is the last will: the broker publishes it when the connection of
// that session is gone.
type Presence struct {
	Header
	Session string `json:"session"`
}
