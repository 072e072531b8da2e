package apidoc

// operationsDevice are the enrolment of terminals and the questions of a broker
// outside this process.
func operationsDevice() []operation {
	allowed := object("Every answer is 200, also to a caller without the secret: any other status would let the broker go on to the next in its chain.",
		need("result", words("allow", "deny"), ""), need("is_superuser", &schema{Const: false}, ""))
	who := []field{need("clientid", text(), "The terminal's identity: merchantId.storeId.terminalId."), need("username", text(), "The same.")}
	secret := []field{need("Authorization", textOf("^[Bb]earer .+$"), "Bearer and the secret that the broker shares with the controller.")}
	return []operation{
		{
			route: "POST /device/v1/enrol", group: GroupDevice, summary: "Become a terminal, by a code that an operator made",
			doc:   "galla-agent enroll does this. The key is made on the device and never leaves it; proof shows that the device holds it. A code is good for one device, for ten minutes.",
			codes: []string{"BAD_REQUEST", "INVALID_TERMINAL_ID", "FORBIDDEN", "TOO_MANY_REQUESTS", "INTERNAL_SERVER_ERROR"},
		},
		{
			route: "POST /device/v1/sandbox-enrol", group: GroupDevice, summary: "Become a terminal of the sandbox, without a code",
			doc:   "Only in the sandbox, and only from the controller's own machine.",
			codes: []string{"BAD_REQUEST", "INVALID_TERMINAL_ID", "FORBIDDEN", "INTERNAL_SERVER_ERROR"},
			also:  map[int]*schema{429: tooMany()},
		},
		{
			route: "POST /broker/v1/auth", group: GroupDevice, summary: "May this client log in?",
			doc:     "For an MQTT broker outside the controller, in the form of EMQX 5.",
			headers: secret, payload: object("Unknown fields are ignored.", append(who, need("password", text(), "The terminal's token."))...), also: map[int]*schema{200: allowed},
		},
		{
			route: "POST /broker/v1/acl", group: GroupDevice, summary: "May this client do that?",
			doc:     "A terminal may write its own report and presence topics and read its own command topic, at QoS 0 or 1, and retain nothing.",
			headers: secret, also: map[int]*schema{200: allowed},
			payload: object("Unknown fields are ignored.", append(who, need("action", words("publish", "subscribe"), ""), need("topic", text(), ""),
				need("qos", &schema{AnyOf: []*schema{whole(0, 2), text()}}, ""), may("retain", &schema{AnyOf: []*schema{boolean(), text()}}, "Must be there where something is published."))...),
		},
	}
}
