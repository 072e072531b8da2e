package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/xverify"
)

const (
	chargePath = "/v3/charge"
	refundPath = "/v3/credit/backToSource"
)

// npciCommand: npci start [flag...] | stop runs the UPI network's side.
func npciCommand(ts *testscript.TestScript, neg bool, args []string) {
	h := of(ts)
	switch {
	case len(args) > 0 && args[0] == "start" && !neg:
		flags := append([]string{"npci", "--listen", h.network, "--controller", h.url(), "-v"}, args[1:]...)
		var err error
		h.npci, err = start(filepath.Join(binaries, "galla-sim"), flags...)
		ts.Check(err)
		until(ts, h.npci, "npci ready", func(ctx context.Context) (string, bool) {
			status, body := get(ctx, h.networkURL()+"/ledger")
			return body, status == http.StatusOK
		})
	case len(args) == 1 && args[0] == "stop" && !neg:
		ts.Check(h.npci.stop(syscall.SIGTERM))
	default:
		ts.Fatalf("usage: npci start [flag...] | stop")
	}
}

func (h *house) networkURL() string { return "http://" + h.network }

// ledger reads the network's books; what contradicts itself there ends the
// session.
func (h *house) ledger(ctx context.Context, ts *testscript.TestScript) (npci.NetworkLedger, string) {
	var books npci.NetworkLedger
	_, body := get(ctx, h.networkURL()+"/ledger")
	if err := json.Unmarshal([]byte(body), &books); err != nil {
		return npci.NetworkLedger{}, body
	}
	if len(books.Contradictions) > 0 {
		ts.Fatalf("the network says: %v", books.Contradictions)
	}
	return books, body
}

// booksCommand: books REGEXP waits until a line of the network's books is so. A
// collect request's line is
//
//	collect PAYER RUPEES STATE sent=N reminders=N debited=RUPEES returned=RUPEES
//
// and that of money which goes back is
//
//	refund TYPE RUPEES STATE sent=N
func booksCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: books REGEXP")
	}
	h := of(ts)
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	until(ts, h.npci, "the network's books say "+args[0], func(ctx context.Context) (string, bool) {
		books, body := h.ledger(ctx, ts)
		var lines []string
		for _, c := range books.Collects {
			lines = append(lines, fmt.Sprintf("collect %s %s %s sent=%d reminders=%d debited=%s returned=%s",
				c.Payer, c.Amount.Rupees(), c.State, c.Sent, c.Reminders, c.Debited.Rupees(), c.Returned.Rupees()))
		}
		for _, r := range books.Refunds {
			lines = append(lines, fmt.Sprintf("refund %s %s %s sent=%d", r.Type, r.Amount.Rupees(), r.State, r.Sent))
		}
		text := strings.Join(lines, "\n")
		return text + "\n" + body, re.MatchString(text)
	})
}

// collectCommand: collect ID RUPEES VPA [field=value...] asks a customer for
// money in their own UPI app.
func collectCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: collect ID RUPEES VPA [field=value...]")
	}
	amount, err := protocol.ParseRupees(args[1])
	ts.Check(err)
	r := request{by: merchant(merchantID), code: "SUCCESS", payload: map[string]any{
		"merchantId": merchantID, "transactionId": args[0], "merchantOrderId": "order1", "amount": amount,
		"instrumentType": "VPA", "instrumentReference": args[2], "expiresIn": 180,
	}}
	r.read(ts, args[3:])
	r.send(ts, of(ts), chargePath)
}

// chargeCommand: charge remind|cancel ID [CODE] reminds the customer of a collect
// request, or takes it back, and wants the code, or SUCCESS.
func chargeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: charge remind|cancel ID [CODE]")
	}
	path := chargePath + "/" + merchantID + "/" + args[1] + "/" + args[0]
	demand(ts, path, of(ts).signed(context.Background(), http.MethodPost, path, "", "{}", merchant(merchantID)), codeOr(args[2:]))
}

// codeOr is the code that was named, or SUCCESS.
func codeOr(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return "SUCCESS"
}

// refundCommand: refund ID RUPEES field=value... gives money back:
// originalTransactionId or providerReferenceId says of which payment. The answer
// must be PAYMENT_PENDING, or with reason=, PAYMENT_ERROR for that reason.
func refundCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: refund ID RUPEES field=value...")
	}
	amount, err := protocol.ParseRupees(args[1])
	ts.Check(err)
	r := request{by: merchant(merchantID), code: "PAYMENT_PENDING", payload: map[string]any{
		"merchantId": merchantID, "transactionId": args[0], "amount": amount,
	}}
	r.read(ts, args[2:])
	reason, refused := r.payload["reason"]
	delete(r.payload, "reason")
	if refused {
		r.code = "PAYMENT_ERROR"
	}
	a := r.send(ts, of(ts), refundPath)
	if refused && !strings.Contains(a.body, fmt.Sprintf("%q", reason)) {
		ts.Fatalf("refund %s: %s, want %s", args[0], a.body, reason)
	}
}

// refundsCommand: refunds PREFIX RUPEES ORIGINAL TIMES TAKEN asks for TIMES equal
// refunds of a payment at once. Exactly TAKEN are taken; the first of them is put
// into the variable REFUND.
func refundsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 {
		ts.Fatalf("usage: refunds PREFIX RUPEES ORIGINAL TIMES TAKEN")
	}
	h := of(ts)
	amount, err := protocol.ParseRupees(args[1])
	ts.Check(err)
	answers := make([]answer, count(ts, args[3]))
	var all sync.WaitGroup
	for n := range answers {
		body, err := json.Marshal(map[string]any{
			"merchantId": merchantID, "transactionId": fmt.Sprint(args[0], n), "amount": amount, "originalTransactionId": args[2],
		})
		ts.Check(err)
		encoded := xverify.EncodeBody(body)
		all.Go(func() {
			answers[n] = h.signed(context.Background(), http.MethodPost, refundPath, encoded, `{"request":"`+encoded+`"}`, merchant(merchantID))
		})
	}
	all.Wait()
	taken := 0
	for n, a := range answers {
		switch {
		case a.code == "PAYMENT_PENDING":
			if taken++; taken == 1 {
				ts.Setenv("REFUND", fmt.Sprint(args[0], n))
			}
		case a.code != "PAYMENT_ERROR" || !strings.Contains(a.body, "EXCESS_REFUND_AMOUNT"):
			ts.Fatalf("refund %s%d: %d %s", args[0], n, a.status, a.body)
		}
	}
	if want := count(ts, args[4]); taken != want {
		ts.Fatalf("%d of %d refunds were taken, want %d: %v", taken, len(answers), want, answers)
	}
}

// status3Command: status3 ID CODE [REASON] [ours=VAR] waits until v3's status
// says so; our id of the payment can be put into a variable.
func status3Command(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status3 ID CODE [REASON] [ours=VAR]")
	}
	h := of(ts)
	path := "/v3/transaction/" + merchantID + "/" + args[0] + "/status"
	until(ts, h.controller, "status3 "+strings.Join(args, " "), func(ctx context.Context) (string, bool) {
		a := h.signed(ctx, http.MethodGet, path, "", "", merchant(merchantID))
		var got struct {
			Data struct{ ProviderReferenceID, PayResponseCode string }
		}
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.code != args[1] {
			return a.body, false
		}
		for _, condition := range args[2:] {
			if name, named := strings.CutPrefix(condition, "ours="); named {
				ts.Setenv(name, got.Data.ProviderReferenceID)
			} else if got.Data.PayResponseCode != condition {
				return a.body, false
			}
		}
		return a.body, true
	})
}
