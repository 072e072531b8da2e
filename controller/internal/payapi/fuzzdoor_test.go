package payapi_test

import (
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/controller/internal/strictjson/strictjsontest"
	"github.com/galla-pay/galla/protocol/upiuri"
	"github.com/galla-pay/galla/protocol/xverify"
)

// fuzzDoor is a door that is sent whatever comes, with what it keeps in a ledger.
type fuzzDoor struct {
	*city
	saved *ledger
	live  map[string]bool // short order ids that are in use: nothing ends here
}

func newFuzzDoor(f testing.TB) *fuzzDoor {
	d, saved := newLedgerDoor(f, shops)
	return &fuzzDoor{&city{door: d}, saved, map[string]bool{}}
}

// of is the same door for one input.
func (d *fuzzDoor) of(t *testing.T) *fuzzDoor {
	door := &door{t: t, handler: d.handler, House: d.House}
	return &fuzzDoor{&city{door: door}, d.saved, d.live}
}

// key is the salt key of the merchant that a payload names.
func (d *fuzzDoor) key(o asked) string {
	id, _ := o.text("merchantId")
	if key, ok := d.People.SaltKey(id, "1"); ok {
		return string(key.Secret)
	}
	return merchantKey
}

// plain decodes base64 of any kind, without a look at its strictness.
func plain(encoded string) []byte {
	text := strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(encoded)
	b, _ := base64.RawStdEncoding.DecodeString(text)
	return b
}

// readable reads a body twice, by the second reader: the payload in it, and the
// text that is signed. ok is false where a part of it is not to be taken.
func readable(body []byte) (o asked, signed string, ok bool) {
	outer, depth, ok := strictjsontest.Read(body)
	signed, isText := outer["request"].(string)
	inner, depth2, ok2 := strictjsontest.Read(plain(signed))
	_, err := xverify.DecodeBody(signed)
	return inner, signed, ok && ok2 && isText && signed != "" && err == nil && depth <= 16 && depth2 <= 16 && len(body) <= payapi.MaxBody
}

// bodies are what an input is sent as: as it stands, and as the payload of a
// body of its own.
func bodies(data []byte) [][]byte {
	return [][]byte{data, []byte(`{"request":"` + xverify.EncodeBody(data) + `"}`)}
}

// ask sends a body to path, signed by key, and holds form and code of the answer
// against the vocabulary. It returns what was saved.
func (d *fuzzDoor) ask(path string, body []byte, key string) (answer, []decide.Changes) {
	d.t.Helper()
	_, signed, _ := readable(body)
	r := httptest.NewRequest("POST", path, strings.NewReader(string(body)))
	r.Header.Set("X-VERIFY", xverify.Header(signed, path, key, 1))
	a := d.send(r)
	d.envelope(path, a)
	saved := d.saved.take()
	if !a.taken() && len(saved) != 0 {
		d.t.Errorf("%d %s, and saved %+v", a.status, a.raw, saved)
	}
	return a, saved
}

// envelope wants the form of every answer, with a code of the route's vocabulary
// and that code's HTTP status; never one of 500 or above.
func (d *fuzzDoor) envelope(path string, a answer) {
	d.t.Helper()
	o, _, ok := strictjsontest.Read([]byte(a.raw))
	_, hasData := o["data"]
	if fields := map[bool]int{true: 4, false: 3}[hasData]; !ok || len(o) != fields || o["success"] != a.Success || o["code"] != a.Code || a.Message == "" {
		d.t.Errorf("answer %s", a.raw)
	}
	if a.header.Get("X-Request-Id") == "" || a.header.Get("Content-Type") != "application/json; charset=utf-8" {
		d.t.Errorf("headers %v", a.header)
	}
	table := payapi.Codes()
	if strings.HasPrefix(path, "/v3/") {
		table = payapi.Codes3()
	}
	for _, row := range table {
		if string(row.Code) == a.Code && (row.HTTPStatus == a.status || a.status == 413 && a.Code == "BAD_REQUEST") && a.status < 500 {
			return
		}
	}
	d.t.Errorf("not in the table: %d %s", a.status, a.raw)
}

// begins sends an init of any kind, with a wrong signature and with a right one,
// and holds the answer and what was saved against expect.
func (d *fuzzDoor) begins(path string, body []byte, expect func(asked) expected) {
	d.t.Helper()
	o, _, ok := readable(body)
	want := refused("BAD_REQUEST")
	unauthorized := "BAD_REQUEST"
	if ok {
		unauthorized = map[bool]string{true: "AUTHORIZATION_FAILED", false: "UNAUTHORIZED"}[strings.HasPrefix(path, "/v3/")]
		want = expect(o)
	}
	if a, _ := d.ask(path, body, "a wrong key"); a.Code != unauthorized {
		d.t.Errorf("with a wrong signature: %d %s, want %s", a.status, a.raw, unauthorized)
	}
	if want.code == "SUCCESS" {
		want.code = d.asItStands(path, want.p)
	}
	a, saved := d.ask(path, body, d.key(o))
	if a.Code != want.code {
		d.t.Fatalf("%d %s, want %s", a.status, a.raw, want.code)
	}
	if want.code != "SUCCESS" {
		return
	}
	if len(saved) != 1 || len(saved[0].NewPayments) != 1 {
		d.t.Fatalf("taken, and saved %+v", saved)
	}
	p := saved[0].NewPayments[0]
	for _, event := range saved[0].Events { // others are of what it superseded
		if event.PaymentID == p.ID && (event.Event != payment.EventInit || event.Hash != p.Hash) {
			d.t.Errorf("taken, and %+v", event)
		}
	}
	d.drawn(&want, p)
	if p != want.p {
		d.t.Errorf("taken as\n%+v\nthe second reader has\n%+v", p, want.p)
	}
	if kept := d.keptOf(p.Key); kept != p {
		d.t.Errorf("kept %+v, saved %+v", kept, p)
	}
	if a.Data["merchantId"] != p.MerchantID || a.Data["transactionId"] != p.TransactionID || a.Data["amount"] != float64(p.Amount) {
		d.t.Errorf("answered %s, saved %+v", a.raw, p)
	}
	switch {
	case p.Open:
		d.live[shortOf(p)] = true
	case p.Solution == payment.EDC: // so that the terminal's queue stays short
		if _, err := journal.Do(d.t.Context(), d.Journal, decide.Cancel{Key: p.Key}); err != nil {
			d.t.Fatal(err)
		}
	}
}

// asItStands is the code of a good init, given what there is already.
func (d *fuzzDoor) asItStands(path string, p payment.Payment) string {
	_, err := d.DB.Payment(d.t.Context(), p.MerchantID, p.TransactionID)
	switch {
	case err == nil && d.keptOf(p.Key).TransactionID == p.TransactionID && strings.HasPrefix(path, "/v3/"):
		return "INVALID_TRANSACTION_ID"
	case err == nil && d.keptOf(p.Key).TransactionID == p.TransactionID:
		return "DUPLICATE_TRANSACTION_ID"
	case p.Open && d.live[shortOf(p)]:
		return "SHORT_CODE_ALREADY_USED"
	}
	return "SUCCESS"
}

func shortOf(p payment.Payment) string {
	return fmt.Sprint(p.MerchantID, " ", p.StoreID, " ", p.ShortOrderID)
}

func (d *fuzzDoor) keptOf(k payment.Key) payment.Payment {
	p, err := d.DB.Payment(d.t.Context(), k.MerchantID, k.TransactionID)
	if err != nil {
		d.t.Fatalf("%v: %v", k, err)
	}
	return p
}

// drawn fills in what the door draws, after a look at it: our id, the database's
// time, the link.
func (d *fuzzDoor) drawn(want *expected, p payment.Payment) {
	d.t.Helper()
	w := &want.p
	if !strings.HasPrefix(p.ID, "GP") || len(p.ID) != 28 || time.Since(p.CreatedAt).Abs() > time.Minute || p.Hash == (payment.Hash{}) {
		d.t.Errorf("drawn: %+v", p)
	}
	w.ID, w.CreatedAt, w.Hash = p.ID, p.CreatedAt, p.Hash
	w.ExpiresAt = p.CreatedAt.Add(want.lives)
	lives := want.lives
	if p.Solution == payment.EDC {
		w.HandoverBy = w.ExpiresAt
		lives += 1800 * time.Second // nobody knows the terminal's window yet
	}
	if w.Solution == payment.DQRDevice || w.Solution == payment.QRString || w.AllowDQR {
		w.QR = p.QR
		link, err := upiuri.Verify(p.QR, &d.LinkKey.PublicKey)
		if err != nil || link.AM != w.Amount || link.MAM != 0 && link.MAM != w.Amount || link.TR != p.ID || link.PA != string(w.Payee) || link.QRexpire.Sub(link.QRts) != lives {
			d.t.Errorf("the QR says %+v: %v", link, err)
		}
	}
}
