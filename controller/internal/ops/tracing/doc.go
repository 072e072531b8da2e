// Package tracing tells the life of a payment as one OpenTelemetry trace, from
// the POS's request to the result on the panel, to a collector that speaks
// OTLP over HTTP. It is off unless an endpoint is configured: then there is no
// *Tracing, every method of the nil one does nothing, and the doors hold no hook.
//
// # One trace for each payment
//
// The span of the POS's request is the root, and its W3C traceparent is kept in the
// payment's row (payment.Trace). All that happens later is a child of it: made
// of committed facts, with the times of those facts, by whichever controller
// learns of them, in this process or a later one. Times of states are the
// database's, those of messages this machine's. The POS's other requests, which
// make no payment, are traces of their own; a payment that no POS asked for (a QR
// made elsewhere) has none.
//
//	POST /v1/payment/init      the request, by whichever route of the POS's API
//	  journal commit           one for each batch that moved the payment; of several
//	                           payments in a batch, the others are linked to the first
//	  publish state            what the terminal is told, once for each new state
//	  terminal handover        created until the terminal has it
//	  panel presented          from there until the QR is on glass
//	  ReqValQr, ReqPay, ReqChkTxn
//	  customer pays            the attempt until its end
//	  result on panel          the result was published until the terminal shows it
//	  callback attempt
//
// # Who may decide what is traced
//
// We alone. A traceparent that comes with a request is a link of the root, never its
// parent: a stranger can neither have a request sampled nor write into another's
// trace. The answer names our own trace in Traceresponse. That is one reason for a middleware of our own in place of otelgin; the
// others are that otelgin puts addresses, paths and user agents into attributes,
// and that off means that it is not there.
//
// # What is never in a span
//
// Amounts, addresses of people, tokens, keys, URLs, the merchant's own ids, texts of
// errors. Attributes are the constants of attributes.go and nothing else; the SQL of
// reads has no values in it.
//
// # What it may cost
//
// Nothing here blocks, waits for the collector or fails a payment. Spans pass through
// two bounded queues; above their length they are dropped and counted. An
// exporter that fails is logged once a minute.
//
// Only the wiring of the controller calls this package: the doors are given
// functions and small interfaces of their own.
package tracing
