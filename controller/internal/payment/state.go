package payment

import "fmt"

// State is where a payment is. The API's word for it is External.
type State string

// The states. Values are in the database: never change one.
const (
	None       State = "" // before Init
	Created    State = "created"
	HandedOver State = "handed_over"
	Presented  State = "presented"
	InProgress State = "in_progress"
	Parked     State = "parked" // unknown for too long; the terminal is free again
	Succeeded  State = "succeeded"
	Failed     State = "failed"
	Cancelled  State = "cancelled"
	Expired    State = "expired"
)

// States lists every state, in life order.
var States = []State{None, Created, HandedOver, Presented, InProgress, Parked, Succeeded, Failed, Cancelled, Expired}

// Final reports whether s never moves again.
func (s State) Final() bool {
	switch s {
	case Succeeded, Failed, Cancelled, Expired:
		return true
	}
	return false
}

// Unpaid reports whether the customer has not begun to pay: the QR, if there is
// one, is alive.
func (s State) Unpaid() bool {
	switch s {
	case Created, HandedOver, Presented:
		return true
	}
	return false
}

// External is the API's status: PENDING, SUCCESS, FAILED or EXPIRED.
func (s State) External() string {
	switch s {
	case Succeeded:
		return "SUCCESS"
	case Failed, Cancelled:
		return "FAILED"
	case Expired:
		return "EXPIRED"
	}
	return "PENDING"
}

// Event is what can happen to a payment.
type Event string

// The events. Values are in the database: never change one.
const (
	EventInit             Event = "init"
	EventHandedOver       Event = "handed_over"
	EventHandoverTimedOut Event = "handover_timed_out"
	EventRefused          Event = "refused"
	EventFault            Event = "fault"
	EventAccepted         Event = "accepted"
	EventRejected         Event = "rejected"
	EventHandoverLost     Event = "handover_lost"
	EventPresented        Event = "presented"
	EventPayStarted       Event = "pay_started"
	EventPaySucceeded     Event = "pay_succeeded"
	EventPayFailed        Event = "pay_failed"
	EventPayUnknown       Event = "pay_unknown"
	EventParked           Event = "parked"
	EventResolvedPaid     Event = "resolved_paid"
	EventResolvedUnpaid   Event = "resolved_unpaid"
	EventSuperseded       Event = "superseded"
	EventCancelRequested  Event = "cancel_requested"
	EventExpired          Event = "expired"
)

// Events lists every event, in life order.
var Events = []Event{
	EventInit, EventHandedOver, EventHandoverTimedOut, EventRefused, EventFault, EventAccepted, EventRejected,
	EventHandoverLost, EventPresented, EventPayStarted, EventPaySucceeded, EventPayFailed, EventPayUnknown,
	EventParked, EventResolvedPaid, EventResolvedUnpaid, EventSuperseded, EventCancelRequested, EventExpired,
}

// when limits an edge to some payments; nil means all.
type when func(Payment) bool

func open(p Payment) bool        { return p.Open }
func coupled(p Payment) bool     { return !p.Open }
func edc(p Payment) bool         { return p.Solution == EDC }
func cancelAsked(p Payment) bool { return p.CancelAsked }
func cancelFree(p Payment) bool  { return !p.CancelAsked }

// edge is one row of the table: in state from, event leads to state to. Where
// via is set, that event is recorded first: a Presented that overtakes its
// HandedOver implies it. A row that leads to its own state may be something
// that is known already: then nothing is recorded (see known).
type edge struct {
	from State
	on   Event
	when when
	to   State
	via  Event
}

// edges is DESIGN section 3.2, row by row. An event that has no row in a state
// is refused there. Final states have none: see Apply for what a replay gets.
var edges = []edge{
	{from: None, on: EventInit, to: Created},

	{from: Created, on: EventHandedOver, to: HandedOver},
	{from: Created, on: EventAccepted, to: HandedOver},
	{from: Created, on: EventPresented, to: Presented, via: EventHandedOver},
	{from: Created, on: EventRejected, when: coupled, to: Failed, via: EventHandedOver},
	{from: Created, on: EventRejected, when: open, to: Created},
	{from: Created, on: EventHandoverTimedOut, when: edc, to: Expired},
	{from: Created, on: EventRefused, when: coupled, to: Failed},
	{from: Created, on: EventRefused, when: open, to: Created},
	{from: Created, on: EventFault, when: coupled, to: Failed},
	{from: Created, on: EventFault, when: open, to: Created},
	{from: Created, on: EventPayStarted, to: InProgress},
	{from: Created, on: EventSuperseded, to: Cancelled},
	{from: Created, on: EventCancelRequested, to: Cancelled},
	{from: Created, on: EventExpired, to: Expired},

	{from: HandedOver, on: EventHandedOver, to: HandedOver},
	{from: HandedOver, on: EventAccepted, to: HandedOver},
	{from: HandedOver, on: EventPresented, to: Presented},
	{from: HandedOver, on: EventRejected, when: coupled, to: Failed},
	{from: HandedOver, on: EventRejected, when: open, to: Created},
	{from: HandedOver, on: EventRefused, when: coupled, to: Failed},
	{from: HandedOver, on: EventRefused, when: open, to: Created},
	{from: HandedOver, on: EventFault, when: coupled, to: Failed},
	{from: HandedOver, on: EventFault, when: open, to: Created},
	{from: HandedOver, on: EventHandoverLost, when: open, to: Created},
	{from: HandedOver, on: EventPayStarted, to: InProgress},
	{from: HandedOver, on: EventSuperseded, to: Cancelled},
	{from: HandedOver, on: EventCancelRequested, to: Cancelled},
	{from: HandedOver, on: EventExpired, to: Expired},

	{from: Presented, on: EventHandedOver, to: Presented},
	{from: Presented, on: EventAccepted, to: Presented},
	{from: Presented, on: EventPresented, to: Presented},
	{from: Presented, on: EventPayStarted, to: InProgress},
	{from: Presented, on: EventSuperseded, to: Cancelled},
	{from: Presented, on: EventCancelRequested, to: Cancelled},
	{from: Presented, on: EventExpired, to: Expired},

	{from: InProgress, on: EventHandedOver, to: InProgress},
	{from: InProgress, on: EventAccepted, to: InProgress},
	{from: InProgress, on: EventPresented, to: InProgress},
	{from: InProgress, on: EventPaySucceeded, to: Succeeded},
	{from: InProgress, on: EventPayFailed, when: cancelFree, to: Failed},
	{from: InProgress, on: EventPayFailed, when: cancelAsked, to: Cancelled},
	{from: InProgress, on: EventPayUnknown, to: InProgress},
	{from: InProgress, on: EventParked, to: Parked},
	{from: InProgress, on: EventResolvedPaid, to: Succeeded},
	{from: InProgress, on: EventResolvedUnpaid, when: cancelFree, to: Failed},
	{from: InProgress, on: EventResolvedUnpaid, when: cancelAsked, to: Cancelled},
	{from: InProgress, on: EventCancelRequested, to: InProgress},

	{from: Parked, on: EventHandedOver, to: Parked},
	{from: Parked, on: EventPresented, to: Parked},
	{from: Parked, on: EventPaySucceeded, to: Succeeded},
	{from: Parked, on: EventPayFailed, when: cancelFree, to: Failed},
	{from: Parked, on: EventPayFailed, when: cancelAsked, to: Cancelled},
	{from: Parked, on: EventResolvedPaid, to: Succeeded},
	{from: Parked, on: EventResolvedUnpaid, when: cancelFree, to: Failed},
	{from: Parked, on: EventResolvedUnpaid, when: cancelAsked, to: Cancelled},
	{from: Parked, on: EventCancelRequested, to: Parked},
}

// RefusedError says that an event cannot happen in a state.
type RefusedError struct {
	State State
	Event Event
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("payment is %s: %s cannot happen", e.State, e.Event)
}

func find(p Payment, on Event) (edge, bool) {
	for _, e := range edges {
		if e.from == p.State && e.on == on && (e.when == nil || e.when(p)) {
			return e, true
		}
	}
	return edge{}, false
}

// known lists the states in which an event tells nothing new, so that saying
// it again is answered and not recorded.
func known(p Payment, on Event) bool {
	switch on {
	case EventHandedOver:
		return p.State != Created
	case EventAccepted:
		return p.Accepted || p.State != Created && p.State != HandedOver
	case EventPresented:
		return p.State == Presented || p.State == InProgress || p.State == Parked
	case EventCancelRequested:
		return p.CancelAsked
	}
	return false
}
