package apidoc

import "slices"

// requiredFields are the fields that a body of the administration must have; what
// is left out of it is its type's zero value. By Go type.
var requiredFields = map[string][]string{
	"NewMerchant":      {"merchantId", "name", "mcc", "payee"},
	"NewStore":         {"merchantId", "storeId", "name"},
	"NewTerminal":      {"merchantId", "storeId", "terminalId"},
	"NewPayee":         {"vpa", "merchantId"},
	"FeeTerms":         {"basisPoints"},
	"NewProvider":      {"providerId"},
	"NewOrganisation":  {"organisationId"},
	"NewCertificate":   {"certificate"},
	"NewKey":           {"owner"},
	"NewToken":         {"name", "role"},
	"Resend":           {"since"},
	"Evidence":         {"source"},
	"EnrolRequest":     {"merchantId", "storeId", "terminalId", "publicKey"},
	"EnrolCodeRequest": {"code", "publicKey", "proof"},
}

func mustBeSent(typeName, field string) bool { return slices.Contains(requiredFields[typeName], field) }

// problem is a refusal of the administration (RFC 9457).
func problem(codes []Code, _ *schema) *schema {
	enum := text()
	for _, c := range codes {
		enum.Enum = append(enum.Enum, c.Code)
	}
	return object("", need("type", &schema{Const: "about:blank"}, ""), need("title", text(), ""), need("status", &schema{Const: codes[0].HTTPStatus}, ""),
		need("code", enum, "What was wrong; see the table of codes."), need("detail", text(), "For people."),
		may("field", text(), "The field of the body or the query that is wrong."), may("requestId", text(), "To name when asking for help."))
}

// queryDocs are the words for the parameters of lists.
var queryDocs = map[string]field{
	"after":      may("after", text(), "The next of the page before."),
	"limit":      may("limit", whole(1, 200).usually(50), "Rows of a page."),
	"merchantId": may("merchantId", id(64), ""),
	"storeId":    may("storeId", id(64), "Needs merchantId."),
	"owner":      may("owner", id(64), "A merchant or provider."),
	"actor":      may("actor", text(), "Who: a token's name, or cli: and a user."),
	"action":     may("action", text(), "What was done, such as merchant.create."),
	"target":     may("target", text(), "To what, such as SHOP1/STORE1/T1."),
	"since":      may("since", &schema{Type: "string", Format: "date-time"}, "The earliest time that is taken."),
	"until":      may("until", &schema{Type: "string", Format: "date-time"}, "The first time that is not taken."),
	"paymentId":  may("paymentId", id(128), "Our id of a payment."),
	"state":      may("state", text(), "Of a callback: pending, delivered, dead or none. Of a payment: see States and reasons."),
}

// adminOperation makes the operation of a route of the administration, whose
// table has its words and types.
func adminOperation(r Route, t *types) operation {
	o := operation{route: r.key(), group: GroupAdmin, doc: "Needs a token of the role " + r.Role + " at least.", also: map[int]*schema{429: tooMany()}}
	o.codes = []string{"UNAUTHORIZED", "FORBIDDEN", "INVALID_FIELD", "TOO_LARGE", "INTERNAL_ERROR", "UNAVAILABLE", "MALFORMED_REQUEST"}
	if slices.Contains([]string{"POST", "PUT", "DELETE"}, r.Method) {
		o.codes = append(o.codes, "ALREADY_EXISTS", "CONFLICT")
	}
	if len(pathParameters(r.Path)) > 0 {
		o.codes = append(o.codes, "NOT_FOUND")
	}
	for _, name := range r.Query {
		q, known := queryDocs[name]
		if !known {
			q = may(name, text(), "")
		}
		o.query = append(o.query, q)
	}
	if r.Body != nil {
		o.payload = t.of(r.Body, asked)
	}
	o.data = t.of(r.Answer, answered)
	return o
}
