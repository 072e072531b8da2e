package deviceapi_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/deviceapi"
	"github.com/galla-pay/galla/controller/internal/enrol"
	"github.com/galla-pay/galla/protocol"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

// The second reader of a request: RFC 8259's grammar of a flat object of texts
// as one expression, and escapes undone by hand.
var (
	textForm   = `"((?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*)"`
	gap        = "[ \t\r\n]*"
	memberForm = regexp.MustCompile(gap + textForm + gap + ":" + gap + textForm + gap)
	objectForm = regexp.MustCompile("^" + gap + `\{(?:` + memberForm.String() + `(?:,` + memberForm.String() + `)*)?\}` + gap + "$")
	keyForm    = regexp.MustCompile(`^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$`)
)

// readSecond returns the request, or false where it is none.
func readSecond(body []byte) (code, key, proof string, ok bool) {
	if !utf8.Valid(body) || !objectForm.Match(body) {
		return "", "", "", false
	}
	fields := map[string]string{}
	members := memberForm.FindAllSubmatch(body, -1)
	for _, m := range members {
		fields[unescaped(string(m[1]))] = unescaped(string(m[2]))
	}
	code, has1 := fields["code"]
	key, has2 := fields["publicKey"]
	proof, has3 := fields["proof"]
	if len(members) != 3 || !has1 || !has2 || !has3 || !keyForm.MatchString(key) {
		return "", "", "", false
	}
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil || base64.StdEncoding.EncodeToString(raw) != key {
		return "", "", "", false
	}
	return code, string(raw), proof, true
}

// unescaped undoes what matters here: a code, a key and a proof are ASCII, so
// any other character is as bad as the next.
func unescaped(s string) string {
	var b strings.Builder
	for s != "" {
		if s[0] != '\\' {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		if s[1] != 'u' {
			b.WriteByte(map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': 8, 'f': 12, 'n': 10, 'r': 13, 't': 9}[s[1]])
			s = s[2:]
			continue
		}
		n := 0
		for _, c := range strings.ToLower(s[2:6]) {
			n = n<<4 | strings.IndexRune("0123456789abcdef", c)
		}
		if n < 0x80 {
			b.WriteByte(byte(n))
		} else {
			b.WriteString("\ufffd")
		}
		s = s[6:]
	}
	return b.String()
}

// desk takes no code, and remembers that one was brought.
type desk struct {
	code protocol.EnrolCode
	key  string
}

func (d *desk) Enrol(_ context.Context, code protocol.EnrolCode, publicKey, tokenHash []byte) (protocol.Identity, error) {
	if len(tokenHash) != 32 {
		return protocol.Identity{}, errors.New("no hash")
	}
	d.code, d.key = code, string(publicKey)
	return protocol.Identity{}, enrol.ErrRefused
}

// FuzzEnrolByCode: whatever is posted, the door either refuses it as a bad
// request, or the second reader reads a request whose code and key are those
// that the door went on with. It never fails in another way.
func FuzzEnrolByCode(f *testing.F) {
	good, err := json.Marshal(protocoltest.EnrolRequest())
	if err != nil {
		f.Fatal(err)
	}
	for _, body := range []string{
		string(good), "", "{}", "null", " " + string(good) + "\n", string(good) + string(good),
		strings.Replace(string(good), "K7QP", `\u004b7qp`, 1), strings.Replace(string(good), "code", `\u0063ode`, 1),
		strings.Replace(string(good), `"code":`, `"code":"x","Code":`, 1), strings.Replace(string(good), "=", `=\n`, 1),
		`{"code":"` + "\xff" + `","publicKey":"","proof":""}`, `{"code":"\ud800","publicKey":"AA==","proof":"a.b.c"}`,
		`{"code":[[[[]]]],"publicKey":1e9,"proof":{}}`,
	} {
		f.Add([]byte(body))
	}
	gin.SetMode(gin.ReleaseMode)
	f.Fuzz(func(t *testing.T, body []byte) {
		d := &desk{}
		r := gin.New()
		deviceapi.New(deviceapi.Config{Codes: d, Log: slog.New(slog.DiscardHandler)}).RegisterCodes(r)
		w := httptest.NewRecorder()
		r.ServeHTTP(w, posted(string(body)))
		var e protocol.EnrolError
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Message == "" {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		code, key, proof, ok := readSecond(body)
		if ok = ok && len(body) <= 64<<10; ok {
			_, err := protocol.EnrolCodeRequest{Code: protocol.EnrolCode(code), PublicKey: []byte(key), Proof: proof}.Open()
			ok = err == nil
		}
		switch {
		case w.Code == http.StatusBadRequest && e.Code == "BAD_REQUEST":
			if ok || d.key != "" {
				t.Fatalf("refused as bad, and the second reader reads %q", body)
			}
		case w.Code == http.StatusForbidden && e.Code == "FORBIDDEN":
			plain := strings.NewReplacer("-", "", " ", "")
			if !ok || d.key != key || plain.Replace(d.code.Text()) != strings.ToUpper(plain.Replace(code)) {
				t.Fatalf("went on with code %q and key %x; the second reader reads %q, %x, %v", d.code.Text(), d.key, code, key, ok)
			}
		default:
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}
