package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/xverify"
)

const (
	merchantID = "MERCHANTUAT"
	saltKey    = "sandbox-merchant-key"
	initPath   = "/v1/payment/init"
)

// signer is who signs a request: the merchant, or a provider for it.
type signer struct {
	provider string // "": the merchant itself
	secret   string
	index    int
}

// sandboxKeys are the salt keys of the sandbox, each with index 1.
var sandboxKeys = map[string]string{
	merchantID: saltKey, "COGWAVEOFFLINE": saltKey, "MERCHANTTWO": "sandbox-second-key",
	"MERCHANTPROVIDER": "sandbox-provider-key", "SECONDPROVIDER": "sandbox-second-provider-key",
}

func merchant(id string) signer { return signer{secret: sandboxKeys[id], index: 1} }

// request is a POS's request that is yet to be sent: what it asks for, who
// signs it, and the code that it must be answered with.
type request struct {
	payload map[string]any
	by      signer
	code    string
}

// read takes field=value arguments: code is what must be answered, provider,
// salt and index are who signs, the rest is payload. Values are sent as texts,
// as real clients send them, but for paymentModes, a list with commas.
func (r *request) read(ts *testscript.TestScript, args []string) {
	salt := ""
	for _, arg := range args {
		key, value, found := strings.Cut(arg, "=")
		if !found {
			ts.Fatalf("%s: want field=value", arg)
		}
		switch key {
		case "code":
			r.code = value
		case "provider":
			r.by.provider, r.by.secret = value, sandboxKeys[value]
		case "salt":
			salt = value
		case "index":
			r.by.index = count(ts, value)
		case "paymentModes":
			r.payload[key] = strings.Split(value, ",")
		default:
			r.payload[key] = value
		}
	}
	if id, _ := r.payload["merchantId"].(string); id != merchantID && r.by.provider == "" {
		r.by.secret = sandboxKeys[id]
	}
	if salt != "" {
		r.by.secret = salt
	}
}

// send posts the request and demands its code.
func (r *request) send(ts *testscript.TestScript, h *house, path string) answer {
	body, err := json.Marshal(r.payload)
	ts.Check(err)
	id, _ := r.payload["merchantTransactionId"].(string)
	if id == "" {
		id, _ = r.payload["transactionId"].(string)
	}
	if r.code == "SUCCESS" || r.code == "PAYMENT_PENDING" {
		h.catcher.expect(id, r.by)
	}
	encoded := xverify.EncodeBody(body)
	a := h.signed(context.Background(), http.MethodPost, path, encoded, `{"request":"`+encoded+`"}`, r.by)
	demand(ts, path+" of "+id, a, r.code)
	if amount, is := r.payload["amount"].(protocol.Paise); is && path == initPath && r.code == "SUCCESS" {
		h.asked = append(h.asked, asked{id, amount})
	}
	return a
}

// answer is what the API answered.
type answer struct {
	status int
	code   string
	body   string
}

// signed sends a request with its X-VERIFY: encoded is what it signs beside the
// path. A controller that is busy, 503, has changed nothing, and is asked again.
func (h *house) signed(ctx context.Context, method, path, encoded, body string, by signer) answer {
	return h.signedAt(ctx, h.url(), method, path, encoded, body, by)
}

func (h *house) signedAt(ctx context.Context, base, method, path, encoded, body string, by signer) answer {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		a := h.once(ctx, base, method, path, encoded, body, by)
		if a.status != http.StatusServiceUnavailable {
			return a
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return a
		}
	}
}

func (h *house) once(ctx context.Context, base, method, path, encoded, body string, by signer) answer {
	r, err := http.NewRequestWithContext(ctx, method, base+path, strings.NewReader(body))
	if err != nil {
		return answer{body: err.Error()}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-VERIFY", xverify.Header(encoded, path, by.secret, by.index))
	if !h.live { // where only registered hosts are called
		r.Header.Set("X-CALLBACK-URL", h.catcher.URL)
	}
	if by.provider != "" {
		r.Header.Set("X-PROVIDER-ID", by.provider)
	}
	var a answer
	a.status, a.body = do(h.client, r)
	var got struct{ Code string }
	if json.Unmarshal([]byte(a.body), &got) == nil {
		a.code = got.Code
	}
	return a
}

func demand(ts *testscript.TestScript, what string, a answer, code string) {
	if a.code != code {
		ts.Fatalf("%s: %d %s, want code %s", what, a.status, a.body, code)
	}
}

// sale is a request for money with what both products have in common.
func sale(ts *testscript.TestScript, args []string) request {
	amount, err := protocol.ParseRupees(args[1])
	ts.Check(err)
	return request{by: merchant(merchantID), code: "SUCCESS", payload: map[string]any{
		"storeId": "teststore1", "merchantId": merchantID, "terminalId": "testterminal1",
		"merchantTransactionId": args[0], "orderId": "order1", "amount": amount,
	}}
}

// posCommand: pos ID RUPEES [field=value...] asks for money on a DQR display,
// with the catcher as callback URL.
func posCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: pos ID RUPEES [field=value...]")
	}
	r := sale(ts, args)
	r.payload["solutionType"], r.payload["expiresIn"] = "DQR_DEVICE", 180
	r.read(ts, args[2:])
	r.send(ts, of(ts), initPath)
}

// edcCommand: edc ID RUPEES [field=value...] asks for money on an EDC terminal.
func edcCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: edc ID RUPEES [field=value...]")
	}
	r := sale(ts, args)
	r.payload["solutionType"], r.payload["integrationMappingType"] = "EDC", "ONE_TO_ONE"
	r.payload["paymentModes"] = []string{"CARD", "DQR"}
	r.read(ts, args[2:])
	r.send(ts, of(ts), initPath)
}

// openCommand: open ID RUPEES SHORTID [field=value...] asks for money that any
// terminal of the store may take.
func openCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: open ID RUPEES SHORTID [field=value...]")
	}
	r := sale(ts, args)
	delete(r.payload, "terminalId")
	r.payload["solutionType"], r.payload["integrationMappingType"] = "EDC", "OPEN"
	r.payload["paymentModes"], r.payload["shortOrderId"] = []string{"CARD", "DQR"}, args[2]
	r.read(ts, args[3:])
	r.send(ts, of(ts), initPath)
}

// printedCommand: printed PATH FILE MERCHANT posts the file as it stands, signed
// by that merchant over the base64 in it, and wants SUCCESS.
func printedCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: printed PATH FILE MERCHANT")
	}
	h, text := of(ts), ts.ReadFile(args[1])
	var body struct{ Request string }
	ts.Check(json.Unmarshal([]byte(text), &body))
	demand(ts, args[1], h.signed(context.Background(), http.MethodPost, args[0], body.Request, text, merchant(args[2])), "SUCCESS")
}

// cancelCommand: cancel ID [CODE] takes a request back, and wants the code, or
// SUCCESS.
func cancelCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: cancel ID [CODE]")
	}
	demand(ts, "cancel "+args[0], of(ts).cancel(args[0]), codeOr(args[1:]))
}

func (h *house) cancel(id string) answer {
	path := "/v1/payment/" + merchantID + "/" + id + "/cancel"
	return h.signed(context.Background(), http.MethodPut, path, "", "", merchant(merchantID))
}

// data is what a status answer or a callback says of a payment: v1's Status, or
// v3's code in its place.
type data struct {
	MerchantID           string
	TransactionID        string
	PhonepeTransactionID string
	Status               string
	ResponseCode         string
	PaymentMode          string
	TerminalID           string
	Amount               protocol.Paise
	ReferenceNumber      string
	PaymentInstruments   []struct{ Type, Last4Digits, CardNetwork, CardType string }
}

// is reports whether the data are so: STATUS [RESPONSECODE] [field=value...].
func (d data) is(ts *testscript.TestScript, conditions []string) bool {
	facts := map[string]string{
		"mode": d.PaymentMode, "terminal": d.TerminalID, "reference": d.ReferenceNumber, "amount": d.Amount.Rupees(),
	}
	if len(d.PaymentInstruments) == 1 {
		paid := d.PaymentInstruments[0]
		facts["last4"], facts["network"], facts["type"] = paid.Last4Digits, paid.CardNetwork, paid.CardType
	}
	words := []string{d.Status, d.ResponseCode}
	for i, condition := range conditions {
		if key, want, found := strings.Cut(condition, "="); found {
			if !like(ts, facts[key], want) {
				return false
			}
		} else if i > 1 || words[i] != condition {
			return false
		}
	}
	return true
}

func askStatus(ctx context.Context, h *house, id string) (data, string) {
	path := "/v1/payment/" + merchantID + "/" + id + "/status"
	_, body := h.get(ctx, path, "X-VERIFY", xverify.Header("", path, saltKey, 1))
	var a struct {
		Success bool
		Data    data
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil || !a.Success {
		return data{}, body
	}
	return a.Data, body
}

// statusCommand: status ID STATUS [RESPONSECODE] [field=value...] waits until
// the status API says so.
func statusCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status ID STATUS [RESPONSECODE] [field=value...]")
	}
	h := of(ts)
	until(ts, h.controller, "status "+strings.Join(args, " "), func(ctx context.Context) (string, bool) {
		d, body := askStatus(ctx, h, args[0])
		return body, d.is(ts, args[1:])
	})
}

// oursCommand: ours VAR ID puts our own id of a payment into a variable.
func oursCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ours VAR ID")
	}
	d, body := askStatus(context.Background(), of(ts), args[1])
	if d.PhonepeTransactionID == "" {
		ts.Fatalf("%s: %s", args[1], body)
	}
	ts.Setenv(args[0], d.PhonepeTransactionID)
}
