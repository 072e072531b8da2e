package apidoc

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// book is everything that the documents are made of, checked against each other.
type book struct {
	Config
	chapters   []chapter
	operations []described
	schemas    fields
}

// chapter is a group with its words.
type chapter struct {
	Group Group
	Page  string // its name under /docs/
	Title string
	Intro string
}

func chapters() []chapter {
	return []chapter{
		{GroupV1, "payments", "Payments (v1)", "A POS asks for money on a display or an EDC terminal, asks how it went, and may take the request back. Every request is signed with a salt key of the merchant or of its POS provider."},
		{GroupV3, "collect", "QR, collect and refunds (v3)", "A POS draws the QR itself, sends a collect request to the customer's UPI app, or gives money back. Signed as v1 is; the codes are others."},
		{GroupEvents, "events", "Events", "The callbacks of a merchant, to be asked for instead of being sent, and the keys to check them with."},
		{GroupUPI, "upi", "UPI network", "What the customer's bank asks before it pays, how it pays, and how it asks what came of that. Messages are XML and signed; every code but BR and 96 is answered with HTTP 200. Timeouts, other currencies and NPCI's own dialect: see Dynamic QR."},
		{GroupDevice, "devices", "Terminals and brokers", "How a terminal gets its credentials, and what an MQTT broker outside the controller asks. All else that a terminal says goes over MQTT."},
		{GroupAdmin, "admin", "Administration", "Who may take payments and by which key, and what was changed by whom. A bearer token is made by: galla-controller token create. Its role is viewer, operator or admin; each may what those before it may. Errors are problem documents (RFC 9457)."},
		{GroupOps, "operations", "Operations", "For who runs the controller, and for tools that read this description."},
	}
}

// described is a route with all that is known of it.
type described struct {
	Route
	operation
	id         string
	parameters []field
	responses  []response
	examples   []told
}

// newBook joins routes and operations. Every route must have an operation; an
// operation without a route is another controller's.
func newBook(c Config) (*book, error) {
	b := &book{Config: c, chapters: chapters()}
	t := &types{}
	known := map[string]operation{}
	for _, o := range operations() {
		known[o.route] = o
	}
	var problems []error
	examples := byRoute(c.Sandbox)
	for _, r := range c.Routes {
		o, ok := known[r.key()]
		switch {
		case r.Role != "":
			o = adminOperation(r, t)
		case !ok:
			problems = append(problems, fmt.Errorf("nothing is said of the route %s", r.key()))
			continue
		}
		if o.payload == nil && r.Body != nil {
			o.payload = t.of(r.Body, asked)
			if o.group == GroupDevice {
				open(t, o.payload)
			}
		}
		if o.data == nil && r.Answer != nil {
			if o.also == nil {
				o.also = map[int]*schema{}
			}
			o.also[http.StatusOK] = t.of(r.Answer, answered)
		}
		d := described{Route: r, operation: o, id: operationID(r), parameters: pathParameters(r.Path), examples: examples[r.key()]}
		if d.Summary == "" {
			d.Summary = o.summary
		}
		var err error
		if d.responses, err = b.responsesOf(r, o); err != nil {
			problems = append(problems, err)
		}
		b.operations = append(b.operations, d)
	}
	if t.err != nil {
		problems = append(problems, t.err)
	}
	b.schemas = slices.Concat(schemasV1(), schemasShared(), schemasV3(), schemasUPI(), fields{{name: "TooMany", schema: schemaTooMany()}}, t.made)
	slices.SortFunc(b.schemas, func(a, c field) int { return strings.Compare(a.name, c.name) })
	for i := 1; i < len(b.schemas); i++ {
		if b.schemas[i].name == b.schemas[i-1].name {
			problems = append(problems, fmt.Errorf("two schemas are called %s", b.schemas[i].name))
		}
	}
	problems = append(problems, b.checkWords()...)
	return b, errors.Join(problems...)
}

// open lets an object of the devices' door have unknown fields, which are ignored
// there.
func open(t *types, ref *schema) {
	for _, made := range t.made {
		if ref.Ref == refTo(made.name).Ref {
			made.schema.AdditionalProperties = nil
		}
	}
}

func (b *book) responsesOf(r Route, o operation) ([]response, error) {
	form := envelopeOf
	switch o.group {
	case GroupAdmin:
		form = problem
	case GroupUPI:
		form = func([]Code, *schema) *schema { return o.data }
	case GroupDevice:
		form = func(codes []Code, _ *schema) *schema {
			enum := text()
			for _, c := range codes {
				enum.Enum = append(enum.Enum, c.Code)
			}
			refused := object("", need("code", enum, "What was wrong; see the table of codes."), need("message", text(), "For people."))
			if codes[0].HTTPStatus == http.StatusTooManyRequests {
				return &schema{AnyOf: []*schema{refused, tooMany()}}
			}
			return refused
		}
	}
	all, err := o.responses(b.Codes[o.group], form)
	for i := range all {
		if all[i].media == "" {
			all[i].media = map[Group]string{GroupUPI: "application/xml"}[o.group]
		}
		if len(all[i].codes) > 0 && o.group == GroupAdmin {
			all[i].media = "application/problem+json"
		}
		if all[i].media == "" || all[i].status == http.StatusTooManyRequests && o.group != GroupAdmin {
			all[i].media = "application/json"
		}
	}
	if o.group == GroupAdmin {
		status := r.Status
		if status == 0 {
			status = http.StatusOK
		}
		all = append([]response{{status: status, media: "application/json", schema: o.data}}, all...)
		for i := range all {
			if all[i].status == http.StatusTooManyRequests {
				all[i].media = "application/json"
			}
		}
	}
	return all, err
}

// pathParameters are the words in braces.
func pathParameters(path string) []field {
	docs := map[string]string{
		"merchantId": "", "id": "The merchant's id of it, or ours.", "storeId": "", "terminalId": "", "vpa": "The VPA, name@handle.",
		"mcc":         "The merchant's category, such as 5411; here, and for the merchant, * is any.",
		"fingerprint": "SHA-256 of the certificate, in hex.", "owner": "A merchant or provider.", "index": "Of the key: 1 to 999999.",
	}
	var all []field
	for segment := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			name = strings.TrimSuffix(name, "}")
			doc := docs[name]
			switch {
			case name == "id" && strings.HasPrefix(path, "/admin/"):
				doc = ""
			case name == "id" && strings.HasPrefix(path, "/api/"):
				doc = "The token of a validation, the QR's tr, or our id of the payment, which is its tr."
			}
			all = append(all, need(name, text(), doc))
		}
	}
	return all
}

// operationID is made of the route: postV1PaymentInit.
func operationID(r Route) string {
	id := strings.ToLower(r.Method)
	for _, word := range strings.FieldsFunc(r.Path, func(c rune) bool { return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9') }) {
		id += strings.ToUpper(word[:1]) + word[1:]
	}
	if strings.HasSuffix(r.Path, "/") {
		id += "Slash"
	}
	return id
}

// checkWords sees to it that every code, column and state has its words, and that
// no words are of something that is gone.
func (b *book) checkWords() []error {
	var problems []error
	for group, meanings := range meanings() {
		table := map[string]bool{}
		for _, row := range b.Codes[group] {
			table[row.Code] = true
			if meanings[row.Code] == "" {
				problems = append(problems, fmt.Errorf("nothing is said of the code %s of %s", row.Code, group))
			}
		}
		for code := range meanings {
			if !table[code] {
				problems = append(problems, fmt.Errorf("%s is no code of %s any more", code, group))
			}
		}
	}
	columns := columnMeanings()
	for _, name := range b.Columns {
		if columns[name] == "" {
			problems = append(problems, fmt.Errorf("nothing is said of the column %s of settlement files", name))
		}
		delete(columns, name)
	}
	for name := range columns {
		problems = append(problems, fmt.Errorf("settlement files have no column %s any more", name))
	}
	for _, s := range b.States {
		if stateMeanings()[s.Name] == "" {
			problems = append(problems, fmt.Errorf("nothing is said of the state %q", s.Name))
		}
	}
	return problems
}
