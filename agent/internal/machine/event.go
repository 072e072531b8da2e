package machine

import "github.com/galla-pay/galla/protocol"

// Kind names an event. It is a row of the table and of the golden file.
type Kind string

// The kinds of events.
const (
	KindEnrolling     Kind = "enrolling"
	KindEnrolRefused  Kind = "enrol refused"
	KindReady         Kind = "ready"
	KindReceived      Kind = "received"
	KindLinkLost      Kind = "link lost"
	KindTick          Kind = "tick"
	KindDrawn         Kind = "drawn"
	KindDrawFailed    Kind = "draw failed"
	KindUnpresentable Kind = "unpresentable"
	KindStored        Kind = "stored"
	KindStoreFailed   Kind = "store failed"
	KindPressed       Kind = "pressed"
	KindCardRead      Kind = "card read"
	KindCardApproved  Kind = "card approved"
	KindCardDeclined  Kind = "card declined"
	KindCardUnknown   Kind = "card unknown"
	KindCardFailed    Kind = "card failed"
	KindCardUnread    Kind = "card unread"
	KindTested        Kind = "tested"
	KindRestartWanted Kind = "restart wanted"
)

// The keys. Values are those of agent.Key: never change one.
const (
	KeyAccept = "accept"
	KeyReject = "reject"
	KeyCard   = "card"
	KeyDQR    = "dqr"
	KeyOK     = "ok"
	KeyClear  = "clear"

	KeyRepeat   = "repeat"
	KeyLanguage = "language"
	KeyMute     = "mute"
	KeyTest     = "test"
	// The others are "0" to "9".
)

// Event is something that happened.
type Event interface{ Kind() Kind }

// Enrolling: there are no credentials; the terminal asks for them.
type Enrolling struct{}

// EnrolRefused: the controller did not give credentials. It is asked again.
type EnrolRefused struct{ Reason string }

// Ready: the terminal has its credentials.
type Ready struct{}

// Received: a state came whose signature was verified and which is for this
// terminal. Answer: it carries the nonce of this terminal's own last sync. Unfit:
// the QR of its sale is too dense for this panel.
type Received struct {
	State  protocol.State
	Answer bool
	Unfit  bool
}

// LinkLost: the connection to the broker ended. Contested: again and again right
// after it was made, so another device seems to have this terminal's identity.
type LinkLost struct{ Contested bool }

// Tick: the time Machine.Until has come.
type Tick struct{}

// Drawn: the panel took the picture of this mode and payment without an error.
type Drawn struct {
	Mode      protocol.Mode
	PaymentID string
}

// DrawFailed: the panel did not take a picture.
type DrawFailed struct{ Reason string }

// Unpresentable: the payment's QR cannot be drawn on this panel.
type Unpresentable struct {
	PaymentID string
	Reason    string
}

// Stored: the Save that was asked for last is on the disk.
type Stored struct{}

// StoreFailed: the Save that was asked for last did not happen; Facts are those
// that it carried.
type StoreFailed struct {
	Reason string
	Facts  []Fact
}

// Pressed: the cashier pressed a key. PullID is new for every KeyOK: should it
// pull, it is known by that. Language is the one that KeyLanguage changes to; empty
// when it changes to none.
type Pressed struct {
	Key      string
	PullID   string
	Language string
}

// CardRead: the card machine has read a card for that payment. Until one of the
// next three comes its outcome is open.
type CardRead struct{ PaymentID string }

// CardApproved: the bank has said yes.
type CardApproved struct {
	PaymentID string
	Card      protocol.Card
}

// CardDeclined: the bank, or the card machine, has said no.
type CardDeclined struct {
	PaymentID string
	Reason    string
}

// CardUnknown: the card machine says that a card was read and that it does not
// know what became of it.
type CardUnknown struct{ PaymentID string }

// CardFailed: the card machine could not be worked with; that says nothing of
// the card. Asked: by the question how the payment ended.
type CardFailed struct {
	PaymentID string
	Asked     bool
}

// CardUnread: the card machine says that it never read a card for that payment.
type CardUnread struct{ PaymentID string }

// Tested: what came of a check of the self-test of that number.
type Tested struct {
	Run     int
	Check   Check
	Finding Finding
}

// RestartWanted: the terminal is to end for an update or a reboot, once nothing is
// under way.
type RestartWanted struct{}

// Kind implements Event.
func (Enrolling) Kind() Kind { return KindEnrolling }

// Kind implements Event.
func (EnrolRefused) Kind() Kind { return KindEnrolRefused }

// Kind implements Event.
func (Ready) Kind() Kind { return KindReady }

// Kind implements Event.
func (Received) Kind() Kind { return KindReceived }

// Kind implements Event.
func (LinkLost) Kind() Kind { return KindLinkLost }

// Kind implements Event.
func (Tick) Kind() Kind { return KindTick }

// Kind implements Event.
func (Drawn) Kind() Kind { return KindDrawn }

// Kind implements Event.
func (DrawFailed) Kind() Kind { return KindDrawFailed }

// Kind implements Event.
func (Unpresentable) Kind() Kind { return KindUnpresentable }

// Kind implements Event.
func (Stored) Kind() Kind { return KindStored }

// Kind implements Event.
func (StoreFailed) Kind() Kind { return KindStoreFailed }

// Kind implements Event.
func (Pressed) Kind() Kind { return KindPressed }

// Kind implements Event.
func (CardRead) Kind() Kind { return KindCardRead }

// Kind implements Event.
func (CardApproved) Kind() Kind { return KindCardApproved }

// Kind implements Event.
func (CardDeclined) Kind() Kind { return KindCardDeclined }

// Kind implements Event.
func (CardUnknown) Kind() Kind { return KindCardUnknown }

// Kind implements Event.
func (CardFailed) Kind() Kind { return KindCardFailed }

// Kind implements Event.
func (CardUnread) Kind() Kind { return KindCardUnread }

// Kind implements Event.
func (Tested) Kind() Kind { return KindTested }

// Kind implements Event.
func (RestartWanted) Kind() Kind { return KindRestartWanted }
