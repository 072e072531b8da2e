package decide

import (
	"crypto/sha256"
	"time"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// Pay is a ReqPay: the customer's bank pays what was quoted (PRD 5.2). The
// token is spent and the payment moves, once.
type Pay struct {
	OrgID, MsgID, TxnID string
	Token               string
	Amount              protocol.Paise
	Currency            string
	Payer, Payee        protocol.VPA
	PayeeFacts          PayeeFacts
	// Declined is the acquirer's refusal, or empty where it approves.
	Declined Code
	// Reference is the UTR to give out on success.
	Reference string
	// NewPaymentID is for a QR made elsewhere, which has no payment yet.
	NewPaymentID string
	RequestHash  [sha256.Size]byte
	// Render writes the answer, so that its hash is kept. It must be pure.
	Render func(PayAnswer) []byte
}

// PayAnswer is what RespPay says.
type PayAnswer struct {
	Code       Code
	Message    string // more than the code's own meaning, or empty
	Settlement protocol.Paise
	PaymentID  string
	Now        time.Time
	Body       []byte // as rendered
}

// Needs names the message and transaction ids, the token, and the key that a
// QR made elsewhere would take.
func (d Pay) Needs() Needs {
	n := Needs{
		Messages: []MessageKey{{d.OrgID, d.MsgID}},
		Txns:     []TxnKey{{d.OrgID, d.TxnID}},
		Tokens:   []string{d.Token},
	}
	if d.PayeeFacts.Found {
		n.Keys = []payment.Key{d.foreignKey()}
	}
	return n
}

func (d Pay) foreignKey() payment.Key {
	return payment.Key{MerchantID: d.PayeeFacts.Merchant.ID, TransactionID: d.TxnID}
}

// Decide makes the checks in the order of upi-switch: the first one wins.
func (d Pay) Decide(tx *Tx) (PayAnswer, error) {
	answer := PayAnswer{Now: tx.Now()}
	txn := TxnKey{d.OrgID, d.TxnID}
	if tx.MessageUsed(MessageKey{d.OrgID, d.MsgID}) || tx.TxnUsed(txn) {
		answer.Code = CodeDuplicate
		return d.render(answer), nil
	}
	q, p, code, message := d.check(tx)
	answer.Code, answer.Message, answer.PaymentID = code, message, p.ID
	if code == CodeOK && d.Declined != "" {
		answer.Code = d.Declined
	}
	if answer.Code == CodeOK {
		answer.Settlement = quote.Settlement(d.Amount, d.PayeeFacts.Payee.FeeBasisPoints)
	}
	if code == CodeOK {
		var err error
		if p, err = d.attempt(tx, q, p, answer); err != nil {
			return PayAnswer{}, err
		}
		answer.PaymentID = p.ID
	}
	answer = d.render(answer)
	d.record(tx, q, answer)
	return answer, nil
}

func (d Pay) render(a PayAnswer) PayAnswer {
	a.Body = d.Render(a)
	return a
}

// check is the order of upi-switch from ZE (unknown token) to YH.
func (d Pay) check(tx *Tx) (quote.Quote, payment.Payment, Code, string) {
	var p payment.Payment
	q, known := tx.Quote(d.Token)
	if !known || q.OrgID != d.OrgID {
		return quote.Quote{}, p, CodeToken, ""
	}
	if q.PaymentID != "" {
		p, _ = tx.Payment(q.PaymentID)
	}
	switch {
	case q.Expired(tx.Now()):
		return q, p, CodeExpired, ""
	case q.Used():
		return q, p, CodeDuplicate, ""
	}
	// The payment may have been attempted by another token, or ended.
	if code := qrState(tx.Now(), QR{}, p); code != CodeOK {
		return q, p, code, ""
	}
	switch {
	case d.Amount > quote.LimitPaise:
		return q, p, CodeLimit, ""
	case d.Amount != q.Amount:
		return q, p, CodeToken, "Amount differs from the quote"
	case d.Currency != q.Currency:
		return q, p, CodeToken, "Currency differs from the quote"
	case d.Payee != q.Payee:
		return q, p, CodeToken, "Payee differs from the quote"
	case !d.PayeeFacts.active() || d.PayeeFacts.Payee.AcquirerCode == string(CodeMerchant):
		return q, p, CodeMerchant, ""
	}
	if q.PaymentID == "" {
		if _, taken := tx.Taken(d.foreignKey()); taken {
			return q, p, CodeDuplicate, ""
		}
	}
	return q, p, CodeOK, ""
}

// attempt reaches the acquirer: it spends the token and moves the payment.
func (d Pay) attempt(tx *Tx, q quote.Quote, p payment.Payment, a PayAnswer) (payment.Payment, error) {
	actor := "upi:" + d.OrgID
	if q.PaymentID == "" {
		var err error
		if p, err = d.foreign(tx, q, actor); err != nil {
			return p, err
		}
		q.PaymentID = p.ID
	}
	q.UsedAt, q.UsedBy = tx.Now(), d.TxnID
	tx.PutQuote(q)
	p, err := move(tx, p, payment.Happening{
		Event: payment.EventPayStarted, Actor: actor, Payer: d.Payer, UPITxnID: d.TxnID, Instrument: protocol.PayDQR,
	})
	if err != nil {
		return p, err
	}
	if a.Code != CodeOK {
		return move(tx, p, payment.Happening{
			Event: payment.EventPayFailed, Actor: actor, Reason: payment.ReasonUPIPrefix + string(a.Code),
		})
	}
	tx.PutCredit(Credit{
		TxnKey: TxnKey{d.OrgID, d.TxnID}, PaymentID: p.ID, Amount: d.Amount, State: CreditApplied, At: tx.Now(),
	})
	return move(tx, p, payment.Happening{
		Event: payment.EventPaySucceeded, Actor: actor, Reference: d.Reference, Settlement: a.Settlement,
	})
}

// foreign makes the payment of a QR that was made elsewhere for a merchant of
// ours; its merchantTransactionId is the TxnID (upi-switch: The QR and the payee).
func (d Pay) foreign(tx *Tx, q quote.Quote, actor string) (payment.Payment, error) {
	p := payment.Payment{
		ID: d.NewPaymentID, Key: d.foreignKey(), OrderID: d.TxnID, Amount: d.Amount,
		Solution: payment.ForeignQR, Payee: q.Payee, ExpiresAt: q.ExpiresAt,
		CallbackURL: d.PayeeFacts.Merchant.CallbackURL, CallbackMode: "POST",
		Signer: d.PayeeFacts.Merchant.ID, SignerIndex: "1",
	}
	p, events, err := p.Apply(payment.Happening{Event: payment.EventInit, At: tx.Now(), Actor: actor})
	if err == nil {
		tx.PutPayment(p, events...)
	}
	return p, err
}

// record uses the ids up and keeps the message. A message that names no
// quote of ours leaves no req_pays row, for there is nothing that it pays; its
// MsgID is used up all the same.
func (d Pay) record(tx *Tx, q quote.Quote, a PayAnswer) {
	tx.AddMessage(Message{
		MessageKey: MessageKey{d.OrgID, d.MsgID}, Kind: "ReqPay", Code: string(a.Code), At: tx.Now(),
	})
	if q.Token == "" {
		return
	}
	status := "FAILED"
	if a.Code == CodeOK {
		status = "SUCCESS"
	}
	tx.AddReqPay(ReqPay{
		TxnKey: TxnKey{d.OrgID, d.TxnID}, MsgID: d.MsgID, Token: d.Token, PaymentID: a.PaymentID,
		Amount: d.Amount, Payer: d.Payer, Payee: d.Payee, Status: status, Code: string(a.Code),
		Settlement: a.Settlement, At: tx.Now(), RequestHash: d.RequestHash, ResponseHash: sha256.Sum256(a.Body),
	})
}
