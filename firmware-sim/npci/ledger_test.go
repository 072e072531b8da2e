package npci_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/protocol"
)

// The books: what each answer does to the customer's money.
func TestLedger(t *testing.T) {
	t.Parallel()
	reply := func(status, result, settled string) string {
		if result != "" {
			result = "<Result>" + result + "</Result>"
		}
		return "<RespPay><MsgID>PAY9876543210</MsgID><Status>" + status + "</Status>" + result +
			"<TxnID>TXN1234567890</TxnID><SettlementAmount>" + settled + "</SettlementAmount><Timestamp>2026-06-12T10:30:00Z</Timestamp></RespPay>"
	}
	check := func(txnStatus, amount, settled string) string {
		return "<RespChkTxn><MsgID>CHK1</MsgID><Status>00</Status><TxnID>TXN1234567890</TxnID><TxnStatus>" + txnStatus +
			"</TxnStatus><Amount>" + amount + "</Amount><SettlementAmount>" + settled + "</SettlementAmount><Ts>2026-06-12T10:30:00Z</Ts></RespChkTxn>"
	}
	const lost = ""
	for _, tt := range []struct {
		name    string
		answers []string // those to ReqPay and, as they begin with RespChkTxn, to ReqChkTxn
		state   npci.State
		settled protocol.Paise
		said    string // a contradiction
	}{
		{"paid", []string{reply("00", "", "995.00")}, npci.Paid, 99500, ""},
		{"declined", []string{reply("IP08", "", "0.00")}, npci.Returned, 0, ""},
		{"refused", []string{reply("ZE", "", "0.00")}, npci.Returned, 0, ""},
		{"failed", []string{reply("00", "FAILED", "0.00")}, npci.Returned, 0, ""},
		{"reversed", []string{reply("00", "REVERSED", "0.00")}, npci.Returned, 0, ""},
		{"timeout", []string{reply("00", "TIMEOUT", "0.00")}, npci.Unknown, 0, ""},
		{"lost", []string{lost}, npci.Unknown, 0, ""},
		{"timeout, then reversed", []string{reply("00", "TIMEOUT", "0.00"), check("REVERSED", "1000.00", "0.00")}, npci.Returned, 0, ""},
		{"lost, then paid", []string{lost, check("SUCCESS", "1000.00", "995.00")}, npci.Paid, 99500, ""},
		{"lost, then pending", []string{lost, check("PENDING", "1000.00", "0.00")}, npci.Unknown, 0, ""},
		{"lost, then failed", []string{lost, check("FAILED", "1000.00", "0.00")}, npci.Returned, 0, ""},
		{"paid, then reversed", []string{reply("00", "", "995.00"), check("REVERSED", "1000.00", "0.00")}, npci.Returned, 0, ""},
		{"paid, repetition refused", []string{reply("00", "", "995.00"), reply("ZD", "", "0.00")}, npci.Paid, 99500, ""},
		{"lost, repetition refused", []string{lost, reply("ZD", "", "0.00")}, npci.Unknown, 0, ""},
		{"paid twice", []string{reply("00", "", "995.00"), reply("00", "", "995.00")}, npci.Paid, 99500, "paid again"},
		{"declined, then paid", []string{reply("IP08", "", "0.00"), check("SUCCESS", "1000.00", "995.00")}, npci.Returned, 0, "has the money back"},
		{"paid, then failed", []string{reply("00", "", "995.00"), check("FAILED", "1000.00", "0.00")}, npci.Paid, 99500, "answered as paid"},
		{"paid, another amount checked", []string{reply("00", "", "995.00"), check("SUCCESS", "10.00", "9.95")}, npci.Paid, 99500, "debited 1000.00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			next := make(chan string, 1)
			c := controller(t, func(string, string) (int, string) {
				answer := <-next
				if answer == lost {
					panic(http.ErrAbortHandler)
				}
				return 200, answer
			})
			sent := 0
			for _, answer := range tt.answers {
				next <- answer
				if strings.HasPrefix(answer, "<RespChkTxn>") {
					if _, err := c.Check(t.Context(), npci.ReqChkTxn{MsgID: "CHK1", OrgTxnID: pay.TxnID}); err != nil {
						t.Fatal(err)
					}
					continue
				}
				sent++
				if _, err := c.Pay(t.Context(), pay); (err != nil) != (answer == lost) {
					t.Fatal(err)
				}
			}
			l := c.Ledger()
			if len(l.Entries) != 1 {
				t.Fatalf("%d entries", len(l.Entries))
			}
			e := l.Entries[0]
			if e.State != tt.state || e.Settled != tt.settled || e.Debited != 100000 || e.Sent != sent || l.Sum(tt.state) != 100000 {
				t.Errorf("the books say %+v, want %s and %d settled", e, tt.state, tt.settled)
			}
			if said := strings.Join(l.Contradictions, "; "); (tt.said == "") != (said == "") || !strings.Contains(said, tt.said) {
				t.Errorf("contradictions %q, want %q", said, tt.said)
			}
			if err := c.Return(pay.TxnID); (err == nil) != (tt.state == npci.Unknown) {
				t.Errorf("Return in %s: %v", tt.state, err)
			}
		})
	}
}

// A snapshot is a copy.
func TestLedgerIsACopy(t *testing.T) {
	t.Parallel()
	c := controller(t, func(string, string) (int, string) { return 200, prdRespPay })
	if _, err := c.Pay(t.Context(), pay); err != nil {
		t.Fatal(err)
	}
	c.Ledger().Entries[0].State = npci.Returned
	if got := c.Ledger().Entries[0].State; got != npci.Paid {
		t.Errorf("a snapshot changed the books to %s", got)
	}
}
