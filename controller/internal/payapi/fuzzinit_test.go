package payapi_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/galla-pay/galla/protocol/xverify"
)

// seeds makes payloads that differ from a base by one change, each with an id of
// its own, so that none is a duplicate.
type seeds struct {
	t    testing.TB
	base fields
	id   string // what the id is called
	n    int
	all  []string
}

func (s *seeds) text(change fields) string {
	s.n++
	b, err := json.Marshal(with(with(s.base, fields{s.id: fmt.Sprint("SEED", s.n)}), change))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

func (s *seeds) add(changes ...fields) {
	for _, change := range changes {
		s.all = append(s.all, s.text(change))
	}
}

// but adds the base with one text in another's place.
func (s *seeds) but(old, new string) {
	text := s.text(nil)
	if !strings.Contains(text, old) {
		s.t.Fatalf("%s has no %s", text, old)
	}
	s.all = append(s.all, strings.Replace(text, old, new, 1))
}

// hostile adds what every route is sent: deep nesting, bad UTF-8, duplicate keys,
// 64 KiB, huge numbers, and bodies that are none.
func (s *seeds) hostile() {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for _, extra := range []string{
		`"x":` + deep(15), `"x":` + deep(16), `"x":` + deep(500), `"x":` + strings.Repeat("[", 3000) + strings.Repeat("]", 3000),
		"\"x\":\"\xff\"", "\"x\":\"\xed\xa0\x80\"", "\"\xc0\xaf\":1", `"x":"\ud800"`, `"x":1,"x":1`, `"x":1,"X":1`, `"x":{"y":1,"y":2}`, `"\u017f":1,"s":1`,
		`"amount":1`, `"Amount":1`, `"merchantId":"MERCHANTTWO"`, `"x":1e999999999`, `"x":` + strings.Repeat("9", 5000), `"x":-0.0e-0`, `"x":0x1`, `"x":NaN`, `"x":1.`,
		`"x":"` + strings.Repeat("A", 40<<10) + `"`, `"x":"` + strings.Repeat("A", 64<<10) + `"`,
	} {
		s.but(`{"`, "{"+extra+`,"`)
	}
	envelope := func(encoded string) string { return `{"request":"` + encoded + `"}` }
	good := s.text(nil)
	s.all = append(s.all, good, good, s.text(nil)+s.text(nil), "", "\x00", "null", "[]", `{"request":null}`, `{}`, envelope("e30="), "\ufeff"+s.text(nil),
		envelope(xverify.EncodeBody([]byte(s.text(nil)))), envelope(base64.RawURLEncoding.EncodeToString([]byte(s.text(nil)))),
		envelope(xverify.EncodeBody([]byte(s.text(nil)))+`","Request":"`), envelope(base64.RawStdEncoding.EncodeToString([]byte(s.text(nil)+" "))),
		`{"\u0072equest":"`+strings.Replace(xverify.EncodeBody([]byte(s.text(nil))), "e", `\u0065`, 1)+`","x":[[]]}`,
	)
}

func (s *seeds) to(f *testing.F, more ...any) {
	for _, text := range s.all {
		f.Add(append([]any{[]byte(text)}, more...)...)
	}
}

// FuzzInit is the whole way of an init, by both of its routes, over a real
// journal and database. Whatever comes, the answer is the one that the second
// reader's own reading of the contract gives; what is taken is one row that says
// what it finds in the bytes, field by field; what is refused leaves no row.
func FuzzInit(f *testing.F) {
	for _, older := range []bool{false, true} {
		id := map[bool]string{false: "merchantTransactionId", true: "transactionId"}[older]
		dqr := &seeds{t: f, base: sample(fields{"merchantTransactionId": nil}), id: id}
		dqr.add(nil, fields{"amount": "24500", "expiresIn": "60"}, fields{"expiresIn": nil}, fields{"expiresIn": 1801}, fields{"expiresIn": 0},
			fields{"merchantTransactionId": nil, "transactionId": "T2"}, fields{"merchantTransactionId": "T3", "transactionId": "T4"},
			fields{"amount": -100}, fields{"amount": 100.5}, fields{"amount": "0100"}, fields{"amount": "-9223372036854775808"}, fields{"amount": strings.Repeat("0", 30) + "100"},
			fields{"merchantId": "COGWAVEOFFLINE", "amount": 800_000, "expiresIn": 86400}, fields{"merchantId": "ASLEEP"}, fields{"merchantId": 1},
			fields{"merchantId": "MERCHANTTWO", "storeId": "secondstore", "terminalId": "secondterminal"}, fields{"merchantId": "NOSOLUTION", "storeId": "s", "terminalId": "t"},
			fields{"solutionType": "DQR"}, fields{"solutionType": 1}, fields{"terminalId": "standalone"}, fields{"terminalId": "gone"}, fields{"storeId": "closed"})
		dqr.but(`"amount"`, `"\u0061mount"`)
		dqr.but(`"storeId"`, `"\u017ftoreId":"x","storeId"`)
		dqr.but(`:100,`, `:-0,`)
		dqr.but(`:100,`, `:1e2,`)
		dqr.but(`SEED`, `S\u0045ED`)
		dqr.hostile()
		dqr.to(f, older)

		edc := &seeds{t: f, base: edcSample, id: id, n: 1000}
		edc.add(nil, fields{"solutionType": nil}, fields{"paymentModes": []string{"CARD"}}, fields{"paymentModes": []any{"DQR", "CARD", "DQR"}}, fields{"paymentModes": []any{nil}},
			fields{"paymentModes": "CARD"}, fields{"paymentModes": []string{}}, fields{"amount": 800_001}, fields{"amount": 99}, fields{"amount": 99, "paymentModes": []string{"DQR"}},
			fields{"autoAccept": "True"}, fields{"autoAccept": true}, fields{"autoAccept": "no"}, fields{"autoAccept": 1}, fields{"shortOrderId": "0042"}, fields{"shortOrderId": ""},
			fields{"timeAllowedForHandoverToTerminalSeconds": "600"}, fields{"timeAllowedForHandoverToTerminalSeconds": 601}, fields{"timeAllowedForHandoverToTerminalSeconds": nil},
			fields{"integrationMappingType": "MANY"}, fields{"integrationMappingType": []string{"OPEN"}}, fields{"terminalId": nil})
		for n, change := range []fields{
			nil, {"shortOrderId": "123"}, {"shortOrderId": "123456789"}, {"shortOrderId": 1234}, {"shortOrderId": nil}, {"shortOrderId": "１２３４"},
			{"terminalId": "testterminal1"}, {"terminalId": "gone"}, {"terminalId": "standalone"}, {"terminalId": 1}, {"solutionType": "DQR_DEVICE", "terminalId": "testterminal1"},
			{"amount": 10_000_000_000, "autoAccept": "TRUE"}, {"merchantId": "MERCHANTTWO", "storeId": "secondstore"},
		} {
			edc.add(with(with(fields{"integrationMappingType": "OPEN", "terminalId": nil, "shortOrderId": fmt.Sprintf("%04d", n)}, change), nil))
		}
		edc.add(fields{"integrationMappingType": "OPEN", "terminalId": nil, "shortOrderId": "0000"}) // which is taken by then
		edc.to(f, older)
	}
	base := newFuzzDoor(f)
	f.Fuzz(func(t *testing.T, data []byte, older bool) {
		path, form := initPath, ""
		if older {
			path, form = "/v1/edc/transaction/init", "EDC"
		}
		for _, body := range bodies(data) {
			base.of(t).begins(path, body, func(o asked) expected { return expectInit(base.People, o, form) })
		}
	})
}

// FuzzV3 is the same of the v3 inits: a QR to draw, and a collect request.
func FuzzV3(f *testing.F) {
	qr := &seeds{t: f, base: qrSample, id: "transactionId"}
	qr.add(nil, fields{"merchantOrderId": nil}, fields{"merchantOrderId": "a b"}, fields{"storeId": nil, "terminalId": nil}, fields{"storeId": "closed"}, fields{"terminalId": "a.b"},
		fields{"amount": 800_001}, fields{"amount": 99}, fields{"amount": "5000"}, fields{"expiresIn": 1801}, fields{"expiresIn": "0"}, fields{"gstBreakup": fields{"gst": 1}, "invoiceDetails": fields{}},
		fields{"gstBreakup": []int{}}, fields{"invoiceDetails": "x"}, fields{"message": "₹ \u0085"}, fields{"message": "a\u007f"}, fields{"message": strings.Repeat("é", 128)}, fields{"message": strings.Repeat("é", 128) + "x"},
		fields{"subMerchantId": "S-1"}, fields{"subMerchantId": "a b"}, fields{"transactionId": strings.Repeat("x", 37)}, fields{"transactionId": strings.Repeat("x", 38)},
		fields{"transactionId": nil, "merchantTransactionId": "T1"}, fields{"merchantId": "NOSOLUTION", "storeId": "s"}, fields{"merchantId": "ASLEEP"})
	qr.hostile()
	qr.to(f, false)
	collect := &seeds{t: f, base: collectSample, id: "transactionId", n: 1000}
	collect.add(nil, fields{"instrumentType": "MOBILE", "instrumentReference": "9876543210"}, fields{"instrumentType": "MOBILE"}, fields{"instrumentReference": "a@b"}, fields{"instrumentReference": "a@-bc"},
		fields{"instrumentReference": "A.b_c-1@ok.bank1"}, fields{"instrumentReference": strings.Repeat("a", 250) + "@okbank"}, fields{"instrumentType": 1}, fields{"email": 1}, fields{"shortName": nil, "email": "x"},
		fields{"expiresIn": nil}, fields{"expiresIn": 3_000_000}, fields{"merchantOrderId": nil}, fields{"amount": 1}, fields{"amount": 10_000_000_001}, fields{"storeId": "secondstore"},
		fields{"merchantId": "MERCHANTTWO", "storeId": "secondstore"})
	collect.hostile()
	collect.to(f, true)
	base := newFuzzDoor(f)
	f.Fuzz(func(t *testing.T, data []byte, charge bool) {
		path := qrPath
		if charge {
			path = collectPath
		}
		for _, body := range bodies(data) {
			base.of(t).begins(path, body, func(o asked) expected { return expectV3(base.People, o, path) })
		}
	})
}
