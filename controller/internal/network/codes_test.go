package network_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/network"
	"github.com/galla-pay/galla/controller/internal/payment"
)

// TestCodesAreOneTable: no status twice, each with a class and a sentence; one
// that is not in the table settles nothing.
func TestCodesAreOneTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, row := range network.Codes {
		if seen[row.Status] || row.Meaning == "" || network.ClassOf(row.Status) != row.Class {
			t.Errorf("row %+v", row)
		}
		seen[row.Status] = true
		switch row.Class {
		case network.Accepted, network.Pending, network.Refused, network.Unsettled:
		default:
			t.Errorf("%s has class %q", row.Status, row.Class)
		}
	}
	for _, status := range []string{"", "0", "000", "U99", "pending"} {
		if c := network.ClassOf(status); c != network.Unsettled {
			t.Errorf("%q is %s", status, c)
		}
	}
	words := map[string]bool{}
	for _, r := range network.Results() {
		if r == "" || words[r] {
			t.Errorf("result %q is there twice", r)
		}
		words[r] = true
	}
}

// TestEveryCode: what every answer does to a collect request, a refund and a
// reversal: to the payment or credit, and to the row.
func TestEveryCode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(r.worker())
		statuses := []string{"QQ"} // in no table
		for _, row := range network.Codes {
			statuses = append(statuses, row.Status)
		}
		// Of each status three payments: one paid, one cancelled, both with nothing
		// left to send, and one that is only asked for below.
		for _, status := range statuses {
			r.collect("paid" + status)
			do(r, resultOf("A"+status, "PAID"+status, "paid"+status))
			late := r.collect("late" + status)
			do(r, decide.Cancel{Key: late.Key, Actor: "pos"})
		}
		r.idle()
		r.bank.set(func(b *bank) {
			b.answer = func(s sent) string {
				status := ""
				for _, name := range []string{s.fields["TxnID"], s.fields["OrgTxnID"]} {
					for _, start := range []string{"GPnew", "GPback", "LATE"} {
						if rest, ok := strings.CutPrefix(name, start); ok && status == "" {
							status = rest
						}
					}
				}
				elements := []string{"Status", status}
				if s.root == "ReqRefund" && status == "00" {
					elements = append(elements, "Rrn", "632600000042")
				}
				return say(s, elements...)
			}
		})
		before := len(r.bank.received())
		for _, status := range statuses {
			r.collect("new" + status)
			r.refund("back"+status, "paid"+status)
			do(r, resultOf("B"+status, "LATE"+status, "late"+status))
		}
		r.until("an answer to each", func() bool { return len(r.bank.received()) >= before+3*len(statuses) })
		<-time.After(200 * time.Millisecond) // nothing is sent again so soon
		refused := 0
		for _, status := range statuses {
			got := fmt.Sprintf("collect %s %s; refund %s %s, %d reserved; credit %s",
				r.payment("new"+status).State, r.payment("new"+status).Reason, r.payment("back"+status).State, r.payment("back"+status).Reason,
				r.payment("paid"+status).Refunded, r.credit(decide.TxnKey{OrgID: "MER101", TxnID: "LATE" + status}).State)
			var want string
			switch network.ClassOf(status) {
			case network.Accepted:
				want = "collect created ; refund succeeded , 40 reserved; credit reversed"
			case network.Pending, network.Unsettled:
				want = "collect created ; refund in_progress , 40 reserved; credit reversing"
			case network.Refused:
				want = strings.ReplaceAll("collect failed UPI:XX; refund failed UPI:XX, 0 reserved; credit suspense", "XX", status)
				refused++
			}
			if got != want {
				t.Errorf("%s:\n got %s\nwant %s", status, got, want)
			}
		}
		// A reversal that is refused is somebody's to look at; the other refusals
		// have settled what they were of.
		if r.meter.dead("REVERSAL") != refused || r.meter.dead("COLLECT")+r.meter.dead("REFUND") != 0 || r.queue().Dead != refused {
			t.Errorf("%d reversals were given up, want %d; the queue is %+v", r.meter.dead("REVERSAL"), refused, r.queue())
		}
	})
}

// TestEveryAnswerToAQuestion: what no answer but 00 settles, of refunds that are
// under way: all of them are asked again, and settled by that.
func TestEveryAnswerToAQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		statuses := []string{"QQ"}
		for _, row := range network.Codes {
			if row.Class != network.Accepted {
				statuses = append(statuses, row.Status)
			}
		}
		for _, status := range statuses {
			r.collect("paid" + status)
			do(r, resultOf("A"+status, "PAID"+status, "paid"+status))
		}
		settled := false
		r.bank.set(func(b *bank) {
			b.answer = func(s sent) string {
				switch {
				case s.root == "ReqRefund":
					return say(s, "Status", "PENDING")
				case settled:
					return say(s, "Status", "00", "TxnID", s.fields["OrgTxnID"], "TxnStatus", "SUCCESS", "Amount", "0.40", "Rrn", "632600000042")
				}
				return say(s, "Status", strings.TrimPrefix(s.fields["OrgTxnID"], "GPback"))
			}
		})
		r.sweeps()
		r.start(r.worker())
		for _, status := range statuses {
			r.refund("back"+status, "paid"+status)
		}
		<-time.After(payment.Asks()[0] + 500*time.Millisecond)
		for _, status := range statuses {
			if p := r.payment("back" + status); p.State != payment.InProgress {
				t.Errorf("asked, and answered %s: the refund is %s", status, p.State)
			}
		}
		if r.meter.count("ASK refused") != 1 || r.meter.count("ASK unsettled") != len(statuses)-1 { // ZQ, and all others
			t.Errorf("results %s", r.meter)
		}
		r.bank.set(func(*bank) { settled = true })
		<-time.After(payment.Asks()[1] - payment.Asks()[0] + time.Second)
		for _, status := range statuses {
			if p := r.payment("back" + status); p.State != payment.Succeeded {
				t.Errorf("after %s, asked again: the refund is %s", status, p.State)
			}
		}
	})
}

func resultOf(msgID, txnID, id string) decide.CollectResult {
	return decide.CollectResult{
		OrgID: "MER101", MsgID: msgID, TxnID: txnID, PaymentID: "GP" + id, Status: decide.CollectPaid, Amount: 100,
		Payer: "canary.payer@ybl", Reference: "632600000001", Render: func(decide.CollectAnswer) []byte { return nil },
	}
}
