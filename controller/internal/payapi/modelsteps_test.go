package payapi_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

var factKinds = []protocol.FactKind{
	protocol.FactReceived, protocol.FactAccepted, protocol.FactPresented, protocol.FactCardRead, protocol.FactCardApproved, protocol.FactCardDeclined,
	protocol.FactCardUnknown, protocol.FactRejected, protocol.FactRefused, protocol.FactShown, protocol.FactPresented, protocol.FactCardApproved,
}

// fact is a terminal telling something of a payment, its own or not; a lost
// terminal tells by its sync that it holds nothing.
func (m *model) fact(p payment.Payment, s step) {
	m.facts++
	f := protocol.Fact{N: m.facts, Kind: factKinds[s.by], PaymentID: p.ID}
	switch {
	case f.Kind == protocol.FactPresented:
		f.PayMode = []protocol.PayMode{protocol.PayCard, protocol.PayDQR}[s.at]
	case f.Kind == protocol.FactCardApproved:
		f.Card = &protocol.Card{RRN: fmt.Sprintf("%012d", s.which), AmountPaise: p.Amount, Last4: "4242", Network: "VISA", Type: "DEBIT"}
		if s.by == 11 {
			f.Card.AmountPaise++
		}
	}
	at := counters[s.at]
	if own, has := p.Identity(); has && s.which%4 != 3 { // mostly the terminal that has it
		at = own
	}
	report := protocol.Report{Header: protocol.Header{Type: protocol.TypeReport, Identity: at}, Epoch: "E", Facts: []protocol.Fact{f}}
	if s.by == 9 && s.at == 1 {
		report.Type = protocol.TypeSync
	}
	if _, err := run(m, decide.Report{Report: report}); err != nil {
		m.t.Errorf("%s: %v", f.Kind, err)
	}
}

func (m *model) facts3(p payment.Payment) decide.PayeeFacts {
	shop, _ := m.People.Merchant(p.MerchantID)
	payee, _ := m.People.Payee(p.Payee)
	return decide.PayeeFacts{Found: true, Merchant: shop, Payee: payee}
}

// validate is the customer's bank asking what a QR is worth.
func (m *model) validate(p payment.Payment) {
	token := fmt.Sprint("token", m.n)
	a, err := run(m, decide.Validate{
		OrgID: "MER101", MsgID: fmt.Sprint("V", m.n), Token: token, QR: decide.QR{Tr: p.ID, Amount: p.Amount}, Payee: m.facts3(p), Amount: p.Amount, Base: int64(p.Amount), Currency: "INR", Settings: quote.Default(),
		Render: func(a decide.ValidateAnswer) []byte { return []byte(a.Code) },
	})
	if err != nil || a.Code == decide.CodeOK && p.State.Final() {
		m.t.Errorf("%s, which is %s, is worth something: %s %v", p.TransactionID, p.State, a.Code, err)
	}
	if a.Code == decide.CodeOK {
		m.paying = append(m.paying, decide.Pay{
			OrgID: "MER101", Token: token, Base: int64(p.Amount), Currency: "INR", Settings: quote.Default(), Payer: "customer@upi", Payee: p.Payee, PayeeFacts: m.facts3(p),
			NewPaymentID: p.ID, Render: func(a decide.PayAnswer) []byte { return []byte(a.Code) },
		})
	}
}

// pay is the customer's bank paying with a token, which it may do again.
func (m *model) pay(s step) {
	if len(m.paying) == 0 {
		return
	}
	d := m.paying[len(m.paying)-1-s.which%len(m.paying)]
	d.MsgID, d.TxnID, d.Reference = fmt.Sprint("P", m.n), fmt.Sprint("X", m.n), fmt.Sprintf("%012d", m.n)
	switch s.by {
	case 0:
		d.Declined = "IP08"
	case 1:
		d.Base++
	}
	before, err := m.books.PaymentByID(context.Background(), d.NewPaymentID)
	if err != nil {
		m.t.Error(err)
	}
	a, err := run(m, d)
	if err != nil || a.Code == decide.CodeOK && !before.State.Unpaid() {
		m.t.Errorf("%s, which was %s, is paid: %s %v", before.TransactionID, before.State, a.Code, err)
	}
	if a.Code == decide.CodeOK {
		m.leaves(before.TransactionID, payment.Succeeded)
	}
}

// leaves notes which states are left for a payment after what somebody was told.
func (m *model) leaves(id string, states ...payment.State) {
	var left []string
	for _, s := range states {
		if had, ok := m.must[id]; !ok || slices.Contains(had, string(s)) {
			left = append(left, string(s))
		}
	}
	m.must[id] = append(left, "") // not nil: something was told
}

// answer is the network's answer to how an attempt, a collect or a refund stands.
func (m *model) answer(p payment.Payment, s step) {
	d := decide.AskAnswered{
		PaymentID: p.ID, Original: p.Original, OrgID: "MER101", TxnID: p.UPITxnID, Amount: p.Amount, Reference: fmt.Sprintf("%012d", m.n),
		Status: []decide.TxnStatus{decide.TxnSuccess, decide.TxnFailed, decide.TxnPending, decide.TxnReversed, decide.TxnUnknown}[s.by%5],
	}
	if d.TxnID == "" || s.by == 11 {
		d.TxnID = fmt.Sprint("Y", p.TransactionID)
	}
	_, _ = run(m, d) // a contradiction is refused
}

// result is how the customer's bank ended a collect request.
func (m *model) result(p payment.Payment, s step) {
	d := decide.CollectResult{
		OrgID: "MER101", MsgID: fmt.Sprint("C", m.n), TxnID: fmt.Sprint("Z", m.n), PaymentID: p.ID, Amount: p.Amount, Payer: "customer@upi", Reference: fmt.Sprintf("%012d", m.n),
		Status: []decide.CollectStatus{decide.CollectPaid, decide.CollectDeclined, decide.CollectPaid, decide.CollectExpired}[s.by%4],
		Render: func(a decide.CollectAnswer) []byte { return []byte(a.Code) },
	}
	if s.by == 2 {
		d.Amount--
	}
	if _, err := run(m, d); err != nil {
		m.t.Error(err)
	}
}

func (m *model) cancel(p payment.Payment, s step) {
	method, path := "PUT", "/v1/payment/MERCHANTUAT/"+p.TransactionID+"/cancel"
	if s.at == 1 {
		method, path = "POST", "/v3/charge/MERCHANTUAT/"+p.TransactionID+"/cancel"
	}
	a := m.send(bare(method, path, merchantKey))
	id := p.TransactionID
	switch {
	case p.Solution == payment.Refund:
		if a.Success {
			m.t.Errorf("a refund is cancelled: %s", a.raw)
		}
	case a.Code == "SUCCESS":
		m.leaves(id, payment.Cancelled)
	case a.Code == "CANCEL_REQUESTED":
		m.leaves(id, payment.Succeeded, payment.Cancelled)
	case a.Code == "PAYMENT_ALREADY_COMPLETED":
		m.leaves(id, payment.Succeeded)
	case a.Code == "PAYMENT_ALREADY_ENDED":
		m.leaves(id, payment.Failed, payment.Expired, payment.Cancelled) // cancelled: superseded
	default:
		m.t.Errorf("cancel of %s, which is %s: %s", id, p.State, a.raw)
	}
}

func (m *model) refund(p payment.Payment, s step) {
	for i := 0; s.by%4 != 3 && i < len(m.ids) && (p.State != payment.Succeeded || p.Solution == payment.Refund); i++ {
		p = m.pick(s.which + i) // mostly of one that was paid
	}
	id := m.fresh()
	amount := p.Amount*protocol.Paise(s.by+2)/8 + protocol.Paise(s.at) // from a quarter to more than all
	change := fields{"transactionId": id, "originalTransactionId": p.TransactionID, "amount": amount}
	if s.at == 1 {
		change = fields{"transactionId": id, "providerReferenceId": p.ID, "amount": amount}
	}
	a := m.send(postTo(m.t, refundPath, merchantKey, with(refundSample, change)))
	left := p.Amount - p.Refunded
	refundable := p.Solution != payment.Refund && p.State == payment.Succeeded && amount <= left
	code := "PAYMENT_ERROR"
	switch {
	case refundable:
		code = "PAYMENT_PENDING"
		m.ids = append(m.ids, id)
	case p.Solution == payment.Refund:
		code = "TRANSACTION_NOT_FOUND"
	}
	if a.Code != code {
		m.t.Errorf("a refund of %s out of %s of a %s that is %s: %s, want %s", amount, left, p.Solution, p.State, a.raw, code)
	}
}

// check holds what is told against the books, for every payment or for those that
// something was written of.
func (m *model) check(all bool) error {
	if m.t.Failed() {
		return fmt.Errorf("a step went wrong")
	}
	m.books.mu.Lock()
	defer m.books.mu.Unlock()
	promised, applied := map[string]protocol.Paise{}, map[string]int{}
	for _, p := range m.books.payments {
		if p.Original != "" && p.State != payment.Failed && p.State != payment.Cancelled && p.State != payment.Expired {
			promised[p.Original] += p.Amount
		}
	}
	for _, c := range m.books.credits {
		if c.State == decide.CreditApplied {
			applied[c.PaymentID]++
		}
	}
	if len(m.books.payments) != len(m.ids) {
		return fmt.Errorf("%d payments are kept, %d were answered", len(m.books.payments), len(m.ids))
	}
	for id, p := range m.books.payments {
		if !all && !m.books.news[id] {
			continue
		}
		if err := m.one(p, promised[p.ID], applied[p.ID]); err != nil {
			return fmt.Errorf("%s %s, %s %s: %w", p.Solution, p.TransactionID, p.State, p.Reason, err)
		}
	}
	clear(m.books.news)
	return nil
}

func (m *model) one(p payment.Payment, promised protocol.Paise, applied int) error {
	id := p.TransactionID
	v3 := m.send(bare("GET", "/v3/transaction/MERCHANTUAT/"+id+"/status", merchantKey))
	v1 := m.send(bare("GET", "/v1/payment/MERCHANTUAT/"+id+"/status", merchantKey))
	status := map[string]string{"PENDING": "PENDING", "COMPLETED": "SUCCESS", "FAILED": "FAILED"}[fmt.Sprint(v3.Data["paymentState"])]
	said := p.State.External()
	switch {
	case said == "EXPIRED" && status == "FAILED":
		status = said // v3 has no word for it
	case p.Solution == payment.Refund && v1.Code != "INVALID_TRANSACTION_ID", p.Solution != payment.Refund && v1.Data["status"] != said:
		return fmt.Errorf("v1 says %s", v1.raw)
	}
	if status != said || v3.Success != (said == "SUCCESS") {
		return fmt.Errorf("v3 says %s", v3.raw)
	}
	if before, ok := m.ended[id]; ok && before != v1.raw+v3.raw {
		return fmt.Errorf("it was told\n%s\nand now\n%s", before, v1.raw+v3.raw)
	}
	notices, want := m.books.notices[p.ID], 0
	if p.State.Final() {
		m.ended[id], want = v1.raw+v3.raw, 1
		if left, told := m.must[id]; told && !slices.Contains(left, string(p.State)) {
			return fmt.Errorf("somebody was told that it would be one of %q", left)
		}
	}
	credits := 0
	if p.State == payment.Succeeded && p.Solution != payment.Refund {
		credits = 1
	}
	switch {
	case notices != want:
		return fmt.Errorf("%d notices are in the outbox", notices)
	case applied != credits:
		return fmt.Errorf("%d credits were applied to it", applied)
	case promised != p.Refunded || promised > p.Amount || promised > 0 && p.State != payment.Succeeded:
		return fmt.Errorf("%s of %s are promised, it says %s", promised, p.Amount, p.Refunded)
	}
	return nil
}

// accounts walks recon at the end: every payment once, with its refunds.
func (m *model) accounts() error {
	time.Sleep(time.Second)
	found := map[string]string{}
	for after := (map[string]any)(nil); ; {
		page := m.page(fields{"size": 3, "searchAfter": after})
		for _, row := range page.Rows {
			id := fmt.Sprint(row["transactionId"])
			if _, twice := found[id]; twice {
				return fmt.Errorf("recon has %s twice", id)
			}
			refunds, _ := row["refundTransactionDetails"].([]any)
			found[id] = fmt.Sprint(row["paymentState"], " ", len(refunds))
		}
		if after = page.SearchAfter; after == nil {
			break
		}
	}
	want := map[string]string{}
	m.books.mu.Lock()
	defer m.books.mu.Unlock()
	for _, p := range m.books.payments {
		refunds := 0
		for _, r := range m.books.payments {
			if r.Original == p.ID {
				refunds++
			}
		}
		state := map[string]string{"PENDING": "PENDING", "SUCCESS": "COMPLETED", "FAILED": "FAILED", "EXPIRED": "FAILED"}[p.State.External()]
		if p.Solution != payment.Refund {
			want[p.TransactionID] = fmt.Sprint(state, " ", refunds)
		}
	}
	if !maps.Equal(found, want) {
		return fmt.Errorf("recon has %v, want %v", found, want)
	}
	return nil
}
