package decide

import (
	"fmt"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// spoil changes a good message or the world before it is sent.
type spoilValidate struct {
	name  string
	code  Code
	world func(*world)
	spoil func(*Validate)
}

// TestValidationCodes is PRD 6.1 with the order of checks of upi-switch.
func TestValidationCodes(t *testing.T) {
	for _, tt := range []spoilValidate{
		{name: "S1 normal success", code: CodeOK},
		{name: "S2 QR expired", code: CodePE, world: func(w *world) { w.pass(3 * time.Minute) }},
		{name: "S2 payment ended EXPIRED", code: CodePE, world: func(w *world) { w.pass(3 * time.Minute); do(w, Expire{"GP1"}) }},
		{name: "S3 above 8000.00", code: CodeLimit, spoil: func(d *Validate) { d.QR = QR{}; d.Amount = 800_001 }},
		{name: "S3 8000.00 exactly", code: CodeOK, spoil: func(d *Validate) { d.QR = QR{}; d.Amount = 800_000 }},
		{name: "S4 merchant inactive", code: CodeMerchant, spoil: func(d *Validate) { d.Payee.Merchant.Active = false }},
		{name: "S4 payee inactive", code: CodeMerchant, spoil: func(d *Validate) { d.Payee.Payee.Active = false }},
		{name: "S6 repeated MsgID", code: CodeDuplicate, world: func(w *world) { w.validate(validation("1", "1", 24500)) }},
		{name: "S7 link signed by somebody else", code: CodeBadSignature, spoil: func(d *Validate) { d.QR.SignBad = true }},
		{name: "S8 mode is not 16", code: CodeNoQR, spoil: func(d *Validate) { d.QR.NotDynamic = true }},
		{name: "S8 tr never issued", code: CodeNoQR, spoil: func(d *Validate) { d.QR.Tr = "GPnobody" }},
		{name: "S8 amount of the link altered", code: CodeNoQR, spoil: func(d *Validate) { d.QR.Amount = 100 }},
		{name: "S8 amount asked is not the payment's", code: CodeNoQR, spoil: func(d *Validate) { d.QR.Amount = 0; d.Amount = 100 }},
		{name: "S8 payee is not the payment's", code: CodeNoQR, spoil: func(d *Validate) { d.Payee.Payee.VPA = "thief@upi" }},
		{name: "S9 no such merchant", code: CodeNoMerchant, spoil: func(d *Validate) { d.Payee = PayeeFacts{} }},
		{name: "QR already paid", code: CodeDuplicate, world: func(w *world) {
			w.validate(validation("0", "1", 24500))
			w.pay(paying("0", 24500))
		}},
		{name: "QR attempted, declined", code: CodeDuplicate, world: func(w *world) {
			w.validate(validation("0", "1", 24500))
			d := paying("0", 24500)
			d.Declined = CodeAcquirer08
			w.pay(d)
		}},
		{name: "QR superseded", code: CodeDuplicate, world: func(w *world) { w.sale("2", 100) }},
		{name: "QR made elsewhere", code: CodeOK, spoil: func(d *Validate) { d.QR = QR{} }},
		{name: "QR made elsewhere, past its time", code: CodePE, spoil: func(d *Validate) { d.QR = QR{ExpiresAt: start} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.sale("1", 24500)
			if tt.world != nil {
				tt.world(w)
			}
			d := validation("1", "1", 24500)
			if tt.spoil != nil {
				tt.spoil(&d)
			}
			quotes, messages := len(w.snap.Quotes), len(w.messages)
			if code := w.validate(d); code != tt.code {
				t.Fatalf("answered %s, want %s", code, tt.code)
			}
			if got := len(w.snap.Quotes) - quotes; (got == 1) != (tt.code == CodeOK) {
				t.Errorf("%d tokens given out", got)
			}
			// A repeat and a bad signature change nothing; every other answer
			// uses the MsgID up.
			used := len(w.messages) - messages
			if repeat := tt.name == "S6 repeated MsgID" || tt.code == CodeBadSignature; repeat == (used == 1) {
				t.Errorf("%d message ids used up", used)
			}
		})
	}
}

// CodePE is spelt out so that the table reads like the PRD's.
const CodePE = CodeExpired

// TestPaymentCodes is PRD 6.2 with the order of checks of upi-switch. Where the
// code is not 00, nothing is settled; the token is spent only by an attempt
// that reached the acquirer.
func TestPaymentCodes(t *testing.T) {
	decline := func(code Code) func(*Pay) { return func(d *Pay) { d.Declined = code } }
	for _, tt := range []struct {
		name   string
		code   Code
		state  payment.State
		settle protocol.Paise
		world  func(*world)
		spoil  func(*Pay)
	}{
		{name: "S1 success", code: CodeOK, state: payment.Succeeded, settle: 99_500},
		{name: "S4 above 8000", code: CodeLimit, spoil: func(d *Pay) { d.Base = 900_000 }},
		{name: "S5 merchant's own check fails", code: CodeMerchant, spoil: func(d *Pay) { d.PayeeFacts.Payee.AcquirerCode = "YH" }},
		{name: "S5 merchant inactive by now", code: CodeMerchant, spoil: func(d *Pay) { d.PayeeFacts.Merchant.Active = false }},
		{name: "S6 unknown token", code: CodeToken, spoil: func(d *Pay) { d.Token = "nobody's" }},
		{name: "S6 amount differs from the quote", code: CodeToken, spoil: func(d *Pay) { d.Base = 100_001 }},
		{name: "S6 currency differs", code: CodeToken, spoil: func(d *Pay) { d.Currency = "USD" }},
		{name: "S6 payee differs", code: CodeToken, spoil: func(d *Pay) { d.Payee = "thief@upi" }},
		{name: "S6 token of another organisation", code: CodeToken, spoil: func(d *Pay) { d.OrgID = "OTHER" }},
		{name: "S7 repeated MsgID", code: CodeDuplicate, spoil: func(d *Pay) { d.MsgID = "V1" }},
		{name: "S7 token spent before", code: CodeDuplicate, state: payment.Succeeded, world: func(w *world) {
			d := paying("2", 100_000)
			d.Token = "token1"
			w.pay(d)
		}},
		{name: "S7 paid by another token", code: CodeDuplicate, state: payment.Succeeded, world: func(w *world) {
			w.validate(validation("2", "1", 100_000))
			w.pay(paying("2", 100_000))
		}},
		{name: "S9 acquirer error 05", code: CodeAcquirer05, state: payment.Failed, spoil: decline(CodeAcquirer05)},
		{name: "S9 acquirer error 08", code: CodeAcquirer08, state: payment.Failed, spoil: decline(CodeAcquirer08)},
		{name: "S9 acquirer error 10", code: CodeAcquirer10, state: payment.Failed, spoil: decline(CodeAcquirer10)},
		{name: "PE comes before ZD: token spent, and over", code: CodeExpired, state: payment.Succeeded, world: func(w *world) {
			d := paying("2", 100_000)
			d.Token = "token1"
			w.pay(d)
			w.pass(3 * time.Minute)
		}},
		{name: "PE token over with its payment", code: CodeExpired, world: func(w *world) { w.pass(3 * time.Minute) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.sale("1", 100_000)
			if code := w.validate(validation("1", "1", 100_000)); code != CodeOK {
				t.Fatal(code)
			}
			if tt.world != nil {
				tt.world(w)
			}
			credits := len(w.credits)
			d := paying("1", 100_000)
			if tt.spoil != nil {
				tt.spoil(&d)
			}
			a, err := do(w, d)
			if err != nil {
				t.Fatal(err)
			}
			if tt.state == "" {
				tt.state = payment.Created
			}
			if a.Code != tt.code || a.Settlement != tt.settle || w.state("1") != tt.state {
				t.Fatalf("answered %s settling %s, payment %s; want %s, %s, %s",
					a.Code, a.Settlement.Rupees(), w.state("1"), tt.code, tt.settle.Rupees(), tt.state)
			}
			if got := len(w.credits) - credits; (got == 1) != (a.Code == CodeOK) {
				t.Errorf("%d credits", got)
			}
			reached := a.Code == CodeOK || a.Code == d.Declined && d.Declined != ""
			if spent := w.snap.Quotes["token1"].UsedBy == d.TxnID; spent != reached {
				t.Errorf("token spent by this message: %v, reached the acquirer: %v", spent, reached)
			}
			if tt.state == payment.Failed && w.payment("1").Reason != "UPI:"+string(tt.code) {
				t.Errorf("the POS is told %s", w.payment("1").Reason)
			}
		})
	}
}

// TestRepeatedTxnID: a TxnID is unique for ever, whatever the rest says.
func TestRepeatedTxnID(t *testing.T) {
	w := newWorld(t)
	w.sale("1", 100)
	w.validate(validation("1", "1", 100))
	w.pay(paying("1", 100))
	w.sale("2", 100)
	w.validate(validation("2", "2", 100))
	d := paying("2", 100)
	d.TxnID = "X1"
	if code := w.pay(d); code != CodeDuplicate || w.state("2") != payment.Created {
		t.Fatalf("%s, %s", code, w.state("2"))
	}
}

// TestOneTokenManyPayments: of any number of ReqPays with one token in one
// batch exactly one wins.
func TestOneTokenManyPayments(t *testing.T) {
	w := newWorld(t)
	w.sale("1", 100)
	w.validate(validation("1", "1", 100))
	b := NewBatch(w.snap)
	won := 0
	for i := range 100 {
		d := paying(fmt.Sprint(i), 100)
		d.Token = "token1"
		a, err := Run(b, d)
		if err != nil {
			t.Fatal(err)
		}
		if a.Code == CodeOK {
			won++
		} else if a.Code != CodeDuplicate {
			t.Fatalf("a loser got %s", a.Code)
		}
	}
	w.save(b.Changes())
	if won != 1 || len(w.credits) != 1 || len(w.callbacks) != 1 {
		t.Fatalf("%d won, %d credits, %d callbacks", won, len(w.credits), len(w.callbacks))
	}
}

// TestForeignQR: a QR made elsewhere for a merchant of ours writes a
// transactions row whose merchantTransactionId is the TxnID (PRD 8.1 to 8.4:
// 1000.00 at 50 basis points settles 995.00).
func TestForeignQR(t *testing.T) {
	w := newWorld(t)
	v := validation("1", "", 100_000)
	v.QR = QR{}
	if code := w.validate(v); code != CodeOK {
		t.Fatal(code)
	}
	a, err := do(w, paying("1", 100_000))
	if err != nil || a.Code != CodeOK || a.Settlement.Rupees() != "995.00" {
		t.Fatalf("%+v, %v", a, err)
	}
	p := w.snap.Payments["GPnew1"]
	if p.State != payment.Succeeded || p.TransactionID != "X1" || p.MerchantID != "M" || p.Solution != payment.ForeignQR {
		t.Fatalf("%+v", p)
	}
	if q := w.snap.Quotes["token1"]; !q.Used() || q.PaymentID != "GPnew1" {
		t.Fatalf("%+v", q)
	}
}

// TestTokenEnds: after 30 minutes or with its payment or QR, whichever is
// sooner.
func TestTokenEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		qr   QR
		want time.Duration
	}{
		{"with its payment", QR{Tr: "GP1"}, 3 * time.Minute},
		{"with its payment, whatever the link says", QR{Tr: "GP1", ExpiresAt: start.Add(time.Minute)}, 3 * time.Minute},
		{"after 30 minutes", QR{}, 30 * time.Minute},
		{"with a foreign QR", QR{ExpiresAt: start.Add(time.Minute)}, time.Minute},
		{"after 30 minutes, though the foreign QR lives on", QR{ExpiresAt: start.Add(time.Hour)}, 30 * time.Minute},
	} {
		w := newWorld(t)
		w.sale("1", 100)
		d := validation("1", "1", 100)
		d.QR = tt.qr
		a, err := do(w, d)
		if err != nil || a.ExpiresAt.Sub(start) != tt.want {
			t.Errorf("%s: %v, %v", tt.name, a.ExpiresAt.Sub(start), err)
		}
	}
}

// TestCodeTable: every code once, each with a meaning.
func TestCodeTable(t *testing.T) {
	seen := map[Code]bool{}
	for _, row := range Codes {
		if seen[row.Code] || row.Meaning == "" || row.HTTPStatus == 0 {
			t.Errorf("row %+v", row)
		}
		seen[row.Code] = true
	}
}
