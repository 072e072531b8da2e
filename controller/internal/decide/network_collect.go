package decide

import (
	"crypto/sha256"
	"time"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/protocol"
)

// CollectStatus is how a collect request ended, in the network's words.
type CollectStatus string

// The statuses. Values are on the wire: never change one.
const (
	CollectPaid     CollectStatus = "SUCCESS"
	CollectDeclined CollectStatus = "DECLINED"
	CollectExpired  CollectStatus = "EXPIRED"
)

// ResultReversed is the answer's Result where the money goes back.
const ResultReversed = "REVERSED"

// CollectResult is the network telling how a collect request of ours ended
// (phonepe-api: Collect).
type CollectResult struct {
	OrgID, MsgID string
	TxnID        string // the bank's own
	PaymentID    string // as the message calls it, its OrgTxnID
	Status       CollectStatus
	Amount       protocol.Paise
	Payer        protocol.VPA
	Reference    string // the RRN of a success
	// Fee is the payee's fee, for the settlement.
	Fee         quote.Fee
	RequestHash [sha256.Size]byte
	// Render writes the answer, so that its hash is kept. It must be pure.
	Render func(CollectAnswer) []byte
}

// CollectAnswer is what RespCollectResult says.
type CollectAnswer struct {
	Code   Code
	Result string // ResultReversed, or empty
	Now    time.Time
	Body   []byte // as rendered
}

// Needs names the message and transaction ids, the payment, and the credit.
func (d CollectResult) Needs() Needs {
	key := TxnKey{d.OrgID, d.TxnID}
	return Needs{
		Messages: []MessageKey{{d.OrgID, d.MsgID}}, Txns: []TxnKey{key}, Credits: []TxnKey{key},
		Payments: []string{d.PaymentID},
	}
}

// Decide makes the checks in the order of upi-switch: the first one wins. A
// repeated message id changes nothing; every other answer uses one up.
func (d CollectResult) Decide(tx *Tx) (CollectAnswer, error) {
	answer := CollectAnswer{Now: tx.Now(), Code: CodeOK}
	key := MessageKey{d.OrgID, d.MsgID}
	p, known := tx.Payment(d.PaymentID)
	_, credited := tx.Credit(TxnKey{d.OrgID, d.TxnID})
	switch {
	case tx.MessageUsed(key):
		answer.Code = CodeDuplicate
		return d.render(answer), nil
	case credited || tx.TxnUsed(TxnKey{d.OrgID, d.TxnID}):
		answer.Code = CodeDuplicate
	case !known || p.Solution != payment.Collect:
		answer.Code = CodeNoQR
	case d.Status != CollectPaid && p.State == payment.Succeeded:
		// It was paid, and nothing takes that back.
		answer.Code = CodeDuplicate
	}
	var taken *ReqPay
	if answer.Code == CodeOK {
		var err error
		if taken, err = d.apply(tx, p); err != nil {
			return CollectAnswer{}, err
		}
		if taken != nil && taken.Status == ResultReversed {
			answer.Result = ResultReversed
		}
	}
	answer = d.render(answer)
	tx.AddMessage(Message{MessageKey: key, Kind: "ReqCollectResult", Code: string(answer.Code), At: tx.Now()})
	if taken != nil {
		taken.RequestHash, taken.ResponseHash = d.RequestHash, sha256.Sum256(answer.Body)
		tx.PutReqPay(*taken)
	}
	return answer, nil
}

func (d CollectResult) render(a CollectAnswer) CollectAnswer {
	a.Body = d.Render(a)
	return a
}

// apply moves the payment; of money that arrived it returns the row to keep.
func (d CollectResult) apply(tx *Tx, p payment.Payment) (*ReqPay, error) {
	actor := "upi:" + d.OrgID
	switch d.Status {
	case CollectPaid:
		return arrived{
			TxnKey: TxnKey{d.OrgID, d.TxnID}, MsgID: d.MsgID, Payer: d.Payer, Amount: d.Amount,
			Reference: d.Reference, Fee: d.Fee,
		}.take(tx, p)
	case CollectDeclined:
		if !p.State.Unpaid() {
			return nil, nil // ended otherwise meanwhile
		}
		p, err := move(tx, p, payment.Happening{Event: payment.EventPayStarted, Actor: actor, Payer: d.Payer, UPITxnID: d.TxnID})
		if err != nil {
			return nil, err
		}
		_, err = move(tx, p, payment.Happening{
			Event: payment.EventPayFailed, Actor: actor, Reason: payment.ReasonCollectDeclined,
		})
		return nil, err
	}
	return nil, expireCollect(tx, p, actor)
}

// expireCollect ends a collect request that nobody has begun to pay.
func expireCollect(tx *Tx, p payment.Payment, actor string) error {
	if !p.State.Unpaid() {
		return nil
	}
	_, err := move(tx, p, payment.Happening{
		Event: payment.EventExpired, Actor: actor, Reason: payment.ReasonCollectExpired,
	})
	return err
}

// arrived is money that the network says was paid for a payment of ours.
type arrived struct {
	TxnKey
	MsgID     string // "" where we asked
	Payer     protocol.VPA
	Amount    protocol.Paise
	Reference string
	Fee       quote.Fee
}

// take applies it to the payment that waits for it. In any other case (the
// payment has ended, or the amount differs) it is recorded and reversed, and
// never dropped (failure matrix R3, R15, R16). It returns the row of req_pays
// that uses the TxnID up.
func (m arrived) take(tx *Tx, p payment.Payment) (*ReqPay, error) {
	actor := "upi:" + m.OrgID
	credit := Credit{TxnKey: m.TxnKey, PaymentID: p.ID, Amount: m.Amount, State: CreditReceived, At: tx.Now()}
	row := &ReqPay{
		TxnKey: m.TxnKey, MsgID: m.MsgID, PaymentID: p.ID, Amount: m.Amount, Base: int64(m.Amount), Currency: quote.INR,
		Payer: m.Payer, Payee: p.Payee, Reference: m.Reference, Status: ResultReversed, Code: string(CodeOK), At: tx.Now(),
	}
	if p.State.Final() {
		reverse(tx, credit)
		return row, nil
	}
	if p.State.Unpaid() {
		var err error
		if p, err = move(tx, p, payment.Happening{
			Event: payment.EventPayStarted, Actor: actor, Payer: m.Payer, UPITxnID: m.TxnID,
		}); err != nil {
			return nil, err
		}
	}
	if m.Amount != p.Amount {
		reverse(tx, credit)
		_, err := move(tx, p, payment.Happening{
			Event: payment.EventPayFailed, Actor: actor, Reason: payment.ReasonAmountDiffers,
		})
		return row, err
	}
	credit.State = CreditApplied
	tx.PutCredit(credit)
	row.Status, row.Settlement = string(CollectPaid), m.Fee.Settlement(m.Amount)
	_, err := move(tx, p, payment.Happening{
		Event: payment.EventPaySucceeded, Actor: actor, Reference: m.Reference, Settlement: row.Settlement,
	})
	return row, err
}
