package apidoc

// operationsEvents is the feed of a merchant's callbacks.
func operationsEvents() []operation {
	event := object("One callback, as it would be sent.",
		need("cursor", text(), "The place of this event."), need("eventId", id(128), "The same in the callback, over all its attempts."), need("createdAt", millis(), "Epoch milliseconds."),
		need("method", words("POST", "PUT"), "Of the callback."), need("body", text(), "Of the callback, to the byte: a text that holds JSON."),
		need("headers", &schema{Type: "object", AdditionalProperties: text()}, "Of the callback; signed at this moment."))
	return []operation{
		{
			route: "GET /v1/events", group: GroupEvents, summary: "The callbacks of a merchant, to be asked for instead of being sent",
			doc:     "For who has no address that the controller could call, such as a POS on a developer's desk. Nothing is missed and nothing comes twice by following next. X-VERIFY covers the path /v1/events alone and does not change from one request to the next: it needs TLS as much as a password does.",
			headers: append([]field{need("X-MERCHANT-ID", id(64), "Whose events.")}, merchantHeaders()...),
			query: []field{
				may("after", text(), "A cursor of this feed. Without after and since the feed begins with the first event that there is."),
				may("since", whole(0, 2592000), "Seconds before now to begin at; not together with after."),
				may("limit", whole(1, 100).usually(50), "Events of an answer."),
				may("wait", whole(0, 30).usually(0), "Seconds to wait for an event where there is none."),
			},
			data:  object("", need("after", text(), "The place behind which these stand."), need("events", list(event), ""), need("next", text(), "What to ask for after these, also where there are none.")),
			codes: []string{"SUCCESS", "UNAUTHORIZED", "INVALID_MERCHANT_ID", "BAD_REQUEST", "TOO_MANY_REQUESTS", "INTERNAL_SERVER_ERROR", "INTERNAL_SERVER_ERROR@503"},
		},
		{
			route: "GET /v1/keys", group: GroupEvents, summary: "The keys that sign callbacks",
			media: "application/jwk-set+json",
			doc:   "A JSON Web Key Set (RFC 7517) of the Ed25519 keys whose signature X-Galla-Signature may be, by kid. Keep it for five minutes at most.",
			also:  map[int]*schema{200: object("", need("keys", list(object("", need("kty", words("OKP"), ""), need("crv", words("Ed25519"), ""), need("kid", text(), "As signatures name it."), need("x", text(), "32 bytes, base64url."), may("use", words("sig"), ""), may("alg", words("EdDSA"), ""))), "")), 429: tooMany()},
		},
	}
}

// tooMany is the answer of the limit of addresses, the same in front of every
// door.
func tooMany() *schema { return refTo("TooMany") }

func schemaTooMany() *schema {
	return object("An address or a merchant asks too often; Retry-After says when to come again.",
		need("success", &schema{Const: false}, ""), need("code", &schema{Const: "TOO_MANY_REQUESTS"}, ""), need("message", text(), ""), may("data", &schema{Type: "null"}, ""))
}
