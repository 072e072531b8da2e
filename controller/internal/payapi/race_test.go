package payapi_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// TestCancelRacesSuccess: the POS takes a payment back at one controller while the
// network pays it at another. One of them wins, and POS, bank, status and outbox
// are told the same (failure matrix R1, DESIGN 3.2).
func TestCancelRacesSuccess(t *testing.T) {
	t.Parallel()
	here, there := twoDoors(t)
	seen := map[string]int{}
	for n := range 24 {
		id := here.made(qrPath, qrSample, "")
		pay := there.validated(here.kept(id))
		var cancelled answer
		var paid decide.PayAnswer
		inOrder(n,
			func() { cancelled = here.try(bare("POST", "/v3/charge/MERCHANTUAT/"+id+"/cancel", merchantKey)) },
			func() { paid = do(there, pay) })
		status, reason := told(t, here, there, id)
		outcome := fmt.Sprintf("%s %d %s %s %s", paid.Code, cancelled.status, cancelled.Code, status, reason)
		if outcome != "00 400 PAYMENT_ALREADY_COMPLETED SUCCESS null" && outcome != "ZD 200 SUCCESS FAILED CANCELLED_BY_MERCHANT" {
			t.Errorf("%d: bank, POS and status are told %s", n, outcome)
		}
		seen[outcome]++
	}
	if len(seen) != 2 {
		t.Errorf("the race ended one way only: %v", seen)
	}
	noticed(t, here)
}

// TestCancelWhilePaying: a cancel in the middle of an attempt is answered
// CANCEL_REQUESTED; the attempt then decides, against it or for it.
func TestCancelWhilePaying(t *testing.T) {
	t.Parallel()
	here, there := twoDoors(t)
	for n := range 12 {
		ends, want := payment.EventPaySucceeded, "SUCCESS null"
		if n%2 == 0 {
			ends, want = payment.EventPayFailed, "FAILED CANCELLED_BY_MERCHANT"
		}
		id := here.made(edcPath, edcSample, "", paying...)
		var asked answer
		inOrder(n,
			func() { asked = here.try(bare("PUT", "/v1/payment/MERCHANTUAT/"+id+"/cancel", merchantKey)) },
			func() { do(there, endOf(here.kept(id), ends)) })
		status, reason := told(t, here, there, id)
		switch got := status + " " + reason; {
		case asked.Code == "CANCEL_REQUESTED" && got == want:
		case n%3 != 0 && asked.Code == "PAYMENT_ALREADY_COMPLETED" && got == "SUCCESS null": // it came too late
		case n%3 != 0 && asked.Code == "PAYMENT_ALREADY_ENDED" && got == "FAILED UPI:FAILED":
		default:
			t.Errorf("%d: the POS is told %s, then %s", n, asked.raw, got)
		}
	}
	noticed(t, here)
}

// endOf is the network's answer to how an attempt ended.
func endOf(p payment.Payment, event payment.Event) decide.AskAnswered {
	d := decide.AskAnswered{PaymentID: p.ID, OrgID: "MER101", TxnID: "X" + p.ID, Status: decide.TxnFailed, Amount: p.Amount, Reference: "632600000001"}
	if event == payment.EventPaySucceeded {
		d.Status = decide.TxnSuccess
	}
	return d
}

// TestExpiryRacesSuccess: a payment's time is up at one controller while the
// network pays it at another, some in the very moment (failure matrix R2). The
// boundary instant is expired, and an expired payment is never paid.
func TestExpiryRacesSuccess(t *testing.T) {
	t.Parallel()
	here, there := twoDoors(t)
	var wg sync.WaitGroup
	var ids []string
	answers := make([]decide.PayAnswer, 21)
	for n := range answers {
		id := here.fresh()
		p := payment.Payment{
			ID: "GP" + id, Key: payment.Key{MerchantID: "MERCHANTUAT", TransactionID: id}, OrderID: "O", Amount: 100, Solution: payment.QRString, Payee: "merchant@upi",
		}
		p = do(here, decide.Init{Payment: p, ExpiresIn: 700 * time.Millisecond, Actor: "test"})
		pay := there.validated(p)
		ids = append(ids, id)
		if n == 0 {
			answers[n] = do(there, pay)
		}
		// From 10 ms before to 9 ms after the end.
		moment, cancel := context.WithDeadline(t.Context(), p.ExpiresAt.Add(time.Duration(n-11)*time.Millisecond))
		t.Cleanup(cancel)
		wg.Go(func() {
			<-moment.Done()
			if n > 0 {
				answers[n] = do(there, pay)
			}
		})
		wg.Go(func() {
			end, stop := context.WithDeadline(context.Background(), p.ExpiresAt)
			defer stop()
			<-end.Done()
			for {
				p, err := here.Storage.Payment(context.Background(), "MERCHANTUAT", id)
				if err != nil || p.State.Final() {
					return
				}
				do(here, decide.Expire{PaymentID: p.ID})
			}
		})
	}
	wg.Wait()
	seen := map[string]int{}
	for n, id := range ids {
		status, reason := told(t, here, there, id)
		p := here.kept(id)
		outcome := fmt.Sprint(answers[n].Code, " ", status, " ", reason)
		if outcome != "00 SUCCESS null" && outcome != "PE EXPIRED QR_EXPIRED" {
			t.Errorf("%d: bank and status are told %s", n, outcome)
		}
		if status == "SUCCESS" && !p.StartedAt.Before(p.ExpiresAt) || status == "EXPIRED" && p.EndedAt.Before(p.ExpiresAt) {
			t.Errorf("%d: %s, though it ended at %v and could be paid until %v", n, outcome, p.EndedAt, p.ExpiresAt)
		}
		seen[outcome]++
	}
	if len(seen) != 2 {
		t.Errorf("the race ended one way only: %v", seen)
	}
	noticed(t, here)
}

// TestCancelRacesClaim: a terminal pulls an OPEN order at one controller while the
// POS takes it back at another. The order ends, whoever was first, and the
// terminal is not left with it (failure matrix R1, R4).
func TestCancelRacesClaim(t *testing.T) {
	t.Parallel()
	here, there := twoDoors(t)
	terminal := protocol.Identity{MerchantID: "MERCHANTUAT", StoreID: "teststore1", TerminalID: "testterminal1"}
	seen := map[string]int{}
	for n := range 24 {
		short := fmt.Sprintf("%04d", n%2) // each is used again and again
		id := here.made(edcPath, with(openSample, fields{"shortOrderId": short}), "")
		var cancelled answer
		var outcome protocol.PullOutcome
		inOrder(n,
			func() { cancelled = here.try(bare("PUT", "/v1/payment/MERCHANTUAT/"+id+"/cancel", merchantKey)) },
			func() {
				outcome = do(there, decide.Claim{Pull: protocol.Pull{
					Header: protocol.Header{Identity: terminal}, PullID: fmt.Sprintf("pull-%08d", n), ShortOrderID: short,
				}}).Pull.Outcome
			})
		status, reason := told(t, here, there, id)
		got, err := here.Storage.Terminal(t.Context(), terminal)
		if cancelled.status != 200 || cancelled.Code != "SUCCESS" || status+" "+reason != "FAILED CANCELLED_BY_MERCHANT" || err != nil || got.Sale != "" || len(got.Waiting) != 0 ||
			outcome != protocol.PullTaken && outcome != protocol.PullEnded {
			t.Errorf("%d: POS %s, terminal %s, status %s %s; it is to take %q, %v: %v", n, cancelled.raw, outcome, status, reason, got.Sale, got.Waiting, err)
		}
		seen[string(outcome)]++
	}
	if len(seen) != 2 {
		t.Errorf("the race ended one way only: %v", seen)
	}
	noticed(t, here)
}
