package decide

import "time"

// Check is a ReqChkTxn: a sender whose answer was lost asks how its ReqPay
// ended (upi-switch: Messages).
type Check struct {
	OrgID, MsgID string
	OrgTxnID     string // the ReqPay's TxnID
	// Render writes the answer. It must be pure.
	Render func(CheckAnswer) []byte
}

// CheckAnswer is what RespChkTxn says.
type CheckAnswer struct {
	Code Code
	Now  time.Time
	Txn  ReqPay // with CodeOK
	Body []byte // as rendered
}

// Needs names the message and the transaction.
func (d Check) Needs() Needs {
	return Needs{Messages: []MessageKey{{d.OrgID, d.MsgID}}, Txns: []TxnKey{{d.OrgID, d.OrgTxnID}}}
}

// Decide looks the transaction up. It changes nothing but that the message's id
// is used up.
func (d Check) Decide(tx *Tx) (CheckAnswer, error) {
	answer := CheckAnswer{Code: CodeOK, Now: tx.Now()}
	key := MessageKey{d.OrgID, d.MsgID}
	var known bool
	answer.Txn, known = tx.ReqPay(TxnKey{d.OrgID, d.OrgTxnID})
	switch {
	case tx.MessageUsed(key):
		answer.Code = CodeDuplicate
	case !known:
		answer.Code = CodeNoQR
	}
	if answer.Code != CodeDuplicate {
		tx.AddMessage(Message{MessageKey: key, Kind: "ReqChkTxn", Code: string(answer.Code), At: tx.Now()})
	}
	answer.Body = d.Render(answer)
	return answer, nil
}
