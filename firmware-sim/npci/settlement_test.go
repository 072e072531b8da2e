package npci_test

import (
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/firmware-sim/npci"
)

const settlementHead = "date,merchantId,merchantTransactionId,transactionId,upiTxnId,amount,fee,settlement\n"

// TestSettlementFile: a settlement file and the books, to the paisa.
func TestSettlementFile(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 6, 12, 10, 30, 0, 0, time.UTC)
	l := npci.Ledger{Entries: []npci.Entry{
		{TxnID: "A", Debited: 24500, Settled: 24378, State: npci.Paid, PaidAt: day},
		{TxnID: "B", Debited: 100, Settled: 100, State: npci.Paid, Returned: 100, PaidAt: time.Date(2026, 6, 12, 18, 29, 59, 0, time.UTC)},
		{TxnID: "C", Debited: 100, Returned: 100, State: npci.Returned, Back: npci.BackReversed, At: day},
		{TxnID: "D", Debited: 100, Settled: 100, State: npci.Paid, At: time.Date(2026, 6, 12, 18, 30, 0, 0, time.UTC)}, // the 13th, by IST
	}}
	const a, b, card = "x,M,1,GP1,A,245.00,1.22,243.78\n", "x,M,2,GP2,B,1.00,0.00,1.00\n", "x,M,3,GP3,,50.00,1.00,49.00\n"
	for _, tt := range []struct{ name, rows, want string }{
		{"all of it", a + b + card, ""},
		{"in another order", card + b + a, ""},
		{"one is missing", a, "B  row: the network's books say 1.00, the controller no row"},
		{"nothing", "", "A  row: the network's books say 245.00, the controller no row\nB  row: the network's books say 1.00, the controller no row"},
		{"twice", a + a + b, "A  row: the network's books say one payment, the controller two rows"},
		{"what was reversed", a + b + "x,M,4,GP4,C,1.00,0.00,1.00\n", "C  outcome: the network's books say returned (reversed), the controller settled 1.00"},
		{"nobody's", a + b + "x,M,4,GP4,X,1.00,0.00,1.00\n", "X  row: the network's books say nothing, the controller 1.00"},
		{"a paisa less", b + "x,M,1,GP1,A,245.00,1.23,243.77\n", "A  settlement: the network's books say 243.78, the controller 243.77"},
		{"another amount", b + "x,M,1,GP1,A,245.01,1.23,243.78\n", "A  amount: the network's books say 245.00, the controller 245.01"},
		{"a fee that does not add up", b + "x,M,1,GP1,A,245.00,1.21,243.78\n", "A  fee: the network's books say 1.22, the controller 1.21"},
	} {
		rows, err := npci.ReadSettlement(strings.NewReader(settlementHead + tt.rows))
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, d := range l.CompareSettlement(rows, func(e npci.Entry) bool { return e.On("2026-06-12") }) {
			lines = append(lines, d.String())
		}
		if got := strings.Join(lines, "\n"); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
	rows, err := npci.ReadSettlement(strings.NewReader(settlementHead + a + b))
	if found := l.CompareSettlement(rows, nil); err != nil || len(found) != 1 || found[0].TxnID != "D" {
		t.Errorf("without a day: %v %v", found, err)
	}
}

// TestSettlementRefunds: the refunds of a settlement file, and those that were
// moved.
func TestSettlementRefunds(t *testing.T) {
	t.Parallel()
	const head = "type,merchantId,merchantTransactionId,transactionId,upiTxnId,amount,fee,settlement\n"
	day := time.Date(2026, 6, 12, 10, 30, 0, 0, time.UTC)
	l := npci.NetworkLedger{
		Entries: []npci.Entry{{TxnID: "A", Debited: 24500, Settled: 24378, Returned: 24500, State: npci.Paid, PaidAt: day}},
		Refunds: []npci.RefundEntry{
			{TxnID: "GPR1", OrgTxnID: "A", Type: "REFUND", Amount: 10000, State: npci.RefundStateMoved, MovedAt: day},
			{TxnID: "GPR2", OrgTxnID: "rrn", Type: "REFUND", Amount: 14500, State: npci.RefundStateMoved, MovedAt: day},
			{TxnID: "GPR3", OrgTxnID: "A", Type: "REFUND", Amount: 1, State: npci.RefundStateFailed},
			{TxnID: "RV4", OrgTxnID: "B", Type: "REVERSAL", Amount: 1, State: npci.RefundStateMoved, MovedAt: day},
			{TxnID: "GPR5", OrgTxnID: "A", Type: "REFUND", Amount: 1, State: npci.RefundStateMoved, MovedAt: day.Add(24 * time.Hour)},
		},
	}
	const sale = "SALE,M,1,GP1,A,245.00,1.22,243.78\n"
	const r1, r2 = "REFUND,M,R1,GPR1,,-100.00,0.00,-100.00\n", "REFUND,M,R2,GPR2,'=x,-145.00,0.00,-145.00\n"
	for _, tt := range []struct{ name, rows, want string }{
		{"all of it", sale + r1 + r2, ""},
		{"one is missing", sale + r2, "GPR1  row: the network's books say -100.00, the controller no row"},
		{"twice", sale + r1 + r1 + r2, "GPR1  row: the network's books say one refund, the controller two rows"},
		{"less than it gave back", sale + r2 + "REFUND,M,R1,GPR1,,-99.99,0.00,-99.99\n", "GPR1  amount: the network's books say -100.00, the controller -99.99"},
		{"with a fee that does not add up", sale + r2 + "REFUND,M,R1,GPR1,,-100.00,0.00,-99.00\n", "GPR1  fee: the network's books say -1.00, the controller 0.00"},
		{"one that failed", sale + r1 + r2 + "REFUND,M,R3,GPR3,,-0.01,0.00,-0.01\n", "GPR3  outcome: the network's books say REFUND failed, the controller settled -0.01"},
		{"a reversal", sale + r1 + r2 + "REFUND,M,R4,RV4,,-0.01,0.00,-0.01\n", "RV4  outcome: the network's books say REVERSAL moved, the controller settled -0.01"},
		{"nobody's", sale + r1 + r2 + "REFUND,M,R9,GPR9,,-0.01,0.00,-0.01\n", "GPR9  row: the network's books say nothing, the controller -0.01"},
		{"without the sale", r1 + r2, "A  row: the network's books say 245.00, the controller no row"},
	} {
		rows, err := npci.ReadSettlement(strings.NewReader(head + tt.rows))
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, d := range l.CompareSettlement(rows, nil, func(r npci.RefundEntry) bool { return r.On("2026-06-12") }) {
			lines = append(lines, d.String())
		}
		if got := strings.Join(lines, "\n"); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// TestSettlementFilesThatAreNone: columns are found by name, and must be there;
// what is no money is an error that says where.
func TestSettlementFilesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "no header row"},
		{"a column is missing", strings.Replace(settlementHead, "upiTxnId", "utr", 1), "no column upiTxnId"},
		{"a column twice", strings.Replace(settlementHead, "date", "fee", 1), "two columns fee"},
		{"a cell is missing", settlementHead + "x,M,1,GP1,A,245.00,1.22\n", "wrong number of fields"},
		{"no money", settlementHead + "x,M,1,GP1,A,245.00,1.22,243.78\nx,M,1,GP1,B,1e3,0.00,1.00\n", "line 3: amount"},
		{"a grouped amount", settlementHead + "x,M,1,GP1,A,\"1,245.00\",1.22,243.78\n", "line 2: amount"},
	} {
		if _, err := npci.ReadSettlement(strings.NewReader(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	rows, err := npci.ReadSettlement(strings.NewReader("settlement,fee,amount,upiTxnId,transactionId,merchantTransactionId,merchantId\n-1.00,-0.01,-1.01,A,GP,T,M\n"))
	want := npci.SettlementRow{MerchantID: "M", MerchantTransactionID: "T", TransactionID: "GP", TxnID: "A", Amount: -101, Fee: -1, Settlement: -100}
	if err != nil || len(rows) != 1 || rows[0] != want {
		t.Errorf("columns in another order: %+v %v", rows, err)
	}
}
