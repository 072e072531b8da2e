package network_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/network"
	"github.com/galla-pay/galla/controller/internal/payment"
)

// A refund that the network has not settled yet is asked about at 90 s, 5 min
// and 20 min, and parked at 30 min; an answer that comes then still counts.
func TestRefundIsAskedAbout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.paid("1")
		r.start(r.worker())
		r.idle()
		status := "PENDING"
		r.bank.set(func(b *bank) {
			b.answer = func(s sent) string {
				if s.root == "ReqRefund" {
					return say(s, "Status", "PENDING", "TxnID", s.fields["TxnID"])
				}
				return say(s, "Status", "00", "TxnID", "GPR", "TxnStatus", status, "Amount", "0.40", "Rrn", "632600000009")
			}
		})
		began := time.Now()
		r.refund("R", "1")
		for _, at := range append(payment.Asks(), payment.ParkAfter) { // as the sweeper does
			<-time.After(time.Until(began.Add(at)))
			do(r, decide.Attend{PaymentID: "GPR"})
		}
		if p := r.payment("R"); p.State != payment.Parked {
			t.Fatalf("it is %s", p.State)
		}
		var asked []string
		for _, s := range r.bank.of("ReqChkTxn") {
			asked = append(asked, s.at.Sub(began).Round(10*time.Second).String()+" "+s.fields["OrgTxnID"])
		}
		if got := fmt.Sprint(asked); got != "[1m30s GPR 5m0s GPR 20m0s GPR]" || len(r.bank.of("ReqRefund")) != 1 {
			t.Errorf("asked %s; sent %d", got, len(r.bank.of("ReqRefund")))
		}
		// An operator has it asked once more, by a row of his own.
		r.bank.set(func(*bank) { status = "SUCCESS" })
		r.put(decide.NetworkRequest{ID: "by-hand", Kind: decide.NetworkAsk, PaymentID: "GPR", At: time.Now()})
		r.idle()
		if p := r.payment("R"); p.State != payment.Succeeded || p.Reference != "632600000009" {
			t.Errorf("it is %s by %q", p.State, p.Reference)
		}
	})
}

// put lays rows into the outbox.
func (r *rig) put(rows ...decide.NetworkRequest) {
	r.t.Helper()
	err := r.DB.Apply(r.t.Context(), journal.NewBatchID(), decide.Needs{}, func(decide.Snapshot) (decide.Changes, error) {
		return decide.Changes{Network: rows}, nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// A refund that was settled before it could be sent, by an operator or by the
// answer to a question, is not sent.
func TestSettledRefundIsNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.paid("1")
		r.refund("R", "1")
		do(r, decide.Resolve{PaymentID: "GPR", Original: "GP1", Paid: true, Reference: "UTR1", Actor: "operator"})
		r.put(decide.NetworkRequest{ID: "ask", Kind: decide.NetworkAsk, PaymentID: "GPR", At: time.Now()})
		r.start(r.worker())
		r.idle()
		if got := r.bank.received(); len(got) != 0 || r.meter.count("REFUND unneeded") != 1 || r.meter.count("ASK unneeded") != 1 {
			t.Errorf("sent %v; results %s", got, r.meter)
		}
		if p := r.payment("R"); p.Reference != "UTR1" {
			t.Errorf("settled by %q", p.Reference)
		}
	})
}

// What a failed refund had reserved can be refunded again.
func TestFailedRefundFreesItsMoney(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.paid("1")
		r.start(r.worker())
		r.bank.set(func(b *bank) {
			b.answer = func(s sent) string {
				if s.fields["TxnID"] == "GPR1" {
					return say(s, "Status", "U30", "TxnID", "GPR1")
				}
				return ""
			}
		})
		for _, id := range []string{"R1", "R2", "R3"} {
			r.refund(id, "1")
			r.idle()
		}
		for id, want := range map[string]payment.State{"R1": payment.Failed, "R2": payment.Succeeded, "R3": payment.Succeeded} {
			if p := r.payment(id); p.State != want {
				t.Errorf("refund %s is %s, want %s", id, p.State, want)
			}
		}
		if p := r.payment("1"); p.Refunded != 80 {
			t.Errorf("%d of 100 paise are given back", p.Refunded)
		}
	})
}

// An answer that contradicts what was settled before is nobody's to decide: the
// row is given up and somebody has to look at it.
func TestContradictionIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.paid("1")
		r.start(r.worker())
		r.idle()
		r.bank.set(func(b *bank) {
			b.do = func(_ http.ResponseWriter, s sent) bool {
				if s.root == "ReqRefund" { // while it is under way, an operator settles it otherwise
					do(r, decide.Resolve{PaymentID: "GPR", Original: "GP1", Actor: "operator"})
				}
				return false
			}
		})
		r.refund("R", "1")
		r.idle()
		if p := r.payment("R"); p.State != payment.Failed || r.queue().Dead != 1 || r.meter.dead("REFUND") != 1 {
			t.Errorf("it is %s, the queue %+v", p.State, r.queue())
		}
		if !strings.Contains(r.log.String(), "level=ERROR") {
			t.Errorf("no alarm:\n%s", r.log.String())
		}
	})
}

// A refund that the network never answers is given up a day after it was made, a
// question after two hours, a reminder after five minutes and without an alarm;
// a reversal never is.
func TestHowLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			kind  decide.NetworkKind
			life  time.Duration
			ends  bool
			alarm int
		}{
			{decide.NetworkCollectRemind, 5 * time.Minute, true, 0},
			{decide.NetworkAsk, 2 * time.Hour, true, 1},
			{decide.NetworkRefund, 24 * time.Hour, true, 1},
			{decide.NetworkReversal, 90 * 24 * time.Hour, false, 0},
		} {
			r := newRig(t)
			r.paid("1")
			open := r.collect("2", func(p *payment.Payment) { p.Amount = 200 })
			stop := r.start(r.worker())
			r.refund("R", "1")
			r.idle()
			r.bank.set(func(b *bank) { b.away = true })
			// Another refund, whose own row is settled, so that only the old one below
			// is left of it.
			row := decide.NetworkRequest{ID: "old", Kind: tt.kind, PaymentID: "GPS", Amount: 40}
			switch tt.kind {
			case decide.NetworkCollectRemind:
				row.PaymentID = open.ID
			case decide.NetworkReversal:
				row.TxnKey = decide.TxnKey{OrgID: "MER101", TxnID: "BANK9"}
				row.PaymentID = "GP1"
			default:
				r.bank.set(func(b *bank) {
					b.away = false
					b.answer = func(s sent) string { return say(s, "Status", "PENDING") }
				})
				r.refund("S", "1")
				r.idle()
				r.bank.set(func(b *bank) { b.away = true })
			}
			now := time.Now()
			row.At = now.Add(2*time.Minute - tt.life)
			r.put(row)
			<-time.After(30 * time.Second)
			if r.queue().Pending != 1 {
				t.Errorf("%s: it is over %v too soon", tt.kind, 90*time.Second)
			}
			<-time.After(2 * time.Minute)
			if q := r.queue(); (q.Pending == 0) != tt.ends || q.Dead != tt.alarm || r.meter.dead(string(tt.kind)) != tt.alarm {
				t.Errorf("%s: past its time the queue is %+v", tt.kind, q)
			}
			if tt.kind == decide.NetworkRefund && (r.payment("S").State != payment.InProgress || r.payment("1").Refunded != 80) {
				t.Errorf("giving up settled the refund: it is %s", r.payment("S").State)
			}
			stop()
		}
	})
}

// A card's credit is named to the network by its RRN, and a payment by card is
// given back by it.
func TestCardMoneyGoesBackByItsRRN(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.paid("1")
		r.start(r.worker())
		r.idle()
		key := decide.TxnKey{OrgID: "CARD", TxnID: "GP1:526800112233"}
		err := r.DB.Apply(t.Context(), journal.NewBatchID(), decide.Needs{}, func(s decide.Snapshot) (decide.Changes, error) {
			return decide.Changes{
				NewCredits: []decide.Credit{{TxnKey: key, PaymentID: "GP1", Amount: 24_500, State: decide.CreditReversing, At: s.Now}},
				Network: []decide.NetworkRequest{{
					ID: "RV-CARD-GP1:526800112233", Kind: decide.NetworkReversal, PaymentID: "GP1", TxnKey: key, Amount: 24_500, At: s.Now,
				}},
			}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		r.idle()
		got := r.bank.of("ReqRefund")
		if len(got) != 1 || got[0].fields["OrgTxnID"] != "526800112233" || got[0].fields["Amount"] != "245.00" || r.credit(key).State != decide.CreditReversed {
			t.Errorf("sent %v; the credit is %+v", got, r.credit(key))
		}
		for name, id := range map[string]string{"MsgID": got[0].fields["MsgID"], "TxnID": got[0].fields["TxnID"]} {
			if strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" || len(id) > 64 {
				t.Errorf("%s is %q", name, id)
			}
		}
	})
}

// TestGaps: 1, 2, 4 s and so on up to a minute, each a fifth off at most.
func TestGaps(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]time.Duration{
		-1: time.Second, 0: time.Second, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 6: 32 * time.Second,
		7: time.Minute, 8: time.Minute, 64: time.Minute, 1 << 40: time.Minute,
	} {
		for at, share := range map[float64]float64{0: 0.8, 0.5: 1, 1: 1.2} {
			if got := network.Gap(n, at); got != time.Duration(float64(want)*share) {
				t.Errorf("gap %d at %v is %v, want %v of %v", n, at, got, share, want)
			}
		}
	}
}

// TestNew: what is missing or wrong is named.
func TestNew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, spoil := range map[string]func(*network.Config){
		"Rows":        func(c *network.Config) { c.Rows = nil },
		"OrgID":       func(c *network.Config) { c.OrgID = "" },
		"Concurrency": func(c *network.Config) { c.Concurrency = -1 },
		"Sign":        func(c *network.Config) { c.Sign = nil },
		"URL":         func(c *network.Config) { c.URL = "npci.example.in" },
		"the URL":     func(c *network.Config) { c.URL = "ftp://npci.example.in" },
		"URL must":    func(c *network.Config) { c.URL = "https://user@npci.example.in" },
		"with a path": func(c *network.Config) { c.URL = "https://npci.example.in/?a=b" },
	} {
		cfg := r.config
		spoil(&cfg)
		if _, err := network.New(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
