package scenario

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/galla-pay/galla/firmware-sim/demo"
	"github.com/galla-pay/galla/firmware-sim/magic/wallet"
	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/firmware-sim/terminal"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/merchantapi"
)

// What must hold at every end is noticed when it does not.
func TestAgree(t *testing.T) {
	t.Parallel()
	shown := func(id string, outcome protocol.Outcome) terminal.View {
		return terminal.View{State: terminal.State{Mode: protocol.ModeResult, MerchantTransactionID: id, Result: outcome, AmountPaise: 100}}
	}
	for _, tt := range []struct {
		name    string
		status  string
		shown   []terminal.View
		paid    int // times that a customer was told so
		want    string
		unknown bool // to the controller
	}{
		{name: "paid", status: "SUCCESS", shown: []terminal.View{shown("TXN-1", protocol.OutcomeSucceeded)}, paid: 1},
		{name: "failed", status: "FAILED", shown: []terminal.View{shown("TXN-1", protocol.OutcomeFailed)}},
		{name: "PAID for a failure", status: "FAILED", shown: []terminal.View{shown("TXN-1", protocol.OutcomeSucceeded)}, want: `T1 showed P1 as paid, which is "FAILED"`},
		{name: "PAID for nothing", status: "SUCCESS", shown: []terminal.View{shown("TXN-9", protocol.OutcomeSucceeded)}, want: `T1 showed TXN-9 as paid, which is ""`},
		{name: "paid twice", status: "SUCCESS", paid: 2, want: "the customers of P1 paid 2 times"},
		{name: "paid, and failed", status: "FAILED", paid: 1, want: "a customer paid P1, which is FAILED"},
		{name: "lost", unknown: true, want: "the status of P1: INVALID_TRANSACTION_ID"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/pay") {
					answerPaid(w, r)
					return
				}
				answer := map[string]any{"success": true, "code": "SUCCESS", "data": map[string]any{
					"merchantId": merchantID, "merchantTransactionId": "TXN-1", "transactionId": "TXN-1", "amount": 100, "status": tt.status,
				}}
				if tt.unknown {
					w.WriteHeader(http.StatusBadRequest)
					answer = map[string]any{"success": false, "code": "INVALID_TRANSACTION_ID"}
				}
				_ = json.NewEncoder(w).Encode(answer)
			}))
			t.Cleanup(server.Close)
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			till, err := merchantapi.New(merchantapi.Config{BaseURL: server.URL, MerchantID: merchantID, SaltKey: saltKey, SaltIndex: 1, HTTP: client})
			if err != nil {
				t.Fatal(err)
			}
			p := &payment{name: "P1", id: "TXN-1", amount: 100}
			w := &world{
				till: till, payments: map[string]*payment{"P1": p}, ids: map[string]string{"TXN-1": "P1"}, log: slog.New(slog.DiscardHandler),
				wallet:  &wallet.Wallet{Network: &npci.Client{BaseURL: server.URL, HTTP: client}},
				catcher: demo.NewCatcher(demo.NewTimeline(io.Discard)), counters: map[string]*counter{},
			}
			c := &counter{name: "T1", seen: demo.NewSightings("T1", demo.NewTimeline(io.Discard))}
			for _, v := range tt.shown {
				c.seen.Add(v)
			}
			w.counters["T1"] = c
			for range tt.paid {
				bill := wallet.Bill{}
				bill.Link.AM, bill.Link.CU, bill.Token = 100, "INR", "token"
				if _, err := w.wallet.Pay(t.Context(), &bill, "a@upi"); err != nil {
					t.Fatal(err)
				}
				p.tries = append(p.tries, bill.TxnID)
			}
			err = w.agree(t.Context())
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("agree = %v, want %q", err, tt.want)
			}
		})
	}
}

// answerPaid answers a ReqPay as paid.
func answerPaid(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	element := func(name string) string {
		_, rest, _ := strings.Cut(string(body), "<"+name+">")
		value, _, _ := strings.Cut(rest, "<")
		return value
	}
	_, _ = io.WriteString(w, "<RespPay><MsgID>"+element("MsgID")+"</MsgID><Status>00</Status><TxnID>"+element("TxnID")+
		"</TxnID><SettlementAmount>1.00</SettlementAmount><Timestamp>2026-01-02T03:04:05Z</Timestamp></RespPay>")
}
