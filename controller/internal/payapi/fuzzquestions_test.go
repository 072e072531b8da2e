package payapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galla-pay/galla/controller/internal/journal"
	"github.com/galla-pay/galla/controller/internal/payment"
	"github.com/galla-pay/galla/protocol/xverify"
)

// namedOurs puts one of our ids, which are drawn anew in every process, in the
// place of GP1 in a payload.
func namedOurs(body []byte, ours string) []byte {
	_, signed, ok := readable(body)
	payload := plain(signed)
	if !ok || !bytes.Contains(payload, []byte(`"GP1"`)) {
		return body
	}
	return []byte(`{"request":"` + xverify.EncodeBody(bytes.ReplaceAll(payload, []byte(`"GP1"`), []byte(`"`+ours+`"`))) + `"}`)
}

// library is payments of two merchants in every state, some of them refunded.
type library struct {
	*fuzzDoor
	all []payment.Payment // oldest first
}

func newLibrary(f *testing.F) *library {
	l := &library{fuzzDoor: newFuzzDoor(f)}
	kinds := []struct {
		path   string
		base   fields
		reason string
		events []payment.Event
	}{
		{initPath, edcSample, "", paid}, {initPath, edcSample, "", nil}, {initPath, sample(fields{"merchantTransactionId": nil}), "UPI:IP08", failed},
		{qrPath, qrSample, "", paid}, {qrPath, qrSample, payment.ReasonQRExpired, []payment.Event{payment.EventExpired}}, {collectPath, collectSample, "", paying},
		{initPath, with(edcSample, fields{"storeId": "MS2403212004046998204201", "terminalId": "MST2405301213090857163565"}), "", paid},
	}
	for n := range 28 {
		k := kinds[n%len(kinds)]
		id := l.made(k.path, with(k.base, fields{"amount": 100 + n%3}), k.reason, k.events...)
		if n%len(kinds) == 3 {
			l.send(postTo(f, refundPath, merchantKey, with(refundSample, fields{"transactionId": l.fresh(), "originalTransactionId": id})))
		}
	}
	l.send(postTo(f, qrPath, "sandbox-second-key", with(qrSample, fields{"merchantId": "MERCHANTTWO", "storeId": nil, "transactionId": "T1"})))
	for _, m := range []string{"MERCHANTUAT", "MERCHANTTWO"} {
		found, err := l.DB.Payments(f.Context(), journal.PaymentQuery{MerchantID: m})
		if err != nil {
			f.Fatal(err)
		}
		l.all = append(l.all, found...)
	}
	l.saved.take()
	return l
}

// question is a question about payments as the second reader has it: a code, or
// which payments answer it.
type question struct {
	code        string
	fits        func(payment.Payment) bool
	newest      bool
	size        int
	from, until int64 // milliseconds; 0 is open
	usual       time.Duration
	after       string // our id
}

// period reads the times of a question; a time below 10^11 is in seconds.
func (o asked) period(q *question, from, to string) bool {
	for _, field := range []struct {
		name string
		at   *int64
	}{{from, &q.from}, {to, &q.until}} {
		if field.name == "" {
			continue
		}
		n, given, ok := o.whole(field.name)
		if !ok || given && (n < 0 || n > 1<<45) {
			return false
		}
		if n < 100_000_000_000 {
			n *= 1000
		}
		if *field.at = n; given && n == 0 {
			*field.at = 1 // 1970 is as good as open, and is given
		}
	}
	return q.from == 0 || q.until == 0 || q.from <= q.until
}

// expectQuestion is phonepe-api: Endpoints, EDC search, Transaction list, Recon.
func (l *library) expectQuestion(o asked, path string) question {
	bad := func(code string) question {
		if strings.HasPrefix(path, "/v3") {
			code = map[bool]string{true: "AUTHORIZATION_FAILED", false: "BAD_REQUEST"}[code == "UNAUTHORIZED"]
		}
		return question{code: code}
	}
	merchantID, _ := o.text("merchantId")
	m, known := l.People.Merchant(merchantID)
	storeID, storeIsText := o.text("storeId")
	_, hasStore := l.People.Store(merchantID, storeID)
	terminalID, terminalIsText := o.text("terminalId")
	switch {
	case !known:
		return bad("UNAUTHORIZED")
	case !m.Active:
		return bad("INVALID_MERCHANT_ID")
	}
	mine := func(p payment.Payment) bool { return p.MerchantID == merchantID }
	if path == "/v1/edc/transaction/status" {
		return l.expectSearch(o, bad, mine)
	}
	q := question{code: "SUCCESS", size: 50, usual: 24 * time.Hour}
	from, to := "startTimestamp", "endTimestamp"
	if path == "/v3/qr/transaction/list" {
		q.newest, q.size, q.usual, to = true, 10, 5*time.Minute, ""
	}
	size, given, ok := o.whole("size")
	switch {
	case !storeIsText || storeID != "" && !hasStore:
		return bad("INVALID_STORE_ID")
	case !terminalIsText || terminalID != "" && !isID(terminalID, 64):
		return bad("INVALID_TERMINAL_ID")
	case !ok || given && (size < 1 || size > int64(q.size)), !o.period(&q, from, to):
		return bad("BAD_REQUEST")
	case given:
		q.size = int(size)
	}
	var amount int64
	var code, last string
	if q.newest {
		wrong := ""
		if amount, wrong = o.amount(); o["amount"] == nil {
			wrong = ""
		}
		codeIsText, lastIsText := true, true
		code, codeIsText = o.text("qrCodeId")
		last, lastIsText = o.text("last4Digits")
		if wrong != "" || !codeIsText || !lastIsText || last != "" && !last4Form.MatchString(last) {
			return bad("BAD_REQUEST")
		}
	} else if after, isObject := o["searchAfter"].(map[string]any); isObject {
		_, timed, timeOK := asked(after).whole("timestamp")
		id, isText := asked(after).text("transactionId")
		i := slices.IndexFunc(l.all, func(p payment.Payment) bool { return mine(p) && (p.TransactionID == id || p.ID == id) })
		if !timeOK || !isText || id == "" && timed || id != "" && i < 0 {
			return bad("BAD_REQUEST")
		}
		if id != "" {
			q.after = l.all[i].ID
		}
	} else if o["searchAfter"] != nil {
		return bad("BAD_REQUEST")
	}
	q.fits = func(p payment.Payment) bool {
		return mine(p) && p.Solution != payment.Refund && (storeID == "" || p.StoreID == storeID) &&
			(terminalID == "" || p.TerminalID == terminalID || p.ContextTerminal == terminalID) && (amount == 0 || int64(p.Amount) == amount) &&
			(code == "" || code == p.ID && p.QR != "") && (last == "" || strings.HasSuffix(p.ID, last) || strings.HasSuffix(p.Reference, last))
	}
	return q
}

func (l *library) expectSearch(o asked, bad func(string) question, mine func(payment.Payment) bool) question {
	q := question{code: "SUCCESS", newest: true, size: 100, usual: 24 * time.Hour}
	terminalID, terminalIsText := o.text("terminalId")
	has := slices.ContainsFunc([]string{"testterminal1", "standalone", "gone", "MST2603301758302811969831", "MST2405301213090857163565", "secondterminal", "t"}, func(id string) bool {
		return id == terminalID && l.hasTerminal(o, id)
	})
	id, idIsText := o.text("merchantTransactionId")
	rrn, rrnIsText := o.text("rrn")
	amount, wrong := o.amount()
	switch {
	case !terminalIsText || !has:
		return bad("INVALID_TERMINAL_ID")
	case !idIsText || id != "" && !isID(id, 64):
		return bad("INVALID_TRANSACTION_ID")
	case id == "" && (!rrnIsText || !isID(rrn, 64)):
		return bad("BAD_REQUEST")
	case o["amount"] != nil && wrong != "":
		return bad(wrong)
	case !o.period(&q, "startTimestamp", "endTimestamp"):
		return bad("BAD_REQUEST")
	}
	q.fits = func(p payment.Payment) bool {
		named := p.TransactionID == id
		if id == "" {
			named = p.Reference == rrn
		}
		return mine(p) && named && (p.TerminalID == terminalID || p.ContextTerminal == terminalID) && (amount == 0 || int64(p.Amount) == amount)
	}
	return q
}

// hasTerminal reports whether the merchant of o has a terminal of that id, in
// whichever store.
func (l *library) hasTerminal(o asked, id string) bool {
	merchantID, _ := o.text("merchantId")
	shops := map[string][]string{
		"MERCHANTUAT": {"testterminal1", "standalone", "gone", "MST2603301758302811969831", "MST2405301213090857163565"}, "NOSOLUTION": {"t"},
		"COGWAVEOFFLINE": {"testterminal1", "MST2603301758302811969831", "MST2405301213090857163565"}, "MERCHANTTWO": {"secondterminal"},
	}
	return slices.Contains(shops[merchantID], id)
}

// answers are the payments that answer q at now.
func (l *library) answers(q question, now time.Time) (ids []string) {
	from, until := time.UnixMilli(q.from), time.UnixMilli(q.until)
	switch {
	case q.from == 0 && q.until == 0:
		from = now.Add(-q.usual)
	case q.from == 0:
		from = until.Add(-q.usual)
	}
	all := slices.Clone(l.all)
	if q.newest {
		slices.Reverse(all)
	}
	passed := q.after == ""
	for _, p := range all {
		if passed && q.fits(p) && !p.CreatedAt.Before(from) && (q.until == 0 || p.CreatedAt.Before(until)) && len(ids) < q.size {
			ids = append(ids, p.TransactionID)
		}
		passed = passed || p.ID == q.after
	}
	return ids
}

// FuzzQuestions is the way of a search, a list and a recon: the answer is the
// code that the second reader's reading of the contract gives, and the payments
// that a plain look through all of them finds. Nothing is ever saved.
func FuzzQuestions(f *testing.F) {
	paths := []string{"/v1/edc/transaction/status", "/v3/qr/transaction/list", "/v1/transactions/details"}
	lists := []string{"", "transactions", "transactionDetails"}
	l := newLibrary(f)
	ours := l.all[3].ID
	now := time.Now()
	period := func(from, to time.Duration) fields {
		return fields{"startTimestamp": now.Add(from).UnixMilli(), "endTimestamp": fmt.Sprint(now.Add(to).UnixMilli())}
	}
	for n := range paths {
		s := &seeds{t: f, base: fields{"merchantId": "MERCHANTUAT", "terminalId": "testterminal1", "rrn": "632512004217"}, id: "whatever"}
		if n > 0 {
			s.base = fields{"merchantId": "MERCHANTUAT", "size": 3}
		}
		s.add(nil, period(-time.Hour, time.Hour), period(time.Hour, 0), period(-2*time.Hour, -time.Hour), fields{"endTimestamp": now.Add(time.Hour).Unix()}, fields{"startTimestamp": 0, "endTimestamp": 0},
			fields{"startTimestamp": -1}, fields{"startTimestamp": 1 << 46}, fields{"endTimestamp": "soon"}, fields{"merchantTransactionId": "T1"}, fields{"merchantTransactionId": "a b"}, fields{"rrn": nil},
			fields{"amount": 101}, fields{"amount": 0}, fields{"amount": nil}, fields{"amount": "x"}, fields{"storeId": "teststore1"}, fields{"storeId": "closed"}, fields{"storeId": "secondstore"}, fields{"storeId": 1},
			fields{"terminalId": "till-7"}, fields{"terminalId": "MST2405301213090857163565"}, fields{"terminalId": "secondterminal"}, fields{"terminalId": "a b"}, fields{"terminalId": 1},
			fields{"size": 10}, fields{"size": 11}, fields{"size": "50"}, fields{"size": 51}, fields{"size": 0}, fields{"size": nil}, fields{"qrCodeId": "GP1"}, fields{"qrCodeId": 1}, fields{"last4Digits": "4217"}, fields{"last4Digits": "421"},
			fields{"searchAfter": fields{}}, fields{"searchAfter": fields{"transactionId": "T5", "timestamp": 1}}, fields{"searchAfter": fields{"transactionId": "GP1"}}, fields{"searchAfter": fields{"timestamp": 1}},
			fields{"searchAfter": "T5"}, fields{"searchAfter": fields{"transactionId": "nobodys"}}, fields{"searchAfter": nil}, fields{"merchantId": "MERCHANTTWO", "terminalId": "secondterminal"}, fields{"merchantId": "MERCHANTTWO", "terminalId": nil},
			fields{"merchantId": "ASLEEP"}, fields{"merchantId": "NOBODY"}, fields{"merchantId": "COGWAVEOFFLINE"})
		s.hostile()
		s.to(f, byte(n))
	}
	f.Fuzz(func(t *testing.T, data []byte, which byte) {
		n := int(which) % len(paths)
		d := &library{l.of(t), l.all}
		for _, body := range bodies(data) {
			d.questions(paths[n], lists[n], namedOurs(body, ours))
		}
	})
}

func (l *library) questions(path, list string, body []byte) {
	l.t.Helper()
	o, _, ok := readable(body)
	q := question{code: "BAD_REQUEST"}
	if ok {
		q = l.expectQuestion(o, path)
	}
	before := time.Now()
	a, saved := l.ask(path, body, l.key(o))
	after := time.Now()
	if a.Code != q.code || len(saved) != 0 {
		l.t.Fatalf("%d %s, want %s; saved %d", a.status, a.raw, q.code, len(saved))
	}
	if q.code != "SUCCESS" {
		return
	}
	var form struct{ Data json.RawMessage }
	var rows []struct{ TransactionID string }
	if err := json.Unmarshal([]byte(a.raw), &form); err != nil {
		l.t.Fatal(err)
	}
	if list != "" {
		var data map[string]json.RawMessage
		if err := json.Unmarshal(form.Data, &data); err != nil {
			l.t.Fatal(err)
		}
		form.Data = data[list]
	}
	if err := json.Unmarshal(form.Data, &rows); err != nil || rows == nil {
		l.t.Fatalf("%s: %v", a.raw, err)
	}
	var ids []string
	for _, row := range rows {
		ids = append(ids, row.TransactionID)
	}
	// A payment may come of age between our look and the door's.
	if !slices.Equal(ids, l.answers(q, before)) && !slices.Equal(ids, l.answers(q, after)) {
		l.t.Errorf("%s answers %v, want %v", path, ids, l.answers(q, after))
	}
}
