package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/galla-pay/galla/protocol"
	"github.com/google/uuid"
)

// askAgain is the pause between two tries that a till or a customer makes.
const askAgain = 250 * time.Millisecond

// newSale is a sale with a transaction id of its own.
func newSale(c *counter, amount protocol.Paise, expiresIn int) Sale {
	return Sale{
		Terminal:      c.Identity(),
		TransactionID: newTransactionID(),
		Amount:        amount,
		ExpiresIn:     expiresIn,
	}
}

// newTransactionID is one that nobody had before, short enough for every path of
// the API (phonepe-api: Wire rules).
func newTransactionID() string { return "DEMO-" + uuid.NewString()[:13] }

// sell asks for the payment until the controller has certainly taken it. An
// answer that was lost is looked up before the same sale is asked for again; a
// duplicate id then means that it had got through (phonepe-api: Wire rules). It
// returns *Refused, or ctx's error, or why there is no controller any more.
func (s *stage) sell(ctx context.Context, sale Sale) error {
	for try := 1; ; try++ {
		began := time.Now()
		err := s.till.Init(ctx, sale)
		took := time.Since(began).Milliseconds()
		var refused *Refused
		switch {
		case err == nil:
			s.timeline.Add(whoTill, sale.TransactionID, "POST %s %s to %s, SUCCESS in %d ms", initPath, sale.Amount, sale.Terminal.TerminalID, took)
			return nil
		case errors.As(err, &refused):
			if try > 1 && refused.Code == "DUPLICATE_TRANSACTION_ID" {
				s.timeline.Add(whoTill, sale.TransactionID, "an earlier try had got through")
				return nil
			}
			s.timeline.Add(whoTill, sale.TransactionID, "POST %s refused, %v", initPath, refused)
			return refused
		case !errors.Is(err, ErrAnswerLost):
			return err
		}
		s.timeline.Add(whoTill, sale.TransactionID, "POST %s: %v; asks for its status", initPath, err)
		known, err := s.lookUp(ctx, sale)
		if err != nil || known {
			return err
		}
	}
}

// lookUp asks for the status until there is an answer: known or not.
func (s *stage) lookUp(ctx context.Context, sale Sale) (known bool, err error) {
	for {
		if err := s.pause(ctx); err != nil {
			return false, err
		}
		var refused *Refused
		status, err := s.till.Status(ctx, sale.TransactionID)
		switch {
		case err == nil:
			s.timeline.Add(whoTill, sale.TransactionID, "status %s: the lost answer was a yes", status.Status)
			return true, nil
		case errors.As(err, &refused) && refused.Code == "INVALID_TRANSACTION_ID":
			s.timeline.Add(whoTill, sale.TransactionID, "unknown to the controller; asks again")
			return false, nil
		case !errors.Is(err, ErrAnswerLost):
			return false, err
		}
	}
}

// follow asks for the status until it is final and writes down its changes.
func (s *stage) follow(ctx context.Context, sale Sale) (Status, error) {
	for {
		status, err := s.till.Status(ctx, sale.TransactionID)
		switch {
		case err == nil:
			s.tellStatus(status)
		case !errors.Is(err, ErrAnswerLost):
			return status, err
		}
		if err == nil && status.Final() {
			return status, nil
		}
		if err := s.pause(ctx); err != nil {
			return status, err
		}
	}
}

// tellStatus writes a status down that is not the one that was told last.
func (s *stage) tellStatus(status Status) {
	s.statuses.Lock()
	news := s.told[status.MerchantTransactionID] != status.Status
	s.told[status.MerchantTransactionID] = status.Status
	s.statuses.Unlock()
	if news {
		s.timeline.Add(whoTill, status.MerchantTransactionID, "status %s%s", status.Status, because(status))
	}
}

func because(status Status) string {
	if status.ResponseCode == "" || status.ResponseCode == "null" {
		return ""
	}
	return ", " + status.ResponseCode
}

// pause waits a moment and then for the controller.
func (s *stage) pause(ctx context.Context) error {
	wait := time.NewTimer(askAgain)
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
	}
	return s.controller.Ready(ctx)
}

// settle is a customer who means to pay (or to be declined) and sees it through:
// scans what the terminal presents and pays, and when the answer is lost looks
// at the status, waits until the terminal presents again, and pays again only
// then. It returns the final status.
func (s *stage) settle(ctx context.Context, c *counter, sale Sale, decline bool) (Status, error) {
	for {
		status, err := s.till.Status(ctx, sale.TransactionID)
		if err != nil && !errors.Is(err, ErrAnswerLost) {
			return status, err
		}
		if err == nil && status.Final() {
			return s.follow(ctx, sale)
		}
		if err == nil && presents(sale)(c.View()) {
			answered, err := s.scan(ctx, c, sale, decline)
			if err != nil {
				return status, err
			}
			if answered {
				return s.follow(ctx, sale)
			}
		}
		if err := s.pause(ctx); err != nil {
			return status, fmt.Errorf("the payment %s does not end: %w", sale.TransactionID, err)
		}
	}
}
