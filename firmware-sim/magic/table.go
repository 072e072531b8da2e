package magic

import "github.com/galla-pay/galla/protocol"

// Tail is the paise of an amount that make something happen. Values are written
// by people at tills: never change one (terminal-ux: the 60-second demo).
type Tail int

// The tails.
const (
	Paid          Tail = 0
	Declined      Tail = 1
	Unpaid        Tail = 2
	Offline       Tail = 3
	Rejected      Tail = 4
	LateCallback  Tail = 5
	PaidTooLate   Tail = 6
	CallbackTwice Tail = 7
	Reboots       Tail = 8
	CancelLoses   Tail = 9
	CallbackFails Tail = 10
	Busy          Tail = 11
)

// Actor is who does something of their own accord.
type Actor string

// The actors. A callback is taken by the merchant's server, which is not at the
// counter: a Driver pays, and the rest is that server's doing.
const (
	Customer Actor = "customer"
	Cashier  Actor = "cashier"
	Plug     Actor = "plug" // somebody at the terminal's cables
	Till     Actor = "till"
	Merchant Actor = "merchant's server"
)

// Behaviour is what happens to a sale of such an amount.
type Behaviour struct {
	Tail  Tail
	Actor Actor
	Does  string // one sentence, for people
	Ends  string // the payment's status in the end: SUCCESS, FAILED, EXPIRED
}

// Table is the one table of magic amounts, in the order of their tails.
func Table() []Behaviour {
	return []Behaviour{
		{Paid, Customer, "is paid after 3 s", "SUCCESS"},
		{Declined, Customer, "the customer's bank declines it", "FAILED"},
		{Unpaid, Customer, "nobody pays, and it expires", "EXPIRED"},
		{Offline, Plug, "the terminal loses its network, and nobody pays", "EXPIRED"},
		{Rejected, Cashier, "the cashier rejects it, where the terminal asks", "FAILED"},
		{LateCallback, Merchant, "is paid, and the merchant's server takes no callback for 30 s", "SUCCESS"},
		{PaidTooLate, Customer, "the customer scans it in time and pays when it has expired", "EXPIRED"},
		{CallbackTwice, Merchant, "is paid, and the answer to its callback is lost, so that it is sent twice", "SUCCESS"},
		{Reboots, Plug, "the terminal has no power while the customer pays", "SUCCESS"},
		{CancelLoses, Till, "the till cancels it at the moment when it is paid", "SUCCESS"},
		{CallbackFails, Merchant, "is paid, and the merchant's server answers its callback 500 once", "SUCCESS"},
		{Busy, Till, "another sale comes while the customer is paying, and has to wait", "SUCCESS"},
	}
}

// Of is what happens to a sale of that amount; ok is false where nothing does.
func Of(amount protocol.Paise) (b Behaviour, ok bool) {
	if !amount.Valid() {
		return Behaviour{}, false
	}
	for _, b := range Table() {
		if b.Tail == Tail(amount%100) {
			return b, true
		}
	}
	return Behaviour{}, false
}
