package apidoc

// operationsOps are for who runs the controller, and this door.
func operationsOps() []operation {
	check := object("", need("name", text(), ""), need("ready", boolean(), ""), may("reason", text(), "Where it is not."))
	ready := object("", need("ready", boolean(), ""), may("notReady", list(text()), "The names of the checks that failed."), need("checks", list(check), ""))
	anything := &schema{}
	page := func(route, summary string, also map[int]*schema) operation {
		also[429] = tooMany()
		return operation{route: route, group: GroupOps, summary: summary, also: also, media: "text/html"}
	}
	document := func(route, summary string) operation {
		return operation{route: route, group: GroupOps, summary: summary, also: map[int]*schema{200: {Type: "object"}, 429: tooMany()}}
	}
	return []operation{
		{route: "GET /healthz", group: GroupOps, summary: "Is the process alive?", also: map[int]*schema{200: object("", need("status", words("ok"), ""))}},
		{route: "GET /readyz", group: GroupOps, summary: "Can it be sent work?", also: map[int]*schema{200: ready, 503: ready}},
		{route: "GET /metrics", group: GroupOps, summary: "Numbers, in the form of Prometheus", also: map[int]*schema{200: text()}, media: "text/plain"},
		document("GET /openapi.json", "This API as OpenAPI 3.1"),
		document("GET /asyncapi.json", "The terminals' topics as AsyncAPI 3"),
		page("GET /docs", "These pages", map[int]*schema{308: anything}),
		page("GET /docs/{page}", "One of these pages", map[int]*schema{200: text(), 404: text()}),
	}
}
