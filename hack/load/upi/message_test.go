package upi

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"
)

// sentXML is what a server reads of a message.
type sentXML struct {
	XMLName                             xml.Name
	MsgID, TxnID, VerToken, OrgID       string
	Amount, Curr, Mcc, RefUrl           string
	PayerAddr, PayeeAddr, Ts, Timestamp string
	Signature                           *struct{} `xml:"http://www.w3.org/2000/09/xmldsig# Signature"`
}

func readSent(t testing.TB, request []byte) (path string, doc sentXML) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
	if err != nil {
		t.Fatalf("%v\n%s", err, request)
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = xml.Unmarshal(body, &doc)
	}
	if err != nil || r.Method != http.MethodPost || r.Host != "host:1" || !bytes.HasSuffix(request, body) {
		t.Fatalf("%v\n%s", err, request)
	}
	return r.URL.Path, doc
}

func newTestToken(n int, payee uint8) (k token) {
	copy(k.text[:], strings.Repeat("0", tokenLength))
	for i := tokenLength - 1; n > 0; i, n = i-1, n/10 {
		k.text[i] = byte('0' + n%10)
	}
	k.payee = payee
	return k
}

func dice() *rand.Rand { return rand.New(rand.NewPCG(3, 4)) }

// TestMessages: what is sent is what net/http and encoding/xml read, with the
// elements of PRD 8.1 and 8.3; a ReqPay spends the oldest token and pays whom that
// was given for; no id comes twice.
func TestMessages(t *testing.T) {
	t.Parallel()
	u := newUnsigned("host:1", time.Date(2026, 6, 12, 10, 30, 0, 0, time.UTC), dice())
	seen := map[string]bool{}
	once := func(id string) {
		if len(id) != idLength || seen[id] {
			t.Errorf("id %q", id)
		}
		seen[id] = true
	}
	for i := range 3 * len(payees) {
		request, m, ok := u.next(nil, validate)
		path, doc := readSent(t, request)
		once(doc.MsgID)
		payee := payees[i%len(payees)]
		link, err := base64.StdEncoding.DecodeString(doc.RefUrl)
		if !ok || err != nil || path != "/api/v1/dynamic-qr/validate" || doc.XMLName.Local != "ReqValQr" || doc.MsgID != string(m.msgID[:]) || payees[m.payee] != payee ||
			!strings.HasPrefix(string(link), "upi://pay?") || !strings.Contains(string(link), "&mode=16&pa="+payee+"&") ||
			doc.OrgID != "MER101" || doc.Curr != "INR" || doc.Amount != amount || doc.Mcc != "5411" || doc.Ts != "2026-06-12T10:30:00Z" {
			t.Errorf("%v %s %+v", ok, path, doc)
		}
		u.got(newTestToken(i, m.payee))
	}
	for i := range 3 * len(payees) {
		request, m, ok := u.next(nil, pay)
		path, doc := readSent(t, request)
		once(doc.MsgID)
		once(doc.TxnID)
		want := newTestToken(i, 0)
		if !ok || path != "/api/v1/dynamic-qr/pay" || doc.XMLName.Local != "ReqPay" || doc.MsgID != string(m.msgID[:]) || doc.VerToken != string(want.text[:]) ||
			doc.PayeeAddr != payees[i%len(payees)] || doc.PayerAddr != "customer@upi" || doc.Amount != amount || doc.Curr != "INR" || doc.Timestamp != "2026-06-12T10:30:00Z" {
			t.Errorf("%v %s %+v", ok, path, doc)
		}
	}
	if _, _, ok := u.next(nil, pay); ok {
		t.Error("a ReqPay without a token")
	}
}

// TestTokens: first in, first out, however often the queue is moved together.
func TestTokens(t *testing.T) {
	t.Parallel()
	var q tokens
	in, out := 0, 0
	d := dice()
	for range 200_000 {
		if d.IntN(20) < 11 {
			q.put(newTestToken(in, 0))
			in++
		} else if got, ok := q.take(); ok != (out < in) || ok && got != newTestToken(out, 0) {
			t.Fatalf("token %d of %d: %v %s", out, in, ok, got.text)
		} else if ok {
			out++
		}
		if q.len() != in-out {
			t.Fatalf("%d tokens, want %d", q.len(), in-out)
		}
	}
	if len(q.all) > in-out+200_000/2 {
		t.Errorf("%d tokens are kept of %d", len(q.all), in-out)
	}
}
