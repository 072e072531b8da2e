package decide

import (
	"crypto/sha256"
	"time"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/protocol"
)

// Validate is a ReqValQr: the customer's bank asks what a scanned QR is worth
// (PRD 5.1).
type Validate struct {
	OrgID, MsgID string
	Token        string // the fresh one to give out, UUID v4
	QR           QR
	Payee        PayeeFacts
	// Amount is in rupees, Base in hundredths of Currency as the message says it;
	// Rate is what made one of the other, zero where Currency is INR.
	Amount   protocol.Paise
	Base     int64
	Currency string
	Rate     quote.Rate
	MCC      string
	Settings quote.Settings
	// Risk is what the rules say; nil where they are asked after the answer.
	Risk        *risk.Verdict
	RequestHash [sha256.Size]byte
	// Render writes the answer, so that its hash is kept with the quote. It
	// must be pure.
	Render func(ValidateAnswer) []byte
}

// ValidateAnswer is what RespValQr says.
type ValidateAnswer struct {
	Code      Code
	Message   string // more than the code's own meaning, or empty
	Token     string
	ExpiresAt time.Time
	Now       time.Time
	Body      []byte // as rendered
}

// Needs names the message id and the payment that the QR is for.
func (d Validate) Needs() Needs {
	n := Needs{Messages: []MessageKey{{d.OrgID, d.MsgID}}}
	if d.QR.Tr != "" {
		n.Payments = []string{d.QR.Tr}
	}
	return n
}

// Decide makes the checks in the order of upi-switch: the first one wins. A
// repeated message id changes nothing, and a bad signature does not use one up;
// every other answer does.
func (d Validate) Decide(tx *Tx) (ValidateAnswer, error) {
	answer := ValidateAnswer{Now: tx.Now()}
	key := MessageKey{d.OrgID, d.MsgID}
	p, known := tx.Payment(d.QR.Tr)
	switch {
	case known && d.QR.SignBad:
		answer.Code = CodeBadSignature
	case tx.MessageUsed(key):
		answer.Code = CodeDuplicate
	}
	if answer.Code != "" {
		return d.render(answer), nil
	}
	code, message := d.check(tx.Now(), p)
	answer.Code, answer.Message = code, message
	tx.AddMessage(Message{MessageKey: key, Kind: "ReqValQr", Code: string(code), At: tx.Now()})
	if code != CodeOK {
		return d.render(answer), nil
	}
	// PRD 5.1 step 13: Calculate qr_expires_at = now + 30 min.
	// PRD 5.1 step 14: Create the QRValidation record.
	q := quote.Quote{
		Token: d.Token, OrgID: d.OrgID, MsgID: d.MsgID, PaymentID: p.ID, Payee: d.Payee.Payee.VPA,
		Amount: d.Amount, Base: d.Base, Currency: d.Currency, Rate: d.Rate, MCC: d.MCC, NetInstID: d.Settings.NetInstID,
		CreatedAt: tx.Now(), ExpiresAt: d.expiry(tx.Now(), p), RequestHash: d.RequestHash,
	}
	answer.Token, answer.ExpiresAt = q.Token, q.ExpiresAt
	answer = d.render(answer)
	// PRD 5.1 step 17: Store the hashes for the audit trail.
	q.ResponseHash = sha256.Sum256(answer.Body)
	// PRD 5.1 step 15: Create the initial event in qr_validation_events.
	q = chain(tx, q, quoteValidated, code)
	if d.Risk != nil {
		q = assessed(tx, q, *d.Risk)
	}
	tx.PutQuote(q)
	if p.ID != "" && p.HoldUntil.IsZero() {
		p.HoldUntil = tx.Now().Add(quote.Hold)
		tx.PutPayment(p)
	}
	return answer, nil
}

func (d Validate) render(a ValidateAnswer) ValidateAnswer {
	a.Body = d.Render(a)
	return a
}

// check judges the QR; p is its payment, zero for a QR that was made elsewhere.
func (d Validate) check(now time.Time, p payment.Payment) (Code, string) {
	ours := d.QR.Tr != ""
	// PRD 5.1 step 4: Detect initiation_mode = 16: a Dynamic QR.
	// PRD 5.1 step 8: Look the merchant up by the payee's VPA.
	// PRD 5.1 step 9: Validate that the merchant is active.
	switch {
	case d.QR.NotDynamic, ours && p.ID == "", d.QR.Amount != 0 && d.QR.Amount != d.Amount,
		ours && p.Amount != d.Amount, ours && p.Payee != d.Payee.Payee.VPA && d.Payee.Found:
		return CodeNoQR, ""
	case !d.Payee.Found:
		return CodeNoMerchant, ""
	case !d.Payee.active():
		return CodeMerchant, ""
	}
	// PRD 5.1 step 6: Check PE, whether the QR has expired.
	if code := qrState(now, d.QR, p); code != CodeOK {
		return code, ""
	}
	// PRD 5.1 step 10: Check that the amount is no more than 8000 INR: X7.
	return withinLimits(d.Amount, d.Settings.Limit, d.Risk, CodeMerchant)
}

// withinLimits judges an amount in rupees by the limit of every Dynamic QR and
// by the risk rules, which can only lower it or refuse with a code of the caller's.
func withinLimits(amount, limit protocol.Paise, v *risk.Verdict, refusal Code) (Code, string) {
	switch {
	case amount > limit:
		return CodeLimit, ""
	case v == nil:
		return CodeOK, ""
	case amount > v.Cap(limit):
		return CodeLimit, "Amount exceeds the limit of " + v.Cap(limit).Rupees() + " that applies here now"
	case v.Refuse:
		return refusal, "Refused by a risk rule"
	}
	return CodeOK, ""
}

// qrState judges whether the QR may still be paid: ZD once an attempt was made
// or the payment ended otherwise, PE past its time. The boundary instant is
// expired. Only our record counts for a QR of ours.
func qrState(now time.Time, qr QR, p payment.Payment) Code {
	switch {
	case p.ID == "" && !qr.ExpiresAt.IsZero() && !now.Before(qr.ExpiresAt):
		return CodeExpired
	case p.ID == "":
		return CodeOK
	case p.State == payment.Expired && !p.Attempted:
		return CodeExpired
	case p.Attempted || p.State.Final():
		return CodeDuplicate
	case !now.Before(p.ExpiresAt):
		return CodeExpired
	}
	return CodeOK
}

// expiry is when the token ends: after 30 minutes (or what is set), or with the payment (by our
// record, not by the link) or the foreign QR itself, whichever is sooner.
func (d Validate) expiry(now time.Time, p payment.Payment) time.Time {
	end, own := now.Add(d.Settings.Validity), d.QR.ExpiresAt
	if p.ID != "" {
		own = p.ExpiresAt
	}
	if !own.IsZero() && own.Before(end) {
		return own
	}
	return end
}
