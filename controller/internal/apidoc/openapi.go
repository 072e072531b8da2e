package apidoc

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// member is a member of an object whose order is ours.
type member struct {
	name  string
	value any
}

// ordered is an object that is written in its own order.
type ordered []member

// MarshalJSON writes an object.
func (o ordered) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, encodeCompact(m.name)...), ':'), encodeCompact(m.value)...)
	}
	return append(b, '}'), nil
}

// openapi is the OpenAPI 3.1 document.
func (b *book) openapi() ordered {
	var tags, paths, schemas ordered
	for _, c := range b.chapters {
		tags = append(tags, member{"", ordered{{"name", c.Title}, {"description", c.Intro}}})
	}
	for _, d := range b.operations {
		i := 0
		for i < len(paths) && paths[i].name != d.Path {
			i++
		}
		if i == len(paths) {
			paths = append(paths, member{d.Path, ordered{}})
		}
		paths[i].value = append(paths[i].value.(ordered), member{strings.ToLower(d.Method), b.operation(d)})
	}
	for _, s := range b.schemas {
		schemas = append(schemas, member{s.name, s.schema})
	}
	common, paths := shareResponses(paths)
	return ordered{
		{"openapi", "3.1.0"},
		{"info", ordered{
			{"title", "Galla"}, {"version", b.Version},
			{"summary", "Open payments for the shop counter."},
			{"description", "The PhonePe-style payment API of a Galla controller, with its other doors. To read: docs/ beside this document."},
			{"license", ordered{{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}},
		}},
		{"servers", []any{
			ordered{{"url", "/"}},
			ordered{{"url", "/enterprise-sandbox"}, {"description", "With the deployment prefix that some clients have; it is not signed."}},
		}},
		{"tags", values(tags)},
		{"paths", paths},
		{"components", ordered{
			{"schemas", schemas},
			{"responses", common},
			{"securitySchemes", ordered{
				{"saltKey", ordered{{"type", "apiKey"}, {"in", "header"}, {"name", "X-VERIFY"}, {"description", "hex(SHA256(payload + path + saltKey)) + ### + saltIndex"}}},
				{"adminToken", ordered{{"type", "http"}, {"scheme", "bearer"}, {"description", "A token of the administration, made by: galla-controller token create"}}},
				{"brokerSecret", ordered{{"type", "http"}, {"scheme", "bearer"}, {"description", "The secret that a broker outside shares with the controller."}}},
			}},
		}},
	}
}

// shareResponses moves responses that several operations have to the document's
// components: there are dozens of the same refusals.
func shareResponses(paths ordered) (common, shared ordered) {
	times := map[string]int{}
	each := func(do func(status string, response any) any) {
		for _, path := range paths {
			for _, method := range path.value.(ordered) {
				for i, m := range method.value.(ordered) {
					if m.name != "responses" {
						continue
					}
					all := m.value.(ordered)
					for n := range all {
						all[n].value = do(all[n].name, all[n].value)
					}
					method.value.(ordered)[i].value = all
				}
			}
		}
	}
	each(func(_ string, response any) any {
		times[string(encodeCompact(response))]++
		return response
	})
	names := map[string]string{}
	each(func(status string, response any) any {
		text := string(encodeCompact(response))
		if times[text] == 1 {
			return response
		}
		if names[text] == "" {
			names[text] = fmt.Sprintf("Status%s-%d", status, len(names)+1)
			common = append(common, member{names[text], response})
		}
		return ref("#/components/responses/" + names[text])
	})
	return common, paths
}

func values(o ordered) []any {
	all := []any{}
	for _, m := range o {
		all = append(all, m.value)
	}
	return all
}

func (b *book) title(g Group) string {
	for _, c := range b.chapters {
		if c.Group == g {
			return c.Title
		}
	}
	return string(g)
}

func (b *book) operation(d described) ordered {
	o := ordered{{"operationId", d.id}, {"tags", []string{b.title(d.group)}}, {"summary", d.Summary}}
	if d.doc != "" {
		o = append(o, member{"description", d.doc})
	}
	o = append(o, member{"security", security(d)})
	if p := parameters(d); len(p) > 0 {
		o = append(o, member{"parameters", p})
	}
	if d.payload != nil {
		o = append(o, member{"requestBody", requestBody(d)})
	}
	o = append(o, member{"responses", responses(d)})
	if d.callback {
		o = append(o, member{"callbacks", callbacks(d)})
	}
	return o
}

func security(d described) []any {
	scheme := ""
	switch {
	case hasField(d.headers, "X-VERIFY"):
		scheme = "saltKey"
	case d.group == GroupAdmin:
		scheme = "adminToken"
	case hasField(d.headers, "Authorization"):
		scheme = "brokerSecret"
	default:
		return []any{}
	}
	return []any{ordered{{scheme, []string{}}}}
}

func hasField(all []field, name string) bool {
	for _, f := range all {
		if f.name == name {
			return true
		}
	}
	return false
}

func parameters(d described) []any {
	var all []any
	add := func(in string, f field) {
		s := *f.schema
		s.Description = ""
		p := ordered{{"name", f.name}, {"in", in}}
		if f.schema.Description != "" {
			p = append(p, member{"description", f.schema.Description})
		}
		if f.required {
			p = append(p, member{"required", true})
		}
		all = append(all, append(p, member{"schema", &s}))
	}
	for _, f := range d.parameters {
		add("path", f)
	}
	for _, f := range d.query {
		add("query", f)
	}
	for _, f := range d.headers {
		if f.name != "Authorization" { // which is the security scheme's
			add("header", f)
		}
	}
	return all
}

// requestBody is the payload as it is sent: signed ones as base64 in an envelope.
func requestBody(d described) ordered {
	media, form := "application/json", d.payload
	switch {
	case d.SignsBody:
		form = object("", need("request", base64Of(d.payload), "Base64 of the payload, standard or URL-safe, without line breaks. X-VERIFY covers this text as it is sent."))
	case d.group == GroupUPI:
		media = "application/xml"
	}
	content := ordered{{"schema", form}}
	var examples ordered
	for _, e := range d.examples {
		if e.Body == "" || hasMember(examples, e.Name) {
			continue
		}
		var value any = rawJSON(e.Body)
		if d.SignsBody {
			value = rawJSON(e.sent())
		} else if d.group == GroupUPI {
			value = e.Body
		}
		example := ordered{{"summary", e.Summary}}
		if d.SignsBody {
			example = append(example, member{"description", "Payload: " + e.Body})
		}
		examples = append(examples, member{e.Name, append(example, member{"value", value})})
	}
	if len(examples) > 0 {
		content = append(content, member{"examples", examples})
	}
	required := d.group != GroupAdmin || len(requiredFields[strings.TrimPrefix(d.payload.Ref, "#/components/schemas/")]) > 0
	return ordered{{"required", required}, {"content", ordered{{media, content}}}}
}

func hasMember(o ordered, name string) bool {
	for _, m := range o {
		if m.name == name {
			return true
		}
	}
	return false
}

func responses(d described) ordered {
	var all ordered
	for i := 0; i < len(d.responses); {
		status := d.responses[i].status
		description, content, retry := []string{}, ordered{}, false
		for ; i < len(d.responses) && d.responses[i].status == status; i++ {
			r := d.responses[i]
			for _, c := range r.codes {
				description = append(description, c.Code+": "+c.Message)
			}
			retry = retry || r.retryAfter
			if status == http.StatusPermanentRedirect {
				continue
			}
			if at := indexOf(content, r.media); at >= 0 {
				content[at].value = ordered{{"schema", &schema{AnyOf: []*schema{r.schema, schemaOf(content[at].value)}}}}
				continue
			}
			content = append(content, member{r.media, ordered{{"schema", r.schema}}})
		}
		for n := range content {
			content[n].value = withExamples(content[n].value.(ordered), d, status)
		}
		if len(description) == 0 {
			description = []string{http.StatusText(status)}
		}
		response := ordered{{"description", strings.Join(description, "\n\n")}}
		if headers := responseHeaders(retry, status); len(headers) > 0 {
			response = append(response, member{"headers", headers})
		}
		if len(content) > 0 {
			response = append(response, member{"content", content})
		}
		all = append(all, member{strconv.Itoa(status), response})
	}
	return all
}

func indexOf(o ordered, name string) int {
	for i, m := range o {
		if m.name == name {
			return i
		}
	}
	return -1
}

func schemaOf(v any) *schema { return v.(ordered)[0].value.(*schema) }

func responseHeaders(retry bool, status int) ordered {
	header := func(doc string, s *schema) ordered { return ordered{{"description", doc}, {"schema", s}} }
	headers := ordered{{"X-Request-Id", header("The name of this answer, for asking for help.", text())}}
	if retry {
		headers = append(headers, member{"Retry-After", header("Whole seconds to wait before asking again.", atLeast(1))})
	}
	if status == http.StatusPermanentRedirect {
		headers = append(headers, member{"Location", header("docs/", text())})
	}
	return headers
}

func withExamples(content ordered, d described, status int) ordered {
	var examples ordered
	for _, e := range d.examples {
		if e.answer.Status == status && len(e.answer.Body) > 0 {
			examples = append(examples, member{e.Name, ordered{{"summary", e.Summary}, {"value", e.answer.Body}}})
		}
	}
	if len(examples) > 0 {
		content = append(content, member{"examples", examples})
	}
	return content
}

// callbackHeaderFields are the headers of a callback (phonepe-api: Callback).
func callbackHeaderFields() []field {
	return []field{
		need("X-VERIFY", textOf("^[0-9a-f]{64}###[1-9][0-9]{0,5}$"), "hex(SHA256(response + saltKey)) + ### + saltIndex, with the key that signed the request; no path. It can be replayed."),
		need("X-Galla-Event-Id", id(128), "The same over all attempts: who has seen it has nothing to do."),
		need("X-Galla-Timestamp", textOf("^[0-9]+$"), "Start of this attempt, epoch milliseconds."),
		need("X-Galla-Signature", textOf(`^[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]+$`), "A JWS (EdDSA) with detached payload over eventId.timestamp.body, of type galla-callback. The key is one of /v1/keys. It cannot be replayed."),
	}
}

// callbackBody is what a callback carries: the answer that status would give.
func callbackBody(data string) *schema {
	answer := object("What the status route would answer.", need("success", boolean(), ""), need("code", text(), ""), need("message", text(), ""), need("data", refTo(data), ""))
	return object("", need("response", base64Of(answer), "Base64 of JSON."))
}

// callbacks are what follows the end of a payment.
func callbacks(d described) ordered {
	data := "PaymentStatus"
	if d.group == GroupV3 {
		data = "Transaction"
	}
	sent := ordered{
		{"operationId", d.id + "Ended"},
		{"summary", "The payment has ended"},
		{"description", "Sent when the payment has ended, within 5 s, and again until it is answered with 2xx within 5 s, for 24 hours. With X-CALL-MODE PUT it is a PUT."},
		{"security", []any{}},
	}
	var headers []any
	for _, f := range callbackHeaderFields() {
		headers = append(headers, ordered{{"name", f.name}, {"in", "header"}, {"description", f.schema.Description}, {"required", true}, {"schema", f.schema.bare()}})
	}
	content := ordered{{"schema", callbackBody(data)}}
	if e, ok := answers()[callbackExample]; ok && d.group == GroupV1 {
		content = append(content, member{"examples", ordered{{callbackExample, ordered{{"summary", "Paid"}, {"value", e.Body}}}}})
	}
	sent = append(sent,
		member{"parameters", headers},
		member{"requestBody", ordered{{"required", true}, {"content", ordered{{"application/json", content}}}}},
		member{"responses", ordered{{"2XX", ordered{{"description", "Taken. Anything else, a redirect too, has it sent again."}}}}},
	)
	return ordered{{"ended", ordered{{fmt.Sprintf("{$request.header.%s}", "X-CALLBACK-URL"), ordered{{"post", sent}}}}}}
}

func (s *schema) bare() *schema {
	c := *s
	c.Description = ""
	return &c
}
