package npci

import (
	"slices"
	"time"

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
	if r := n.refunds[entry.TxnID]; r != nil {
		if r.OrgTxnID != entry.OrgTxnID || r.Amount != entry.Amount || r.Type != entry.Type {
			n.contradict(entry.TxnID, "another refund by the same TxnID")
			return "ZE", "the TxnID is another refund's", "", false
		}
		r.Sent++
		code, why, rrn = r.answer()
		return code, why, rrn, false
	}
	known, why := n.accounts.mayReturn(entry, n.pending(entry.OrgTxnID))
	if why != "" {
		n.contradict(entry.TxnID, "%s: %s, of %s", entry.Type, why, entry.OrgTxnID)
		return "ZE", why, "", false
	}
	// Money that these books do not know, as a card's, is taken on the
	// controller's word.
	b := n.behaviours[Anybody]
	if known {
		original, _ := n.accounts.entry(entry.OrgTxnID)
		b = n.behaviour(original.PayerAddr)
	}
	r := &refund{entry}
	var err error
	switch b.Refund {
	case RefundFails:
		r.State = RefundStateFailed
		err = n.accounts.file.append(record{Refund: &r.RefundEntry})
	case RefundPending:
		r.State = RefundStatePending
		err = n.accounts.file.append(record{Refund: &r.RefundEntry})
	default:
		err = n.move(r)
	}
	if err != nil {
		return "96", err.Error(), "", false
	}
	n.refunds[entry.TxnID] = r
	n.order.refunds = append(n.order.refunds, entry.TxnID)
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
func (n *Network) move(r *refund) error {
	next := r.RefundEntry
	next.State, next.Rrn, next.MovedAt = RefundStateMoved, newRrn(), time.Now().UTC()
	if err := n.accounts.moved(next); err != nil {
		return err
	}
	r.RefundEntry = next
	return nil
}

// pending is what will go back of a payment, and has not yet.
func (n *Network) pending(orgTxnID string) (sum protocol.Paise) {
	for _, r := range n.refunds {
		if r.OrgTxnID == orgTxnID && r.State == RefundStatePending {
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
	if c := n.collects[asked]; c != nil && !c.Hidden {
		e, _ := n.accounts.entry(c.BankTxnID)
		s := status{code: "00", amount: c.Amount}
		switch {
		case c.State == CollectWaiting:
			s.txnStatus = "PENDING"
		case c.State != CollectPaid:
			s.txnStatus = "FAILED"
		case e.Returned == e.Debited:
			s.txnStatus, s.creditTxnID, s.rrn = "REVERSED", c.BankTxnID, c.Rrn
		default:
			s.txnStatus, s.creditTxnID, s.rrn = "SUCCESS", c.BankTxnID, c.Rrn
		}
		return s
	}
	if r := n.refunds[asked]; r != nil {
		if r.State == RefundStatePending {
			if err := n.move(r); err != nil {
				return status{code: "96", why: err.Error()}
			}
		}
		s := status{code: "00", txnStatus: "FAILED", amount: r.Amount}
		if r.State == RefundStateMoved {
			s.txnStatus, s.rrn = "SUCCESS", r.Rrn
		}
		return s
	}
	return status{code: "ZQ", why: "there is no such transaction"}
}
