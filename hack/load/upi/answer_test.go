package upi

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// written is an HTTP answer as net/http writes it.
func written(t testing.TB, status int, body string, chunked, closing bool) []byte {
	t.Helper()
	r := http.Response{StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Close: closing, Header: http.Header{"Content-Type": {"application/xml"}},
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body))}
	if chunked {
		r.ContentLength, r.TransferEncoding = -1, []string{"chunked"}
	}
	var text bytes.Buffer
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// readsBack: an answer is read as it was written, once all of it is there, however
// it comes, and of what follows nothing.
func readsBack(t testing.TB, status int, body string, chunked, closing bool) {
	t.Helper()
	text := written(t, status, body, chunked, closing)
	for n := range len(text) {
		if _, length, err := readAnswer(bytes.Clone(text[:n])); length != 0 || err != nil {
			t.Fatalf("%d of %d bytes are an answer of %d, %v\n%s", n, len(text), length, err, text)
		}
	}
	a, length, err := readAnswer(append(bytes.Clone(text), "HTTP/1.1 200"...))
	if err != nil || length != len(text) || a.status != status || string(a.body) != body || a.close != closing {
		t.Fatalf("%d %+v %v\n%s", length, a, err, text)
	}
}

func TestReadAnswer(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "x", "<RespPay>\n  <Status>00</Status>\n</RespPay>", "\r\n\r\n0\r\n\r\n", strings.Repeat("long ", 4000)} {
		for _, chunked := range []bool{false, true} {
			for _, closing := range []bool{false, true} {
				readsBack(t, 200, body, chunked, closing)
				readsBack(t, 503, body, chunked, closing)
			}
		}
	}
	// Chunks that a writer of its own mind makes.
	text := "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n"
	if a, length, err := readAnswer([]byte(text)); err != nil || length != len(text) || string(a.body) != "abc0123456789" {
		t.Errorf("%d %+v %v", length, a, err)
	}
}

// TestNoAnswer: what is no answer is known as early as it can be.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"hello": errNotHTTP, "HTTP/2": errNotHTTP, "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n": errNotHTTP, "HTTP/1.1 20\r\n\r\n": errNotHTTP,
		"HTTP/1.1 100 Continue\r\n\r\n": errNotHTTP, "HTTP/1.1 200 OK\r\n\r\nuntil the end": errNotHTTP,
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n": errNotHTTP, "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n": errNotHTTP,
		"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n":                                 errLong,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n":                       errNotHTTP,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n":                        errNotHTTP,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n":         errNotHTTP,
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxAnswer):                            errLong,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1", 1<<16): errLong,
	} {
		if _, length, err := readAnswer([]byte(text)); !errors.Is(err, want) || length != 0 {
			t.Errorf("%.60q: %d %v, want %v", text, length, err, want)
		}
	}
}

// FuzzReadAnswer: net/http's writer is the oracle of what is an answer, and no
// bytes make a panic.
func FuzzReadAnswer(f *testing.F) {
	f.Add("<a/>", true, []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"))
	f.Add("", false, []byte("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"))
	f.Fuzz(func(t *testing.T, body string, chunked bool, raw []byte) {
		if len(body) < 4096 {
			readsBack(t, 200, body, chunked, false)
		}
		if a, length, err := readAnswer(raw); length < 0 || length > len(raw) || len(a.body) > length || err != nil && length != 0 {
			t.Errorf("%d %+v %v", length, a, err)
		}
	})
}

// TestJudge is what each answer counts as.
func TestJudge(t *testing.T) {
	t.Parallel()
	var m [kinds]message
	for k := range m {
		m[k] = message{kind: kind(k), msgID: newID("LDM", dice()), payee: 2}
	}
	mine := "<MsgID>" + string(m[pay].msgID[:]) + "</MsgID>"
	given := newTestToken(7, 2)
	tokenText := "<VerToken>" + string(given.text[:]) + "</VerToken>"
	for _, tt := range []struct {
		kind   kind
		status int
		body   string
		signed bool
		want   string
	}{
		{validate, 200, "<R>" + mine + "<Status>00</Status>" + tokenText + "</R>", false, ""},
		{validate, 200, "<R>" + mine + "<Status>00</Status><VerToken>short</VerToken></R>", false, failNoToken},
		{validate, 200, "<R>" + mine + "<Status>00</Status></R>", false, failNoToken},
		{validate, 200, "<R>" + mine + "<Status>PE</Status></R>", false, "code PE"},
		{pay, 200, "<R>" + mine + "<Status>00</Status></R>", false, ""},
		{pay, 200, "<R>" + mine + "<Status>00</Status><Result>TIMEOUT</Result></R>", false, "result TIMEOUT"},
		{pay, 200, "<R>" + mine + "<Status>IP08</Status></R>", false, "code IP08"},
		{pay, 200, "<R>" + strings.ToUpper(mine) + "<Status>00</Status></R>", false, failOther},
		{pay, 200, "<R><MsgID>another</MsgID><Status>00</Status></R>", false, failOther},
		{pay, 200, "<R>" + mine + "<Status>00</Status></R>", true, failUnsigned},
		{pay, 200, "<R>" + mine + "<Status>00</Status><ds:SignatureValue>x</ds:SignatureValue></R>", true, ""},
		{pay, 200, "<R>" + mine + "<StatusText>00</StatusText></R>", false, failGarbage},
		{pay, 200, "<R>" + mine + "<Status>00", false, failGarbage},
		{pay, 200, "", false, failGarbage},
		{pay, 503, "", false, "HTTP 503"},
		{pay, 503, "<R><Status>96</Status></R>", false, "HTTP 503, code 96"},
		{pay, 400, "<R>" + mine + "<Status>BR</Status></R>", false, "HTTP 400, code BR"},
	} {
		failure, got := answer{status: tt.status, body: []byte(tt.body)}.judge(m[tt.kind], tt.signed)
		if failure != tt.want || (got == given) != (tt.want == "" && tt.kind == validate) {
			t.Errorf("%s %d %s: %q %s, want %q", tt.kind, tt.status, tt.body, failure, got.text, tt.want)
		}
	}
}
