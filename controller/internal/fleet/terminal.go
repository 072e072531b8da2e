// Package fleet is the terminals: what each one is, what the controller wants
// of it, and what it has acknowledged (DESIGN section 4). It is pure.
//
// A terminal's row is its outbox: it needs telling while Seq is above
// AckedSeq. Only package decide changes terminals.
package fleet

import (
	"strings"
	"time"

	"github.com/galla-pay/galla/protocol"
)

// Terminal is a payment device on the counter; table terminals.
type Terminal struct {
	protocol.Identity
	Label      string // what the shop calls it
	Active     bool
	Integrated bool // takes requests from a POS; else it is standalone
	// WindowSeconds is how long the customer of an EDC request has from the
	// handover on; 0 means payment.Window. Busy says what a new sale does to a
	// terminal that has one already.
	WindowSeconds int64
	Busy          Busy
	Language      string // of its words: "en", "hi"; "" leaves it to the terminal

	// PublicKey is the device's Ed25519 key, TokenHash the SHA-256 of its MQTT
	// password. Both are empty until it has enrolled.
	PublicKey []byte
	TokenHash []byte

	// Wanted state. Seq rises by one whenever something that the terminal must
	// know changes.
	Seq     uint64
	Sale    string   // payment id of the sale request; "" for none
	Result  string   // payment id of the sale that ended last here; "" for none
	Waiting []string // payment ids behind Sale, next one first
	// Pull is the terminal's last pull and what came of it.
	Pull Pull

	// What the terminal has told. Facts of Epoch are committed up to FactSeq.
	AckedSeq uint64
	Epoch    string
	FactSeq  uint64
	Stored   string // payment id of the sale that it last said to have stored
	Session  string // of its latest connection
	Mode     protocol.Mode
	LastSeen time.Time // zero: never
	GoneAt   time.Time // its last will came; zero while connected

	// Boot is what it called itself in its last sync, Boots what it was called
	// before, each with its last session, newest first. SharedAt is when a device called itself by a name of
	// Boots again: then two devices have its identity. Zero: never.
	Boot     string
	Boots    []string
	SharedAt time.Time
}

// Pull is a terminal's asking for an OPEN order, with its answer.
type Pull struct {
	ID      string // the terminal's own, so that a repeat gets the same answer
	Code    string // the short order id
	Outcome protocol.PullOutcome
	By      string    // with PullOther: the terminal that has the order
	Since   time.Time // and since when
	At      time.Time
}

// PullAge is how long a pull's answer is told.
const PullAge = time.Minute

// Busy is what a new sale does to a terminal that has an unpaid one.
type Busy string

// The values are in the database: never change one.
const (
	// BusyByProduct: a DQR display shows the newest, an EDC sale waits its turn.
	BusyByProduct Busy = ""
	BusyReplace   Busy = "replace" // the newest replaces the shown one
	BusyQueue     Busy = "queue"   // first in, first out
)

// Silence is how long a terminal that tells nothing counts as connected: four
// heartbeats. A controller that was killed never heard its terminals' last
// wills, so GoneAt alone does not say who is there.
const Silence = time.Minute

// Present reports whether the terminal is connected at now, as far as is known.
func (t Terminal) Present(now time.Time) bool {
	return t.GoneAt.IsZero() && now.Sub(t.LastSeen) < Silence
}

// Enrolled reports whether the terminal can log in.
func (t Terminal) Enrolled() bool { return len(t.PublicKey) > 0 && len(t.TokenHash) > 0 }

// Want notes that something changed which the terminal must know.
func (t *Terminal) Want() { t.Seq++ }

// Drop takes a payment out of the wanted state, wherever it stands, and
// reports whether it was there. A sale that ends leaves its result to be told.
func (t *Terminal) Drop(payment string, tell bool) bool {
	for i, id := range t.Waiting {
		if id == payment {
			t.Waiting = append(append([]string(nil), t.Waiting[:i]...), t.Waiting[i+1:]...)
			t.Want()
			return true
		}
	}
	if t.Sale != payment || payment == "" {
		return false
	}
	t.Sale = ""
	if tell {
		t.Result = payment
	}
	t.Want()
	return true
}

// Offer makes payment the sale request. A result that the terminal has not
// shown yet stays beside it.
func (t *Terminal) Offer(payment string) {
	t.Sale = payment
	t.Want()
}

// Queue puts payment behind the sale.
func (t *Terminal) Queue(payment string) {
	t.Waiting = append(append([]string(nil), t.Waiting...), payment)
	t.Want()
}

// Next takes the first waiting payment off the queue; "" when none waits.
func (t *Terminal) Next() string {
	if len(t.Waiting) == 0 {
		return ""
	}
	next := t.Waiting[0]
	t.Waiting = append([]string(nil), t.Waiting[1:]...)
	return next
}

// Heard is what the terminal told in a report or sync: the session it came on,
// the newest state it has stored, and the facts that are new to us. A new
// epoch is a reflashed terminal, whose facts count from 1 again.
func (t *Terminal) Heard(r protocol.Report, at time.Time) []protocol.Fact {
	// A connection begins with a sync, so another session's report is a late
	// one of a connection that has ended: its facts count, its presence does not.
	if r.Type == protocol.TypeSync {
		t.booted(r, at)
		t.Session = r.Session
	}
	if r.Session == t.Session {
		t.Mode, t.LastSeen, t.GoneAt = r.Mode, at, time.Time{}
	}
	if r.Epoch != t.Epoch {
		t.Epoch, t.FactSeq = r.Epoch, 0
	}
	switch {
	case r.Type == protocol.TypeSync:
		// It asked for the whole state, so it is to be told until it says that
		// it has it, whatever was acknowledged before.
		t.AckedSeq = 0
	case r.AckSeq <= t.Seq && r.AckSeq > t.AckedSeq:
		t.AckedSeq = r.AckSeq
	}
	var news []protocol.Fact
	for _, f := range r.Facts {
		// Above, not next: what lies between was acknowledged to the terminal
		// and then lost with a restored database.
		if f.N > t.FactSeq {
			t.FactSeq = f.N
			news = append(news, f)
		}
	}
	return news
}

// maxBoots is how many names of earlier starts are remembered. Two devices that
// share an identity throw each other off within seconds, so that few are enough.
const maxBoots = 8

// booted notes by which name a device called itself in its sync. Every start makes
// a new one, so that one which was replaced never comes back (failure matrix T2),
// but in a sync that a broker delivers late: that comes on the session that the name
// had last. An agent that tells no name is an old one.
func (t *Terminal) booted(sync protocol.Report, at time.Time) {
	if sync.Boot == t.Boot || !protocol.ValidID(sync.Boot, 40) {
		return
	}
	var before []string
	if t.Boot != "" {
		before = append(before, t.Boot+" "+t.Session)
	}
	for _, b := range t.Boots {
		boot, session, _ := strings.Cut(b, " ")
		switch {
		case boot != sync.Boot:
			before = append(before, b)
		case session != sync.Session:
			t.SharedAt = at
		}
	}
	t.Boot, t.Boots = sync.Boot, before[:min(len(before), maxBoots)]
}

// Shared reports whether what was heard last told that another device has this
// terminal's identity, too.
func (t Terminal) Shared() bool { return !t.SharedAt.IsZero() && t.SharedAt.Equal(t.LastSeen) }

// NeedsTelling reports whether the terminal has not stored the newest state.
func (t Terminal) NeedsTelling() bool { return t.Seq > t.AckedSeq }
