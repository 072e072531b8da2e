package tracing

import "go.opentelemetry.io/otel/attribute"

// The attributes of spans. There are no others, but for those of SQL: see Queries.
const (
	attrMerchant = attribute.Key("galla.merchant_id")
	attrPayment  = attribute.Key("galla.payment_id") // ours
	attrRequest  = attribute.Key("galla.request_id")
	attrCode     = attribute.Key("galla.code")    // what a door answered, in its own words
	attrEvents   = attribute.Key("galla.events")  // of the payment, in a batch
	attrState    = attribute.Key("galla.state")   // of the payment, afterwards
	attrReason   = attribute.Key("galla.reason")  // why it ended without success
	attrBatch    = attribute.Key("galla.batch")   // payments that a batch moved
	attrSeq      = attribute.Key("galla.seq")     // of a terminal's wanted state
	attrPhase    = attribute.Key("galla.phase")   // of the sale in it
	attrOutcome  = attribute.Key("galla.outcome") // of the result in it
	attrWith     = attribute.Key("galla.instrument")
	attrAttempt  = attribute.Key("galla.attempt") // of a callback, from 1
	attrResult   = attribute.Key("galla.result")  // of that attempt

	attrMethod = attribute.Key("http.request.method")
	attrRoute  = attribute.Key("http.route")
	attrStatus = attribute.Key("http.response.status_code")
)
