package card

import (
	"context"
	"strings"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
	wire "github.com/galla-pay/galla/protocol/cardlink"
)

// Result is how far a card is. The values are in GET /card.
type Result string

// The results.
const (
	Asked    Result = "open"      // it was read, and its bank has not answered yet
	Approved Result = "approved"  // the bank has said yes: the money is taken
	Declined Result = "declined"  // the bank, or the reader, has said no
	NoAnswer Result = "no_answer" // the bank never answers
	Reversed Result = "reversed"  // it was approved, and the money was given back
)

// decline is the word of every card that its bank declines: ISO 8583's
// "insufficient funds", as such a machine prints it.
const decline = "INSUFFICIENT_FUNDS"

// Entry is one card of the ledger as people and tests see it.
type Entry struct {
	Ref         string         `json:"ref"`
	AmountPaise protocol.Paise `json:"amountPaise"`
	Outcome     Result         `json:"outcome"`
	RRN         string         `json:"rrn"` // 12 digits once it is approved, else ""
	Last4       string         `json:"last4"`
	Network     string         `json:"network"`
	Type        string         `json:"type"`
	Reason      string         `json:"reason"` // once it is declined, else ""
	ReadAt      time.Time      `json:"readAt"`
}

// attempt is one card as the ledger keeps it: what was read, and what its bank
// says from AnswerAt on. The line is written once; what happens to the card later
// is a mark of its own.
type attempt struct {
	Ref         string         `json:"ref"`
	AmountPaise protocol.Paise `json:"amountPaise"`
	Outcome     Outcome        `json:"outcome"`
	RRN         string         `json:"rrn"`
	Last4       string         `json:"last4"`
	Network     string         `json:"network"`
	Type        string         `json:"type"`
	ReadAt      time.Time      `json:"readAt"`
	AnswerAt    time.Time      `json:"answerAt"`
	// ReverseAt is when the reader takes back an approval that nobody kept; zero:
	// never.
	ReverseAt time.Time `json:"reverseAt,omitzero"`
	// Gated: the bank is asked when the terminal has noted the card, and the times
	// count from there.
	Gated bool `json:"gated,omitempty"`

	sent    bool   // gated: the bank was asked
	dropped string // gated: why it never will be; "": it may
	kept    bool   // the terminal has the approval: it stands
}

// valid reports whether an attempt of a file is one that was written here.
func (a attempt) valid() bool {
	tap, err := Tap{Outcome: a.Outcome, Last4: a.Last4, Network: a.Network, Type: a.Type, Delay: a.AnswerAt.Sub(a.ReadAt)}.check()
	return err == nil && tap.Last4 == a.Last4 && tap.Network == a.Network && tap.Type == a.Type &&
		a.Ref != "" && len(a.Ref) <= maxRef && a.AmountPaise > 0 &&
		len(a.RRN) == 12 && strings.Trim(a.RRN, "0123456789") == "" &&
		(a.ReverseAt.IsZero() || !a.ReverseAt.Before(a.AnswerAt))
}

// ask notes that the bank is asked at now.
func (a *attempt) ask(now time.Time) {
	late := now.Sub(a.ReadAt)
	a.sent, a.AnswerAt = true, a.AnswerAt.Add(late)
	if !a.ReverseAt.IsZero() {
		a.ReverseAt = a.ReverseAt.Add(late)
	}
}

// result is how far the card is at now.
func (a attempt) result(now time.Time) Result {
	switch {
	case a.dropped != "":
		return Declined
	case a.Gated && !a.sent:
		return Asked
	case a.Outcome == Timeout:
		return NoAnswer
	case now.Before(a.AnswerAt):
		return Asked
	case a.Outcome == Decline || a.Outcome == Remove:
		return Declined
	case !a.kept && !a.ReverseAt.IsZero() && !now.Before(a.ReverseAt):
		return Reversed
	}
	return Approved
}

// reason is the word for a card that is declined.
func (a attempt) reason() string {
	switch {
	case a.dropped != "":
		return a.dropped
	case a.Outcome == Remove:
		return wire.CodeCardRemoved
	}
	return decline
}

// entry shows the attempt as it is at now.
func (a attempt) entry(now time.Time) Entry {
	e := Entry{
		Ref: a.Ref, AmountPaise: a.AmountPaise, Outcome: a.result(now),
		Last4: a.Last4, Network: a.Network, Type: a.Type, ReadAt: a.ReadAt.UTC(),
	}
	switch e.Outcome {
	case Approved, Reversed:
		e.RRN = a.RRN
	case Declined:
		e.Reason = a.reason()
	}
	return e
}

// answer is what the terminal is told at now.
func (a attempt) answer(now time.Time) (protocol.Card, error) {
	switch a.result(now) {
	case Approved:
		if a.Outcome != Reverse {
			return protocol.Card{RRN: a.RRN, AmountPaise: a.AmountPaise, Last4: a.Last4, Network: a.Network, Type: a.Type}, nil
		}
	case Declined:
		return protocol.Card{}, &agent.CardDeclined{Reason: a.reason()}
	case Reversed:
		return protocol.Card{}, &agent.CardDeclined{Reason: string(wire.Reversed)}
	}
	return protocol.Card{}, agent.ErrCardNoAnswer
}

// secret reports whether whoever saw the card being read is told nothing more: a
// late answer comes after it gave up, a reversed one never.
func (a attempt) secret() bool { return a.Outcome == Late || a.Outcome == Reverse }

// await is what a Pay is told that saw the card being read. ctx ends the waiting,
// never what the bank does; removed ends it when the card is taken out: then
// nobody knows.
func (a attempt) await(ctx context.Context, removed <-chan struct{}) (protocol.Card, error) {
	if a.secret() {
		return protocol.Card{}, agent.ErrCardNoAnswer
	}
	bank := time.NewTimer(time.Until(a.AnswerAt))
	defer bank.Stop()
	select {
	case <-bank.C:
		return a.answer(a.AnswerAt)
	case <-removed:
		return protocol.Card{}, agent.ErrCardNoAnswer
	case <-ctx.Done():
		return protocol.Card{}, ctx.Err()
	}
}
