package apidoc

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/galla-pay/galla/protocol/xverify"
)

// Who signs an example.
const (
	ByMerchant = "merchant"
	ByProvider = "provider"
	ByStranger = "stranger" // somebody whose key is wrong
	ByAdmin    = "admin"    // with AdminToken
	ByBroker   = "broker"   // with BrokerSecret
)

// What the examples call what is another each time. A contract test puts the real
// one in its place.
const (
	AdminToken   = "galla_admin_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
	BrokerSecret = "a-secret-of-your-own"
	CallbackURL  = "https://pos.example.in/galla"

	callbackExample = "dqr-callback"
)

// Example is one exchange of the story that the documents tell. A contract test
// has a running controller answer it, in the order of Examples.
type Example struct {
	Name    string
	Route   string // as in Route: "GET /v1/payment/{merchantId}/{id}/status"
	Path    string // as it is asked for, with a query; "" is the route's own
	Summary string
	By      string
	Header  map[string]string
	Body    string // the payload, JSON or XML; "" for none
	// Takes are texts of the answer that later examples need: what they are called
	// there, by where they stand in the answer ("data.id"; an element of XML).
	Takes map[string]string
	// Changing: the path has an id that is another each time, so that its checksum
	// is, too: the command makes it.
	Changing bool
}

// Answer is what a running controller answered, with everything that is another
// each time put in a form of its own.
type Answer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header,omitempty"`
	Body   json.RawMessage   `json:"body,omitempty"` // XML and other text is a JSON string
}

// answersJSON is made by the contract test with -update.
//
//go:embed answers.json
var answersJSON []byte

var answers = sync.OnceValue(func() map[string]Answer {
	var all map[string]Answer
	if err := json.Unmarshal(answersJSON, &all); err != nil {
		panic("answers.json: " + err.Error())
	}
	return all
})

// Answers are the answers to the examples by their names, and the callback that
// follows, "dqr-callback".
func Answers() map[string]Answer { return answers() }

// Examples are all of them, in the order in which they can be asked.
func Examples() []Example {
	return slices.Concat(examplesV1(), examplesV3(), examplesUPI(), examplesEvents(), examplesDevice(), examplesAdmin(), examplesOps())
}

// method and path of the request.
func (e Example) Method() string { method, _, _ := strings.Cut(e.Route, " "); return method }

// Target is the path of the request, with its query.
func (e Example) Target() string {
	if e.Path != "" {
		return e.Path
	}
	_, path, _ := strings.Cut(e.Route, " ")
	return path
}

// Signed reports whether a salt key signs it.
func (e Example) Signed() bool {
	return slices.Contains([]string{ByMerchant, ByProvider, ByStranger}, e.By)
}

// isXML: a message of the UPI network.
func (e Example) isXML() bool { return strings.HasPrefix(e.Body, "<") }

// sent is the body as it is sent.
func (e Example) sent() string {
	if e.Signed() && e.Body != "" {
		return `{"request":"` + xverify.EncodeBody([]byte(e.Body)) + `"}`
	}
	return e.Body
}

// Request is what goes over the wire: body and headers, signed for the sandbox.
func (e Example) Request(s Sandbox) (body string, header [][2]string) {
	body = e.sent()
	if e.Signed() {
		path, _, _ := strings.Cut(e.Target(), "?")
		encoded, key := "", s.SaltKey
		if e.Body != "" {
			encoded = xverify.EncodeBody([]byte(e.Body))
		}
		switch e.By {
		case ByProvider:
			key = s.ProviderKey
			header = append(header, [2]string{"X-PROVIDER-ID", s.ProviderID})
		case ByStranger:
			key = "somebody-elses-key"
		}
		header = append(header, [2]string{"X-VERIFY", xverify.Header(encoded, strings.TrimSuffix(path, "/"), key, 1)})
	}
	switch e.By {
	case ByAdmin:
		header = append(header, [2]string{"Authorization", "Bearer " + AdminToken})
	case ByBroker:
		header = append(header, [2]string{"Authorization", "Bearer " + BrokerSecret})
	}
	for _, name := range sortedKeys(e.Header) {
		header = append(header, [2]string{name, e.Header[name]})
	}
	switch {
	case e.isXML():
		header = append(header, [2]string{"Content-Type", "application/xml"})
	case body != "":
		header = append(header, [2]string{"Content-Type", "application/json"})
	}
	return body, header
}

// Curl is the request as a command for the shell.
func (e Example) Curl(s Sandbox) string {
	var b strings.Builder
	b.WriteString("curl -s")
	body, header := e.Request(s)
	if m := e.Method(); m != "GET" && (m != "POST" || body == "") {
		b.WriteString(" -X " + m)
	}
	if e.Changing {
		key := s.SaltKey
		if e.By == ByProvider {
			key = s.ProviderKey
		}
		begin := fmt.Sprintf("P='%s'\nX=$(printf %%s \"$P\"'%s' | sha256sum | cut -d' ' -f1)'###1'\n%s", e.Target(), key, b.String())
		b.Reset()
		b.WriteString(begin + " " + exampleHost + "$P")
	} else {
		fmt.Fprintf(&b, " '%s%s'", exampleHost, e.Target())
	}
	for _, h := range header {
		if e.Changing && h[0] == "X-VERIFY" {
			b.WriteString(" \\\n  -H \"X-VERIFY: $X\"")
			continue
		}
		fmt.Fprintf(&b, " \\\n  -H '%s: %s'", h[0], h[1])
	}
	if body != "" {
		fmt.Fprintf(&b, " \\\n  -d '%s'", strings.ReplaceAll(body, "'", `'\''`))
	}
	return b.String()
}

func sortedKeys[V any](m map[string]V) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// told is an example with its answer.
type told struct {
	Example
	answer Answer
	curl   string // "" where it cannot be signed
}

func byRoute(s *Sandbox) map[string][]told {
	all := map[string][]told{}
	for _, e := range Examples() {
		t := told{Example: e, answer: answers()[e.Name]}
		switch {
		case s != nil:
			t.curl = e.Curl(*s)
		case !e.Signed():
			t.curl = e.Curl(Sandbox{})
		}
		all[e.Route] = append(all[e.Route], t)
	}
	return all
}

// rawJSON is a text that is JSON already.
func rawJSON(text string) json.RawMessage { return json.RawMessage(text) }
