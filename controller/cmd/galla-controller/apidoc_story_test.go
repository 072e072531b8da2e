package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/apidoc"
	"github.com/galla-pay/galla/controller/internal/brokerauth"
	"github.com/galla-pay/galla/protocol/protocoltest"
	"github.com/galla-pay/galla/protocol/xverify"
)

// teller has a running controller of the sandbox tell the story of the examples.
type teller struct {
	t    *testing.T
	base string // of the controller
	// aside is where the questions of a broker go: the controller answers them only
	// where it has such a broker.
	aside string
	// actual is what stands for a text of the examples here.
	actual    map[string]string
	callbacks chan sentCallback
	forms     *forms
}

type sentCallback struct {
	method string
	header http.Header
	body   []byte
}

func newTeller(t *testing.T) *teller {
	t.Helper()
	s := &teller{t: t, actual: map[string]string{}, callbacks: make(chan sentCallback, 100), forms: newForms(t)}
	database := databaseFlags{Database: "sqlite:" + filepath.Join(t.TempDir(), "galla.db")}
	seeded(t, database)
	s.actual[apidoc.AdminToken] = adminToken(t, database)
	s.base = "http://" + startController(t, func(c *serveCommand) {
		c.tlsFlags, c.databaseFlags, c.CallbackAllowPrivate = tlsFlags{}, database, true
		c.TimeoutSecs = 1 // the story has a payee who never answers
	}).http
	s.aside = brokersQuestions(t, database)
	merchant := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			s.callbacks <- sentCallback{r.Method, r.Header.Clone(), body}
		}
	}))
	t.Cleanup(merchant.Close)
	s.actual[apidoc.CallbackURL] = merchant.URL + "/galla"
	return s
}

// adminToken makes the first token, as the operator does, before anything runs.
func adminToken(t *testing.T, database databaseFlags) string {
	t.Helper()
	db, _, err := database.open(t.Context(), slog.New(slog.DiscardHandler))
	must(t, err)
	must(t, db.Migrate(t.Context()))
	made, err := admin.NewService(db).CreateToken(t.Context(), admin.By{Actor: "cli:operator", Source: "here"}, admin.NewToken{Name: "office", Role: "admin"})
	must(t, err)
	must(t, db.Close())
	return string(made.Text)
}

// brokersQuestions is the door that a broker outside asks.
func brokersQuestions(t *testing.T, database databaseFlags) string {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	db, _, err := database.open(t.Context(), log)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	door, err := brokerauth.New(brokerauth.Config{Reader: db, Secret: apidoc.BrokerSecret, Log: log})
	must(t, err)
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	door.Register(r)
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return server.URL
}

func (s *teller) host(e apidoc.Example) string {
	if e.By == apidoc.ByBroker {
		return s.aside
	}
	return s.base
}

// real puts the texts of now in the place of those of the examples.
func (s *teller) real(text string) string {
	for said, is := range s.actual {
		text = strings.ReplaceAll(text, said, is)
	}
	return text
}

// answer is what came back.
type told struct {
	status int
	header http.Header
	body   []byte
}

// ask sends an example by net/http.
func (s *teller) ask(e apidoc.Example) told {
	s.t.Helper()
	if e.Changing { // its checksum is over the path of now
		e.Path = s.real(e.Target())
	}
	body, header := e.Request(*sandboxKeys())
	r, err := http.NewRequestWithContext(s.t.Context(), e.Method(), s.host(e)+s.real(e.Target()), strings.NewReader(s.real(body)))
	must(s.t, err)
	for _, h := range header {
		r.Header.Set(h[0], s.real(h[1]))
	}
	res, err := http.DefaultClient.Do(r)
	must(s.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(s.t, err)
	return told{res.StatusCode, res.Header, text}
}

// take keeps what later examples need.
func (s *teller) take(e apidoc.Example, a told) {
	s.t.Helper()
	for place, said := range e.Takes {
		var value string
		if strings.HasPrefix(strings.TrimSpace(string(a.body)), "<") {
			value = elements(a.body)[place]
		} else {
			var v any
			must(s.t, json.Unmarshal(a.body, &v))
			for step := range strings.SplitSeq(place, ".") {
				member, _ := v.(map[string]any)
				v = member[step]
			}
			value, _ = v.(string)
		}
		if value == "" {
			s.t.Fatalf("%s: the answer has no %s: %s", e.Name, place, a.body)
		}
		s.actual[said] = value
	}
}

var (
	xmlElement   = regexp.MustCompile(`<([A-Za-z]+)>([^<]*)</`)
	xmlSignature = regexp.MustCompile(`(?s)<([a-z]+:)?Signature[ >].*</([a-z]+:)?Signature>`)
)

// elements are the elements of a flat XML message.
func elements(doc []byte) map[string]string {
	all := map[string]string{}
	doc = xmlSignature.ReplaceAll(doc, []byte("<Signature>...</Signature>"))
	for _, m := range xmlElement.FindAllSubmatch(doc, -1) {
		all[string(m[1])] = html.UnescapeString(string(m[2]))
	}
	return all
}

// said writes an answer as the documents do: what is another each time is called
// as it is there.
func (s *teller) said(a told) apidoc.Answer {
	s.t.Helper()
	out := apidoc.Answer{Status: a.status}
	for _, name := range []string{"Retry-After", "WWW-Authenticate"} {
		if v := a.header.Get(name); v != "" {
			if out.Header == nil {
				out.Header = map[string]string{}
			}
			out.Header[name] = v
		}
	}
	text := s.plain(string(a.body))
	if json.Valid([]byte(text)) {
		out.Body = json.RawMessage(text)
		return out
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	must(s.t, enc.Encode(text))
	out.Body = bytes.TrimSpace(b.Bytes())
	return out
}

var (
	docResponse = regexp.MustCompile(`(\\?"response\\?":\\?")([A-Za-z0-9+/=]+)`)
	docPayment  = regexp.MustCompile(`GP[0-9A-V]{26}`)
	docVerify   = regexp.MustCompile(`("X-VERIFY":")[^"]+`)
)

// everyTime are texts that are others each time, and what is written for them.
var everyTime = []struct{ is, said string }{
	{`"timestamp":\d{13}`, `"timestamp":1796121001000`},
	{`"(startTimestamp|endTimestamp|transactionDate|settlementDate|createdAt)":\d{13}`, `"$1":1796121000000`},
	{`"(X-Galla-Timestamp)":"\d{13}"`, `"$1":"1796121002000"`},
	{`"(X-Galla-Event-Id|eventId)":"[A-Za-z0-9_-]+"`, `"$1":"GP0DA4G2Q7PTUK1B8J5SR0C6E9LM-1"`},
	{`"(X-Galla-Signature)":"[^"]+"`, `"$1":"eyJhbGciOiJFZERTQSIsImtpZCI6Ii4uLiIsInR5cCI6ImdhbGxhLWNhbGxiYWNrIn0..c2lnbmF0dXJl"`},
	{`"(requestId)":"[^"]+"`, `"$1":"5f2f8c7e-8f0a-4e0e-9d55-0a4d5c3b2a19"`},
	{`"(cursor|after|next)":"[^"]{12,}"`, `"$1":"MDE3OTYx.cursor"`},
	{`20[2-4]\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`, `2026-12-01T10:30:00Z`}, // but for the end of a certificate
	{`QRts=[^&"\\]+`, `QRts=2026-12-01T10:30:00Z`},
	{`QRexpire=[^&"\\]+`, `QRexpire=2026-12-01T10:33:00Z`},
	{`sign=[^&"\\]+`, `sign=MEUCIQ...`},
	{`"(referenceNumber|utr|rrn)":"[^"]+"`, `"$1":"632512004217"`},
	{`<Rrn>[^<]+</Rrn>`, `<Rrn>632512004217</Rrn>`},
	{`"(request_hash|response_hash|event_hash)":"[0-9a-f]{64}"`, `"$1":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`},
	// The rules of a validation are asked after its answer, which is an event of it.
	{`"event_seq":\d+`, `"event_seq":3`},
	{`"risk_score":\d+,`, ``},
	{`"(kid)":"[^"]+"`, `"$1":"hDyZRulcs3Scvjr4"`},
	{`"(x)":"[^"]+"`, `"$1":"32 bytes, base64url"`},
	{`"(token)":"[^"]+"`, `"$1":"a-token-of-256-random-bits"`},
	{`"(rootKey)":"[^"]+"`, `"$1":"32 bytes, base64"`},
	{`"(keySet)":"[^"]+"`, `"$1":"a signed key set, a compact JWS"`},
	{`"(brokers)":\[[^\]]+\]`, `"$1":["mqtt://127.0.0.1:1883"]`},
	{`"(secret)":"[^"]+"`, `"$1":"a-salt-key-told-this-once"`},
	{`"(source)":"[^"]+"`, `"$1":"127.0.0.1"`},
}

// plain replaces in an answer what is another each time.
func (s *teller) plain(text string) string {
	for said, is := range s.actual {
		text = strings.ReplaceAll(text, is, said)
	}
	text = xmlSignature.ReplaceAllString(text, "<Signature>...</Signature>")
	for _, row := range everyTime {
		text = regexp.MustCompile(row.is).ReplaceAllString(text, row.said)
	}
	text = docPayment.ReplaceAllStringFunc(text, func(id string) string {
		if _, named := s.actual[id]; named {
			return id
		}
		return "GP0DA4G5L8E3V1PNC4KJ9T6M2URS"
	})
	// What a callback carries, and the checksum over that.
	text = docResponse.ReplaceAllStringFunc(text, func(found string) string {
		m := docResponse.FindStringSubmatch(found)
		inner, err := base64.StdEncoding.DecodeString(m[2])
		must(s.t, err)
		response := xverify.EncodeBody([]byte(s.plain(string(inner))))
		s.actual["\x00X-VERIFY"] = xverify.Header(response, "", sandboxKeys().SaltKey, 1)
		return m[1] + response
	})
	if sum, ok := s.actual["\x00X-VERIFY"]; ok {
		delete(s.actual, "\x00X-VERIFY")
		text = docVerify.ReplaceAllString(text, "${1}"+sum)
	}
	return text
}

// TestStory: a running controller answers every example as the documents say, and
// in the forms that they give.
func TestStory(t *testing.T) {
	t.Parallel()
	s := newTeller(t)
	got := map[string]apidoc.Answer{}
	for _, e := range apidoc.Examples() {
		a := s.ask(e)
		s.take(e, a)
		s.forms.request(t, e)
		s.forms.answer(t, e.Name, e.Route, a)
		got[e.Name] = s.said(a)
	}
	select {
	case c := <-s.callbacks:
		got["dqr-callback"] = s.callback(c)
	case <-time.After(patience):
		t.Fatal("no callback came")
	}
	for name, a := range got {
		if want, known := apidoc.Answers()[name]; !*update && (!known || a.Status != want.Status || compact(t, a.Body) != compact(t, want.Body)) {
			t.Errorf("%s is answered %d\n%s\nand not %d\n%s", name, a.Status, a.Body, want.Status, want.Body)
		}
	}
	if len(got) != len(apidoc.Answers()) && !*update {
		t.Errorf("there are %d answers to %d examples", len(apidoc.Answers()), len(got))
	}
	if *update {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", " ")
		must(t, enc.Encode(got))
		must(t, os.WriteFile("../../internal/apidoc/answers.json", b.Bytes(), 0o644))
	}
}

func compact(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var b bytes.Buffer
	must(t, json.Compact(&b, raw))
	return b.String()
}

// callback checks a callback against the documents and writes it as they do.
func (s *teller) callback(c sentCallback) apidoc.Answer {
	s.t.Helper()
	s.forms.callback(s.t, c)
	s.checkAsTold(c)
	var b strings.Builder
	header := map[string]string{}
	for _, name := range []string{"X-VERIFY", "X-Galla-Event-Id", "X-Galla-Timestamp", "X-Galla-Signature"} {
		header[name] = c.header.Get(name)
	}
	text, err := json.Marshal(header)
	must(s.t, err)
	b.Write(text)
	b.WriteByte('\n')
	b.Write(c.body)
	// Headers and body together: the checksum is over what stands in the body.
	headers, body, _ := strings.Cut(s.plain(b.String()), "\n")
	out := apidoc.Answer{Status: http.StatusOK, Body: json.RawMessage(body)}
	must(s.t, json.Unmarshal([]byte(headers), &out.Header))
	return out
}

// TestExampleOfEnrolment: the request is that of protocol's golden.
func TestExampleOfEnrolment(t *testing.T) {
	t.Parallel()
	for _, e := range apidoc.Examples() {
		if e.Name == "enrol-wrong" && e.Body == string(protocoltest.JSON("enrol-request")) {
			return
		}
	}
	t.Error("the enrolment of the examples is not the golden one of package protocoltest")
}
