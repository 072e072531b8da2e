package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/galla-pay/galla/controller/internal/apidoc"
	"github.com/galla-pay/galla/protocol/protocoltest"
)

// forms are the schemas of openapi.json, to hold real messages against. What the
// documents leave open for the future is closed here: an answer with a field that
// is not described fails.
type forms struct {
	document map[string]any
	compiler *jsonschema.Compiler

	mu       sync.Mutex
	compiled map[string]*jsonschema.Schema
}

const documentURL = "http://galla.test/openapi.json"

func newForms(t *testing.T) *forms {
	t.Helper()
	library.opening.Do(func() { library.forms = formsOf(t, get(t, bookshelf(t, true), "/openapi.json")) })
	return library.forms
}

func formsOf(t *testing.T, document string) *forms {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
	must(t, err)
	f := &forms{document: parsed.(map[string]any), compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}}
	closeObjects(parsed)
	f.compiler.DefaultDraft(jsonschema.Draft2020)
	f.compiler.AssertFormat()
	must(t, f.compiler.AddResource(documentURL, parsed))
	return f
}

// closeObjects lets no object have members that its schema does not name. Of
// requests unknown members are ignored; the examples have none.
func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, isObject := v["properties"].(map[string]any); isObject && v["type"] == "object" && v["additionalProperties"] == nil {
			v["additionalProperties"] = false
		}
		for _, member := range v {
			closeObjects(member)
		}
	case []any:
		for _, element := range v {
			closeObjects(element)
		}
	}
}

// at is the schema at a JSON pointer of the document; nil where there is none.
func (f *forms) at(t *testing.T, pointer ...string) *jsonschema.Schema {
	t.Helper()
	var node any = f.document
	path := ""
	for _, step := range pointer {
		object, _ := node.(map[string]any)
		if node = object[step]; node == nil {
			return nil
		}
		path += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(step)
		// A response may stand among the components.
		if object, _ := node.(map[string]any); object != nil {
			if ref, _ := object["$ref"].(string); strings.HasPrefix(ref, "#/components/responses/") {
				path = ref[1:]
				node = f.document["components"].(map[string]any)["responses"].(map[string]any)[ref[len("#/components/responses/"):]]
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.compiled[path]; s != nil {
		return s
	}
	s, err := f.compiler.Compile(documentURL + "#" + path)
	must(t, err)
	f.compiled[path] = s
	return s
}

func (f *forms) operation(route string) []string {
	method, path, _ := strings.Cut(route, " ")
	return []string{"paths", path, strings.ToLower(method)}
}

// fits holds a text against a schema: JSON, flat XML, or plain text.
func fits(t *testing.T, s *jsonschema.Schema, contentType string, text []byte) error {
	t.Helper()
	var v any
	switch {
	case strings.Contains(contentType, "json"):
		var err error
		if v, err = jsonschema.UnmarshalJSON(bytes.NewReader(text)); err != nil {
			return err
		}
	case strings.Contains(contentType, "xml"):
		members := map[string]any{}
		for name, value := range elements(text) {
			members[name] = value
		}
		v = members
	default:
		v = string(text)
	}
	return s.Validate(v)
}

// answer holds an answer against what its route can answer with that status.
func (f *forms) answer(t *testing.T, name, route string, a told) {
	t.Helper()
	contents := append(f.operation(route), "responses", fmt.Sprint(a.status), "content")
	media, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	if media == "" { // curl has not told it
		for _, m := range []string{"application/json", "application/xml", "application/problem+json", "application/jwk-set+json"} {
			if f.at(t, append(contents, m, "schema")...) != nil && (m == "application/xml") == bytes.HasPrefix(bytes.TrimSpace(a.body), []byte("<")) {
				media = m
				break
			}
		}
	}
	s := f.at(t, append(contents, media, "schema")...)
	if s == nil {
		t.Errorf("%s: %s does not answer %d %s: %s", name, route, a.status, media, a.body)
		return
	}
	if err := fits(t, s, media, a.body); err != nil {
		t.Errorf("%s: %s\nhas not the form of %s, %d: %v", name, a.body, route, a.status, err)
	}
	for _, header := range []string{"X-Request-Id", "Retry-After"} {
		described := f.at(t, append(append(f.operation(route), "responses", fmt.Sprint(a.status), "headers"), header, "schema")...) != nil
		if a.header.Get(header) != "" && !described {
			t.Errorf("%s: nothing is said of the header %s", name, header)
		}
	}
}

// request holds an example's request against what its route takes: the payload,
// and what is sent for it.
func (f *forms) request(t *testing.T, e apidoc.Example) {
	t.Helper()
	if e.Body == "" {
		return
	}
	media := "application/json"
	if strings.HasPrefix(e.Body, "<") {
		media = "application/xml"
	}
	body, header := e.Request(*sandboxKeys())
	at := append(f.operation(e.Route), "requestBody", "content", media, "schema")
	if err := fits(t, f.at(t, at...), media, []byte(body)); err != nil {
		t.Errorf("%s: the body has not the form of %s: %v", e.Name, e.Route, err)
	}
	if e.Signed() {
		inner := f.at(t, append(at, "properties", "request", "contentSchema")...)
		// Examples of refusals have payloads that are refused.
		err := fits(t, inner, media, []byte(e.Body))
		if wrong := apidoc.Answers()[e.Name].Status == http.StatusBadRequest; (err != nil) != wrong {
			t.Errorf("%s: the payload against the form of %s: %v", e.Name, e.Route, err)
		}
	}
	described := map[string]bool{"Content-Type": true, "Authorization": true}
	parameters, _ := f.document["paths"].(map[string]any)[f.operation(e.Route)[1]].(map[string]any)[f.operation(e.Route)[2]].(map[string]any)["parameters"].([]any)
	for _, p := range parameters {
		described[p.(map[string]any)["name"].(string)] = true
	}
	for _, h := range header {
		if !described[h[0]] {
			t.Errorf("%s: nothing is said of the header %s", e.Name, h[0])
		}
	}
}

// callback holds a callback against what follows POST /v1/payment/init.
func (f *forms) callback(t *testing.T, c sentCallback) {
	t.Helper()
	at := []string{"paths", "/v1/payment/init", "post", "callbacks", "ended", "{$request.header.X-CALLBACK-URL}", "post", "requestBody", "content", "application/json", "schema"}
	if err := fits(t, f.at(t, at...), c.header.Get("Content-Type"), c.body); err != nil {
		t.Errorf("a callback has not its form: %v", err)
	}
	var body struct{ Response string }
	must(t, json.Unmarshal(c.body, &body))
	inner, err := base64.StdEncoding.DecodeString(body.Response)
	must(t, err)
	if err := fits(t, f.at(t, append(at, "properties", "response", "contentSchema")...), "application/json", inner); err != nil {
		t.Errorf("what a callback carries has not its form: %v\n%s", err, inner)
	}
	post := f.document["paths"].(map[string]any)["/v1/payment/init"].(map[string]any)["post"].(map[string]any)["callbacks"].(map[string]any)["ended"].(map[string]any)["{$request.header.X-CALLBACK-URL}"].(map[string]any)["post"].(map[string]any)
	for _, p := range post["parameters"].([]any) {
		name := p.(map[string]any)["name"].(string)
		if err := f.parameter(t, at[:len(at)-4], indexOf(post["parameters"].([]any), name)).Validate(c.header.Get(name)); err != nil {
			t.Errorf("%s of a callback: %v", name, err)
		}
	}
}

// parameter is the schema of the n-th parameter of an operation.
func (f *forms) parameter(t *testing.T, operation []string, n int) *jsonschema.Schema {
	t.Helper()
	path := ""
	for _, step := range operation {
		path += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(step)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.compiler.Compile(fmt.Sprintf("%s#%s/parameters/%d/schema", documentURL, path, n))
	must(t, err)
	return s
}

func indexOf(parameters []any, name string) int {
	for i, p := range parameters {
		if p.(map[string]any)["name"] == name {
			return i
		}
	}
	return -1
}

// TestTopicsAreDescribed: every golden message of the protocol has the form that
// asyncapi.json gives to its channel, and no other.
func TestTopicsAreDescribed(t *testing.T) {
	t.Parallel()
	f := formsOf(t, get(t, bookshelf(t, true), "/asyncapi.json"))
	channel := map[string]string{
		"state": "command", "keys": "command", "sync": "report", "report": "report", "pull": "report", "heartbeat": "report", "presence": "presence",
	}
	seen := map[string]bool{}
	check := func(name, typ string, payload []byte) {
		t.Helper()
		seen[typ] = true
		if messages := f.document["channels"].(map[string]any)[channel[typ]].(map[string]any)["messages"].(map[string]any); messages[typ] == nil {
			t.Errorf("%s: the channel %s has no %s", name, channel[typ], typ)
			return
		}
		if err := fits(t, f.at(t, "components", "messages", typ, "payload"), "application/json", payload); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for other := range channel {
			if other != typ && fits(t, f.at(t, "components", "messages", other, "payload"), "application/json", payload) == nil {
				t.Errorf("%s passes for a %s", name, other)
			}
		}
	}
	for _, e := range protocoltest.Examples() {
		var head struct{ Type string }
		payload := protocoltest.JSON(e.Name)
		must(t, json.Unmarshal(payload, &head))
		check(e.Name, head.Type, payload)
		if typ := f.document["components"].(map[string]any)["messages"].(map[string]any)[head.Type].(map[string]any)["x-jws"].(map[string]any)["typ"]; typ != string(e.Purpose) {
			t.Errorf("%s is signed for %s, and described as for %v", e.Name, e.Purpose, typ)
		}
		// A message with a field that nobody described does not pass.
		if fits(t, f.at(t, "components", "messages", head.Type, "payload"), "application/json", bytes.Replace(payload, []byte(`{"v":`), []byte(`{"new":1,"v":`), 1)) == nil {
			t.Errorf("%s passes with an unknown field", e.Name)
		}
	}
	keys := bytes.Split(protocoltest.JWS("keys"), []byte("."))
	payload, err := base64.RawURLEncoding.DecodeString(string(keys[1]))
	must(t, err)
	check("keys", "keys", payload)
	for typ := range channel {
		if !seen[typ] {
			t.Errorf("no golden message is a %s", typ)
		}
	}
}

// TestEverySchemaCompiles, and every reference in both documents leads somewhere.
func TestEverySchemaCompiles(t *testing.T) {
	t.Parallel()
	shelf := bookshelf(t, true)
	for _, path := range []string{"/openapi.json", "/asyncapi.json"} {
		f := formsOf(t, get(t, shelf, path))
		for name := range f.document["components"].(map[string]any)["schemas"].(map[string]any) {
			if f.at(t, "components", "schemas", name) == nil {
				t.Errorf("%s: %s", path, name)
			}
		}
		var walk func(v any)
		walk = func(v any) {
			switch v := v.(type) {
			case map[string]any:
				if ref, ok := v["$ref"].(string); ok {
					var node any = f.document
					for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
						object, _ := node.(map[string]any)
						node = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
					}
					if node == nil {
						t.Errorf("%s: %s leads nowhere", path, ref)
					}
				}
				for _, member := range v {
					walk(member)
				}
			case []any:
				for _, element := range v {
					walk(element)
				}
			}
		}
		walk(f.document)
	}
}
