package apidoc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// operation is what this package knows of a route beside what its door says.
type operation struct {
	route   string // "POST /v1/payment/init"
	group   Group
	summary string // where the door has none
	doc     string // plain sentences
	headers []field
	query   []field
	// payload is the form of the request's payload; nil for none. Its media type is
	// JSON, or XML for the UPI network.
	payload *schema
	// codes are the codes that it can answer, of its group's table: "CODE", or
	// "CODE@503" where the status is not the first that the table has for the code.
	codes []string
	// data is the form of a success's data, or of the whole answer where the group
	// has no envelope; more is that of further codes.
	data *schema
	more map[string]*schema
	// also are answers that carry no code of a table, by status.
	also map[int]*schema
	// media is the media type of success where it is not the group's.
	media string
	// callback: the end of what is begun here is told by a callback.
	callback bool
}

// operations are all of them, in the order of the pages.
func operations() []operation {
	return slices.Concat(operationsV1(), operationsV3(), operationsEvents(), operationsUPI(), operationsDevice(), operationsOps())
}

// response is what can be answered with one status.
type response struct {
	status int
	codes  []Code // none where the answer carries no code
	media  string
	schema *schema
	// retryAfter: the answer says when to come again.
	retryAfter bool
}

func (o operation) find(table []Code, word string) (Code, error) {
	name, at, other := strings.Cut(word, "@")
	status, _ := strconv.Atoi(at)
	for _, row := range table {
		if row.Code != name || other && row.HTTPStatus != status && !slices.Contains(extraStatuses[name], status) {
			continue
		}
		if other {
			row.HTTPStatus = status
		}
		return row, nil
	}
	return Code{}, fmt.Errorf("%s: %s is no code of %s", o.route, word, o.group)
}

// extraStatuses are where a code is answered with another status than its own.
var extraStatuses = map[string][]int{
	"BAD_REQUEST":            {413},
	"INTERNAL_SERVER_ERROR":  {503},
	"INVALID_TRANSACTION_ID": {400, 404, 417},
	"96":                     {503},
}

// responses sorts the codes by status. form makes the schema for codes that are
// answered alike.
func (o operation) responses(table []Code, form func(codes []Code, data *schema) *schema) ([]response, error) {
	var all []response
	for _, word := range o.codes {
		code, err := o.find(table, word)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(r response) bool { return r.status == code.HTTPStatus })
		if i < 0 {
			all = append(all, response{status: code.HTTPStatus, retryAfter: code.HTTPStatus == 429 || code.HTTPStatus == 503})
			i = len(all) - 1
		}
		all[i].codes = append(all[i].codes, code)
	}
	for i := range all {
		all[i].schema = o.form(all[i].codes, form)
	}
	for status, s := range o.also {
		all = append(all, response{status: status, schema: s, retryAfter: status == 429 || status == 503, media: o.media})
	}
	slices.SortStableFunc(all, func(a, b response) int { return a.status - b.status })
	return all, nil
}

// form puts codes together that have data of one form.
func (o operation) form(codes []Code, form func([]Code, *schema) *schema) *schema {
	type part struct {
		data  *schema
		codes []Code
	}
	var parts []part
	for _, c := range codes {
		var data *schema
		if c.HTTPStatus < 300 {
			data = o.data
		}
		if m, there := o.more[c.Code]; there {
			data = m
		}
		if i := slices.IndexFunc(parts, func(p part) bool { return p.data == data }); i >= 0 {
			parts[i].codes = append(parts[i].codes, c)
		} else {
			parts = append(parts, part{data, []Code{c}})
		}
	}
	if len(parts) == 1 {
		return form(parts[0].codes, parts[0].data)
	}
	s := &schema{}
	for _, p := range parts {
		s.AnyOf = append(s.AnyOf, form(p.codes, p.data))
	}
	return s
}

// envelopeOf is the payment API's answer with one of some codes. Of a refusal
// data is null or left out; in the sandbox a 401 says what was hashed.
func envelopeOf(codes []Code, data *schema) *schema {
	enum := &schema{Type: "string", Description: "What happened; see the table of codes."}
	success := boolean()
	good, bad := 0, 0
	for _, c := range codes {
		if !slices.Contains(enum.Enum, any(c.Code)) {
			enum.Enum = append(enum.Enum, c.Code)
		}
		if isSuccess(c.Code) {
			good++
		} else {
			bad++
		}
	}
	switch {
	case bad == 0:
		success.Const = true
	case good == 0:
		success.Const = false
	}
	d := field{"data", data != nil, data}
	switch {
	case data == nil && codes[0].HTTPStatus == 401:
		d.schema = refTo("Debug").orNull()
	case data == nil:
		d.schema = &schema{Type: "null"}
	}
	return object("", need("success", success, ""), need("code", enum, ""), need("message", text(), "The code's sentence, or more than it: which field is wrong."), d)
}

// isSuccess: the codes whose answer says success true.
func isSuccess(code string) bool {
	return slices.Contains([]string{"SUCCESS", "PAYMENT_SUCCESS", "CANCEL_REQUESTED"}, code)
}
