package npci

import (
	"slices"

	"github.com/galla-pay/galla/protocol"
)

// refund is a refund or reversal at the network.
type refund struct{ RefundEntry }

// The types of a ReqRefund.
const (
	typeRefund   = "REFUND"
	typeReversal = "REVERSAL"
)

// takeRefund answers a ReqRefund: the code, the reference where it is 00, and
// whether the answer is to be lost.
func (n *Network) takeRefund(m *request) (code, why, rrn string, lost bool) {
	entry := RefundEntry{
		TxnID: m.need("TxnID"), OrgTxnID: m.need("OrgTxnID"), Type: m.need("Type"), Amount: m.rupees("Amount"), Payee: m.one("PayeeAddr"), Sent: 1,
	}
	if !slices.Contains([]string{typeRefund, typeReversal}, entry.Type) {
		m.fail("Type is none")
	}
	if m.err != nil {
		return "BR", m.err.Error(), "", false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.refunds[entry.TxnID]
	if r != nil {
		if r.OrgTxnID != entry.OrgTxnID || r.Amount != entry.Amount || r.Type != entry.Type {
			n.contradict("%s: another refund by the same TxnID", entry.TxnID)
			return "ZE", "the TxnID is another refund's", "", false
		}
		r.Sent++
		code, why, rrn = r.answer()
		return code, why, rrn, false
	}
	original := n.paidAs(entry.OrgTxnID)
	if original != nil && n.promised(entry.OrgTxnID)+entry.Amount > original.Debited {
		n.contradict("%s: more would go back of %s than was paid", entry.TxnID, entry.OrgTxnID)
		return "ZE", "more would go back than was paid", "", false
	}
	// Money that was paid otherwise, to another party's door, is not in these
	// books, and taken on the controller's word.
	b := n.behaviours[Anybody]
	if original != nil {
		b = n.behaviour(original.Payer)
	}
	r = &refund{entry}
	n.refunds[entry.TxnID] = r
	n.order.refunds = append(n.order.refunds, entry.TxnID)
	switch b.Refund {
	case RefundFails:
		r.State = RefundStateFailed
	case RefundPending:
		r.State = RefundStatePending
	default:
		n.move(r)
	}
	code, why, rrn = r.answer()
	return code, why, rrn, b.Refund == RefundSilent
}

func (r *refund) answer() (code, why, rrn string) {
	switch r.State {
	case RefundStateMoved:
		return "00", "", r.Rrn
	case RefundStatePending:
		return "PENDING", "it is not known yet", ""
	}
	return "U30", "the debit failed", ""
}

// move gives the money back. The caller holds the lock.
func (n *Network) move(r *refund) {
	r.State, r.Rrn = RefundStateMoved, newRrn()
	if original := n.paidAs(r.OrgTxnID); original != nil {
		original.Returned += r.Amount
	}
}

// paidAs finds a collect request that was paid, by the bank's TxnID.
func (n *Network) paidAs(bankTxnID string) *collect {
	for _, c := range n.collects {
		if c.BankTxnID == bankTxnID && c.BankTxnID != "" && c.State == CollectPaid {
			return c
		}
	}
	return nil
}

// promised is what has gone back of a payment, or will.
func (n *Network) promised(bankTxnID string) (sum protocol.Paise) {
	for _, r := range n.refunds {
		if r.OrgTxnID == bankTxnID && r.State != RefundStateFailed {
			sum += r.Amount
		}
	}
	return sum
}

// status is the answer to a question.
type status struct {
	code, why, txnStatus, creditTxnID, rrn string
	amount                                 protocol.Paise
}

// takeQuestion answers a ReqChkTxn about a collect request or a refund.
func (n *Network) takeQuestion(m *request) status {
	asked := m.need("OrgTxnID")
	if m.err != nil {
		return status{code: "BR", why: m.err.Error()}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.stands(asked)
	answer := s.txnStatus
	if answer == "" {
		answer = s.code
	}
	n.books.Questions = append(n.books.Questions, Question{asked, answer})
	return s
}

func (n *Network) stands(asked string) status {
	if c := n.collects[asked]; c != nil && !c.hidden {
		s := status{code: "00", amount: c.Amount}
		switch {
		case c.State == CollectWaiting:
			s.txnStatus = "PENDING"
		case c.State != CollectPaid:
			s.txnStatus = "FAILED"
		case c.Returned == c.Debited:
			s.txnStatus, s.creditTxnID, s.rrn = "REVERSED", c.BankTxnID, c.Rrn
		default:
			s.txnStatus, s.creditTxnID, s.rrn = "SUCCESS", c.BankTxnID, c.Rrn
		}
		return s
	}
	if r := n.refunds[asked]; r != nil {
		if r.State == RefundStatePending {
			n.move(r)
		}
		s := status{code: "00", txnStatus: "FAILED", amount: r.Amount}
		if r.State == RefundStateMoved {
			s.txnStatus, s.rrn = "SUCCESS", r.Rrn
		}
		return s
	}
	return status{code: "ZQ", why: "there is no such transaction"}
}
