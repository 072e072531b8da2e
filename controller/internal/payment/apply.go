package payment

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// Happening is an event with what is known of it.
type Happening struct {
	Event  Event
	At     time.Time // the database's time of the batch
	Actor  string    // who: pos:{merchant}, terminal:{identity}, upi:{org}, sweeper
	Reason string    // why it ended, where the event ends the payment without success

	// With HandedOver, Accepted and Presented of an EDC request: how long the
	// customer has from then on.
	Window time.Duration
	// With Presented and PayStarted: what is shown or paid with.
	Instrument protocol.PayMode
	// With PayStarted.
	Payer    protocol.VPA
	UPITxnID string
	// With PaySucceeded and ResolvedPaid.
	Reference                        string
	Settlement                       protocol.Paise
	CardLast4, CardNetwork, CardType string
}

// Record is one event of a payment's life as it is kept; table
// transaction_events. Hash covers everything and the hash before it, so that
// nothing can be changed or left out unseen.
type Record struct {
	PaymentID string
	Seq       int64 // 1, 2, 3 ... without gap
	Event     Event
	From, To  State
	At        time.Time
	Actor     string
	Reason    string
	PrevHash  Hash
	Hash      Hash
}

// Hash is a SHA-256.
type Hash [sha256.Size]byte

// String is lower-case hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Apply moves p by h and returns the payment as it is then and the records to
// keep. No records means that nothing changed: the event was known already, or
// p has ended by the very same event, whose first answer then holds. Anything
// that cannot happen is a *RefusedError and leaves p as it was.
func (p Payment) Apply(h Happening) (Payment, []Record, error) {
	if p.State.Final() {
		if p.endedBy(h) {
			return p, nil, nil
		}
		return p, nil, &RefusedError{p.State, h.Event}
	}
	e, ok := find(p, h.Event)
	if !ok {
		return p, nil, &RefusedError{p.State, h.Event}
	}
	if known(p, h.Event) {
		return p, nil, nil
	}
	var records []Record
	from := p.State
	if e.via != "" {
		records = append(records, p.record(Happening{Event: e.via, At: h.At, Actor: h.Actor}, HandedOver))
	}
	records = append(records, p.record(h, e.to))
	p.take(h)
	p.handed(from, h)
	if e.to.Final() {
		p.EndedAt = h.At
		p.Reason = h.Reason
		if e.to == Succeeded {
			p.Reason = ""
		}
		if e.to == Cancelled && p.CancelAsked && h.Event != EventSuperseded {
			p.Reason = ReasonCancelledByMerchant
		}
	}
	return p, records, nil
}

// take copies into p what h tells of it.
func (p *Payment) take(h Happening) {
	switch h.Event {
	case EventInit:
		p.CreatedAt = h.At
	case EventAccepted:
		p.Accepted = true
	case EventPresented:
		p.Instrument = h.Instrument
	case EventPayStarted:
		p.Attempted, p.Payer, p.UPITxnID = true, h.Payer, h.UPITxnID
		p.StartedAt, p.AttendAt = h.At, h.At.Add(Asks()[0])
		if h.Instrument != "" {
			p.Instrument = h.Instrument
		}
	case EventPaySucceeded, EventResolvedPaid:
		p.Reference, p.Settlement = h.Reference, h.Settlement
		p.CardLast4, p.CardNetwork, p.CardType = h.CardLast4, h.CardNetwork, h.CardType
	case EventCancelRequested:
		p.CancelAsked = true
	}
}

// handed keeps the times of a handover: from it on the customer has the
// terminal's window; an OPEN order that comes back waits in the pool for what
// is left of its handover time.
func (p *Payment) handed(from State, h Happening) {
	switch {
	case from == Created && (p.State == HandedOver || p.State == Presented):
		p.HandedOverAt = h.At
		if p.Solution == EDC {
			p.ExpiresAt = h.At.Add(h.Window)
		}
	case p.Open && p.State == Created && from != None:
		p.TerminalID, p.HandedOverAt, p.Accepted, p.Instrument = "", time.Time{}, false, ""
		p.ExpiresAt = p.HandoverBy
	}
	if p.State != InProgress {
		p.AttendAt = time.Time{}
	}
}

// record advances p's chain by one event and its state to to.
func (p *Payment) record(h Happening, to State) Record {
	r := Record{
		PaymentID: p.ID, Seq: p.Seq + 1, Event: h.Event, From: p.State, To: to,
		At: h.At, Actor: h.Actor, Reason: h.Reason, PrevHash: p.Hash,
	}
	r.Hash = r.Sum()
	p.Seq, p.Hash, p.State = r.Seq, r.Hash, to
	return r
}

// endedBy reports whether a final payment got to its end by the same event, so
// that this one is a replay.
func (p Payment) endedBy(h Happening) bool {
	switch h.Event {
	case EventHandedOver, EventAccepted, EventPresented:
		return true // a terminal's report that was under way when the payment ended
	case EventPaySucceeded, EventResolvedPaid:
		return p.State == Succeeded && p.Reference == h.Reference
	case EventPayFailed, EventRejected, EventRefused, EventResolvedUnpaid:
		return p.State == Failed && p.Reason == h.Reason
	case EventCancelRequested:
		return p.State == Cancelled && p.Reason == ReasonCancelledByMerchant
	case EventSuperseded:
		return p.State == Cancelled && p.Reason == ReasonSuperseded
	case EventExpired:
		return p.State == Expired && (p.Reason == ReasonQRExpired || p.Reason == ReasonCollectExpired)
	case EventHandoverTimedOut:
		return p.State == Expired && p.Reason == ReasonHandoverTimeout
	}
	return false
}

// Sum computes the record's hash: SHA-256 over every field but Hash, each
// preceded by its length, times in microseconds since 1970 (the precision that
// both databases keep).
func (r Record) Sum() Hash {
	h := sha256.New()
	field := func(b []byte) {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	var n [8]byte
	field([]byte(r.PaymentID))
	binary.BigEndian.PutUint64(n[:], uint64(r.Seq))
	field(n[:])
	field([]byte(r.Event))
	field([]byte(r.From))
	field([]byte(r.To))
	binary.BigEndian.PutUint64(n[:], uint64(r.At.UnixMicro()))
	field(n[:])
	field([]byte(r.Actor))
	field([]byte(r.Reason))
	field(r.PrevHash[:])
	return Hash(h.Sum(nil))
}

// VerifyChain checks a payment's records: numbered from 1 without gap, each
// hash right and built on the one before, each move one that the edge table
// knows. It returns the state that they lead to.
func VerifyChain(records []Record) (State, error) {
	state, prev := None, Hash{}
	for i, r := range records {
		switch {
		case r.Seq != int64(i+1):
			return state, fmt.Errorf("event %d of %s has number %d", i+1, r.PaymentID, r.Seq)
		case r.PrevHash != prev || r.Sum() != r.Hash:
			return state, fmt.Errorf("event %d of %s: the chain is broken", r.Seq, r.PaymentID)
		case r.From != state:
			return state, fmt.Errorf("event %d of %s moves from %q, the payment was %q", r.Seq, r.PaymentID, r.From, state)
		case !isEdge(r):
			return state, fmt.Errorf("event %d of %s: %s never moves %q to %q", r.Seq, r.PaymentID, r.Event, r.From, r.To)
		}
		state, prev = r.To, r.Hash
	}
	return state, nil
}

func isEdge(r Record) bool {
	for _, e := range edges {
		if e.from == r.From && e.on == r.Event && (e.to == r.To) {
			return true
		}
	}
	return false
}
