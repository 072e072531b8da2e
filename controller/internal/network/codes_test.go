package network_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

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

// TestEveryCode: what every answer does to a collect request, a refund, a
// reversal and a question: to the payment or credit, and to the row.
func TestEveryCode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(r.worker())
		r.idle()
		statuses := []string{"QQ"} // in no table
		for _, row := range network.Codes {
			statuses = append(statuses, row.Status)
		}
		for n, status := range statuses {
			id := fmt.Sprint(n)
			key := decide.TxnKey{OrgID: "MER101", TxnID: "LATE" + id}
			// Four payments, each with one thing to be asked of the network.
			r.bank.set(func(b *bank) { b.answer = nil })
			r.collect("paid" + id)
			r.idle()
			if a := do(r, resultOf("A"+id, "PAID"+id, "paid"+id)); a.Code != decide.CodeOK {
				t.Fatal(a.Code)
			}
			late := r.collect("late" + id)
			do(r, decide.Cancel{Key: late.Key, Actor: "pos"})
			r.idle()
			r.bank.set(func(b *bank) {
				b.answer = func(s sent) string {
					elements := []string{"Status", status}
					if s.root == "ReqRefund" && status == "00" {
						elements = append(elements, "Rrn", "632600000042")
					}
					return say(s, elements...)
				}
			})
			r.collect("new" + id)
			r.refund("back"+id, "paid"+id)
			do(r, resultOf("B"+id, key.TxnID, "late"+id))
			settled := func(kind string) bool {
				n := 0
				for _, result := range network.Results() {
					n += r.meter.count(kind + " " + result)
				}
				return n > 0
			}
			r.until("an answer to each with "+status, func() bool {
				return settled("COLLECT") && settled("REFUND") && settled("REVERSAL")
			})
			got := fmt.Sprintf("collect %s %s; refund %s %s; credit %s; dead %d",
				r.payment("new"+id).State, r.payment("new"+id).Reason, r.payment("back"+id).State, r.payment("back"+id).Reason,
				r.credit(key).State, r.meter.dead("COLLECT")+r.meter.dead("REFUND")+r.meter.dead("REVERSAL"))
			var want string
			switch network.ClassOf(status) {
			case network.Accepted:
				want = "collect created ; refund succeeded ; credit reversed; dead 0"
			case network.Pending, network.Unsettled:
				want = "collect created ; refund in_progress ; credit reversing; dead 0"
			case network.Refused:
				want = strings.ReplaceAll("collect failed UPI:XX; refund failed UPI:XX; credit suspense; dead 1", "XX", status)
			}
			if got != want {
				t.Errorf("%s:\n got %s\nwant %s", status, got, want)
			}
			left := r.payment("paid" + id).Refunded
			if network.ClassOf(status) == network.Refused && left != 0 || network.ClassOf(status) != network.Refused && left != 40 {
				t.Errorf("%s: %d of the original is given back", status, left)
			}
			// Whatever is still open is settled before the next one.
			r.bank.set(func(b *bank) { b.answer = nil })
			r.idle()
			r.meter.reset()
		}
	})
}

// TestEveryAnswerToAQuestion: what is known of a refund that is under way.
func TestEveryAnswerToAQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.sweeps()
		r.start(r.worker())
		statuses := []string{"QQ"}
		for _, row := range network.Codes {
			if row.Class != network.Accepted {
				statuses = append(statuses, row.Status)
			}
		}
		for n, status := range statuses {
			id := fmt.Sprint(n)
			r.bank.set(func(b *bank) { b.answer = nil })
			r.collect("paid" + id)
			do(r, resultOf("A"+id, "PAID"+id, "paid"+id))
			r.idle()
			r.bank.set(func(b *bank) {
				b.answer = func(s sent) string {
					if s.root == "ReqRefund" {
						return say(s, "Status", "PENDING")
					}
					return say(s, "Status", status)
				}
			})
			r.meter.reset()
			r.refund("back"+id, "paid"+id)
			r.until("a question", func() bool {
				return r.meter.count("ASK refused")+r.meter.count("ASK unsettled") > 0
			})
			if p := r.payment("back" + id); p.State != payment.InProgress {
				t.Errorf("asked, and answered %s: the refund is %s", status, p.State)
			}
			if known := r.meter.count("ASK refused") == 1; known != (status == "ZQ") {
				t.Errorf("%s: results %s", status, r.meter)
			}
			// The next question is answered.
			r.bank.set(func(b *bank) {
				b.answer = func(s sent) string {
					return say(s, "Status", "00", "TxnID", "GPback"+id, "TxnStatus", "SUCCESS", "Amount", "0.40", "Rrn", "632600000042")
				}
			})
			r.until("its end", func() bool { return r.payment("back"+id).State == payment.Succeeded })
			r.idle()
		}
	})
}

func resultOf(msgID, txnID, id string) decide.CollectResult {
	return decide.CollectResult{
		OrgID: "MER101", MsgID: msgID, TxnID: txnID, PaymentID: "GP" + id, Status: decide.CollectPaid, Amount: 100,
		Payer: "canary.payer@ybl", Reference: "632600000001", Render: func(decide.CollectAnswer) []byte { return nil },
	}
}
