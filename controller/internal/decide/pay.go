package decide

import (
	"crypto/sha256"
	"time"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/protocol"
)

// Pay is a ReqPay: the customer's bank pays what was quoted (PRD 5.2). The
// token is spent and the payment moves, once.
type Pay struct {
	OrgID, MsgID, TxnID string
	Token               string
	Base                int64 // hundredths of Currency
	Currency            string
	Payer, Payee        protocol.VPA
	PayeeFacts          PayeeFacts
	Settings            quote.Settings
	Risk                *risk.Verdict // what the rules say; nil: they are off
	// Hold, above 0, is how long the merchant is waited for, who then has not
	// answered (PRD 5.3).
	Hold time.Duration
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
	Result     string // ResultTimeout, or empty
	Settlement protocol.Paise
	PaymentID  string
	Now        time.Time
	Body       []byte // as rendered; nil while the message is held
	// HeldUntil is when a held message is to be answered by TimedOut; zero where
	// none is held.
	HeldUntil time.Time
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
	// PRD 5.2 step 4: Check idempotency: msg_id must be unique, else ZD.
	if tx.MessageUsed(MessageKey{d.OrgID, d.MsgID}) || tx.TxnUsed(txn) {
		answer.Code = CodeDuplicate
		return d.render(answer), nil
	}
	q, p, code, message := d.check(tx)
	answer.Code, answer.Message, answer.PaymentID = code, message, p.ID
	if code == CodeOK && d.Declined != "" {
		answer.Code = d.Declined
	}
	switch {
	case answer.Code != CodeOK: // settles nothing (PRD 6.2)
	case d.Hold > 0:
		// PRD 5.2 step 13: For gourmet@mercury: simulate the 30-second timeout.
		// PRD 5.3 step 2: If yes: simulate 30 seconds of processing.
		answer.HeldUntil = tx.Now().Add(d.Hold)
	default:
		// PRD 5.2 step 17: Calculate settlement_amount with fees.
		answer.Settlement = d.PayeeFacts.Fee.Settlement(q.Amount)
	}
	if code == CodeOK {
		var err error
		if p, err = d.attempt(tx, q, p, answer); err != nil {
			return PayAnswer{}, err
		}
		answer.PaymentID = p.ID
	}
	if answer.HeldUntil.IsZero() {
		answer = d.render(answer)
	}
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
	// PRD 5.2 step 5: Look up the verification token of the ReqValQr.
	q, known := tx.Quote(d.Token)
	// PRD 5.2 step 6: Validate that the token exists, else ZE.
	if !known || q.OrgID != d.OrgID {
		return quote.Quote{}, p, CodeToken, ""
	}
	if q.PaymentID != "" {
		p, _ = tx.Payment(q.PaymentID)
	}
	// PRD 5.2 step 7: Validate that the token has not expired, else PE.
	// PRD 5.2 step 8: Verify that the token has not been used before, else ZD.
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
	// PRD 5.2 step 14: Check if the amount is above 8000 INR: X7, settlement_amount = 0.
	if code, message := withinLimits(d.rupees(q), d.Settings.Limit, nil, CodeLimit); code != CodeOK {
		return q, p, code, message
	}
	// PRD 5.2 step 10: Verify that the amount matches the original quote.
	// PRD 5.2 step 11: Verify that the currency matches.
	// PRD 5.2 step 12: Validate the merchant's status.
	// PRD 5.2 step 15: For the YH scenario: the merchant's signature validation fails.
	switch {
	case d.Base != q.Base:
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
	code, message := withinLimits(q.Amount, d.Settings.Limit, d.Risk, CodeAcquirer05)
	return q, p, code, message
}

// rupees is what the message asks for. In another currency that is what the
// quote made of it; a message that differs from its quote is refused anyway.
func (d Pay) rupees(q quote.Quote) protocol.Paise {
	if d.Currency == quote.INR {
		return protocol.Paise(d.Base)
	}
	return q.Amount
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
	tx.PutQuote(chain(tx, q, quoteAttempted, a.Code))
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
	credit := Credit{
		TxnKey: TxnKey{d.OrgID, d.TxnID}, PaymentID: p.ID, Amount: q.Amount, State: CreditApplied, At: tx.Now(),
	}
	if !a.HeldUntil.IsZero() {
		credit.State = CreditReceived
		tx.PutCredit(credit)
		return p, nil
	}
	tx.PutCredit(credit)
	// PRD 5.2 step 16: If all is valid: update the transaction's status to SUCCESS.
	// PRD 5.2 step 18: Append the event to the transaction_events chain.
	return move(tx, p, payment.Happening{
		Event: payment.EventPaySucceeded, Actor: actor, Reference: d.Reference, Settlement: a.Settlement,
	})
}

// foreign makes the payment of a QR that was made elsewhere for a merchant of
// ours; its merchantTransactionId is the TxnID (upi-switch: The QR and the payee).
func (d Pay) foreign(tx *Tx, q quote.Quote, actor string) (payment.Payment, error) {
	p := payment.Payment{
		ID: d.NewPaymentID, Key: d.foreignKey(), OrderID: d.TxnID, Amount: q.Amount,
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
	r := ReqPay{
		TxnKey: TxnKey{d.OrgID, d.TxnID}, MsgID: d.MsgID, Token: d.Token, PaymentID: a.PaymentID,
		Amount: d.rupees(q), Base: d.Base, Currency: d.Currency, Payer: d.Payer, Payee: d.Payee,
		Status: StatusFailed, Code: string(a.Code), Settlement: a.Settlement,
		At: tx.Now(), DueAt: a.HeldUntil, RequestHash: d.RequestHash,
	}
	if d.Risk != nil {
		r.RiskScore, r.RiskReasons = int64(d.Risk.Score), d.Risk.Text()
	}
	switch {
	case !a.HeldUntil.IsZero():
		r.Status = StatusPending
	case a.Code == CodeOK:
		r.Status, r.Reference = StatusSuccess, d.Reference
	}
	if a.Body != nil {
		r.ResponseHash = sha256.Sum256(a.Body)
	}
	tx.PutReqPay(r)
}
