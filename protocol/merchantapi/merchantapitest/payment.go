package merchantapitest

import (
	"cmp"
	"slices"
	"time"
)

// payment is one row of the books.
type payment struct {
	asked
	id         string
	store      string
	terminal   string
	order      string
	amount     int64
	mode       string
	generation int // 3: v3 paths; else v1
	expires    time.Duration
	created    time.Time
	number     int
	ended      string // SUCCESS, FAILED; empty while pending
	reason     string // why it failed, or will expire
	paying     bool
	refunded   int64
	refundOf   string
}

func (p *payment) v3() bool { return p.generation == 3 }

// status is the payment's external one; it expires by the clock.
func (p *payment) status() string {
	switch {
	case p.ended != "":
		return p.ended
	case p.expires > 0 && time.Since(p.created) >= p.expires:
		return "EXPIRED"
	}
	return "PENDING"
}

func (p *payment) reference() string {
	if p.status() != "SUCCESS" {
		return ""
	}
	return "UTR" + p.id
}

// statusData is a v1 status answer's data (phonepe-api: Status data).
func (p *payment) statusData() map[string]any {
	d := map[string]any{
		"merchantId": p.merchant, "storeId": p.store, "terminalId": p.terminal, "orderId": p.order, "merchantOrderId": p.order,
		"transactionId": p.id, "merchantTransactionId": p.id, "phonepeTransactionId": "GP" + p.id,
		"amount": p.amount, "status": p.status(), "timestamp": p.created.UnixMilli(),
	}
	switch p.status() {
	case "SUCCESS":
		d["paymentMode"], d["responseCode"], d["referenceNumber"] = p.mode, "null", p.reference()
		if p.mode == "CARD" {
			d["paymentInstruments"] = []any{map[string]any{
				"type": "CARD", "amount": p.amount, "last4Digits": "4894", "cardNetwork": "VISA", "cardType": "CREDIT_CARD",
			}}
		} else {
			d["paymentInstruments"] = []any{map[string]any{"type": "ACCOUNT", "amount": p.amount, "upiTransactionId": "TXN" + p.id}}
		}
	case "FAILED", "EXPIRED":
		d["responseCode"] = p.reason
	}
	return d
}

func (p *payment) transactionData() map[string]any {
	state := map[string]string{"SUCCESS": "COMPLETED", "PENDING": "PENDING"}[p.status()]
	if state == "" {
		state = "FAILED"
	}
	d := map[string]any{
		"merchantId": p.merchant, "transactionId": p.id, "merchantOrderId": p.order, "providerReferenceId": "GP" + p.id,
		"amount": p.amount, "paymentState": state, "payResponseCode": p.reason, "paymentModes": []any{},
		"transactionContext": map[string]any{"storeId": p.store, "terminalId": p.terminal, "qrCodeId": nil},
	}
	if p.status() == "SUCCESS" {
		d["payResponseCode"] = "SUCCESS"
		d["paymentModes"] = []any{map[string]any{"mode": "ACCOUNT", "amount": p.amount, "utr": p.reference()}}
	}
	return d
}

// transactionAnswer is a v3 status answer; while pending its success is false.
func (p *payment) transactionAnswer() answer {
	a := answer{Data: p.transactionData()}
	switch p.status() {
	case "SUCCESS":
		a.Success, a.Code, a.Message = true, "PAYMENT_SUCCESS", "Your payment is successful."
	case "PENDING":
		a.Code, a.Message = "PAYMENT_PENDING", "Payment is in progress, please wait for sometime."
	case "EXPIRED":
		a.Code, a.Message = "REQUEST_EXPIRED", "The request has expired."
	default:
		a.Code, a.Message = "PAYMENT_ERROR", "Payment failed."
		if p.reason == "CANCELLED_BY_MERCHANT" {
			a.Code = "PAYMENT_CANCELLED"
		}
	}
	return a
}

// add keeps a payment; a key is unique for ever.
func (s *Server) add(p *payment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := p.merchant + "/" + p.id
	if s.payments[key] != nil {
		return false
	}
	p.created, p.number = time.Now(), len(s.payments)
	s.payments[key] = p
	return true
}

// find returns a copy, by the merchant's id or ours; nil when there is none.
func (s *Server) find(merchant, id string) *payment {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range []string{id, trimOurs(id)} {
		if p := s.payments[merchant+"/"+key]; p != nil {
			c := *p
			return &c
		}
	}
	return nil
}

func trimOurs(id string) string {
	if len(id) > 2 && id[:2] == "GP" {
		return id[2:]
	}
	return id
}

// all are copies of a merchant's payments, oldest first.
func (s *Server) all(merchant string) []*payment {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*payment
	for _, p := range s.payments {
		if p.merchant == merchant {
			c := *p
			found = append(found, &c)
		}
	}
	slices.SortFunc(found, func(a, b *payment) int { return cmp.Compare(a.number, b.number) })
	return found
}
