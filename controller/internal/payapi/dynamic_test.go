package payapi_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/quote"
	"github.com/galla-pay/galla/controller/internal/risk"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/xverify"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const dynamicPath = "/api/v1/dynamic-qr/"

// lookup asks about a Dynamic QR, signed with a key; header are further headers.
func (c *city) lookup(id, key string, header ...string) answer {
	c.t.Helper()
	r := bare("GET", dynamicPath+id, key)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return c.send(r)
}

// mine asks as MERCHANTUAT does.
func (c *city) mine(id string) answer {
	c.t.Helper()
	return c.lookup(id, merchantKey, "X-MERCHANT-ID", "MERCHANTUAT")
}

// foreign validates a QR of 1000.00 that was made elsewhere for a payee, and
// returns its token with the ReqPay that spends it.
func (c *city) foreign(payee protocol.VPA, change func(*decide.Validate)) decide.Pay {
	c.t.Helper()
	id := c.fresh()
	v := decide.Validate{
		OrgID: "MER101", MsgID: "V" + id, Token: uuid.NewString(), Payee: decide.FactsOf(c.People, payee), Amount: 100_000, Base: 100_000,
		Currency: "INR", MCC: "5411", Settings: quote.Default(), RequestHash: [32]byte{1, 2, 3},
		Render: func(a decide.ValidateAnswer) []byte { return []byte("answered " + a.Code) },
	}
	if change != nil {
		change(&v)
	}
	a := do(c, v)
	if a.Code != decide.CodeOK {
		c.t.Fatalf("validation for %s: %s %s", payee, a.Code, a.Message)
	}
	return decide.Pay{
		OrgID: "MER101", MsgID: "P" + id, TxnID: "X" + id, Token: a.Token, Base: v.Base, Currency: v.Currency, Settings: quote.Default(),
		Payer: "customer@upi", Payee: payee, PayeeFacts: v.Payee, Reference: "632600000001", NewPaymentID: "GPFOREIGN" + id,
		Render: func(a decide.PayAnswer) []byte { return []byte(a.Code) },
	}
}

// paid spends a token.
func (c *city) paid(p decide.Pay, want decide.Code) decide.Pay {
	c.t.Helper()
	if a := do(c, p); a.Code != want {
		c.t.Fatalf("ReqPay %s: %s %s, want %s", p.TxnID, a.Code, a.Message, want)
	}
	return p
}

// timedOut ends the wait for a merchant who never answers; booked: there is no
// network that would have to answer to a reversal.
func (c *city) timedOut(p decide.Pay, reverse, booked bool) {
	c.t.Helper()
	end := decide.TimedOut{
		Hold:    decide.Hold{TxnKey: decide.TxnKey{OrgID: p.OrgID, TxnID: p.TxnID}, PaymentID: p.NewPaymentID, Token: p.Token},
		Reverse: reverse, Booked: booked,
	}
	for a := do(c, end); !a.HeldUntil.IsZero(); a = do(c, end) { // a moment, by the database's clock
	}
}

// moved is the id of ours of a payment that was asked for and went on.
func (c *city) moved(path string, payload fields, events ...payment.Event) string {
	c.t.Helper()
	return c.kept(c.made(path, payload, "UPI:IP08", events...)).ID
}

// TestDynamicQR is every way a Dynamic QR can stand, asked for by each of its ids,
// and what both routes say of it (PRD 3.6, 4.2; upi-switch: Tables and lookups).
func TestDynamicQR(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	ours := func(events ...payment.Event) string { return c.moved(qrPath, qrSample, events...) }
	validated := ours()
	token := c.validated(c.kept(c.transactionOf(validated))).Token
	bought := ours()
	boughtToken := c.paid(c.validated(c.kept(c.transactionOf(bought))), decide.CodeOK).Token
	declined := c.foreign("ip08@mercury", nil)
	declined.Declined = decide.CodeAcquirer08
	elsewhere := c.paid(c.foreign("nofee@mercury", nil), decide.CodeOK)
	withFee := c.paid(c.foreign("merchant@upi", nil), decide.CodeOK)
	dollars := func(v *decide.Validate) {
		v.Currency, v.Base, v.Amount = "USD", 1200, 100_200
		v.Rate = quote.Rate{Currency: "USD", E8: 83_50000000, At: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), Source: "test"}
	}
	held := c.foreign("gourmet@mercury", nil)
	held.Hold = time.Minute
	reversed, reversing, suspended := c.foreign("gourmet@mercury", nil), c.foreign("gourmet@mercury", nil), c.foreign("gourmet@mercury", nil)
	reversed.Hold, reversing.Hold, suspended.Hold = time.Nanosecond, time.Nanosecond, time.Nanosecond
	c.timedOut(c.paid(reversed, decide.CodeOK), true, true)
	c.timedOut(c.paid(reversing, decide.CodeOK), true, false)
	c.timedOut(c.paid(suspended, decide.CodeOK), false, true)

	for _, row := range []struct {
		name, id string
		want     fields // what the answer must have; nil is what it must not have
	}{
		{"ours, by the tr of its QR, before anybody scanned it", ours(), fields{
			"status": "PENDING", "base_amount": "1.00", "inr_amount_calc": "1.00", "base_curr": "INR", "settlement_amount": "0.00", "payee_addr": "merchant@upi",
			"initiation_mode": "16", "qr_medium": "DYNAMIC", "merchant_id": "MERCHANTUAT", "ver_token": nil, "org_id": nil, "request_hash": nil, "event_seq": nil, "used_at": nil,
		}},
		{"ours, by its token", token, fields{"status": "PENDING", "ver_token": token, "transaction_id": validated, "org_id": "MER101", "validation_type": "DOMESTIC", "event_seq": 1.0, "used_at": nil, "txn_id": nil}},
		{"the same, by the tr", validated, fields{"status": "PENDING", "ver_token": token, "transaction_id": validated, "merchant_transaction_id": c.transactionOf(validated)}},
		{"ours, paid, by its token", boughtToken, fields{"status": "SUCCESS", "settlement_amount": "1.00", "rrn": "632600000001", "txn_id": "X" + bought, "reason": nil, "result": nil}},
		{"the same, by the tr", bought, fields{"status": "SUCCESS", "settlement_amount": "1.00", "ver_token": boughtToken}},
		{"ours, being paid", ours(paying...), fields{"status": "PENDING", "settlement_amount": "0.00"}},
		{"ours, not paid", ours(failed...), fields{"status": "FAILED", "reason": "UPI:IP08", "settlement_amount": "0.00"}},
		{"ours, past its time", ours(payment.EventExpired), fields{"status": "EXPIRED", "settlement_amount": "0.00"}},
		{"ours, on a display", c.moved(initPath, sample(fields{"merchantTransactionId": nil})), fields{"status": "PENDING", "inr_amount_calc": "1.00"}},
		{"ours, on an EDC terminal", c.moved(edcPath, edcSample), fields{"status": "PENDING"}},
		{"made elsewhere, not paid", c.foreign("nofee@mercury", nil).Token, fields{
			"status": "PENDING", "base_amount": "1000.00", "merchant_id": "MERCHANTUAT", "payee_addr": "nofee@mercury", "transaction_id": nil, "merchant_transaction_id": nil,
		}},
		{"made elsewhere, past its time", c.foreign("nofee@mercury", func(v *decide.Validate) { v.Settings.Validity = time.Nanosecond }).Token, fields{"status": "EXPIRED", "transaction_id": nil}},
		{"made elsewhere, paid, by its token", elsewhere.Token, fields{"status": "SUCCESS", "settlement_amount": "1000.00", "transaction_id": elsewhere.NewPaymentID, "merchant_transaction_id": elsewhere.TxnID, "txn_id": elsewhere.TxnID, "event_seq": 2.0}},
		{"the same, by our id", elsewhere.NewPaymentID, fields{"status": "SUCCESS", "ver_token": elsewhere.Token}},
		{"made elsewhere, less the fee", withFee.Token, fields{"status": "SUCCESS", "inr_amount_calc": "1000.00", "settlement_amount": "995.00"}},
		{"made elsewhere, declined", c.paid(declined, decide.CodeAcquirer08).Token, fields{"status": "FAILED", "reason": "UPI:IP08", "settlement_amount": "0.00", "result": nil, "rrn": nil}},
		{"in dollars, not paid", c.foreign("merchant@upi", dollars).Token, fields{
			"status": "PENDING", "validation_type": "INTERNATIONAL", "base_amount": "12.00", "base_curr": "USD", "inr_amount_calc": "1002.00", "fx_rate": "83.5", "fx_rate_at": "2026-11-21T12:00:00Z",
		}},
		{"in dollars, paid", c.paid(c.foreign("merchant@upi", dollars), decide.CodeOK).Token, fields{"status": "SUCCESS", "base_amount": "12.00", "inr_amount_calc": "1002.00", "settlement_amount": "996.99"}},
		{"held", c.paid(held, decide.CodeOK).Token, fields{"status": "PENDING", "result": nil, "settlement_amount": "0.00", "txn_id": held.TxnID}},
		{"the money went back", reversed.Token, fields{"status": "REVERSED", "result": "TIMEOUT", "reason": "UPI:TIMEOUT", "settlement_amount": "0.00", "rrn": nil}},
		{"the same, by our id", reversed.NewPaymentID, fields{"status": "REVERSED", "result": "TIMEOUT"}},
		{"timed out, and the money is on its way back", reversing.Token, fields{"status": "FAILED", "result": "TIMEOUT", "reason": "UPI:TIMEOUT", "settlement_amount": "0.00"}},
		{"timed out, and left to an operator", suspended.Token, fields{"status": "FAILED", "result": "TIMEOUT", "reason": "UPI:TIMEOUT", "settlement_amount": "0.00"}},
	} {
		whole, short := c.mine(row.id), c.mine(row.id+"/status")
		if whole.status != http.StatusOK || whole.Code != "SUCCESS" || whole.Data["id"] != row.id || short.status != http.StatusOK {
			t.Errorf("%s: %d %s, %d %s", row.name, whole.status, whole.raw, short.status, short.raw)
			continue
		}
		for name, want := range row.want {
			if got := whole.Data[name]; got != want {
				t.Errorf("%s: %s is %v, want %v: %s", row.name, name, got, want, whole.raw)
			}
		}
		for _, name := range []string{"status", "reason", "result", "txn_id", "settlement_amount", "rrn"} {
			if short.Data[name] != whole.Data[name] {
				t.Errorf("%s: its status alone says %s %v, the whole %v", row.name, name, short.Data[name], whole.Data[name])
			}
			delete(short.Data, name)
		}
		if len(short.Data) != 0 {
			t.Errorf("%s: its status alone says %v, too", row.name, short.Data)
		}
	}
}

// transactionOf is the merchant's id of a payment of ours.
func (c *city) transactionOf(id string) string {
	c.t.Helper()
	p, err := c.Storage.PaymentByID(c.t.Context(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	return p.TransactionID
}

// TestDynamicQRIsNotThere: an unknown id, another merchant's and what has no QR are
// answered with the same words, so that nobody learns which ids there are.
func TestDynamicQRIsNotThere(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	ours := c.moved(qrPath, qrSample)
	token := c.foreign("nofee@mercury", nil).Token
	second := c.foreign("second@upi", nil)
	secondPaid := c.paid(c.foreign("second@upi", nil), decide.CodeOK)
	gone := c.foreign("nofee@mercury", func(v *decide.Validate) { v.Payee.Payee.VPA = "gone@mercury" }).Token
	original := c.made(qrPath, qrSample, "", paid...)
	refund := c.fresh()
	if a := c.send(postTo(t, refundPath, merchantKey, with(refundSample, fields{"transactionId": refund, "originalTransactionId": original}))); a.Code != "PAYMENT_PENDING" {
		t.Fatal(a.raw)
	}
	unknown := c.mine("550e8400-e29b-41d4-a716-446655440000")
	if unknown.status != http.StatusNotFound || unknown.Code != "INVALID_TRANSACTION_ID" || unknown.Success || unknown.Message != "The merchant has no Dynamic QR of this id" {
		t.Fatalf("%d %s", unknown.status, unknown.raw)
	}
	uat, two := []string{"X-MERCHANT-ID", "MERCHANTUAT"}, []string{"X-MERCHANT-ID", "MERCHANTTWO"}
	vendor, other := []string{"X-PROVIDER-ID", "MERCHANTPROVIDER"}, []string{"X-PROVIDER-ID", "SECONDPROVIDER"}
	for _, row := range []struct {
		name, id, key string
		header        []string
	}{
		{"an id as ours are", "GP0DA4G2Q7PTUK1B8J5SR0C6E9LM", merchantKey, uat},
		{"no id's form", "a.b", merchantKey, uat},
		{"an id that is too long", strings.Repeat("x", 65), merchantKey, uat},
		{"the merchant's own id", c.transactionOf(ours), merchantKey, uat},
		{"another merchant's token", second.Token, merchantKey, uat},
		{"another merchant's payment", secondPaid.NewPaymentID, merchantKey, uat},
		{"another merchant's token, paid", secondPaid.Token, merchantKey, uat},
		{"ours, asked for by another", ours, "sandbox-second-key", two},
		{"our token, asked for by another", token, "sandbox-second-key", two},
		{"another merchant's, by a provider of ours", second.Token, providerKey, vendor},
		{"ours, by a provider who is not mapped", ours, "sandbox-second-provider-key", other},
		{"our token, by a provider who is not mapped", token, "sandbox-second-provider-key", other},
		{"of a payee who is gone", gone, merchantKey, uat},
		{"of a payee who is gone, by a provider", gone, providerKey, vendor},
		{"a collect request", c.moved(collectPath, collectSample), merchantKey, uat},
		{"a refund", c.kept(refund).ID, merchantKey, uat},
		{"a card sale", c.moved(edcPath, with(edcSample, fields{"paymentModes": []string{"CARD"}})), merchantKey, uat},
	} {
		for _, path := range []string{row.id, row.id + "/status"} {
			if a := c.lookup(path, row.key, row.header...); a.status != unknown.status || a.raw != unknown.raw {
				t.Errorf("%s: %d %s, want what an unknown id is answered", row.name, a.status, a.raw)
			}
		}
	}
}

// TestDynamicQRIsSigned: X-MERCHANT-ID or X-PROVIDER-ID selects the key, and the
// path is what is signed.
func TestDynamicQRIsSigned(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	id := c.moved(qrPath, qrSample)
	good := c.mine(id)
	for _, row := range []struct {
		name, key string
		header    []string
		status    int
	}{
		{"the merchant", merchantKey, []string{"X-MERCHANT-ID", "MERCHANTUAT"}, 200},
		{"its provider", providerKey, []string{"X-PROVIDER-ID", "MERCHANTPROVIDER"}, 200},
		{"its provider, who names it", providerKey, []string{"X-PROVIDER-ID", "MERCHANTPROVIDER", "X-MERCHANT-ID", "MERCHANTUAT"}, 200},
		{"a provider of another, who names it", "sandbox-second-provider-key", []string{"X-PROVIDER-ID", "SECONDPROVIDER", "X-MERCHANT-ID", "MERCHANTUAT"}, 401},
		{"another's key", "sandbox-second-key", []string{"X-MERCHANT-ID", "MERCHANTUAT"}, 401},
		{"the merchant's key for its provider", merchantKey, []string{"X-PROVIDER-ID", "MERCHANTPROVIDER"}, 401},
		{"nobody is named", merchantKey, nil, 401},
		{"an unknown merchant", merchantKey, []string{"X-MERCHANT-ID", "NOBODY"}, 401},
		{"an unknown provider", providerKey, []string{"X-PROVIDER-ID", "NOBODY"}, 401},
	} {
		a := c.lookup(id, row.key, row.header...)
		if a.status != row.status || row.status == 200 && a.raw != good.raw || row.status == 401 && a.Code != "UNAUTHORIZED" {
			t.Errorf("%s: %d %s", row.name, a.status, a.raw)
		}
	}
	for name, header := range map[string]string{
		"the other route's path": xverify.Header("", dynamicPath+id+"/status", merchantKey, 1),
		"another id's path":      xverify.Header("", dynamicPath+"another", merchantKey, 1),
		"a payload":              xverify.Header("e30=", dynamicPath+id, merchantKey, 1),
		"another index":          xverify.Header("", dynamicPath+id, merchantKey, 2),
		"no checksum":            "",
	} {
		r := bare("GET", dynamicPath+id, merchantKey)
		r.Header.Set("X-MERCHANT-ID", "MERCHANTUAT")
		r.Header.Set("X-VERIFY", header)
		if a := c.send(r); a.status != http.StatusUnauthorized || a.Code != "UNAUTHORIZED" {
			t.Errorf("%s signed: %d %s", name, a.status, a.raw)
		}
	}
}

// everyTime are what is another each time in an answer about a Dynamic QR.
var everyTime = regexp.MustCompile(`"(id|ver_token|qr_expires_at|created_at|used_at|event_hash)": "[^"]+"`)

// TestDynamicQRGolden: a whole answer, to the byte but for its ids, times and the
// chain's hash; and those are the validation's.
func TestDynamicQRGolden(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	pay := c.foreign("merchant@upi", func(v *decide.Validate) {
		v.Currency, v.Base, v.Amount = "USD", 1200, 100_200
		v.Rate = quote.Rate{Currency: "USD", E8: 83_50000000, At: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), Source: "test"}
	})
	c.paid(pay, decide.CodeOK)
	a := c.mine(pay.Token)
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(a.raw), "", "  "); err != nil {
		t.Fatal(err)
	}
	got := everyTime.ReplaceAllString(indented.String(), `"$1": "another each time"`)
	file := filepath.Join("testdata", "dynamic.json")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	q, err := c.Storage.Quote(t.Context(), pay.Token)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"id": q.Token, "ver_token": q.Token, "event_hash": hex.EncodeToString(q.Hash[:]),
		"qr_expires_at": q.ExpiresAt.UTC().Format(time.RFC3339), "created_at": q.CreatedAt.UTC().Format(time.RFC3339), "used_at": q.UsedAt.UTC().Format(time.RFC3339),
	} {
		if a.Data[name] != want {
			t.Errorf("%s is %v, want %s", name, a.Data[name], want)
		}
	}
}

// TestDynamicQRWithRisk: what the risk rules said is told once they were asked, a
// score of nothing too.
func TestDynamicQRWithRisk(t *testing.T) {
	t.Parallel()
	c := &city{door: newDoorOf(t, doortest.New(t, shops))}
	before := c.mine(c.foreign("nofee@mercury", nil).Token)
	none := c.mine(c.foreign("nofee@mercury", func(v *decide.Validate) { v.Risk = &risk.Verdict{} }).Token)
	some := c.mine(c.foreign("nofee@mercury", func(v *decide.Validate) {
		v.Risk = &risk.Verdict{Score: 10, Reasons: []risk.Reason{{Rule: "near-limit", Text: "7800.00 is above 7500.00"}}}
	}).Token)
	for name, row := range map[string]struct {
		got            answer
		score, reasons any
	}{
		"before they were asked": {before, nil, nil},
		"nothing against it":     {none, 0.0, nil},
		"something":              {some, 10.0, "near-limit: 7800.00 is above 7500.00"},
	} {
		if row.got.Data["risk_score"] != row.score || row.got.Data["risk_reasons"] != row.reasons {
			t.Errorf("%s: %s", name, row.got.raw)
		}
	}
}

// TestDynamicQRTakesItsShare: a question takes of the share of the merchant who
// asks, known id or not, and of a provider's that of whose QR it is; what is not
// signed takes of nobody's.
func TestDynamicQRTakesItsShare(t *testing.T) {
	t.Parallel()
	house := doortest.New(t, shops)
	c := &city{door: newDoorOf(t, house)}
	id := c.moved(qrPath, qrSample)
	var took []string
	allowed := true
	c.handler = newEngine(payapi.New(payapi.Config{
		Journal: house.Journal, Reader: house.Storage, Directory: house.Directory, LinkKey: house.LinkKey, OrgID: "MER101", Log: house.Log,
		Allow: func(merchantID string) (time.Duration, bool) {
			took = append(took, merchantID)
			return 1500 * time.Millisecond, allowed
		},
	}))
	c.mine(id)
	c.mine("GPUNKNOWN/status")
	c.lookup(id, "another key", "X-MERCHANT-ID", "MERCHANTUAT")
	c.lookup(id, "sandbox-second-key", "X-MERCHANT-ID", "MERCHANTTWO")
	c.lookup(id, providerKey, "X-PROVIDER-ID", "MERCHANTPROVIDER")
	c.lookup("GPUNKNOWN", providerKey, "X-PROVIDER-ID", "MERCHANTPROVIDER")
	if got, want := strings.Join(took, " "), "MERCHANTUAT MERCHANTUAT MERCHANTTWO MERCHANTUAT"; got != want {
		t.Errorf("they took of %s, want %s", got, want)
	}
	allowed = false
	for name, a := range map[string]answer{
		"the merchant": c.mine(id), "a provider": c.lookup(id, providerKey, "X-PROVIDER-ID", "MERCHANTPROVIDER"),
	} {
		if a.status != http.StatusTooManyRequests || a.Code != "TOO_MANY_REQUESTS" || a.header.Get("Retry-After") != "2" {
			t.Errorf("%s: %d %v %s", name, a.status, a.header, a.raw)
		}
	}
}
