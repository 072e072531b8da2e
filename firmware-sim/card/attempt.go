package card

import (
	"context"
	"strings"
	"time"

	"github.com/galla-pay/galla/agent"
	"github.com/galla-pay/galla/protocol"
)

// Result is how far a card is. The values are in GET /card.
type Result string

// The results.
const (
	Asked    Result = "open"      // it was read, and its bank has not answered yet
	Approved Result = "approved"  // the bank has said yes: the money is taken
	Declined Result = "declined"  // the bank has said no
	NoAnswer Result = "no_answer" // the bank never answers
)

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
// says from AnswerAt on.
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
}

// valid reports whether an attempt of a file is one that was written here.
func (a attempt) valid() bool {
	tap, err := Tap{Outcome: a.Outcome, Last4: a.Last4, Network: a.Network, Type: a.Type, Delay: a.AnswerAt.Sub(a.ReadAt)}.check()
	return err == nil && tap.Last4 == a.Last4 && tap.Network == a.Network && tap.Type == a.Type &&
		a.Ref != "" && len(a.Ref) <= maxRef && a.AmountPaise > 0 &&
		len(a.RRN) == 12 && strings.Trim(a.RRN, "0123456789") == ""
}

// result is how far the card is at now.
func (a attempt) result(now time.Time) Result {
	switch {
	case a.Outcome == Timeout:
		return NoAnswer
	case now.Before(a.AnswerAt):
		return Asked
	case a.Outcome == Decline:
		return Declined
	}
	return Approved
}

// entry shows the attempt as it is at now.
func (a attempt) entry(now time.Time) Entry {
	e := Entry{
		Ref: a.Ref, AmountPaise: a.AmountPaise, Outcome: a.result(now),
		Last4: a.Last4, Network: a.Network, Type: a.Type, ReadAt: a.ReadAt.UTC(),
	}
	switch e.Outcome {
	case Approved:
		e.RRN = a.RRN
	case Declined:
		e.Reason = decline
	}
	return e
}

// answer is what the terminal is told at now.
func (a attempt) answer(now time.Time) (protocol.Card, error) {
	switch a.result(now) {
	case Approved:
		return protocol.Card{RRN: a.RRN, AmountPaise: a.AmountPaise, Last4: a.Last4, Network: a.Network, Type: a.Type}, nil
	case Declined:
		return protocol.Card{}, &agent.CardDeclined{Reason: decline}
	}
	return protocol.Card{}, agent.ErrCardNoAnswer
}

// await is what a Pay is told that saw the card being read: a late answer comes
// after it gave up. ctx ends the waiting, never what the bank does.
func (a attempt) await(ctx context.Context) (protocol.Card, error) {
	if a.Outcome == Late {
		return protocol.Card{}, agent.ErrCardNoAnswer
	}
	bank := time.NewTimer(time.Until(a.AnswerAt))
	defer bank.Stop()
	select {
	case <-bank.C:
		return a.answer(a.AnswerAt)
	case <-ctx.Done():
		return protocol.Card{}, ctx.Err()
	}
}
