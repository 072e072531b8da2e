package upiapi_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/merchant"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/upiapi"
)

// onBoth runs a test on both storages.
func onBoth(t *testing.T, test func(t *testing.T, house func(testing.TB, ...func(*merchant.Data)) *doortest.House)) {
	t.Run("SQLite", func(t *testing.T) { t.Parallel(); test(t, doortest.New) })
	t.Run("PostgreSQL", func(t *testing.T) { t.Parallel(); test(t, doortest.NewPostgres) })
}

// expired is a link made elsewhere that is over.
const expired = "initiation_mode=16&pa=merchant@upi&QRts=2026-06-12T10:00:00Z&QRexpire=2026-06-12T10:30:00Z"

// TestTable61 is PRD 6.1, scenario by scenario: input, code, and what else the
// answer says.
func TestTable61(t *testing.T) {
	onBoth(t, func(t *testing.T, house func(testing.TB, ...func(*merchant.Data)) *doortest.House) {
		d := open(t, house(t), func(c *upiapi.Config) { c.Reader = failing{c.Reader} })
		d.post("validate", valQr("USED", "1000.00", "initiation_mode=16", ""))
		_, answer := d.post("validate", valQr("QUOTED", "1000.00", "initiation_mode=16", ""))
		token := field(answer, "VerToken")
		for _, tt := range []struct {
			scenario, code string
			status         int
			route, message string
		}{
			{"S1 Normal success", "00", 200, "validate", valQr("S1", "1000.00", "initiation_mode=16", "")},
			{"S2 QR expired", "PE", 200, "validate", valQr("S2", "1000.00", expired, "")},
			{"S3 Amount > 8000 INR", "X7", 200, "validate", valQr("S3", "8000.01", "initiation_mode=16", "")},
			{"S3 the boundary", "00", 200, "validate", valQr("S3b", "8000.00", "initiation_mode=16", "")},
			{"S4 Merchant validation failed", "YH", 200, "validate", valQr("S4", "1000.00", "initiation_mode=16&pa=inactive@mercury", "")},
			{"S5 Invalid token", "ZE", 200, "pay", reqPay("S5", "S5", "no-such-token", "1000.00", "customer@upi", "merchant@upi")},
			{"S6 Duplicate msg_id", "ZD", 200, "validate", valQr("USED", "1000.00", "initiation_mode=16", "")},
			{"S6 of another type of message", "ZD", 200, "pay", reqPay("USED", "S6", token, "1000.00", "customer@upi", "merchant@upi")},
			{"S7 Verification failed", "ZF", 200, "validate", strings.Replace(valQr("S7", "1000.00", "initiation_mode=16", ""), "MER101", "NOBODY", 1)},
			{"S8 QR not found", "ZQ", 200, "validate", valQr("S8", "1000.00", "initiation_mode=16&tr=GPNEVERISSUED", "")},
			{"S8 not a Dynamic QR", "ZQ", 200, "validate", valQr("S8b", "1000.00", "initiation_mode=02", "")},
			{"S9 Merchant not found", "ZR", 200, "validate", valQr("S9", "1000.00", "initiation_mode=16&pa=nobody@upi", "")},
			{"S10 System error", "96", 500, "validate", valQr("S10", "1000.00", "initiation_mode=16&tr=GPFAILS", "")},
			{"below 1.00", "BR", 400, "validate", valQr("B1", "0.99", "initiation_mode=16", "")},
			{"the least", "00", 200, "validate", valQr("B2", "1.00", "initiation_mode=16", "")},
		} {
			status, answer := d.post(tt.route, tt.message)
			if field(answer, "Status") != tt.code || status != tt.status {
				t.Errorf("%s: %d %s, want %d %s\n%s", tt.scenario, status, field(answer, "Status"), tt.status, tt.code, answer)
			}
			if got := field(answer, "VerToken") != ""; got != (tt.code == "00") {
				t.Errorf("%s: token %v\n%s", tt.scenario, got, answer)
			}
			if got := field(answer, "Message") != ""; got != (tt.code != "00") {
				t.Errorf("%s: message %v\n%s", tt.scenario, got, answer)
			}
		}
	})
}

// failing is a storage that fails for one payment: the system error of S10.
type failing struct{ upiapi.Reader }

func (f failing) PaymentByID(ctx context.Context, id string) (payment.Payment, error) {
	if id == "GPFAILS" {
		return payment.Payment{}, errors.New("the disk is on fire")
	}
	return f.Reader.PaymentByID(ctx, id)
}

func (f failing) Promises(ctx context.Context, tokens []string) (map[string]quote.Promise, error) {
	if slices.Contains(tokens, "FAILS") {
		return nil, errors.New("the disk is on fire")
	}
	return f.Reader.Promises(ctx, tokens)
}

// TestTable62 is PRD 6.2, scenario by scenario: code, amount, settlement.
func TestTable62(t *testing.T) {
	onBoth(t, func(t *testing.T, house func(testing.TB, ...func(*merchant.Data)) *doortest.House) {
		d := open(t, house(t), func(c *upiapi.Config) {
			c.Reader = failing{c.Reader}
			c.Timeout = timeout(true)
		})
		for i, tt := range []struct {
			scenario, code, settlement, amount, payee string
			message                                   string // in place of ReqPay with the quote's token
			result                                    string
		}{
			{scenario: "S1 without a fee", code: "00", amount: "1000.00", payee: "nofee@mercury", settlement: "1000.00"},
			{scenario: "S1 with the fee of 8.4", code: "00", amount: "1000.00", payee: "merchant@upi", settlement: "995.00"},
			{scenario: "S2, S3 Timeout, reversed", code: "00", amount: "1000.00", payee: "gourmet@mercury", settlement: "0.00", result: "TIMEOUT"},
			{scenario: "S4 9000 INR", code: "X7", amount: "1000.00", payee: "merchant@upi", settlement: "0.00",
				message: reqPay("S4", "TS4", "TOKEN", "9000.00", "customer@upi", "merchant@upi")},
			{scenario: "S5 5000 INR", code: "YH", amount: "5000.00", payee: "yh@mercury", settlement: "0.00"},
			{scenario: "S6 Invalid token", code: "ZE", amount: "1000.00", payee: "merchant@upi", settlement: "0.00",
				message: reqPay("S6", "TS6", "00000000-0000-4000-8000-000000000000", "1000.00", "customer@upi", "merchant@upi")},
			{scenario: "S6 amount other than quoted", code: "ZE", amount: "1000.00", payee: "merchant@upi", settlement: "0.00",
				message: reqPay("S6b", "TS6b", "TOKEN", "1000.01", "customer@upi", "merchant@upi")},
			{scenario: "S7 Duplicate", code: "ZD", amount: "1000.00", payee: "merchant@upi", settlement: "0.00",
				message: reqPay("P0", "TS7", "TOKEN", "1000.00", "customer@upi", "merchant@upi")},
			{scenario: "S7 Duplicate TxnID", code: "ZD", amount: "1000.00", payee: "merchant@upi", settlement: "0.00",
				message: reqPay("S7b", "X0", "TOKEN", "1000.00", "customer@upi", "merchant@upi")},
			{scenario: "S8 Signature failed", code: "ZF", amount: "1000.00", payee: "merchant@upi", settlement: "0.00",
				message: strings.Replace(reqPay("S8", "TS8", "TOKEN", "1000.00", "customer@upi", "merchant@upi"), "</ReqPay>",
					`<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo/></Signature></ReqPay>`, 1)},
			{scenario: "S9 Acquirer error", code: "IP05", amount: "1000.00", payee: "ip05@mercury", settlement: "0.00"},
			{scenario: "S10 System error", code: "96", amount: "1000.00", payee: "merchant@upi", settlement: "0.00",
				message: reqPay("S10", "TS10", "FAILS", "1000.00", "customer@upi", "merchant@upi")},
		} {
			n := strconv.Itoa(i)
			_, answer := d.post("validate", valQr("V"+n, tt.amount, "initiation_mode=16&pa="+tt.payee, ""))
			token := field(answer, "VerToken")
			if token == "" {
				t.Fatalf("%s: %s", tt.scenario, answer)
			}
			message := reqPay("P"+n, "X"+n, token, tt.amount, "customer@upi", tt.payee)
			if tt.message != "" {
				message = strings.Replace(tt.message, "TOKEN", token, 1)
			}
			_, answer = d.post("pay", message)
			if field(answer, "Status") != tt.code || field(answer, "SettlementAmount") != tt.settlement || field(answer, "Result") != tt.result {
				t.Errorf("%s: want %s settling %s %s\n%s", tt.scenario, tt.code, tt.settlement, tt.result, answer)
			}
		}
		if got := d.checked("S3", "X2"); field(got, "TxnStatus") != "REVERSED" || field(got, "SettlementAmount") != "0.00" {
			t.Errorf("S3 Reversal: %s", got)
		}
		if got := d.checked("S1", "X1"); field(got, "TxnStatus") != "SUCCESS" || field(got, "SettlementAmount") != "995.00" || len(field(got, "Rrn")) != 12 {
			t.Errorf("S1 asked for again: %s", got)
		}
		if got := d.checked("S9", "X10"); field(got, "TxnStatus") != "FAILED" {
			t.Errorf("S9 asked for again: %s", got)
		}
		if got := d.checked("unknown", "nobody's"); field(got, "Status") != "BR" {
			t.Errorf("a TxnID that is none: %s", got)
		}
		if got := d.checked("unknown2", "NOBODYS"); field(got, "Status") != "ZQ" || field(got, "TxnStatus") != "" {
			t.Errorf("an unknown TxnID: %s", got)
		}
		if got := d.checked("unknown2", "X1"); field(got, "Status") != "ZD" || field(got, "TxnStatus") != "" {
			t.Errorf("a MsgID twice: %s", got)
		}
	})
}

func (d *door) checked(msgID, txnID string) string {
	_, answer := d.post("check", fmt.Sprintf(`<ReqChkTxn><MsgID>C-%s</MsgID><Ts>2026-06-12T10:30:00Z</Ts><OrgID>MER101</OrgID><OrgTxnID>%s</OrgTxnID></ReqChkTxn>`, msgID, txnID))
	return answer
}

// TestOneTokenAThousandPayments: of 1,000 ReqPays with one token at once exactly
// one wins; the others are told ZD (PRD 5.2 step 8, 11).
func TestOneTokenAThousandPayments(t *testing.T) {
	onBoth(t, func(t *testing.T, house func(testing.TB, ...func(*merchant.Data)) *doortest.House) {
		d := open(t, house(t), func(*upiapi.Config) {})
		link := d.sale("1")
		_, answer := d.post("validate", valQr("V1", "245.00", link, ""))
		token := field(answer, "VerToken")
		const payers = 1000
		answers := make([]string, payers)
		var wg sync.WaitGroup
		for i := range payers {
			wg.Go(func() {
				n := strconv.Itoa(i)
				for field(answers[i], "Status") == "" || field(answers[i], "Status") == "96" { // a full queue says so, and to come again
					_, answers[i] = d.post("pay", reqPay("P"+n, "X"+n, token, "245.00", "customer@upi", "merchant@upi"))
				}
			})
		}
		wg.Wait()
		codes := map[string]int{}
		for _, a := range answers {
			codes[field(a, "Status")]++
		}
		if codes["00"] != 1 || codes["ZD"] != payers-1 {
			t.Errorf("answers %v", codes)
		}
		p, err := d.Storage.PaymentByID(t.Context(), "GP1")
		if err != nil || p.State != payment.Succeeded || p.Settlement != 24377 {
			t.Errorf("%+v %v", p, err)
		}
		events, err := d.Storage.Events(t.Context(), "GP1")
		if err != nil {
			t.Fatal(err)
		}
		if state, err := payment.VerifyChain(events); err != nil || state != payment.Succeeded || len(events) != 3 {
			t.Errorf("%d events, %s, %v", len(events), state, err)
		}
	})
}

// TestSteps: every step of PRD 5.1, 5.2 and 5.3 is a comment in the door or in
// the decisions, once.
func TestSteps(t *testing.T) {
	step := regexp.MustCompile(`// PRD (5\.[123]) step (\d+): \S`)
	found := map[string][]int{}
	for _, dir := range []string{".", "../decide", "../assess"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range step.FindAllStringSubmatch(string(text), -1) {
				n, _ := strconv.Atoi(m[2])
				found[m[1]] = append(found[m[1]], n)
			}
		}
	}
	for section, steps := range map[string]int{"5.1": 22, "5.2": 19, "5.3": 5} {
		got := found[section]
		slices.Sort(got)
		for n := 1; n <= steps; n++ {
			if c := count(got, n); c != 1 {
				t.Errorf("PRD %s step %d is there %d times", section, n, c)
			}
		}
		if len(got) > steps {
			t.Errorf("PRD %s has %d steps, there are %v", section, steps, got)
		}
	}
}

func count(in []int, n int) (times int) {
	for _, v := range in {
		if v == n {
			times++
		}
	}
	return times
}

// timeout is the sandbox's, a moment long.
func timeout(booked bool) upiapi.Timeout {
	return upiapi.Timeout{
		Payee: "gourmet@mercury", After: moment,
		End: func(h decide.Hold) decide.TimedOut { return decide.TimedOut{Hold: h, Reverse: true, Booked: booked} },
	}
}
