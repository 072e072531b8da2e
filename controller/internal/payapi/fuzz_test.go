package payapi_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/decide"
	"github.com/galla-pay/galla/controller/internal/doortest"
	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payapi"
	"github.com/galla-pay/galla/protocol/upiuri"
	"github.com/galla-pay/galla/protocol/xverify"
)

// FuzzParseObject: two readers, one meaning (failure matrix T11). parseObject
// takes a text if and only if the second reader does, and reads the same.
func FuzzParseObject(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"a":1,"b":[{"c":null}],"d":"\u0061\ud83d\ude00"}`, `{"amount":50000,"AMOUNT":100}`, `{"\u017ftoreId":1,"storeId":2}`,
		`{"a":1}{"a":2}`, `{"a":{"b":1,"b":2}}`, `{"k":1,"\u212a":2}`, `{"i":1,"\u0131":2,"\u0130":3}`, "{\"a\":\"\xff\"}", `{"a":"\ud800"}`,
		`{"\ud800":1,"\ud801":2}`, "\ufeff{}", `{"a":1,}`, `{"a":01}`, `{"a":1e400}`, `null`, "{\"a\x00\":1}", `{"a":tru}`,
		strings.Repeat(`{"a":`, 16) + "1" + strings.Repeat("}", 16), strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17),
		`{"a":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + "}", `{"a":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + "}",
	} {
		f.Add([]byte(text))
	}
	const maxDepth = 16
	f.Fuzz(func(t *testing.T, text []byte) {
		ours, err := payapi.ParseObject(text)
		theirs, depth, ok := readObject(text)
		if (err == nil) != (ok && depth <= maxDepth) {
			t.Fatalf("ours says %v, the second reader %v (depth %d)", err, ok, depth)
		}
		if err != nil {
			return
		}
		if len(ours) != len(theirs) {
			t.Fatalf("%d keys, the second reader has %d", len(ours), len(theirs))
		}
		for key, raw := range ours {
			s := &second{text: string(raw)}
			v, err := s.value(1)
			if want, there := theirs[key]; err != nil || !there || !reflect.DeepEqual(v, want) {
				t.Errorf("%q is %s, the second reader has %v", key, raw, want)
			}
		}
	})
}

// TestEveryFoldIsOneKey: two letters that Unicode folds onto one are one letter
// of a key, for every letter that there is.
func TestEveryFoldIsOneKey(t *testing.T) {
	t.Parallel()
	pairs := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			pairs++
			if _, err := payapi.ParseObject(fmt.Appendf(nil, `{"x%cy":1,"x%cy":2}`, r, other)); err == nil {
				t.Errorf("%U and %U are two keys", r, other)
			}
		}
	}
	if pairs < 2000 {
		t.Errorf("only %d pairs", pairs)
	}
}

// ledger is a storage that tells what was saved, as soon as it is.
type ledger struct {
	journal.Storage
	mu    sync.Mutex
	saved []decide.Changes
}

func (l *ledger) Apply(ctx context.Context, id journal.BatchID, needs decide.Needs, run func(decide.Snapshot) (decide.Changes, error)) error {
	var changes decide.Changes
	err := l.Storage.Apply(ctx, id, needs, func(s decide.Snapshot) (c decide.Changes, err error) {
		changes, err = run(s)
		return changes, err
	})
	if err == nil && !changes.Empty() {
		l.mu.Lock()
		l.saved = append(l.saved, changes)
		l.mu.Unlock()
	}
	return err
}

// take takes what was saved since it was asked last.
func (l *ledger) take() []decide.Changes {
	l.mu.Lock()
	defer l.mu.Unlock()
	saved := l.saved
	l.saved = nil
	return saved
}

// newLedgerDoor is a door whose journal writes into a ledger.
func newLedgerDoor(t testing.TB) (*door, *ledger) {
	t.Helper()
	house := doortest.New(t)
	l := &ledger{Storage: house.DB}
	j, err := journal.New(journal.Config{Storage: l, Log: house.Log})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- j.Run(context.Background()) }()
	t.Cleanup(func() {
		if err := j.Close(context.Background()); err != nil {
			t.Error(err)
		}
		<-done
	})
	gin.SetMode(gin.ReleaseMode)
	r := gin.New() // without recovery: a panic is a failure
	r.Use(payapi.RequestID)
	payapi.New(payapi.Config{
		Journal: j, Reader: house.DB, Directory: house.Directory, LinkKey: house.LinkKey, OrgID: "MER101", Sandbox: true, Log: house.Log,
	}).Register(r)
	return &door{t: t, handler: r, House: house}, l
}

// FuzzInit is the whole way of an init, over a real journal and database. Bytes
// come as the body, and as the payload of a well-signed body. Whatever comes,
// the answer is one of the vocabulary; what is taken is one row that says what
// a second reader finds in the bytes; what is refused leaves no row.
func FuzzInit(f *testing.F) {
	n := 0
	with := func(change map[string]any) string { // an id of its own, so that none is a duplicate
		n++
		p := sample(map[string]any{"merchantTransactionId": fmt.Sprint("SEED", n)})
		for k, v := range change {
			if p[k] = v; v == nil {
				delete(p, k)
			}
		}
		b, err := json.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		return string(b)
	}
	but := func(old, new string) string { return strings.Replace(with(nil), old, new, 1) }
	envelope := func(encoded string) string { return `{"request":"` + encoded + `"}` }
	again := with(nil)
	for _, text := range []string{
		again, again, with(map[string]any{"amount": "24500", "expiresIn": "60"}), with(map[string]any{"expiresIn": nil}),
		with(map[string]any{"merchantTransactionId": nil, "transactionId": "T2"}),
		with(map[string]any{"merchantTransactionId": "T3", "transactionId": "T4"}),
		with(map[string]any{"amount": -100}), with(map[string]any{"amount": 100.5}), with(map[string]any{"amount": "0100"}),
		with(map[string]any{"merchantId": "COGWAVEOFFLINE", "amount": 800_000, "expiresIn": 86400}),
		with(map[string]any{"merchantId": "MERCHANTTWO", "storeId": "secondstore", "terminalId": "secondterminal"}),
		but(`"amount":100`, `"amount":100,"AMOUNT":200`), but(`"amount"`, `"\u0061mount"`), but(`"storeId"`, `"\u017ftoreId":"x","storeId"`),
		but(`:100,`, `:-0,`), but(`:100,`, `:1e2,`), but(`SEED`, `S\u0045ED`), with(nil) + with(nil),
		envelope(xverify.EncodeBody([]byte(with(nil)))), envelope(base64.RawURLEncoding.EncodeToString([]byte(with(nil)))),
		envelope(xverify.EncodeBody([]byte(with(nil))) + `","Request":"`), envelope("e30="), `{"request":null}`, `{}`, "", "\x00",
		`{"\u0072equest":"` + strings.Replace(xverify.EncodeBody([]byte(with(nil))), "e", `\u0065`, 1) + `","x":[[]]}`,
	} {
		f.Add([]byte(text))
	}
	base, saved := newLedgerDoor(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &fuzzDoor{door: &door{t: t, handler: base.handler, House: base.House}, saved: saved}
		signedText := string(data)
		if o, _, ok := readObject(data); ok {
			signedText, _ = o["request"].(string)
		}
		d.check(data, xverify.Header(signedText, initPath, d.key(signedText), 1))

		encoded := xverify.EncodeBody(data)
		body := []byte(`{"request":"` + encoded + `"}`)
		if a := d.check(body, xverify.Header(encoded, initPath, "a wrong key", 1)); a.Success {
			t.Error("taken with a wrong signature")
		}
		d.check(body, xverify.Header(encoded, initPath, d.key(encoded), 1))
	})
}

type fuzzDoor struct {
	*door
	saved *ledger
}

// key is the salt key of the merchant that a payload names.
func (d *fuzzDoor) key(encoded string) string {
	o, _, _ := readObject(plain(encoded))
	if id, _ := o["merchantId"].(string); id == "MERCHANTTWO" {
		return "sandbox-second-key"
	}
	return merchantKey
}

// plain decodes base64 of any kind, without a look at its strictness.
func plain(encoded string) []byte {
	text := strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(encoded)
	b, _ := base64.RawStdEncoding.DecodeString(text)
	return b
}

// check sends an init and holds the answer and what was saved against what a
// second reader finds in the body.
func (d *fuzzDoor) check(body []byte, verify string) answer {
	d.t.Helper()
	r := httptest.NewRequest("POST", initPath, strings.NewReader(string(body)))
	r.Header.Set("X-VERIFY", verify)
	began := time.Now()
	a := d.send(r)
	d.envelope(a)
	saved := d.saved.take()
	if !a.Success {
		if len(saved) != 0 {
			d.t.Errorf("%d %s, and saved %+v", a.status, a.Code, saved)
		}
		return a
	}
	if len(saved) != 1 || len(saved[0].NewPayments) != 1 {
		d.t.Fatalf("taken, and saved %+v", saved)
	}
	p := saved[0].NewPayments[0]
	outer, _, ok := readObject(body)
	encoded, _ := outer["request"].(string)
	o, _, readable := readObject(plain(encoded))
	if !ok || !readable {
		d.t.Fatal("taken, and the second reader refuses it")
	}
	id := o["transactionId"]
	if own, there := o["merchantTransactionId"]; there {
		id = own
	}
	amount := whole(o["amount"])
	for _, row := range []struct {
		name       string
		ours, want any
	}{
		{"merchantId", p.MerchantID, o["merchantId"]}, {"storeId", p.StoreID, o["storeId"]}, {"terminalId", p.TerminalID, o["terminalId"]},
		{"merchantTransactionId", p.TransactionID, id}, {"orderId", p.OrderID, o["orderId"]}, {"amount", int64(p.Amount), amount},
		{"lives", p.ExpiresAt.Sub(p.CreatedAt), time.Duration(lives(o["expiresIn"])) * time.Second},
		{"answered merchantId", a.Data["merchantId"], o["merchantId"]}, {"answered transactionId", a.Data["transactionId"], id},
		{"answered amount", a.Data["amount"], float64(amount)},
	} {
		if row.ours != row.want {
			d.t.Errorf("%s is %v, the second reader has %v", row.name, row.ours, row.want)
		}
	}
	link, err := upiuri.Verify(p.QR, &d.LinkKey.PublicKey)
	if err != nil || int64(link.AM) != amount || link.TR != p.ID || link.QRexpire.Before(began) {
		d.t.Errorf("the QR says %+v: %v", link, err)
	}
	kept, err := d.DB.Payment(d.t.Context(), p.MerchantID, p.TransactionID)
	if err != nil || kept != p {
		d.t.Errorf("kept %+v, saved %+v: %v", kept, p, err)
	}
	return a
}

// envelope wants the form of every answer, with a code of an init's vocabulary.
func (d *fuzzDoor) envelope(a answer) {
	d.t.Helper()
	o, _, ok := readObject([]byte(a.raw))
	_, hasData := o["data"]
	if fields := map[bool]int{true: 4, false: 3}[hasData]; !ok || len(o) != fields || o["success"] != a.Success || o["code"] != a.Code || a.Message == "" {
		d.t.Errorf("answer %s", a.raw)
	}
	if a.header.Get("X-Request-Id") == "" || a.header.Get("Content-Type") != "application/json; charset=utf-8" {
		d.t.Errorf("headers %v", a.header)
	}
	code := payapi.Code(a.Code)
	tooLarge := a.status == http.StatusRequestEntityTooLarge && code == payapi.CodeBadRequest
	if code.Message() == "" || code == payapi.CodeInternal || a.status >= 500 || a.status != code.HTTPStatus() && !tooLarge ||
		a.Success != (code == payapi.CodeSuccess) {
		d.t.Errorf("%d %s", a.status, a.raw)
	}
}

var wholeNumber = regexp.MustCompile(`^-?[0-9]+$`)

// whole is a JSON number or string as the whole number that it says; -1 for
// anything else, which no init is taken with.
func whole(v any) int64 {
	text := fmt.Sprint(v)
	n, ok := new(big.Int).SetString(text, 10)
	if !wholeNumber.MatchString(text) || !ok || !n.IsInt64() {
		return -1
	}
	return n.Int64()
}

// lives is expiresIn in seconds (phonepe-api: Payment init).
func lives(v any) int64 {
	if v == nil {
		return 180
	}
	return min(whole(v), 1800)
}
