package npci_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/protocol"
)

// What a strict controller sends of its own accord, and its books.

// reverse gives the money of a timeout back, by the network if there is one.
func (s *strict) reverse(txnID string) {
	s.mu.Lock()
	amount := s.accounts[txnID].amount
	s.mu.Unlock()
	if s.network != nil && !s.silent {
		s.send("REV"+txnID, txnID, "REVERSAL", amount)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[txnID].status = "REVERSED"
}

// refund gives some of the money of a payment back, as its merchant wants, and
// reports whether it went.
func (s *strict) refund(txnID string, amount protocol.Paise) bool {
	s.mu.Lock()
	a := s.accounts[txnID]
	if a == nil || a.status != "SUCCESS" || amount > a.amount-a.refunded {
		s.mu.Unlock()
		return false
	}
	a.refunds++
	id := fmt.Sprint("REF", a.refunds, txnID)
	s.mu.Unlock()
	if s.send(id, txnID, "REFUND", amount) != "00" {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a.refunded += amount
	return true
}

// send sends a ReqRefund until it is answered, and what is PENDING until it is
// not.
func (s *strict) send(id, txnID, kind string, amount protocol.Paise) string {
	for {
		s.mu.Lock()
		s.now++
		doc := envelop(s.t, fmt.Sprintf("<ReqRefund><MsgID>R%d</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID><TxnID>%s</TxnID><OrgTxnID>%s</OrgTxnID>"+
			"<Type>%s</Type><Amount>%s</Amount><PayeeAddr>merchant@upi</PayeeAddr></ReqRefund>", s.now, id, txnID, kind, amount.Rupees()), s.key, s.cert)
		question := envelop(s.t, fmt.Sprintf("<ReqChkTxn><MsgID>Q%d</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID><OrgTxnID>%s</OrgTxnID></ReqChkTxn>", s.now, id), s.key, s.cert)
		s.mu.Unlock()
		answer := s.post(npci.PathRefund, doc)["Status"]
		switch answer {
		case "", "96":
		case "PENDING":
			if s.post(npci.PathChkTxn, question)["TxnStatus"] == "SUCCESS" {
				return "00"
			}
		default:
			return answer
		}
		time.Sleep(time.Second)
	}
}

// post sends the network a message; without an answer there are no fields.
func (s *strict) post(path, doc string) (answer map[string]string) {
	defer func() {
		if cause := recover(); cause != nil && cause != http.ErrAbortHandler {
			panic(cause)
		}
	}()
	r := httptest.NewRequest("POST", path, strings.NewReader(doc))
	r.Host = "127.0.0.1:8075"
	w := httptest.NewRecorder()
	s.network.Handler().ServeHTTP(w, r)
	return fields(w.Body.String())
}

// collect asks a payer for money.
func (s *strict) collect(txnID, payer string, amount protocol.Paise) string {
	s.mu.Lock()
	s.now++
	doc := envelop(s.t, fmt.Sprintf("<ReqCollect><MsgID>C%d</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID><TxnID>%s</TxnID><Kind>NEW</Kind><PayerAddr>%s</PayerAddr>"+
		"<PayeeAddr>merchant@upi</PayeeAddr><Amount>%s</Amount><Curr>INR</Curr><ExpireAfter>180</ExpireAfter></ReqCollect>", s.now, txnID, payer, amount.Rupees()), s.key, s.cert)
	s.mu.Unlock()
	return s.post(npci.PathCollect, doc)["Status"]
}

// sums are what the controller's books come to: what ReqPays paid and settled,
// what collect requests paid, and what was refunded of both.
func (s *strict) sums() (sums npci.Sums, collected, refunded protocol.Paise) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.accounts {
		switch {
		case a.status != "SUCCESS":
			continue
		case a.collected:
			collected += a.amount
		default:
			sums.Paid += a.amount
			sums.Settled += a.settled
		}
		refunded += a.refunded
	}
	return sums, collected, refunded
}

// change changes the controller's books behind everyone's back.
func (s *strict) change(txnID string, how func(*account)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	how(s.accounts[txnID])
}

// buy is a purchase of so much at a payee.
func buy(payee string, amount protocol.Paise) npci.Purchase {
	return npci.Purchase{
		QR:        npci.ReqValQr{Amount: amount, RefURL: "aW5pdGlhdGlvbl9tb2RlPTE2", PayeeAddr: payee},
		PayerAddr: "customer@upi",
	}
}
