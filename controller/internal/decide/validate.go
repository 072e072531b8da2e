package decide

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// Validate is a ReqValQr: the customer's bank asks what a scanned QR is worth
// (PRD 5.1).
type Validate struct {
	OrgID, MsgID string
	Token        string // the fresh one to give out, UUID v4
	QR           QR
	Payee        PayeeFacts
	Amount       protocol.Paise
	Currency     string
	MCC          string
	RequestHash  [sha256.Size]byte
	// Render writes the answer, so that its hash is kept with the quote. It
	// must be pure.
	Render func(ValidateAnswer) []byte
}

// ValidateAnswer is what RespValQr says.
type ValidateAnswer struct {
	Code      Code
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
	code := d.check(tx.Now(), p)
	answer.Code = code
	tx.AddMessage(Message{MessageKey: key, Kind: "ReqValQr", Code: string(code), At: tx.Now()})
	if code != CodeOK {
		return d.render(answer), nil
	}
	q := quote.Quote{
		Token: d.Token, OrgID: d.OrgID, MsgID: d.MsgID, PaymentID: p.ID, Payee: d.Payee.Payee.VPA,
		Amount: d.Amount, Currency: d.Currency, MCC: d.MCC,
		CreatedAt: tx.Now(), ExpiresAt: d.expiry(tx.Now(), p), RequestHash: d.RequestHash,
	}
	answer.Token, answer.ExpiresAt = q.Token, q.ExpiresAt
	answer = d.render(answer)
	q.ResponseHash = sha256.Sum256(answer.Body)
	tx.PutQuote(q)
	tx.AddQuoteEvent(quoteEvent(q, 1, "validated", code, tx.Now(), payment.Hash{}))
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
func (d Validate) check(now time.Time, p payment.Payment) Code {
	ours := d.QR.Tr != ""
	switch {
	case d.QR.NotDynamic, ours && p.ID == "", d.QR.Amount != 0 && d.QR.Amount != d.Amount,
		ours && p.Amount != d.Amount, ours && p.Payee != d.Payee.Payee.VPA && d.Payee.Found:
		return CodeNoQR
	case !d.Payee.Found:
		return CodeNoMerchant
	case !d.Payee.active():
		return CodeMerchant
	}
	if code := qrState(now, d.QR, p); code != CodeOK {
		return code
	}
	if d.Amount > quote.LimitPaise {
		return CodeLimit
	}
	return CodeOK
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

// expiry is when the token ends: after 30 minutes, or with the payment (by our
// record, not by the link) or the foreign QR itself, whichever is sooner.
func (d Validate) expiry(now time.Time, p payment.Payment) time.Time {
	end, own := now.Add(quote.Validity), d.QR.ExpiresAt
	if p.ID != "" {
		own = p.ExpiresAt
	}
	if !own.IsZero() && own.Before(end) {
		return own
	}
	return end
}

// quoteEvent chains one event to a quote's life.
func quoteEvent(q quote.Quote, seq int64, event string, code Code, at time.Time, prev payment.Hash) QuoteEvent {
	e := QuoteEvent{Token: q.Token, Seq: seq, Event: event, Code: string(code), At: at, PrevHash: prev}
	h := sha256.New()
	var n [8]byte
	for _, s := range []string{e.Token, e.Event, e.Code, string(prev[:]), string(q.RequestHash[:]), string(q.ResponseHash[:])} {
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	for _, v := range []int64{e.Seq, e.At.UnixMicro()} {
		binary.BigEndian.PutUint64(n[:], uint64(v))
		h.Write(n[:])
	}
	e.Hash = payment.Hash(h.Sum(nil))
	return e
}
