package settlement

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol"
)

// TestDay: a day is India's, whatever the machine knows of time zones.
func TestDay(t *testing.T) {
	d, err := ParseDay("2026-11-21")
	if err != nil {
		t.Fatal(err)
	}
	if !d.Begins().Equal(time.Date(2026, 11, 20, 18, 30, 0, 0, time.UTC)) || !d.Ends().Equal(time.Date(2026, 11, 21, 18, 30, 0, 0, time.UTC)) {
		t.Errorf("it is from %v to %v", d.Begins(), d.Ends())
	}
	if d.String() != "2026-11-21" {
		t.Errorf("it is called %s", d)
	}
	for _, text := range []string{"", "2026-11-31", "2026-02-29", "21.11.2026", "2026-11-21T00:00:00Z", "2026-1-1", "today", "2026-11-21 "} {
		if d, err := ParseDay(text); !errors.Is(err, ErrDate) {
			t.Errorf("%q is %s, %v", text, d, err)
		}
	}
}

// sold is a payment of 1000.00 rupees, of which the merchant gets 995.00.
func sold() payment.Payment {
	return payment.Payment{
		ID: "pay1", Key: payment.Key{MerchantID: "SHOP1", TransactionID: "order-7"}, StoreID: "STORE1", TerminalID: "T1", OrderID: "bill 7",
		Amount: 100_000, Settlement: 99_500, Solution: payment.DQRDevice, Instrument: protocol.PayDQR, State: payment.Succeeded,
		Payee: "shop1@upi", Reference: "426712345678", UPITxnID: "TXN1234567890",
		EndedAt: time.Date(2026, 11, 21, 18, 29, 59, 999_999_000, time.UTC),
	}
}

// TestLine: what a line of each kind says.
func TestLine(t *testing.T) {
	refund := sold()
	refund.Solution, refund.Amount, refund.Settlement, refund.TerminalID, refund.Instrument = payment.Refund, 25_050, 25_050, "", ""
	card := sold()
	card.Solution, card.Instrument, card.Settlement, card.TerminalID, card.ContextTerminal = payment.EDC, protocol.PayCard, 100_000, "", "T9"
	foreign := sold()
	foreign.Solution, foreign.StoreID, foreign.TerminalID, foreign.Instrument, foreign.Settlement = payment.ForeignQR, "", "", "", 0
	for want, p := range map[string]payment.Payment{
		"SHOP1,STORE1,T1,SALE,order-7,pay1,bill 7,TXN1234567890,426712345678,DQR,shop1@upi,5411,1000.00,5.00,995.00,2026-11-21T23:59:59+05:30":   sold(),
		"SHOP1,STORE1,,REFUND,order-7,pay1,bill 7,TXN1234567890,426712345678,DQR,shop1@upi,5411,-250.50,0.00,-250.50,2026-11-21T23:59:59+05:30":  refund,
		"SHOP1,STORE1,T9,SALE,order-7,pay1,bill 7,TXN1234567890,426712345678,CARD,shop1@upi,5411,1000.00,0.00,1000.00,2026-11-21T23:59:59+05:30": card,
		"SHOP1,,,SALE,order-7,pay1,bill 7,TXN1234567890,426712345678,DQR,shop1@upi,5411,1000.00,1000.00,0.00,2026-11-21T23:59:59+05:30":          foreign,
	} {
		fields := LineOf(p, "5411").Fields()
		if got := strings.Join(fields, ","); got != want || len(fields) != len(Header()) {
			t.Errorf("it says\n  %s, want\n  %s", got, want)
		}
	}
}

// TestSafe: no text that somebody else chose is a formula, and each can be had
// back.
func TestSafe(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "order 7": "order 7", "a=b": "a=b", `=HYPERLINK("http://x","y")`: `'=HYPERLINK("http://x","y")`,
		"+1": "'+1", "-7": "'-7", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1", "＝1": "'＝1", "'=1": "''=1", "'": "''",
	} {
		if got := safe(text); got != want {
			t.Errorf("%q is written %q, want %q", text, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching("[-=+@'\t ]{1,3}.*")).Draw(t, "text")
		got := safe(text)
		if strings.IndexAny(got, "=+-@\t\r\n＝＋－＠") == 0 || strings.TrimPrefix(got, "'") != text {
			t.Fatalf("%q is written %q", text, got)
		}
	})
	// And it is what stands in the line, in every column that is a text.
	p := sold()
	p.StoreID, p.TerminalID, p.OrderID, p.UPITxnID, p.Reference, p.Payee = "-s", "-t", "=1+1", "+t", "@r", "-p@upi"
	p.MerchantID, p.TransactionID, p.ID = "-m", "-k", "-id"
	for i, field := range LineOf(p, "=mcc").Fields()[:12] {
		if name := Header()[i]; name != "type" && name != "instrument" && !strings.HasPrefix(field, "'") {
			t.Errorf("%s is written %s", name, field)
		}
	}
}

func day(t *testing.T) Day {
	t.Helper()
	d, err := ParseDay("2026-11-21")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mcc(string) string { return "5411" }

// names are the names of the files of a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func of(merchantID, id string) payment.Payment {
	p := sold()
	p.MerchantID, p.ID = merchantID, id
	return p
}

// TestFiles: a file for each merchant, whole and under its name only in the end,
// readable by its owner alone, over what stood there before.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "settlement-SHOP1-2026-11-21.csv")
	if err := os.WriteFile(old, []byte("of a run before"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := NewFiles(dir, day(t), false, mcc)
	refund := of("SHOP2", "b")
	refund.Solution, refund.Amount = payment.Refund, 2_000
	for _, p := range []payment.Payment{of("SHOP1", "a"), of("SHOP1", "c"), refund} {
		if err := w.Payment(p); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(old); err != nil || string(text) != "of a run before" || slices.Contains(names(t, dir), "settlement-SHOP2-2026-11-21.csv") {
		t.Errorf("before the end there are %v, %q", names(t, dir), text)
	}
	sums, err := w.Commit()
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	want := []Sum{
		{MerchantID: "SHOP1", File: old, Sales: 2, Amount: 200_000, Fee: 1_000, Settlement: 199_000},
		{MerchantID: "SHOP2", File: filepath.Join(dir, "settlement-SHOP2-2026-11-21.csv"), Refunds: 1, Amount: -2_000, Settlement: -2_000},
	}
	if !slices.Equal(sums, want) {
		t.Errorf("they come to\n  %+v, want\n  %+v", sums, want)
	}
	if got := names(t, dir); len(got) != 2 {
		t.Errorf("there are %v", got)
	}
	for i, lines := range []int{3, 2} {
		f, err := os.Open(want[i].File)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil || len(rows) != lines || !slices.Equal(rows[0], Header()) {
			t.Errorf("%s has %v, %v", want[i].File, rows, err)
		}
		if info, err := f.Stat(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v, %v", want[i].File, info.Mode(), err)
		}
		_ = f.Close()
	}
}

// TestFilesGivenUp: where something fails there is nothing new, and what was there
// stays.
func TestFilesGivenUp(t *testing.T) {
	dir := t.TempDir()
	w := NewFiles(dir, day(t), true, mcc)
	for _, p := range []payment.Payment{of("SHOP1", "a"), of("SHOP2", "b")} {
		if err := w.Payment(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Payment(of("../SHOP3", "c")); err == nil || !strings.Contains(err.Error(), "../SHOP3") {
		t.Errorf("a merchant that is a path: %v", err)
	}
	if err := w.Close(); err != nil || len(names(t, dir)) != 0 {
		t.Errorf("it left %v, %v", names(t, dir), err)
	}
	if err := NewFiles(filepath.Join(dir, "none"), day(t), false, mcc).Merchant("SHOP1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
	large := of("SHOP1", "a")
	large.Amount, large.Settlement = math.MaxInt64, math.MaxInt64
	w = NewFiles(dir, day(t), true, mcc)
	if err := errors.Join(w.Payment(large), w.Payment(large)); !errors.Is(err, protocol.ErrPaiseOverflow) {
		t.Errorf("more than there is money: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// TestPartial: the file of a day that is not over has a name of its own, and one
// without payments is there where it was asked for.
func TestPartial(t *testing.T) {
	dir := t.TempDir()
	w := NewFiles(dir, day(t), true, mcc)
	if err := w.Merchant("SHOP1"); err != nil {
		t.Fatal(err)
	}
	sums, err := w.Commit()
	if err != nil || w.Close() != nil || len(sums) != 1 || sums[0] != (Sum{MerchantID: "SHOP1", File: filepath.Join(dir, "settlement-SHOP1-2026-11-21.partial.csv")}) {
		t.Errorf("%+v, %v", sums, err)
	}
	text, err := os.ReadFile(sums[0].File)
	if err != nil || string(text) != strings.Join(Header(), ",")+"\n" {
		t.Errorf("it says %q, %v", text, err)
	}
}

// TestStream: all merchants in one place, under one header; the sums are the same.
func TestStream(t *testing.T) {
	var out bytes.Buffer
	w, err := NewStream(&out, day(t), mcc)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []payment.Payment{of("SHOP1", "a"), of("SHOP2", "b"), of("SHOP2", "c")} {
		if err := w.Payment(p); err != nil {
			t.Fatal(err)
		}
	}
	sums, err := w.Commit()
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 4 || rows[3][0] != "SHOP2" {
		t.Errorf("%v, %v", rows, err)
	}
	total, err := Total(sums)
	if err != nil || total != (Sum{Sales: 3, Amount: 300_000, Fee: 1_500, Settlement: 298_500}) {
		t.Errorf("all come to %+v, %v", total, err)
	}
	if _, err := Total([]Sum{{Fee: math.MaxInt64}, {Fee: 1}}); !errors.Is(err, protocol.ErrPaiseOverflow) {
		t.Errorf("more than there is money: %v", err)
	}
}
