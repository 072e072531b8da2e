package phone_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/galla-pay/galla/firmware-sim/npci"
	"github.com/galla-pay/galla/firmware-sim/phone"
)

func TestPay(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	opts := c.open()
	var out bytes.Buffer
	opts.Out = &out
	got, err := phone.Pay(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Accepted || !got.OK() || got.AmountPaise != 24500 || got.Payee != "merchant@upi" || got.PayeeName != "Sharma & Sons" ||
		got.Tr != "GL7Q201" || got.ValidateStatus != "00" || got.PayStatus != "00" || got.SettlementPaise != 24377 || got.SecondStatus != "" {
		t.Errorf("%+v", got)
	}
	if len(c.messages) != 2 || !strings.Contains(c.messages[1], "<PayerAddr>customer@upi</PayerAddr>") ||
		!strings.Contains(c.messages[1], "<TxnID>"+got.TxnID+"</TxnID>") {
		t.Errorf("sent\n%s", strings.Join(c.messages, "\n"))
	}
	var names []string
	for _, s := range got.Steps {
		names = append(names, s.Name)
		if !strings.Contains(out.String(), s.String()+"\n") {
			t.Errorf("not printed: %s", s)
		}
	}
	if steps := strings.Join(names, " "); steps != "look scan ReqValQr RespValQr ReqPay RespPay" {
		t.Errorf("steps %s", steps)
	}
	for _, said := range []string{"₹245.00 to Sharma & Sons (merchant@upi), reference GL7Q201", "the merchant gets ₹243.77"} {
		if !strings.Contains(out.String(), said) {
			t.Errorf("%q is not in\n%s", said, out.String())
		}
	}
}

func TestWhatTheCustomerCanDo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		opts     func(*phone.Options)
		shop     func(*counter)
		want     phone.Result // Accepted, the statuses, RefusedSecond
		ok       bool
		messages int
	}{
		{"declines", func(o *phone.Options) { o.Decline = true }, nil,
			phone.Result{ValidateStatus: "00", PayStatus: "IP08"}, false, 2},
		{"only asks", func(o *phone.Options) { o.ValidateOnly = true }, nil,
			phone.Result{ValidateStatus: "00"}, true, 1},
		{"only asks, in vain", func(o *phone.Options) { o.ValidateOnly, o.Amount = true, 100 }, nil,
			phone.Result{ValidateStatus: "ZQ"}, false, 1},
		{"pays twice", func(o *phone.Options) { o.Twice = true }, nil,
			phone.Result{Accepted: true, ValidateStatus: "00", PayStatus: "00", RefusedSecond: true, SecondStatus: "ZD"}, true, 3},
		{"pays twice at a broken controller", func(o *phone.Options) { o.Twice = true }, func(c *counter) { c.acceptAll = true },
			phone.Result{Accepted: true, ValidateStatus: "00", PayStatus: "00", SecondStatus: "00"}, false, 4},
		{"declines twice", func(o *phone.Options) { o.Twice, o.Decline = true, true }, nil,
			phone.Result{ValidateStatus: "00", PayStatus: "IP08"}, false, 2},
		{"says another amount", func(o *phone.Options) { o.Amount = 100 }, nil,
			phone.Result{ValidateStatus: "ZQ"}, false, 1},
		{"says another amount when it pays", func(o *phone.Options) { o.PayAmount = 100 }, nil,
			phone.Result{ValidateStatus: "00", PayStatus: "ZE"}, false, 2},
		{"alters the link", func(o *phone.Options) {
			o.Alter = func(link string) string { return strings.Replace(link, "am=245.00", "am=2.45", 1) }
		}, nil, phone.Result{ValidateStatus: "ZF"}, false, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			if tt.shop != nil {
				tt.shop(c)
			}
			opts := c.open()
			tt.opts(&opts)
			got, err := phone.Pay(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			if got.Accepted != tt.want.Accepted || got.ValidateStatus != tt.want.ValidateStatus || got.PayStatus != tt.want.PayStatus ||
				got.RefusedSecond != tt.want.RefusedSecond || got.SecondStatus != tt.want.SecondStatus || got.OK() != tt.ok {
				t.Errorf("%+v\nwant %+v, OK %t", got, tt.want, tt.ok)
			}
			if len(c.messages) != tt.messages {
				t.Errorf("%d messages, want %d:\n%s", len(c.messages), tt.messages, strings.Join(c.messages, "\n"))
			}
		})
	}
}

// QRs that are UPI links but nothing to pay.
func TestQRThatCannotBePaid(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, why string }{
		{"two payees", "upi://pay?pa=merchant@upi&pa=thief@upi&am=1.00", "repeats a key"},
		{"no payee", "upi://pay?am=1.00", "pa is missing"},
		{"no amount", "upi://pay?pa=merchant@upi", "names no amount"},
		{"another link", "upi://mandate?pa=merchant@upi", "does not begin with"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			c.show(tt.text)
			got, err := phone.Pay(t.Context(), c.open())
			if err == nil || !strings.Contains(err.Error(), "the QR cannot be paid") || !strings.Contains(err.Error(), tt.why) {
				t.Fatalf("%v; want %q", err, tt.why)
			}
			if got.OK() || len(c.messages) > 0 {
				t.Errorf("%+v; sent %q", got, c.messages)
			}
		})
	}
}

// A lost answer is an error: nobody knows whether it was paid.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.silent = true
	opts := c.open()
	opts.Network = &npci.Client{BaseURL: opts.UPIURL}
	got, err := phone.Pay(t.Context(), opts)
	if !errors.Is(err, npci.ErrNoAnswer) || got.OK() || got.TxnID == "" {
		t.Fatalf("%+v, %v; want ErrNoAnswer and the TxnID", got, err)
	}
	if l := opts.Network.Ledger(); l.Sum(npci.Unknown) != 24500 {
		t.Errorf("the network's books say %+v", l)
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.show("")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := phone.Pay(ctx, c.open()); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want context.Canceled", err)
	}
}

// The object that galla-sim prints with --json.
func TestResultAsJSON(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(phone.Result{
		Accepted: true, AmountPaise: 24500, Payee: "merchant@upi", PayeeName: "Sharma & Sons", Tr: "GL7Q201", Link: "upi://pay?x",
		ValidateStatus: "00", PayStatus: "00", TxnID: "TXN1", SettlementPaise: 24377,
		Steps: []phone.Step{{AtMs: 12, Name: "scan", Text: "seen"}},
	})
	want := `{"accepted":true,"amountPaise":24500,"payee":"merchant@upi","payeeName":"Sharma \u0026 Sons","tr":"GL7Q201",` +
		`"link":"upi://pay?x","validateStatus":"00","payStatus":"00","txnId":"TXN1","settlementPaise":24377,` +
		`"refusedSecond":false,"validateOnly":false,"twice":false,"steps":[{"atMs":12,"name":"scan","text":"seen"}]}`
	if err != nil || string(text) != want {
		t.Errorf("%v\n got %s\nwant %s", err, text, want)
	}
}
