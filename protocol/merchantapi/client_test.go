package merchantapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/galla-pay/galla/protocol/merchantapi"
	"github.com/galla-pay/galla/protocol/merchantapi/merchantapitest"
)

// direct carries requests to a handler without a network, so that tests can run
// in a bubble of their own time.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (response *http.Response, err error) {
	defer func() {
		if recover() == http.ErrAbortHandler {
			response, err = nil, errors.New("connection reset by peer")
		}
	}()
	w := httptest.NewRecorder()
	sent := r.Clone(r.Context())
	if sent.Body == nil {
		sent.Body = http.NoBody
	}
	d.ServeHTTP(w, sent)
	return w.Result(), nil
}

const prefixed = "http://galla.test/enterprise-sandbox"

func config(s http.Handler) merchantapi.Config {
	return merchantapi.Config{
		BaseURL: prefixed, MerchantID: merchantapitest.MerchantID, SaltKey: merchantapitest.SaltKey, SaltIndex: 1,
		HTTP: &http.Client{Transport: direct{s}},
	}
}

func open(t *testing.T, c merchantapi.Config) *merchantapi.Client {
	t.Helper()
	client, err := merchantapi.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func setup(t *testing.T) (*merchantapitest.Server, *merchantapi.Client) {
	t.Helper()
	s := merchantapitest.New(nil)
	return s, open(t, config(s))
}

func dqr(id string, amount int64) merchantapi.DQRSale {
	return merchantapi.DQRSale{
		StoreID: merchantapitest.StoreID, TerminalID: merchantapitest.TerminalID, TransactionID: id, OrderID: "order1",
		Amount: amount, ExpiresIn: 180,
	}
}

func edc(id string) merchantapi.EDCSale {
	return merchantapi.EDCSale{
		StoreID: merchantapitest.StoreID, TerminalID: merchantapitest.TerminalID, TransactionID: id, OrderID: "order1", Amount: 200,
		Mapping: merchantapi.OneToOne, PaymentModes: []merchantapi.PaymentMode{merchantapi.Card, merchantapi.DQR}, HandoverSeconds: 60,
	}
}

func qr(id string, amount int64) merchantapi.QRSale {
	return merchantapi.QRSale{TransactionID: id, MerchantOrderID: "order1", Amount: amount, ExpiresIn: 180, StoreID: merchantapitest.StoreID}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Every route of the contract's table, as the server saw it. The server has
// checked the signature, and refuses fields that the contract does not name.
func TestRequests(t *testing.T) {
	t.Parallel()
	type object = map[string]any
	init := object{
		"merchantId": "MERCHANTUAT", "storeId": "teststore1", "terminalId": "testterminal1", "orderId": "order1",
	}
	with := func(base object, more object) object {
		all := object{}
		for _, o := range []object{base, more} {
			for k, v := range o {
				all[k] = v
			}
		}
		return all
	}
	edcFields := with(init, object{
		"amount": 200.0, "integrationMappingType": "ONE_TO_ONE", "paymentModes": []any{"CARD", "DQR"},
		"timeAllowedForHandoverToTerminalSeconds": 60.0,
	})
	for _, row := range []struct {
		name         string
		id           string // that the request is about
		call         func(context.Context, *merchantapi.Client) (any, error)
		method, path string
		payload      object
		want         string // the answer, as %v
	}{
		{"payment init, DQR display", "T1", func(ctx context.Context, c *merchantapi.Client) (any, error) {
			return c.InitDQR(ctx, dqr("T1", 100))
		}, "POST", "/v1/payment/init",
			with(init, object{"merchantTransactionId": "T1", "amount": 100.0, "expiresIn": 180.0, "solutionType": "DQR_DEVICE"}),
			"{MERCHANTUAT T1 100  }"},
		{"payment init, EDC pushed", "T2", func(ctx context.Context, c *merchantapi.Client) (any, error) {
			return c.InitEDC(ctx, edc("T2"))
		}, "POST", "/v1/payment/init", with(edcFields, object{"merchantTransactionId": "T2", "solutionType": "EDC"}),
			"{MERCHANTUAT T2 200  }"},
		{"payment init, EDC pulled", "T3", func(ctx context.Context, c *merchantapi.Client) (any, error) {
			s := edc("T3")
			s.Mapping, s.ShortOrderID, s.TerminalID, s.AutoAccept = merchantapi.Open, "0042", "", true
			return c.InitEDC(ctx, s)
		}, "POST", "/v1/payment/init", func() object {
			o := with(edcFields, object{
				"merchantTransactionId": "T3", "solutionType": "EDC", "integrationMappingType": "OPEN", "shortOrderId": "0042", "autoAccept": true,
			})
			delete(o, "terminalId")
			return o
		}(), "{MERCHANTUAT T3 200  }"},
		{"EDC sale request, the older form", "T4", func(ctx context.Context, c *merchantapi.Client) (any, error) {
			return c.EDCSaleRequest(ctx, edc("T4"))
		}, "POST", "/v1/edc/transaction/init", with(edcFields, object{"transactionId": "T4"}), "{MERCHANTUAT T4 200  }"},
		{"unified status", "T1", func(ctx context.Context, c *merchantapi.Client) (any, error) {
			p, err := c.Status(ctx, "T1")
			return fmt.Sprint(p.TransactionID, " ", p.Status, " ", p.Amount, " ", p.Final()), err
		}, "GET", "/v1/payment/MERCHANTUAT/T1/status", nil, "T1 PENDING 100 false"},
		{"unified status by the server's id", "GPT1", func(ctx context.Context, c *merchantapi.Client) (any, error) {
			p, err := c.Status(ctx, "GPT1")
			return p.TransactionID, err
		}, "GET", "/v1/payment/MERCHANTUAT/GPT1/status", nil, "T1"},
		{"EDC status", "T2", func(ctx context.Context, c *merchantapi.Client) (any, error) {
			p, err := c.EDCStatus(ctx, "T2")
			return p.Status, err
		}, "GET", "/v1/edc/transaction/MERCHANTUAT/T2/status", nil, "PENDING"},
		{"EDC search", "T2", func(ctx context.Context, c *merchantapi.Client) (any, error) {
			found, err := c.EDCSearch(ctx, merchantapi.EDCSearch{
				TerminalID: "testterminal1", TransactionID: "T2", StartTimestamp: 1, EndTimestamp: 2, Amount: 200,
			})
			return fmt.Sprint(len(found), found[0].TransactionID), err
		}, "POST", "/v1/edc/transaction/status", object{
			"merchantId": "MERCHANTUAT", "terminalId": "testterminal1", "merchantTransactionId": "T2", "amount": 200.0,
			"startTimestamp": 1.0, "endTimestamp": 2.0,
		}, "1T2"},
		{"unified cancel", "T1", func(ctx context.Context, c *merchantapi.Client) (any, error) { return c.Cancel(ctx, "T1") },
			"PUT", "/v1/payment/MERCHANTUAT/T1/cancel", nil,
			"{SUCCESS Your request has been successfully completed. MERCHANTUAT testterminal1 T1}"},
		{"QR init", "Q1", func(ctx context.Context, c *merchantapi.Client) (any, error) {
			s := qr("Q1", 1000)
			s.GSTBreakup = &merchantapi.GSTBreakup{GST: "100", CGST: "25", GSTPercentage: "10"}
			s.InvoiceDetails = &merchantapi.InvoiceDetails{Number: "123456", Date: "2021-06-29T10:13:54.022Z", Name: "bill"}
			return c.QRInit(ctx, s)
		}, "POST", "/v3/qr/init", object{
			"merchantId": "MERCHANTUAT", "transactionId": "Q1", "merchantOrderId": "order1", "amount": 1000.0, "expiresIn": 180.0,
			"storeId": "teststore1", "gstBreakup": object{"gst": 100.0, "cgst": 25.0, "gstPercentage": 10.0},
			"invoiceDetails": object{"invoiceNumber": "123456", "invoiceDate": "2021-06-29T10:13:54.022Z", "invoiceName": "bill"},
		}, "{MERCHANTUAT Q1 1000  upi://pay?pa=merchant@upi&tr=GPQ1}"},
		{"collect", "C1", func(ctx context.Context, c *merchantapi.Client) (any, error) {
			return c.Charge(ctx, merchantapi.Collect{
				TransactionID: "C1", MerchantOrderID: "M123456789", Amount: 100, InstrumentType: merchantapi.VPA,
				InstrumentReference: "testvpa@ybl", Message: "Collect for order 4821", ExpiresIn: 180, ShortName: "Customer",
				SubMerchantID: "DemoMerchant",
			})
		}, "POST", "/v3/charge", object{
			"merchantId": "MERCHANTUAT", "transactionId": "C1", "merchantOrderId": "M123456789", "amount": 100.0, "instrumentType": "VPA",
			"instrumentReference": "testvpa@ybl", "message": "Collect for order 4821", "expiresIn": 180.0, "shortName": "Customer",
			"subMerchantId": "DemoMerchant",
		}, "{MERCHANTUAT C1 100 GPC1 }"},
		{"collect by mobile number", "C2", func(ctx context.Context, c *merchantapi.Client) (any, error) {
			return c.Charge(ctx, merchantapi.Collect{
				TransactionID: "C2", MerchantOrderID: "M2", Amount: 100, InstrumentType: merchantapi.Mobile, InstrumentReference: "9999999999",
			})
		}, "POST", "/v3/charge", object{
			"merchantId": "MERCHANTUAT", "transactionId": "C2", "merchantOrderId": "M2", "amount": 100.0, "instrumentType": "MOBILE",
			"instrumentReference": "9999999999",
		}, "{MERCHANTUAT C2 100 GPC2 }"},
		{"collect reminder", "C1", func(ctx context.Context, c *merchantapi.Client) (any, error) { return nil, c.Remind(ctx, "C1") },
			"POST", "/v3/charge/MERCHANTUAT/C1/remind", nil, "<nil>"},
		{"v3 status, pending", "C1", func(ctx context.Context, c *merchantapi.Client) (any, error) {
			tx, err := c.TransactionStatus(ctx, "C1")
			return fmt.Sprint(tx.Code, " ", tx.PaymentState, " ", tx.Final()), err
		}, "GET", "/v3/transaction/MERCHANTUAT/C1/status", nil, "PAYMENT_PENDING PENDING false"},
		{"v3 cancel", "C1", func(ctx context.Context, c *merchantapi.Client) (any, error) { return c.CancelCharge(ctx, "C1") },
			"POST", "/v3/charge/MERCHANTUAT/C1/cancel", nil,
			"{SUCCESS Your request has been successfully completed. MERCHANTUAT  C1}"},
		{"v3 status, cancelled", "C1", func(ctx context.Context, c *merchantapi.Client) (any, error) {
			tx, err := c.TransactionStatus(ctx, "C1")
			return fmt.Sprint(tx.Code, " ", tx.Final(), " ", tx.Paid()), err
		}, "GET", "/v3/transaction/MERCHANTUAT/C1/status", nil, "PAYMENT_CANCELLED true false"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, c := setup(t)
			// What the later rows are about.
			if row.method != "POST" || strings.Contains(row.path, "status") || strings.Contains(row.path, row.id) {
				must[merchantapi.Accepted](t)(c.InitDQR(t.Context(), dqr("T1", 100)))
				must[merchantapi.Accepted](t)(c.InitEDC(t.Context(), edc("T2")))
				must[merchantapi.Accepted](t)(c.Charge(t.Context(), merchantapi.Collect{
					TransactionID: "C1", MerchantOrderID: "M1", Amount: 100, InstrumentType: merchantapi.VPA, InstrumentReference: "a@b",
				}))
			}
			if row.name == "v3 status, cancelled" {
				must[merchantapi.Cancelled](t)(c.CancelCharge(t.Context(), "C1"))
			}
			got, err := row.call(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != row.want {
				t.Errorf("answer %v\nwant   %s", got, row.want)
			}
			seen := s.Requests(row.id)
			last := seen[len(seen)-1]
			if last.Method != row.method || last.Path != row.path || !last.Prefixed {
				t.Errorf("sent %s %s, prefixed %v", last.Method, last.Path, last.Prefixed)
			}
			if !reflect.DeepEqual(last.Payload, row.payload) {
				t.Errorf("payload %v\nwant    %v", last.Payload, row.payload)
			}
		})
	}
}

func TestProvider(t *testing.T) {
	t.Parallel()
	s := merchantapitest.New(nil)
	cfg := config(s)
	cfg.ProviderID, cfg.SaltKey = merchantapitest.ProviderID, merchantapitest.ProviderSaltKey
	c := open(t, cfg)
	must[merchantapi.Accepted](t)(c.InitDQR(t.Context(), dqr("T1", 100)))
	must[merchantapi.Payment](t)(c.Status(t.Context(), "T1"))
	for _, r := range s.Requests("T1") {
		if r.Provider != merchantapitest.ProviderID {
			t.Errorf("%s %s has provider %q", r.Method, r.Path, r.Provider)
		}
	}
	other, err := c.ForMerchant(merchantapitest.OtherMerchantID)
	if err != nil {
		t.Fatal(err)
	}
	var refused *merchantapi.Error
	if _, err := other.Status(t.Context(), "T1"); !errors.As(err, &refused) || refused.HTTPStatus != 401 {
		t.Errorf("a merchant that is not mapped: %v", err)
	}
}

func TestNothingIsSentThatCannotBeRight(t *testing.T) {
	t.Parallel()
	c := open(t, config(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("sent %s %s", r.Method, r.URL) })))
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"amount 0":              func() error { _, err := c.InitDQR(ctx, dqr("T1", 0)); return err },
		"negative amount":       func() error { _, err := c.QRInit(ctx, qr("T1", -1)); return err },
		"amount above 10^10":    func() error { _, err := c.InitDQR(ctx, dqr("T1", merchantapi.MaxAmount+1)); return err },
		"id that leaves a path": func() error { _, err := c.Status(ctx, "../x"); return err },
		"id with a space":       func() error { _, err := c.InitDQR(ctx, dqr("T 1", 1)); return err },
		"no id":                 func() error { return c.Remind(ctx, "") },
		"v1 id of 40":           func() error { _, err := c.InitDQR(ctx, dqr(strings.Repeat("x", 40), 1)); return err },
		"v3 id of 38":           func() error { _, err := c.QRInit(ctx, qr(strings.Repeat("x", 38), 1)); return err },
		"refund of nothing":     func() error { _, err := c.Refund(ctx, merchantapi.Refund{TransactionID: "R", Amount: 1}); return err },
		"refund of two": func() error {
			_, err := c.Refund(ctx, merchantapi.Refund{TransactionID: "R", Amount: 1, OriginalTransactionID: "a", ProviderReferenceID: "b"})
			return err
		},
		"search for nothing": func() error { _, err := c.EDCSearch(ctx, merchantapi.EDCSearch{TerminalID: "t"}); return err },
		"list of 11":         func() error { _, err := c.TransactionList(ctx, merchantapi.ListQuery{Size: 11}); return err },
		"recon backwards": func() error {
			_, err := c.ReconPage(ctx, merchantapi.ReconQuery{StartTimestamp: 2, EndTimestamp: 1})
			return err
		},
		"cancel of a slash": func() error { _, err := c.Cancel(ctx, "a/b"); return err },
	} {
		if err := call(); !errors.Is(err, merchantapi.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*merchantapi.Config){
		"no URL":           func(c *merchantapi.Config) { c.BaseURL = "" },
		"URL with a query": func(c *merchantapi.Config) { c.BaseURL += "?a=b" },
		"another scheme":   func(c *merchantapi.Config) { c.BaseURL = "ftp://x" },
		"merchant id":      func(c *merchantapi.Config) { c.MerchantID = "a/b" },
		"provider id":      func(c *merchantapi.Config) { c.ProviderID = "a b" },
		"no key":           func(c *merchantapi.Config) { c.SaltKey = "" },
		"index 0":          func(c *merchantapi.Config) { c.SaltIndex = 0 },
	} {
		cfg := config(nil)
		if change(&cfg); func() bool { _, err := merchantapi.New(cfg); return !errors.Is(err, merchantapi.ErrInvalid) }() {
			t.Errorf("New took %s", name)
		}
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	t.Parallel()
	cfg := config(nil)
	cfg.SaltKey = "very-secret"
	c, v := open(t, cfg), &merchantapi.Verifier{SaltKeys: map[int]string{1: "very-secret"}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(strings.Repeat(verb+" ", 3), cfg, c, v); strings.Contains(text, "secret") {
			t.Errorf("%s: %s", verb, text)
		}
	}
}

// A POS takes this package without anything else (the house's rule for
// protocol, held tighter).
func TestImportsTheStandardLibraryOnly(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for path := range strings.FieldsSeq(string(out)) {
		if path != "github.com/galla-pay/galla/protocol/merchantapi" && path != "github.com/galla-pay/galla/protocol/xverify" {
			t.Errorf("imports %s", path)
		}
	}
}
